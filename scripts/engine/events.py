"""What the engine tells of a project's containers, the moment it happens."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from threading import Event as Signal
from threading import Lock, Thread
from typing import Any

from scripts.core.errors import StackError
from scripts.core.foreign import documents
from scripts.core.units import query
from scripts.engine.api import Api, Stream

TOLD = (
    *("create", "start", "die", "oom", "kill", "stop", "restart", "pause", "unpause", "destroy"),
    # with its result behind it; checks that change nothing are no event
    "health_status",
)
"""Actions after which a container may look another way."""


AGAIN, SELDOM = 1.0, 30.0
"""Seconds until a stream that has ended is opened anew, the first time and at most."""
LONGEST = 1 << 20
"""Bytes of an event: its labels are most of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a run of a container ended: the engine forgets it when it starts the next one."""

    exit_code: int = 0
    oom_killed: bool = False


class Events:
    """Follows the engine's events in the background, from `began` (nanoseconds since 1970) on.

    `wake` is called, from another thread, whenever something has happened.
    """

    def __init__(self, api: Api, labels: list[str], began: int, wake: Callable[[], object]) -> None:
        """Follow what happens to the containers with all these labels."""
        self._api = api
        self._filters = {"type": ["container"], "label": labels, "event": list(TOLD)}
        self._stream = self._opened(began)
        self._wake = wake
        self._closed = Signal()
        self._lock = Lock()
        self._touched: set[str] = set()
        self._ends: dict[str, End] = {}
        self._ended = False
        self._missed = False
        """Something may have happened since the last call of `touched` that was not told."""
        Thread(target=self._follow, daemon=True).start()

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        self._stream.close()

    def touched(self) -> set[str] | None:
        """Return the ids of containers to which something happened since the last call.

        None when the engine did not tell all the time: then all must be looked at.
        """
        with self._lock:
            found, self._touched = self._touched, set()
            missed, self._missed = self._missed, self._ended
        return None if missed else found

    def end(self, container: str) -> End | None:
        """Return how the last run of the container with that id ended, if one did."""
        with self._lock:
            return self._ends.get(container)

    def _opened(self, since: int) -> Stream:
        filters = self._filters
        return self._api.stream("/events", endless=True, filters=filters, since=query(since))

    def _follow(self) -> None:
        """Follow until `close`: a stream that ends is opened anew, ever more seldom while none."""
        pause = AGAIN
        while not self._closed.is_set():
            try:
                for event in lines(self._stream):
                    self._note(documents.parsed(event))
                    pause = AGAIN
            except (StackError, ValueError, LookupError, TypeError, AttributeError):
                pass  # whoever looks next asks the engine itself, and is told what is wrong with it
            since = time.time_ns()
            with self._lock:
                self._ended = self._missed = True
            self._wake()
            self._closed.wait(pause)
            pause = min(2 * pause, SELDOM)
            self._stream.close()
            self._stream = self._opened(since)
            self._ended = False

    def _note(self, event: dict[str, Any]) -> None:
        name, action = event["Actor"]["ID"], event["Action"]
        with self._lock:
            self._touched.add(name)
            before = self._ends.get(name, End())
            if action == "oom":
                self._ends[name] = End(exit_code=before.exit_code, oom_killed=True)
            elif action == "die":
                code = int(event["Actor"]["Attributes"].get("exitCode", 0))
                self._ends[name] = End(exit_code=code, oom_killed=before.oom_killed)
        self._wake()


def lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream, one event each, however it comes in pieces.

    Raises ValueError for one that does not end.
    """
    rest = b""
    for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > LONGEST:
            raise ValueError("no event is as long as that")

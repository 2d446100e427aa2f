"""Asks the engine for the logs of several services: what is there, and what comes."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from pathlib import Path
from queue import Queue
from threading import Condition, Event, Thread
from typing import Any

from scripts.core.errors import RefusedError
from scripts.core.foreign import documents
from scripts.core.inventory import SERVICE_LABEL
from scripts.core.look import Container, State
from scripts.core.polling import poll
from scripts.core.units import SECOND, nanoseconds, query
from scripts.engine.api import Api, Stream, shaped
from scripts.engine.containers import containers, labels
from scripts.watch import on_host
from scripts.watch.inside import Wanted
from scripts.watch.log_lines import LogLine, Restart, levelled, marked, merged, split

AGAIN = 0.3
"""Seconds between two looks for the container of a service that has none, or one that ended."""
WAITING = 1000
"""Lines that wait for a slow reader at most; then the services' streams wait in the engine."""
BATCH = 200
"""Lines that are brought into order of time when they come at once."""


class LogReader:
    """The logs of the services of a project, in order of time; reads only."""

    def __init__(
        self,
        api: Api,
        project: str,
        names: Sequence[str],
        wanted: Wanted,
        *,
        cache: Path | None = None,
    ) -> None:
        """Show what is wanted of each service.

        With the stack's `cache` also of what `on_host` finds noted there.
        """
        self._cache = cache
        self._api = api
        self._project = project
        self._names = tuple(names)
        self._wanted = wanted
        self._last: dict[str, int] = {}
        """The moment of the last line that was read of each service."""
        self._runs: dict[str, tuple[str, str]] = {}
        """The container, and since when it ran, that was last followed to its end."""
        self._queue: Queue[LogLine | Exception | None] = Queue(maxsize=WAITING)
        self._ended = Event()
        self._again = AGAIN
        self._looks = Condition()
        self._news = 0
        self._streams: dict[str, Stream] = {}
        self._threads: list[Thread] = []

    def resumed(self, last: Mapping[str, int], again: float) -> "LogReader":
        """Read on, in those services that have one, after the moment of the last line known.

        A container is looked for every `again` seconds, and at each `look`.
        """
        self._last, self._again = dict(last), again
        return self

    def look(self) -> None:
        """Look for containers now: something has happened to one; from any thread."""
        with self._looks:
            self._news += 1
            self._looks.notify_all()

    def lines(self, *, follow: bool = False) -> Iterator[LogLine]:
        """Yield what was written so far, and with `follow` all that comes until `close`.

        Raises EngineError when the engine does not answer, RefusedError when it says no.
        """
        everything = on_host.seen(self._cache, containers(self._api, self._project))
        newest = {container.service: container for container in reversed(everything)}
        present = [newest[name] for name in self._names if name in newest]
        restarts = _restarts(self._api, self._project, present, since=0)
        yield from merged([self._past(container, restarts) for container in present])
        if follow:
            yield from self.coming()

    @property
    def waiting(self) -> int:
        """How many lines came that nobody has taken yet, `WAITING` at most."""
        return self._queue.qsize()

    @property
    def following(self) -> bool:
        """Whether a thread follows a log still."""
        return any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """End following; safe at any time, and from any thread."""
        self._ended.set()
        self.look()
        for stream in list(self._streams.values()):
            stream.close()
        for thread in self._threads:
            while thread.is_alive():
                with self._queue.mutex:  # who waits to put something is let through
                    self._queue.queue.clear()
                    self._queue.not_full.notify_all()
                thread.join(timeout=0.05)
        self._queue.put(None)

    def _past(self, container: Container, restarts: Sequence[Restart]) -> Iterator[LogLine]:
        last, wanted = self._last.get(container.service, -1), self._wanted
        own = [one for one in restarts if one.service == container.service and one.at > last]
        return self._read(container, own, wanted if last < 0 else replace(wanted, since=last + 1))

    def coming(self) -> Iterator[LogLine]:
        """Yield what is written from then on, until `close`; errors as in `lines`."""
        for name in self._names:
            self._threads.append(Thread(target=self._follow, args=(name,), daemon=True))
            self._threads[-1].start()
        while True:
            items = [self._queue.get()]
            while len(items) < BATCH and not self._queue.empty():
                items.append(self._queue.get())
            lines = [item for item in items if isinstance(item, LogLine)]
            yield from sorted(lines, key=lambda line: line.at)
            for item in items:
                if isinstance(item, Exception):
                    raise item
                if item is None:
                    return

    def _follow(self, name: str) -> None:
        """Put what one service writes into the queue: of this container, and of the next ones."""
        seen = 0

        def present() -> tuple[Container, ...]:
            nonlocal seen
            seen = self._news
            return self._present(name)

        def pause(seconds: float) -> None:
            with self._looks:
                self._looks.wait_for(lambda: self._news != seen, seconds)

        try:
            for found in poll(present, timeout=inf, interval=self._again, sleep=pause):
                if self._ended.is_set():
                    return
                if found and self._unread(found[0]):
                    with suppress(RefusedError):  # it is just being removed
                        self._follow_run(found[0])
        except Exception as error:  # noqa: BLE001 - raised by `coming`, or one service falls silent
            if not self._ended.is_set():
                self._queue.put(error)

    def _present(self, name: str) -> tuple[Container, ...]:
        found = on_host.seen(self._cache, containers(self._api, self._project, name))
        return tuple(one for one in found if one.service == name)

    def _unread(self, container: Container) -> bool:
        """Say whether a container can have written what was not read yet."""
        run = (container.id, container.started_at)
        return bool(container.started_at) and (
            container.state is State.RUNNING or self._runs.get(container.service) != run
        )

    def _follow_run(self, container: Container) -> None:
        last = self._last.get(container.service)
        wanted = Wanted(follow=True, since=self._wanted.since)
        if last is not None:
            wanted = replace(wanted, since=last + 1)
        elif self._wanted.tail == 0 and container.service not in self._runs:
            wanted = Wanted(follow=True, tail=0)
        restarts = _restarts(self._api, self._project, [container], since=last or 0)
        for line in self._read(container, restarts, wanted):
            self._queue.put(line)
            if self._ended.is_set():
                return
        self._runs[container.service] = (container.id, container.started_at)

    def _read(
        self, container: Container, restarts: Sequence[Restart], wanted: Wanted
    ) -> Iterator[LogLine]:
        continued = container.service in self._last
        return marked(levelled(self._raw(container, wanted)), restarts, continued=continued)

    def _raw(self, container: Container, wanted: Wanted) -> Iterator[LogLine]:
        for at, text in self._lines(container, wanted):
            if at:
                self._last[container.service] = at
            yield LogLine(service=container.service, at=at, text=text)

    def _lines(self, container: Container, wanted: Wanted) -> Iterable[tuple[int, str]]:
        if (process := container.host) is not None:
            if not wanted.follow:
                return on_host.lines(process, tail=wanted.tail, since=wanted.since)
            since = time.time_ns() if wanted.tail == 0 else wanted.since
            return on_host.coming(process, since, self._ended.wait)
        stream = self._api.stream(
            f"/containers/{container.id}/logs",
            endless=wanted.follow,
            **wanted.options(moments=True),
        )
        self._streams[container.service] = stream
        if self._ended.is_set():  # `close` may have come just before
            return ()
        return split(stream, moments=True)


@shaped("its events")
def _restarts(api: Api, project: str, present: Sequence[Container], *, since: int) -> list[Restart]:
    """Return when these services ended and started again, as far as the engine remembers.

    It keeps the last 256 events; of what is older a container knows its last end, without the exit
    code.
    """
    filters = {"type": ["container"], "event": ["die", "start"], "label": labels(project)}
    # a moment that has come, or the engine waits for it; it may be ahead of our clock
    until = query(max(time.time_ns(), since + 1))
    raw = api.raw("/events", since=query(since), until=until, filters=filters)
    names = {container.service for container in present}
    events = [documents.parsed(line) for line in raw.splitlines() if line.strip()]
    restarts = [restart for restart in _paired(events) if restart.service in names]
    for container in present:
        ended, began = nanoseconds(container.finished_at), nanoseconds(container.started_at)
        last = Restart(service=container.service, at=(ended + began) // 2)
        if 0 < ended < began and not any(_same(last, other) for other in restarts):
            restarts.append(last)
    return restarts


def _paired(events: Sequence[dict[str, Any]]) -> Iterator[Restart]:
    """Yield the starts that came after an end, in the middle between the two.

    What a process wrote last is copied before its end is told, what the next one writes first may
    be there before its start is.
    """
    ends: dict[str, tuple[int, int]] = {}
    for event in sorted(events, key=lambda event: int(event["timeNano"])):
        facts, at = event["Actor"]["Attributes"], int(event["timeNano"])
        name = facts.get(SERVICE_LABEL, "")
        if event["Action"] == "die":
            ends[name] = (at, int(facts.get("exitCode", 0)))
        elif name in ends:
            ended, code = ends.pop(name)
            yield Restart(service=name, at=(ended + at) // 2, exit_code=code)


def _same(restart: Restart, other: Restart) -> bool:
    return other.service == restart.service and abs(restart.at - other.at) < SECOND

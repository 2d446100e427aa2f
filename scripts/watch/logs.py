"""Asks the engine for the logs of several services: what is there, and what comes."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import inf
from queue import Queue
from threading import Event, Thread
from typing import Any

from scripts.core.errors import RefusedError, StackError
from scripts.core.look import Container, State
from scripts.core.polling import poll
from scripts.core.units import SECOND, nanoseconds, query
from scripts.engine.api import Api, Stream
from scripts.engine.containers import SERVICE_LABEL, containers, labels
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
        self, api: Api, project: str, names: Sequence[str], *, tail: int, since: int = 0
    ) -> None:
        """Show `tail` lines of each service at most, none before `since` (ns since 1970)."""
        self._api = api
        self._project = project
        self._names = tuple(names)
        self._tail = tail
        self._since = since
        self._last: dict[str, int] = {}
        """The moment of the last line that was read of each service."""
        self._runs: dict[str, tuple[str, str]] = {}
        """The container, and since when it ran, that was last followed to its end."""
        self._come: Queue[LogLine | StackError | None] = Queue(maxsize=WAITING)
        self._ended = Event()
        self._streams: dict[str, Stream] = {}
        self._threads: list[Thread] = []

    def lines(self, *, follow: bool = False) -> Iterator[LogLine]:
        """Yield what was written so far, and with `follow` all that comes until `close`.

        Raises EngineError when the engine does not answer, RefusedError when it says no.
        """
        found = {one.service: one for one in reversed(containers(self._api, self._project))}
        known = [found[name] for name in self._names if name in found]
        again = _restarts(self._api, self._project, known, since=0)
        yield from merged([self._past(one, again) for one in known])
        if follow:
            yield from self._coming()

    def close(self) -> None:
        """End following; safe at any time, and from any thread."""
        self._ended.set()
        for stream in list(self._streams.values()):
            stream.close()
        for thread in self._threads:
            while thread.is_alive():
                with self._come.mutex:  # who waits to put something is let through
                    self._come.queue.clear()
                    self._come.not_full.notify_all()
                thread.join(timeout=0.05)
        self._come.put(None)

    def _past(self, one: Container, again: Sequence[Restart]) -> Iterator[LogLine]:
        asked: dict[str, object] = {"tail": self._tail}
        if self._since:
            asked["since"] = query(self._since)
        return self._read(one, [mark for mark in again if mark.service == one.service], asked)

    def _coming(self) -> Iterator[LogLine]:
        for name in self._names:
            self._threads.append(Thread(target=self._follow, args=(name,), daemon=True))
            self._threads[-1].start()
        while True:
            come = [self._come.get()]
            while len(come) < BATCH and not self._come.empty():
                come.append(self._come.get())
            lines = [one for one in come if isinstance(one, LogLine)]
            yield from sorted(lines, key=lambda line: line.at)
            for one in come:
                if isinstance(one, StackError):
                    raise one
                if one is None:
                    return

    def _follow(self, name: str) -> None:
        """Put what one service writes into the queue: of this container, and of the next ones."""
        try:
            looks = poll(
                lambda: containers(self._api, self._project, name),
                timeout=inf,
                interval=AGAIN,
                sleep=self._ended.wait,
            )
            for found in looks:
                if self._ended.is_set():
                    return
                if found and self._news(found[0]):
                    with suppress(RefusedError):  # it is just being removed
                        self._follow_run(found[0])
        except StackError as error:
            if not self._ended.is_set():
                self._come.put(error)

    def _news(self, one: Container) -> bool:
        """Say whether a container can have written what was not read yet."""
        run = (one.id, one.started_at)
        return bool(one.started_at) and (
            one.state is State.RUNNING or self._runs.get(one.service) != run
        )

    def _follow_run(self, one: Container) -> None:
        last = self._last.get(one.service)
        asked: dict[str, object] = {"follow": True}
        if last is not None:
            asked["since"] = query(last + 1)
        elif self._tail == 0 and one.service not in self._runs:
            asked["tail"] = 0
        elif self._since:
            asked["since"] = query(self._since)
        again = _restarts(self._api, self._project, [one], since=last or 0)
        for line in self._read(one, again, asked):
            self._come.put(line)
            if self._ended.is_set():
                return
        self._runs[one.service] = (one.id, one.started_at)

    def _read(
        self, one: Container, again: Sequence[Restart], asked: dict[str, object]
    ) -> Iterator[LogLine]:
        seen = one.service in self._last
        return marked(levelled(self._raw(one, asked)), again, seen=seen)

    def _raw(self, one: Container, asked: dict[str, object]) -> Iterator[LogLine]:
        stream = self._api.stream(
            f"/containers/{one.id}/logs",
            endless="follow" in asked,
            **{"stdout": True, "stderr": True, "timestamps": True, **asked},
        )
        self._streams[one.service] = stream
        if self._ended.is_set():  # `close` may have come just before
            return
        for at, text in split(stream, moments=True):
            yield self._line(one, at, text)

    def _line(self, one: Container, at: int, text: str) -> LogLine:
        self._last[one.service] = at
        return LogLine(service=one.service, at=at, text=text)


def _restarts(
    api: Api, project: str, found: Sequence[Container], *, since: int
) -> tuple[Restart, ...]:
    """Return when these services ended and started again, as far as the engine remembers.

    It keeps the last 256 events; of what is older a container knows its last end, without the exit
    code.
    """
    filters = {"type": ["container"], "event": ["die", "start"], "label": labels(project)}
    # a moment that has come, or the engine waits for it; it may be ahead of our clock
    until = query(max(time.time_ns(), since + 1))
    raw = api.raw("/events", since=query(since), until=until, filters=filters)
    names = {one.service for one in found}
    events = [json.loads(line) for line in raw.splitlines() if line.strip()]
    known = tuple(one for one in _paired(events) if one.service in names)
    return (*known, *(one for one in map(_last_restart, found) if one and not _told(one, known)))


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


def _last_restart(one: Container) -> Restart | None:
    ended, began = nanoseconds(one.finished_at), nanoseconds(one.started_at)
    if 0 < ended < began:
        return Restart(service=one.service, at=(ended + began) // 2)
    return None


def _told(one: Restart, known: Sequence[Restart]) -> bool:
    near = (abs(one.at - other.at) < SECOND for other in known if other.service == one.service)
    return any(near)

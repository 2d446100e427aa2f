"""What a start keeps from one look to the next: restarts, logs, and what the last look meant."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from scripts.core.finding import Finding, fatal
from scripts.core.look import Container, Look
from scripts.core.stack import Stack
from scripts.diagnosis.rules import diagnose, troubled

SLOW = 3.0
"""Seconds after its start from which a service that does not answer has its log read."""
AGAIN = 1.0
"""Seconds between two readings of the log of a service whose state has not changed."""


class LogSource(Protocol):
    """Who can read logs; the real one is `watch.observer.Observer`."""

    def with_logs(self, look: Look, names: tuple[str, ...], /) -> Look: ...


class RestartCounter:
    """Counts restarts since the first look; what was before says nothing about now."""

    def __init__(self) -> None:
        """Count from the first look on."""
        self._before: dict[str, int] = {}
        self._looked = False

    def recent(self, containers: Iterable[Container]) -> Iterator[Container]:
        """Yield the containers of a look with only the restarts since the first one."""
        for container in containers:
            # the engine counts anew when a container is started by hand
            first = 0 if self._looked else container.restarts
            before = min(self._before.get(container.id, first), container.restarts)
            self._before[container.id] = before
            yield replace(container, restarts=container.restarts - before) if before else container
        self._looked = True


class LogCollector:
    """Reads the logs of those in trouble: a log tells why, but reading it costs."""

    def __init__(self, stack: Stack, source: LogSource) -> None:
        """Read from `source` when it is time to."""
        self._stack, self._source = stack, source
        self._logs: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, tuple[float, Container]] = {}
        """When, and in which state of its container, a log was last read."""

    def added(self, look: Look, started: dict[str, float], now: float) -> Look:
        """Add the logs of those in trouble: at once when they fall, then now and then.

        `started` says when each service that is not ready was started, `now` is by the same clock.
        """
        if due := tuple(name for name, at in started.items() if self._due(look, name, at, now)):
            self._logs |= self._source.with_logs(look, due).logs
        return replace(look, logs=dict(self._logs))

    def _due(self, look: Look, name: str, started: float, now: float) -> bool:
        container = look.container(name)
        slow = now - started >= SLOW
        if container is None or not (slow or troubled(self._stack.service(name), look)):
            return False
        when, before = self._read.get(name, (None, None))
        due = before != container or when is None or now - when >= AGAIN
        if due:
            self._read[name] = (now, container)
        return due


class Diagnosis:
    """Says what is wrong, and remembers it: most looks are like the one before.

    To read a log of 400 lines by every rule takes 30 ms.
    """

    def __init__(self, stack: Stack, wanted: tuple[str, ...]) -> None:
        """Judge looks at `wanted`."""
        self._stack, self._wanted = stack, wanted
        self._judged: tuple[tuple[str, ...], Look] | None = None
        self._findings: tuple[Finding, ...] = ()

    def of(self, touched: tuple[str, ...], look: Look) -> tuple[Finding, ...]:
        """Return whose container is gone, and what is wrong with those that were started."""
        if self._judged != (touched, look):
            self._judged = (touched, look)
            self._findings = (*self._gone(look), *diagnose(self._stack, touched, look))
        return self._findings

    def _gone(self, look: Look) -> Iterator[Finding]:
        for name in self._wanted:
            if look.container(name) is None:
                cause = "its container was removed while it started"
                yield fatal("container-gone", cause, "inv up", service=name)

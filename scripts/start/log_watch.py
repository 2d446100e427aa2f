"""Whose log is read while services start, and when: a log tells why, but reading costs."""

from dataclasses import replace
from typing import Protocol

from scripts.core.look import Container, Look
from scripts.core.stack import Stack
from scripts.diagnosis.rules import troubled

SLOW = 3.0
"""Seconds after its start from which a service that does not answer has its log read."""
AGAIN = 1.0
"""Seconds between two readings of the log of a service whose state has not changed."""


class Reader(Protocol):
    """Who can read logs; the real one is `watch.observer.Observer`."""

    def with_logs(self, seen: Look, names: tuple[str, ...]) -> Look: ...


class LogWatch:
    """Keeps the logs of those in trouble."""

    def __init__(self, stack: Stack, reader: Reader) -> None:
        """Nothing is read yet."""
        self._stack, self._reader = stack, reader
        self._logs: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, tuple[float, Container]] = {}
        """When, and in which state of its container, a log was last read."""

    def added(self, seen: Look, started: dict[str, float], now: float) -> Look:
        """Add the logs of those in trouble: at once when they fall, then now and then.

        `started` says when each service that is not ready was started, `now` is by the same clock.
        """
        if due := tuple(name for name, at in started.items() if self._due(seen, name, at, now)):
            self._logs |= self._reader.with_logs(seen, due).logs
        return replace(seen, logs=dict(self._logs))

    def _due(self, seen: Look, name: str, started: float, now: float) -> bool:
        container = seen.container(name)
        slow = now - started >= SLOW
        if container is None or not (slow or troubled(self._stack.service(name), seen)):
            return False
        when, before = self._read.get(name, (None, None))
        due = before != container or when is None or now - when >= AGAIN
        if due:
            self._read[name] = (now, container)
        return due

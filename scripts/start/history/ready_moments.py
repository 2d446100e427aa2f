"""Remembers when a start saw a container become ready; no other source knows it.

The engine keeps only its last five health checks, and most services have a better probe than that.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.look import Container, Look, State
from scripts.core.units import written
from scripts.start.events import Event, EventKind

FILE = "ready.json"
"""In the stack's cache: by the id of a container, since when it runs and since when it is ready."""


class Moments:
    """Notes who becomes ready while a start goes on."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin with nothing; `clock` gives seconds since 1970."""
        self._clock = clock
        self._fallen: set[str] = set()
        self._ready: dict[str, str] = {}

    def noted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events of a start on.

        Who was ready when it began has become so at a moment that nobody knows.
        """
        for event in events:
            if event.kind in {EventKind.STARTED, EventKind.LOST}:
                self._fallen.add(event.service)
                self._ready.pop(event.service, None)
            elif event.kind is EventKind.READY and event.service in self._fallen:
                self._ready[event.service] = written(self._clock())
            yield event

    def keep(self, folder: Path, found: Sequence[Container]) -> None:
        """Write what was noted, beside what is known of the other containers that there are."""
        before = _read(folder)
        kept = {
            one.id: {"started_at": one.started_at, "ready_at": moment}
            for one in found
            if (moment := self._moment(one, before))
        }
        files.write_json(folder / FILE, kept)

    def _moment(self, one: Container, before: dict[str, Any]) -> str:
        """Return when it became ready; one that fell under our eyes keeps nothing from before."""
        if one.service in self._fallen:
            return self._ready.get(one.service, "")
        return _known(before, one)


def added(folder: Path, seen: Look) -> Look:
    """Return the look with the moments since when services are ready, where they are known."""
    known = _read(folder)
    found = {
        one.service: _known(known, one) for one in seen.containers if one.state is State.RUNNING
    }
    return replace(seen, ready_since={name: moment for name, moment in found.items() if moment})


def _known(known: dict[str, Any], one: Container) -> str:
    """Return the moment of a container; empty when it is not known, or was started again since."""
    entry = known.get(one.id)
    if not isinstance(entry, dict) or entry.get("started_at") != one.started_at:
        return ""
    return str(entry.get("ready_at", ""))


def _read(folder: Path) -> dict[str, Any]:
    moments = files.read_json(folder / FILE)
    return moments if isinstance(moments, dict) else {}

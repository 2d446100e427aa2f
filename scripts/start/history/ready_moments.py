"""Remembers when a start saw a container become ready; no other source knows it.

The engine keeps only its last five health checks, and most services have a better probe than that.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from scripts.core import files
from scripts.core.files import Json
from scripts.core.look import Container, Look, State
from scripts.core.units import written
from scripts.start.events import Event, EventKind

FILE = "ready.json"
"""In the stack's cache: by the id of a container, since when it runs and since when it is ready."""


class ReadyMoments:
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

    def keep(self, folder: Path, containers: Iterable[Container]) -> None:
        """Write what was noted, beside what is known of the other containers that there are."""
        known = files.read_object(folder / FILE)
        moments = {
            container.id: {"started_at": container.started_at, "ready_at": moment}
            for container in containers
            if (moment := self._moment(container, known))
        }
        files.write_json(folder / FILE, moments)

    def _moment(self, container: Container, known: Mapping[str, Json]) -> str:
        """Return when it became ready; one that fell under our eyes keeps nothing from before."""
        if container.service in self._fallen:
            return self._ready.get(container.service, "")
        return _known(known, container)


def added(folder: Path, look: Look) -> Look:
    """Return the look with the moments since when services are ready, where they are known."""
    known = files.read_object(folder / FILE)
    moments = {
        container.service: moment
        for container in look.containers
        if container.state is State.RUNNING and (moment := _known(known, container))
    }
    return replace(look, ready_since=moments)


def _known(known: Mapping[str, Json], container: Container) -> str:
    """Return the moment of a container; empty when it is not known, or was started again since."""
    entry = known.get(container.id)
    if not isinstance(entry, dict) or entry.get("started_at") != container.started_at:
        return ""
    return str(entry.get("ready_at", ""))

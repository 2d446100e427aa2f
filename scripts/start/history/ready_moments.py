"""Remembers when a start saw a container become ready; no other source knows it.

The engine keeps only its last five health checks, and most services have a better probe than that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from scripts.core import files
from scripts.core.files import Json
from scripts.core.look import Container, Look, State
from scripts.core.units import written
from scripts.start.events import Event, EventKind

FILE = "ready.json"
"""In the stack's cache: by the id of a container, since when it runs and since when it is ready."""


def keep(
    folder: Path, containers: Iterable[Container], events: Iterable[Event], began: float
) -> None:
    """Write what the events of a start say, beside what is known of its other containers.

    Who was ready when it `began`, in seconds since 1970, has become so at a moment that nobody
    knows; one that fell since keeps nothing from before.
    """
    moments: dict[str, str] = {}
    for event in events:
        if event.kind in {EventKind.STARTED, EventKind.LOST}:
            moments[event.service] = ""
        elif event.kind is EventKind.READY and event.service in moments:
            moments[event.service] = written(began + event.seconds)
    known = files.read_object(folder / FILE)
    entries = {
        container.id: {"started_at": container.started_at, "ready_at": moment}
        for container in containers
        if (moment := moments.get(container.service, _known(known, container)))
    }
    files.write_json(folder / FILE, entries)


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

"""Keeps what the last starts of a stack saw, for `inv timeline` and `inv ps`."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from scripts.core import files
from scripts.core.look import Container
from scripts.core.stack import Stack
from scripts.core.units import SECOND, nanoseconds, written
from scripts.start.events import Event, EventKind
from scripts.start.history import ready_moments, timeline
from scripts.start.history.timeline import Run

FOLDER = "runs"
"""In the stack's cache, a file for each start that started something."""
KEPT = 20


class Recorder:
    """Notes what happens while a start goes on."""

    def __init__(self, began: float, clock: Callable[[], float] = time.time) -> None:
        """Begin; the command began at `began`, seconds since 1970 as `clock` gives them."""
        self._began, self._clock = began, clock
        self._before = 0.0
        self._events: list[Event] = []

    def noted(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events of a start on; it begins when the first is asked for."""
        self._before = self._clock() - self._began
        for event in events:
            self._events.append(event)
            yield event

    def keep(
        self, folder: Path, stack: Stack, names: Sequence[str], containers: Iterable[Container]
    ) -> None:
        """Write down who became ready, and a start that started something; forget the oldest."""
        made = tuple(containers)
        ready_moments.keep(folder, made, self._events, self._began + self._before)
        if not any(event.kind is EventKind.STARTED for event in self._events):
            return
        created = {
            container.service: nanoseconds(container.created_at) / SECOND - self._began
            for container in made
        }
        bars, began = timeline.blank(stack, names, created), written(self._began)
        run = timeline.run(bars, self._events, began=began, before=self._before)
        name = f"{run.began.replace(':', '')}.json"
        files.write_json(folder / FOLDER / name, timeline.document(run))
        for old in sorted((folder / FOLDER).glob("*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)


def read(folder: Path) -> tuple[Run, ...]:
    """Return the starts that are kept, the last one first; a file that is no start is left out."""
    starts = []
    for file in sorted((folder / FOLDER).glob("*.json"), reverse=True):
        with suppress(ValueError):
            starts.append(timeline.parsed(files.read_json(file)))
    return tuple(starts)

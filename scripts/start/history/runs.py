"""The last starts of a stack, and the one that goes on, for `inv timeline` and who follows."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path

from scripts.core import files
from scripts.core.files import Json
from scripts.machine import processes
from scripts.start.events import Ending
from scripts.start.history import timeline
from scripts.start.history.timeline import Run

FOLDER = "runs"
"""In the stack's cache, a file for each start that is kept."""
KEPT = 20
GOING = "run.json"
"""In the stack's cache: the start that goes on, and the process whose it is; gone at its end."""


def read(folder: Path) -> tuple[Run, ...]:
    """Return the starts that are known: the one that goes on, then the last one first.

    A file that is no start is left out.
    """
    kept = sorted((folder / FOLDER).glob("*.json"), reverse=True)
    found = map(_read, (folder / GOING, *kept))
    return tuple(run for run in found if run is not None)


def keep(folder: Path, run: Run) -> None:
    """Write a start down; forget the oldest."""
    name = f"{run.began.replace(':', '')}.json"
    files.write_json(folder / FOLDER / name, timeline.document(run))
    for old in sorted((folder / FOLDER).glob("*.json"))[:-KEPT]:
        old.unlink(missing_ok=True)


def goes_on(folder: Path) -> bool:
    """Say whether a start goes on, and its process lives."""
    run = _read(folder / GOING)
    return run is not None and run.going


def free(folder: Path) -> bool:
    """Say whether no start goes on; one that was killed is kept with the others."""
    left = _read(folder / GOING)
    if left is not None and left.going:
        return False
    if left is not None:
        keep(folder, left)
        end(folder)
    return True


def go_on(folder: Path, run: Run) -> None:
    """Write down how far the start of this process is."""
    files.write_json(folder / GOING, timeline.document(run) | _ourselves())


def end(folder: Path) -> None:
    """Say that no start goes on."""
    (folder / GOING).unlink(missing_ok=True)


def _read(file: Path) -> Run | None:
    """Return a start; one that says it goes on, and whose process has gone, was interrupted."""
    document = files.read_object(file)
    owner = {name: document.pop(name, None) for name in ("pid", "born")}
    try:
        run = timeline.parsed(document)
    except ValueError:
        return None
    if run.going and not _lives(owner):
        return replace(run, going=False, verdict=Ending.INTERRUPTED)
    return run


@cache
def _ourselves() -> dict[str, Json]:
    return {"pid": os.getpid(), "born": processes.birth(os.getpid())}


def _lives(owner: dict[str, Json]) -> bool:
    pid = owner["pid"]
    return isinstance(pid, int) and processes.birth(pid) == owner["born"] != ""

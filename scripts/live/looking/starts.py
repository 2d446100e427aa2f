"""What is kept of the starts of a stack, read again only after a change."""

from pathlib import Path
from typing import Any

from scripts.start.history import runs, timeline

LISTED = ("began", "seconds", "verdict", "prepared")
"""What the list has of each start."""


class Starts:
    """The starts of one stack, as parts of the document."""

    def __init__(self, cache: Path) -> None:
        """Read what lies in the cache of a stack."""
        self._cache = cache
        self._ages: tuple[float, ...] | None = None
        self._going = False

    def parts(self) -> dict[str, Any]:
        """Return `start` and `starts` where they may be others than the last time."""
        ages = tuple(_age(self._cache / name) for name in (runs.FOLDER, runs.GOING))
        # one whose process is killed writes no more
        if ages == self._ages and self._going == runs.goes_on(self._cache):
            return {}
        found = [timeline.document(run) for run in runs.read(self._cache)]
        self._ages, self._going = ages, any(run["going"] for run in found)
        kept = [run for run in found if not run["going"]]
        listed = [{name: run[name] for name in LISTED} for run in kept]
        return {"start": found[0] if found else None, "starts": listed}


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

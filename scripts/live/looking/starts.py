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

    def parts(self) -> dict[str, Any]:
        """Return `start` and `starts` where they may be others than the last time."""
        ages = tuple(_age(file) for file in (self._cache / runs.FOLDER,))
        if ages == self._ages:
            return {}
        self._ages = ages
        kept = [timeline.document(run) for run in runs.read(self._cache)]
        listed = [{name: run[name] for name in LISTED} for run in kept]
        return {"start": kept[0] | {"going": False} if kept else None, "starts": listed}


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0

"""What a data command is in the middle of: one small file, replaced in one step."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from scripts.data_words import Entry
from scripts.errors import BrokenError

FILE = "journal.json"
"""In the stack's folder of snapshots."""


def read(folder: Path) -> Entry | None:
    """Give what was going on when the last data command ended; None when it came to its end.

    Raises BrokenError for a file that is none of ours.
    """
    file = folder / FILE
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return Entry(**{**found, "running": tuple(found["running"])})
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise BrokenError(
            f"{file} cannot be read: {error}", next_step=f"look into it, and move it away: {file}"
        ) from error


def write(folder: Path, entry: Entry) -> Entry:
    """Say what is going on now; it is on the disk afterwards."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = folder / f"{FILE}.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump(asdict(entry), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / FILE)
    sync(folder)
    return entry


def remove(folder: Path) -> None:
    """Say that nothing is going on any more."""
    (folder / FILE).unlink(missing_ok=True)
    if folder.exists():
        sync(folder)


def sync(path: Path) -> None:
    """Bring a file to the disk, or what was renamed or removed in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

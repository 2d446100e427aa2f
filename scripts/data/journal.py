"""What a data command is in the middle of: one small file, replaced in one step."""

from dataclasses import asdict
from pathlib import Path

from scripts.core import files
from scripts.core.errors import BrokenError
from scripts.core.foreign import records
from scripts.data.model import UNDONE, Entry

FILE = "journal.json"
"""In the stack's folder of snapshots."""
LONGEST = 1 << 20
"""Bytes of it: one of ours has some hundreds."""
UNDO = "inv snapshot.undo"


def read(folder: Path) -> Entry | None:
    """Return what was going on when the last data command ended; None when it came to its end.

    Raises BrokenError for a file that is none of ours.
    """
    file = folder / FILE
    try:
        return records.made(Entry, files.parsed(file, most=LONGEST))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BrokenError(
            f"{file} cannot be read: {error}. A data command was interrupted, and only this file"
            " says whether the volumes hold the old data, the new, or some of both",
            next_step=f"put it right if you changed it; else: mv {file} {file}.unread, then: inv"
            " snapshot.restore NAME, a snapshot from before (inv snapshot.list)",
        ) from error


def pending(folder: Path) -> str:
    """Return a line about what an interrupted command left to do; empty when there is nothing."""
    try:
        entry = read(folder)
    except BrokenError as error:
        return f"{error}; {error.next_step}"
    except OSError as error:
        return f"{folder / FILE} cannot be read: {error.strerror}"
    if entry is None:
        return ""
    back = f", {UNDO} takes it back" if entry.phase in UNDONE else ""
    return f"inv {entry.command} was interrupted ({entry.phase}): inv up finishes it{back}"


def write(folder: Path, entry: Entry) -> Entry:
    """Say what is going on now; it is on the disk afterwards."""
    files.write_json(folder / FILE, asdict(entry), durable=True)
    return entry


def remove(folder: Path) -> None:
    """Say that nothing is going on any more."""
    (folder / FILE).unlink(missing_ok=True)
    if folder.exists():
        files.sync(folder)

"""Files that only their owner may read, and that are there whole or not at all."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value of any shape: a schema or the engine's documentation knows it, a type cannot say it."""
OWNER_ONLY = 0o600


def write(file: Path, text: str, *, durable: bool = False) -> None:
    """Make or replace a file in one step, and the folders above it where there are none.

    What goes wrong leaves the old one. `durable`: it is on the disk afterwards.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.{os.getpid()}.new")
    fresh.unlink(missing_ok=True)  # of a process that was killed, with our number
    number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(number, "wb") as opened:
            os.fchmod(number, OWNER_ONLY)  # whatever the umask leaves of it
            opened.write(text.encode())
        if durable:
            sync(fresh)
        fresh.replace(file)
    except BaseException:
        with suppress(OSError):
            fresh.unlink()
        raise
    if durable:
        sync(file.parent)


def write_json(file: Path, value: Json, *, durable: bool = False) -> None:
    """Like `write`, a document that people can read too."""
    write(file, json.dumps(value, indent=1) + "\n", durable=durable)


def read_json(file: Path) -> Json:
    """Return what the file holds; None when it was never written, or is no JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_object(file: Path) -> dict[str, Json]:
    """Return the object that the file holds; empty where there is none."""
    document = read_json(file)
    return document if isinstance(document, dict) else {}


def sync(path: Path) -> None:
    """Bring a file to the disk, or what was renamed or removed in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)

"""Data on its way between volumes and the file of a snapshot: packed, verified, unpacked."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.errors import BrokenError
from scripts.core.progress import OnBytes, counted
from scripts.data import archive
from scripts.data.volume_scripts import PACK, UNPACK
from scripts.engine.throwaway import Helper


def pack(
    helper: Helper, file: Path, manifest: Mapping[str, Any], on_bytes: OnBytes
) -> dict[str, Any]:
    """Write the helper's volumes into a new file; give the manifest with its checksums.

    Raises RefusedError when they cannot be read, BrokenError when the file cannot be written.
    """
    try:
        return _packed(helper, file, manifest, on_bytes)
    except OSError as error:
        raise BrokenError(
            f"{file} could not be written: {error.strerror}",
            next_step="df -h; inv snapshot.prune --keep 3 makes room",
        ) from error


def _packed(
    helper: Helper, file: Path, manifest: Mapping[str, Any], on_bytes: OnBytes
) -> dict[str, Any]:
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
    with os.fdopen(number, "wb") as target, helper.streams(PACK, writable=False) as tar:
        tar.write_end()
        writer = archive.SnapshotWriter(target)
        for piece in tar.read():
            writer.write(piece)
            on_bytes(writer.plain_bytes)
        helper.require(tar)
        return writer.end(manifest)


def verify(file: Path, on_bytes: OnBytes) -> None:
    """Read a snapshot whole; BrokenError when a byte is another one than was written."""
    for _ in counted(archive.pieces(file), on_bytes):
        pass


def keep(partial: Path, file: Path) -> None:
    """Bring a snapshot that is whole to the disk, and give it its name."""
    files.sync(partial)
    partial.replace(file)
    files.sync(file.parent)


def unpack(helper: Helper, file: Path, on_bytes: OnBytes) -> None:
    """Unpack a snapshot into a hidden folder of each volume, beside what is there.

    Raises RefusedError with tar's words (a full disk, for instance), BrokenError for a snapshot
    that is damaged.
    """
    with helper.streams(UNPACK, writable=True) as tar:
        try:
            for piece in counted(archive.pieces(file), on_bytes):
                tar.write(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, and says below why
        tar.write_end()
        for _ in tar.read():
            pass
        helper.require(tar)

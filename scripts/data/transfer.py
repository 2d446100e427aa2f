"""Data on its way between volumes and the file of a snapshot: packed, verified, unpacked."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.errors import BrokenError, RefusedError
from scripts.core.progress import OnBytes, counted
from scripts.data import archive
from scripts.data.context import Reporter
from scripts.data.volume_scripts import ODD, PACK, unpack_without
from scripts.engine.throwaway import Helper


def pack(helper: Helper, file: Path, manifest: Mapping[str, Any], on_bytes: OnBytes) -> int:
    """Write the helper's volumes into a new file; give the bytes of their tar.

    Raises RefusedError when they cannot be read, BrokenError when the file cannot be written.
    """
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
        with os.fdopen(number, "wb") as target:
            writer = archive.SnapshotWriter(target)
            for one in helper.apart():  # a tar after another is one, to who ignores zeros
                with one.streams(PACK, writable=False) as tar:
                    tar.write_end()
                    for piece in tar.read():
                        writer.write(piece)
                        on_bytes(writer.plain_bytes)
                    one.require(tar)
            writer.end(manifest)
            return writer.plain_bytes
    except OSError as error:
        raise BrokenError(
            f"{file} could not be written: {error.strerror}",
            next_step="df -h and inv snapshot.list show what takes the room; then the same again",
        ) from error


def verify(tell: Reporter, file: Path, size: int) -> None:
    """Read a snapshot whole; BrokenError when a byte is another one than was written.

    `size` of its tar in bytes.
    """
    with tell.metered("verify", size) as on_bytes:
        for _ in counted(archive.pieces(file), on_bytes):
            pass


def keep(tell: Reporter, partial: Path, file: Path, size: int) -> None:
    """Verify what was written, bring it to the disk, and give it its name."""
    verify(tell, partial, size)
    files.sync(partial)
    partial.replace(file)
    files.sync(file.parent)


def unpack(helper: Helper, file: Path, on_bytes: OnBytes) -> None:
    """Unpack a snapshot into a hidden folder of each volume, beside what is there.

    Raises RefusedError with tar's words (a full disk, for instance), BrokenError for a snapshot
    that is damaged.
    """
    parts = list(helper.apart())
    keys = helper.volumes.keys()
    scripts = [unpack_without(sorted(keys - one.volumes.keys())) for one in parts]
    with ExitStack() as opened:
        tars = [
            opened.enter_context(one.streams(script, writable=True))
            for one, script in zip(parts, scripts, strict=True)
        ]
        last = 0
        try:
            for piece in counted(archive.pieces(file), on_bytes):
                for last in range(len(tars)):
                    tars[last].write(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, and says below why
        for tar in tars:
            tar.write_end()
        for tar in tars:
            for _ in tar.read():
                pass
        try:
            # the one that took no more first: what the others lack is only its fault
            for number in sorted(range(len(parts)), key=lambda one: one != last):
                parts[number].require(tars[number])
        except RefusedError as error:
            if ODD not in str(error):
                raise
            raise BrokenError(
                f"{file.name} is not restored: {error}", next_step="inv snapshot.list shows others"
            ) from error

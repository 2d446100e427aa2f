"""Writes a bundle: NAME.partial grows member by member and gets its name when it is whole."""

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from scripts.core import units
from scripts.core.errors import BrokenError
from scripts.images.bundle.bundle_file import MANIFEST, PIECE, Manifest, Member

RESERVED = 1 << 18
"""Bytes for the manifest: it comes first, and is known last. One of ours takes about 10 KB."""
BLOCK = tarfile.BLOCKSIZE


class BundleWriter:
    """A bundle under way. Leaving the block by an error removes what was written."""

    def __init__(self, file: Path) -> None:
        """Write to `file`, which is not there yet."""
        self.file = file
        self.partial = file.with_name(f"{file.name}.partial")
        self.members: list[Member] = []
        self._written = 0
        self._whole = False

    def __enter__(self) -> Self:
        """Begin, with room for the manifest."""
        self._out = self.partial.open("wb")
        try:
            self._write(_header(MANIFEST, RESERVED))
            self._write(b" " * RESERVED)
        except BaseException:
            self.__exit__()  # `with` calls it only for what was entered
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file its name, if `finish` was reached."""
        try:
            with self._room():
                self._out.close()
            if self._whole:
                self.partial.rename(self.file)
        finally:
            self.partial.unlink(missing_ok=True)

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a member; its size is known when all pieces have come."""
        start, digest, size = self._out.tell(), hashlib.sha256(), 0
        self._write(_header(name, 0))
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            self._write(piece)
        self._write(bytes(-size % BLOCK))
        self._patch(start, _header(name, size))
        self.members.append(Member(name=name, size=size, sha256=digest.hexdigest()))

    def add_file(self, name: str, source: Path) -> None:
        """Write a file as a member."""
        with source.open("rb") as file:
            self.add(name, iter(lambda: file.read(PIECE), b""))

    def finish(self, manifest: Manifest) -> None:
        """Write what the bundle is; then it is whole."""
        text = manifest.text().encode()
        self._write(bytes(2 * BLOCK))  # the end of a tar
        self._patch(BLOCK, text.ljust(RESERVED - 1) + b"\n")
        with self._room():
            self._out.flush()
            os.fsync(self._out.fileno())
        self._whole = True

    def _patch(self, place: int, data: bytes) -> None:
        self._out.seek(place)
        self._write(data)
        self._out.seek(0, os.SEEK_END)

    def _write(self, data: bytes) -> None:
        with self._room():
            self._out.write(data)
        self._written += len(data)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Say that the disk is full, and after how much."""
        try:
            yield
        except OSError as error:
            raise BrokenError(
                f"{self.partial} could not be written after {units.size(self._written)}:"
                f" {error.strerror}; it is removed again",
                next_step=f"df -h {self.file.parent}, make room or name a file elsewhere",
            ) from error


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)

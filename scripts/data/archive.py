"""The file of a snapshot: a tar in one zstd frame, then two frames that zstd skips.

The first of these holds the manifest, the second says where it begins: a list reads only the end
of each file, `tar --zstd -tf` reads all of it.
https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md#skippable-frames
"""

import hashlib
import json
import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import zstandard

from scripts.config.rules import schema
from scripts.core import files
from scripts.core.errors import BrokenError
from scripts.core.foreign import documents

LEVEL = 3
"""Of zstd: the next ones take twice the time for a few percent."""
WINDOW = 1 << 23
"""Bytes that unpacking may keep in memory; LEVEL wants a quarter of it."""
THREADS, JOB = 2, 1 << 21
"""Two are faster than an engine sends, and pieces of 2 MiB keep them at 20 MiB of memory."""
MANIFEST_FRAME, TRAILER_FRAME = 0x184D2A5D, 0x184D2A5E
FRAME = struct.Struct("<II")
"""Of a skippable frame: its number, the length of what follows."""
TRAILER = struct.Struct("<16sQ32s")
"""Of the last frame: a mark, where the manifest's frame begins, its SHA-256."""
MARK = b"memos-snapshot-1"
PIECE = 1 << 20
"""Bytes that are read at once."""
LONGEST = 1 << 20
"""Bytes of a manifest: one of ours has some thousands."""


class SnapshotWriter:
    """Writes a snapshot as its tar comes, never more than some pieces of it in memory."""

    def __init__(self, file: BinaryIO) -> None:
        """Write to an empty file."""
        self._file = file
        parameters = zstandard.ZstdCompressionParameters.from_level(
            LEVEL, threads=THREADS, job_size=JOB, write_checksum=True
        )
        self._stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self.plain_bytes = 0
        self.packed_bytes = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece of the tar."""
        self._plain.update(piece)
        self.plain_bytes += len(piece)
        self._write(self._stream.compress(piece))

    def _write(self, packed: bytes) -> None:
        if packed:
            self._packed.update(packed)
            self.packed_bytes += len(packed)
            self._file.write(packed)

    def end(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """End the tar, and add `facts` and the checksums as manifest; gives the manifest."""
        self._write(self._stream.flush())
        manifest = {
            **facts,
            "tar_bytes": self.plain_bytes,
            "tar_sha256": self._plain.hexdigest(),
            "packed_bytes": self.packed_bytes,
            "packed_sha256": self._packed.hexdigest(),
        }
        text = json.dumps(manifest, ensure_ascii=False).encode()
        self._file.write(FRAME.pack(MANIFEST_FRAME, len(text)) + text)
        digest = hashlib.sha256(text).digest()
        self._file.write(FRAME.pack(TRAILER_FRAME, TRAILER.size))
        self._file.write(TRAILER.pack(MARK, self.packed_bytes, digest))
        return manifest


def manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of a snapshot, reading only its end.

    Raises BrokenError for what is no snapshot, or not a whole one.
    """
    end = FRAME.size + TRAILER.size
    with files.opened(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - end))
        last = file.read(end)
        if len(last) < end or FRAME.unpack(last[: FRAME.size]) != (TRAILER_FRAME, TRAILER.size):
            raise _broken(path, "it does not end as a snapshot does: it was cut, or is none")
        mark, begin, digest = TRAILER.unpack(last[FRAME.size :])
        if mark != MARK or begin > size - end - FRAME.size:
            raise _broken(path, "it is of another kind than this version makes")
        file.seek(begin)
        head, text = file.read(FRAME.size), file.read(LONGEST)[:-end]
    whole = len(head) == FRAME.size and FRAME.unpack(head) == (MANIFEST_FRAME, len(text))
    if not whole or hashlib.sha256(text).digest() != digest:
        raise _broken(path, "its manifest is not what was written")
    try:
        document = documents.parsed(text)
    except ValueError as error:
        raise _broken(path, f"its manifest is no JSON: {error}") from error
    breaches = schema.validate(document, "snapshot")
    if breaches or document["packed_bytes"] != begin:
        raise _broken(path, f"its manifest: {next(iter(breaches), 'another length')}")
    return dict(document)


def pieces(path: Path) -> Iterator[bytes]:
    """The tar of a snapshot piece by piece, every byte of it checked at the latest at its end.

    Raises BrokenError when a checksum does not match.
    """
    facts = manifest(path)
    plain, count = hashlib.sha256(), 0
    with files.opened(path) as file:
        source = _Hashed(file, facts["packed_bytes"])
        file_like = cast("BinaryIO", source)  # nothing but `read` is called
        packed = zstandard.ZstdDecompressor(max_window_size=WINDOW)
        # what is read is bounded, whatever a piece of the file unpacks to
        with packed.stream_reader(file_like, closefd=False) as stream:
            try:
                while count <= facts["tar_bytes"] and (piece := stream.read(PIECE)):
                    plain.update(piece)
                    count += len(piece)
                    yield piece
            except zstandard.ZstdError as error:
                raise _broken(path, str(error)) from error
        while source.read(PIECE):
            pass
    sums = (source.digest.hexdigest(), plain.hexdigest(), count)
    if sums != (facts["packed_sha256"], facts["tar_sha256"], facts["tar_bytes"]):
        raise _broken(path, "its checksum is another one than when it was written")


class _Hashed:
    """The first bytes of a file, hashed as they are read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self.digest = hashlib.sha256()

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        return data


def _broken(path: Path, why: str) -> BrokenError:
    return BrokenError(
        f"the snapshot {path.name} is damaged: {why}", next_step="inv snapshot.list shows others"
    )

"""The file of a snapshot: what is written comes back, and every byte is checked."""

import hashlib
import json
import os
import random
import re
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import BrokenError
from scripts.data import archive, snapshots

FACTS: dict[str, Any] = {
    "format": 1,
    "project": "test",
    "created_at": "2026-01-31T12:00:00.000Z",
    "image_source": "packages",
    "command": "snapshot.save",
    "automatic": False,
    "groups": ["graph"],
    "services": [],
    "volumes": [{"key": "graph_data", "name": "test_graph_data", "group": "graph", "bytes": 3}],
    "running": [],
    "engine": "26.1.5",
}
NOISE = random.Random(7).randbytes(3000)


FIGURES = {
    "tar_bytes": 3,
    "tar_sha256": "0" * 64,
    "packed_bytes": 0,
    "packed_sha256": "0" * 64,
}


def ending(text: bytes, begin: int = 0) -> bytes:
    """Return the end of a snapshot with this manifest, which begins at `begin`."""
    last = archive.TRAILER.pack(archive.MARK, begin, hashlib.sha256(text).digest())
    head = archive.FRAME.pack(archive.MANIFEST_FRAME, len(text))
    return head + text + archive.FRAME.pack(archive.TRAILER_FRAME, archive.TRAILER.size) + last


def written(file: Path, *pieces: bytes, **facts: object) -> dict[str, Any]:
    """Write a snapshot; give its manifest."""
    with file.open("wb") as target:
        writer = archive.SnapshotWriter(target)
        for piece in pieces:
            writer.write(piece)
        return writer.end(FACTS | facts)


@pytest.mark.parametrize("pieces", [(), (b"",), (NOISE, b"\0" * 5_000_000, NOISE)])
def test_what_is_written_comes_back(tmp_path: Path, pieces: tuple[bytes, ...]) -> None:
    """In pieces that are never large, however small the file is."""
    manifest = written(tmp_path / "one", *pieces)

    back = list(archive.pieces(tmp_path / "one"))

    assert b"".join(back) == b"".join(pieces)
    assert all(len(piece) <= archive.PIECE for piece in back)
    assert archive.manifest(tmp_path / "one") == manifest
    assert manifest["tar_bytes"] == sum(map(len, pieces))


def test_no_byte_can_change_unseen(tmp_path: Path) -> None:
    """Each one turned over, and the file cut before it: all of it is told."""
    file = tmp_path / "one"
    written(file, NOISE)
    whole = file.read_bytes()

    for index in range(len(whole)):
        flipped = whole[:index] + bytes([whole[index] ^ 0x10]) + whole[index + 1 :]
        for broken in (flipped, whole[:index]) if index % 16 == 0 else (flipped,):
            file.write_bytes(broken)
            with pytest.raises(BrokenError, match="the snapshot one is damaged: "):
                list(archive.pieces(file))


def test_a_manifest_of_another_shape_is_refused(tmp_path: Path) -> None:
    """A later version may write one; it says which key."""
    written(tmp_path / "one", b"tar", image_source="elsewhere")

    with pytest.raises(BrokenError, match=r"its manifest: image_source: found \"elsewhere\""):
        archive.manifest(tmp_path / "one")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"no json", "its manifest is no JSON: Expecting value"),
        (b"[" * 100_000, "its manifest is no JSON: it is deeper than 60 levels"),
        (json.dumps(FACTS | FIGURES | {"tar_bytes": 1.0}).encode(), "tar_bytes: found 1.0, wanted"),
        (json.dumps(FACTS | FIGURES | {"tar_bytes": 1e300}).encode(), "tar_bytes: found 1e+300"),
        (json.dumps(FACTS | FIGURES | {"tar_bytes": 10**30}).encode(), "tar_bytes: found 1000"),
        (json.dumps(FACTS | FIGURES | {"groups": [1]}).encode(), "groups[0]: found 1, wanted"),
        (json.dumps(FACTS | FIGURES | {"more": 1}).encode(), "more: found a key that is not known"),
        (b" " * (1 << 20) + b"{}", "its manifest is not what was written"),
    ],
)
def test_a_manifest_that_is_none_is_a_damaged_snapshot(
    tmp_path: Path, text: bytes, told: str
) -> None:
    """Also when its checksum is right."""
    file = tmp_path / "one"
    file.write_bytes(ending(text))

    with pytest.raises(BrokenError, match=f"the snapshot one is damaged: .*{re.escape(told)}"):
        archive.manifest(file)


def test_a_sparse_file_takes_no_memory(tmp_path: Path) -> None:
    """It has some KiB on the disk and claims gigabytes, of its manifest or of its tar."""
    file = tmp_path / "one"
    with file.open("wb") as target:
        target.write(archive.FRAME.pack(archive.MANIFEST_FRAME, 0))
        target.truncate(3 << 30)
        target.seek(0, os.SEEK_END)
        target.write(ending(b"{}")[-archive.FRAME.size - archive.TRAILER.size :])

    tracemalloc.start()
    with pytest.raises(BrokenError, match="its manifest is not what was written"):
        archive.manifest(file)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_a_tar_that_is_longer_than_it_says_is_not_read_to_its_end(tmp_path: Path) -> None:
    """A bomb of zstd is small, and has gigabytes in it."""
    file = tmp_path / "one"
    written(file, b"\0" * 30_000_000)
    whole = file.read_bytes()
    manifest = archive.manifest(file)
    text = json.dumps(manifest | {"tar_bytes": 3}).encode()
    file.write_bytes(whole[: manifest["packed_bytes"]] + ending(text, manifest["packed_bytes"]))

    read: list[int] = []
    with pytest.raises(BrokenError, match="its checksum is another one"):
        read.extend(map(len, archive.pieces(file)))
    assert sum(read) <= archive.PIECE


def test_what_may_never_end_is_not_begun(tmp_path: Path) -> None:
    """A pipe in the folder of snapshots would keep every list waiting for who writes into it."""
    os.mkfifo(tmp_path / "one.tar.zst")
    (tmp_path / "two.tar.zst").symlink_to("/dev/zero")

    found = snapshots.listed(tmp_path)

    assert {one.problem.rpartition(": ")[2] for one in found} == {"it is no regular file"}


def test_a_list_reads_only_the_end(tmp_path: Path) -> None:
    """What lies before it may be anything."""
    file = tmp_path / "one"
    manifest = written(file, NOISE)
    whole = file.read_bytes()
    file.write_bytes(b"?" * manifest["packed_bytes"] + whole[manifest["packed_bytes"] :])

    assert archive.manifest(file) == manifest

"""The file of a snapshot: what is written comes back, and every byte is checked."""

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import BrokenError
from scripts.data import archive

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


def test_a_manifest_that_is_no_json_is_a_damaged_snapshot(tmp_path: Path) -> None:
    """Also when its checksum is right."""
    file, text = tmp_path / "one", b"no json"
    last = archive.TRAILER.pack(archive.MARK, 0, hashlib.sha256(text).digest())
    head = archive.FRAME.pack(archive.MANIFEST_FRAME, len(text))
    trailer = archive.FRAME.pack(archive.TRAILER_FRAME, archive.TRAILER.size)
    file.write_bytes(head + text + trailer + last)

    with pytest.raises(BrokenError, match="the snapshot one is damaged: its manifest is no JSON"):
        archive.manifest(file)


def test_a_list_reads_only_the_end(tmp_path: Path) -> None:
    """What lies before it may be anything."""
    file = tmp_path / "one"
    manifest = written(file, NOISE)
    whole = file.read_bytes()
    file.write_bytes(b"?" * manifest["packed_bytes"] + whole[manifest["packed_bytes"] :])

    assert archive.manifest(file) == manifest

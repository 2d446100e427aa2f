"""A file of ours is whole or as it was, and for its owner only."""

import os
import stat
from pathlib import Path

import pytest

from scripts.core import files


def mode(path: Path) -> int:
    """Return who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o277])
def test_only_its_owner_may_read_it_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    """Also where a file that anybody may read lies already; folders are made for the owner too."""
    old = tmp_path / "old.json"
    old.write_text("{}")
    before = os.umask(umask)
    try:
        files.write_json(old, {"a": [1]})
        files.write(tmp_path / "new.txt", "größer\n", durable=True)
    finally:
        os.umask(before)
    files.write(tmp_path / "folder" / "file", "")

    assert files.read_json(old) == {"a": [1]}
    assert (tmp_path / "new.txt").read_bytes() == "größer\n".encode()
    assert mode(tmp_path / "folder") == 0o700
    assert {mode(path) for path in (old, tmp_path / "new.txt", tmp_path / "folder/file")} == {0o600}


def test_what_a_link_points_to_is_left_alone(tmp_path: Path) -> None:
    """The link itself is replaced."""
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "file").symlink_to(tmp_path / "target")

    files.write(tmp_path / "file", "ours")

    assert (tmp_path / "target").read_text() == "theirs"
    assert (tmp_path / "file").read_text() == "ours"


@pytest.mark.parametrize("fault", [OSError("disk full"), KeyboardInterrupt()])
def test_what_goes_wrong_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    """Even Ctrl-C in the middle."""

    def fail(_: int) -> None:
        raise fault

    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(type(fault)):
        files.write(tmp_path / "file", "new", durable=True)

    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "old"


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    """A later process may get its number."""
    (tmp_path / f"file.{os.getpid()}.new").write_text("half")

    files.write(tmp_path / "file", "whole")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_what_is_not_there_or_no_json_is_none(tmp_path: Path, content: bytes | None) -> None:
    """Never written, cut off, or by hand."""
    if content is not None:
        (tmp_path / "file").write_bytes(content)

    assert files.read_json(tmp_path / "file") is None

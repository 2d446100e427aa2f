"""A file of ours is whole or as it was, and for its owner only; a folder's lock has one holder."""

import errno
import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from scripts.core import files
from scripts.core.errors import RefusedError
from scripts.core.files import held


def mode(path: Path) -> int:
    """Return who may do what."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_part_of_a_file_is_read_and_none_is_nothing(tmp_path: Path) -> None:
    """As of a log that grows, or of a folder where a file should be."""
    file = tmp_path / "log"
    file.write_bytes(b"0123456789")

    assert files.content(file) == b"0123456789"
    assert files.content(file, start=4) == b"456789"
    assert files.content(file, start=4, most=2) == b"45"
    assert files.content(tmp_path) == files.content(tmp_path / "none") == b""


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


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path: Path) -> None:
    """It is no hindrance either."""
    (tmp_path / "file.new").write_text("half")

    files.write(tmp_path / "file", "whole")

    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_writers_of_a_file_take_turns(tmp_path: Path) -> None:
    """What is there is whole, whoever was the last."""
    texts = [letter * 100_000 for letter in "abcdefgh"]
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda text: files.write(tmp_path / "file", text), texts * 5))

    assert (tmp_path / "file").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff"])
def test_what_is_not_there_or_no_json_is_none(tmp_path: Path, content: bytes | None) -> None:
    """Never written, cut off, or by hand."""
    if content is not None:
        (tmp_path / "file").write_bytes(content)

    assert files.read_json(tmp_path / "file") is None


def test_a_second_command_learns_who_holds_the_lock(tmp_path: Path) -> None:
    """The message names the command, its process and the file, the next step is to wait."""
    folder = tmp_path / "made" / "on the way"
    with held(folder, "up"), pytest.raises(RefusedError) as caught, held(folder, "down"):
        pass

    assert f"inv up, pid {os.getpid()}" in str(caught.value)
    assert str(folder / "lock") in str(caught.value)
    assert "wait for it to end" in caught.value.next_step


def test_a_command_may_wait_for_the_lock(tmp_path: Path) -> None:
    """It says for whom."""
    first, said = ExitStack(), []
    first.enter_context(held(tmp_path, "up"))

    def wait(line: str) -> None:
        said.append(line)
        first.close()

    with held(tmp_path, "engine.start", wait):
        assert (tmp_path / "lock").read_text().startswith("inv engine.start, ")

    assert said == [f"waiting for another run: inv up, pid {os.getpid()}"]


def test_the_lock_is_free_after_the_command(tmp_path: Path) -> None:
    """The next command gets it, and no old name stays in it."""
    with held(tmp_path, "up"):
        pass
    assert (tmp_path / "lock").read_text() == ""

    with held(tmp_path, "down"):
        assert (tmp_path / "lock").read_text().startswith("inv down, pid ")


def test_the_lock_is_free_after_a_command_that_failed(tmp_path: Path) -> None:
    """What a command leaves in the file when it dies does not hold up the next one."""
    with pytest.raises(ValueError, match="died"), held(tmp_path, "up with a long name"):
        raise ValueError("died")

    with held(tmp_path, "ps"):
        assert (tmp_path / "lock").read_text() == f"inv ps, pid {os.getpid()}\n"


def test_a_holder_that_has_not_said_its_name_yet_is_not_known(tmp_path: Path) -> None:
    """Between taking the lock and writing its name the message stays readable."""
    with held(tmp_path, "up"):
        (tmp_path / "lock").write_text("")
        with pytest.raises(RefusedError, match="not known who"), held(tmp_path, "down"):
            pass


def test_on_a_read_only_disk_the_folder_that_is_there_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is stopped there is stopped by one only, too."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)

    folder, refused = tmp_path / "none", pytest.raises(RefusedError, match="not known who")
    with held(folder, "down"), refused, held(folder, "up"):
        pass


def test_the_lock_of_a_folder_that_others_may_change_follows_no_link(tmp_path: Path) -> None:
    """Else the name of the command would be written into what it leads to."""
    (tmp_path / "theirs").write_text("kept")
    (tmp_path / "lock").symlink_to(tmp_path / "theirs")

    with pytest.raises(OSError, match="symbolic links"), held(tmp_path, "up"):
        pass
    assert (tmp_path / "theirs").read_text() == "kept"


def test_only_what_its_owner_wrote_is_acted_upon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another user, and a link to whatever, are none."""
    files.write_json(tmp_path / "own", {"a": 1})
    (tmp_path / "link").symlink_to(tmp_path / "own")
    assert files.read_own(tmp_path / "own") == {"a": 1}
    assert files.read_own(tmp_path / "link") == files.read_own(tmp_path / "none") == {}

    stranger = os.stat_result((0o600, 0, 0, 1, 4711, 4711, 8, 0, 0, 0))
    monkeypatch.setattr(os, "fstat", lambda _: stranger)
    assert files.read_own(tmp_path / "own") == {}


def test_who_works_in_a_folder_is_waited_for(tmp_path: Path) -> None:
    """And only then; that it waits is said."""
    waited: list[str] = []
    with files.turn(tmp_path, lambda: waited.append("a")):
        number = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with files.turn(tmp_path, lambda: os.close(number)):
        waited.append("b")

    assert waited == ["b"]


def test_a_path_that_is_hidden_counts_as_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is taken for gone because this user may not look."""
    assert files.there(tmp_path)
    assert not files.there(tmp_path / "none")
    (tmp_path / "file").touch()
    assert not files.there(tmp_path / "file" / "below")
    assert not files.same(tmp_path / "a", tmp_path / "b")

    def refuse(_: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", refuse)
    assert files.there(tmp_path / "hidden")


def test_stacks_have_locks_of_their_own(tmp_path: Path) -> None:
    """Two stacks side by side may change at once."""
    with held(tmp_path / "one", "up"), held(tmp_path / "two", "up"):
        assert (tmp_path / "one" / "lock").read_text() == (tmp_path / "two" / "lock").read_text()


def test_only_its_owner_may_open_a_lock(tmp_path: Path) -> None:
    """Who may open it, may hold it: nobody else can keep every command out."""
    (tmp_path / "lock").touch(mode=0o644)

    with held(tmp_path, "up"):
        assert mode(tmp_path / "lock") == 0o600
    with held(tmp_path / "made", "up"):
        assert mode(tmp_path / "made") == 0o700


def test_what_may_never_end_is_not_read(tmp_path: Path) -> None:
    """A pipe or a device in the place of a file of ours; one that is too long either."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    (tmp_path / "long").write_text(" " * 100 + "{}")

    assert files.read_json(tmp_path / "pipe") is None
    assert files.read_object(tmp_path / "link") == {}
    with pytest.raises(ValueError, match="longer than 10 bytes"):
        files.parsed(tmp_path / "long", most=10)

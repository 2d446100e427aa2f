"""One command at a time changes a stack, and the second one learns who is at work."""

import os
from pathlib import Path

import pytest

from scripts.core.errors import RefusedError
from scripts.core.lock import held


def test_a_second_command_learns_who_holds_the_lock(tmp_path: Path) -> None:
    """The message names the command, its process and the file, the next step is to wait."""
    folder = tmp_path / "made" / "on the way"
    with held(folder, "up"), pytest.raises(RefusedError) as caught, held(folder, "down"):
        pass

    assert f"inv up, pid {os.getpid()}" in str(caught.value)
    assert str(folder / "lock") in str(caught.value)
    assert "wait for it to end" in caught.value.next_step


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


def test_stacks_have_locks_of_their_own(tmp_path: Path) -> None:
    """Two stacks side by side may change at once."""
    with held(tmp_path / "one", "up"), held(tmp_path / "two", "up"):
        assert (tmp_path / "one" / "lock").read_text() == (tmp_path / "two" / "lock").read_text()

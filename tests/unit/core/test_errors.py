"""Exit codes are a promise to scripts, and every error has one."""

import os
import shlex
import sys
from pathlib import Path

import pytest

from scripts.core import errors
from scripts.core.errors import ExitCode, StackError


def test_exit_codes_keep_their_numbers() -> None:
    """The table of the README holds: scripts compare with these numbers."""
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "BUG": 1,
        "CONFIG": 2,
        "ENGINE": 3,
        "REFUSED": 4,
        "BROKEN": 5,
        "TIMEOUT": 6,
        "DECLINED": 7,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ConfigError, ExitCode.CONFIG),
        (errors.EngineError, ExitCode.ENGINE),
        (errors.RefusedError, ExitCode.REFUSED),
        (errors.BrokenError, ExitCode.BROKEN),
        (errors.OverdueError, ExitCode.TIMEOUT),
        (errors.DeclinedError, ExitCode.DECLINED),
    ],
)
def test_each_error_has_its_own_exit_code(kind: type[StackError], code: ExitCode) -> None:
    """An error ends the command with the code of its kind, and carries its two texts."""
    error = kind("port is '0'", next_step="edit .env")

    assert error.exit_code is code
    assert (str(error), error.next_step) == ("port is '0'", "edit .env")


def test_no_two_kinds_share_an_exit_code() -> None:
    """A code alone tells which kind of error it was."""
    kinds = StackError.__subclasses__()

    assert len({kind.exit_code for kind in kinds}) == len(kinds)


@pytest.mark.parametrize(
    "error",
    [TypeError("x"), LookupError("x"), RuntimeError("x"), ValueError("x"), TimeoutError("x")],
    ids=lambda error: type(error).__name__,
)
def test_what_nobody_expected_is_no_error_of_the_users(error: Exception) -> None:
    """Whoever shows it as one sends people to look for a mistake of their own."""
    assert errors.known(error) is None


@pytest.fixture
def others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout in which everything belongs to another user, who has no name."""
    stranger = os.stat_result((0o700, 0, 0, 1, 4711, 4711, 8, 0, 0, 0))
    monkeypatch.setattr(errors, "CHECKOUT", tmp_path)
    monkeypatch.setattr(Path, "lstat", lambda _: stranger)
    monkeypatch.setattr(sys, "argv", ["/a/inv", "up", "--service", "a b"])
    (tmp_path / ".cache" / "it's").mkdir(parents=True)
    return tmp_path


def denied(path: Path) -> StackError | None:
    """Return what is told of a path that the system lets nobody use."""
    return errors.known(PermissionError(13, "Permission denied", str(path)))


def test_what_another_user_has_made_in_the_checkout_is_told_as_his(others: Path) -> None:
    """With what was typed for him, and what makes it ours; the checkout is not given."""
    file, me = others / ".cache" / "it's" / "lock", errors.owner_of(os.geteuid())
    told, root = denied(file), denied(others)

    assert told is not None
    assert str(told) == f"{file} is not for {me}: {file.parent} belongs to 4711"
    assert told.next_step == (
        "sudo -u 4711 ./dev inv up --service 'a b'; or make it yours:"
        f" sudo chown -R {me} {shlex.quote(str(file.parent))}"
    )
    assert root is not None
    assert root.next_step == "sudo -u 4711 ./dev inv up --service 'a b'"


@pytest.mark.usefixtures("others")
def test_what_lies_elsewhere_is_nobodys_to_give() -> None:
    """A socket of the engine, for instance, or a number instead of a path."""
    for path in ("/var/run/docker.sock", 7):
        told = errors.known(PermissionError(13, "Permission denied", path))
        assert told is not None
        assert "chown" not in told.next_step


def test_an_owner_that_is_not_to_be_seen_is_none(tmp_path: Path) -> None:
    """The folder above may be hidden."""
    assert errors.owner(tmp_path / "none") == ""


def test_an_error_about_a_file_names_it() -> None:
    """Whose it is, or whether the disk is full, is the user's to look at."""
    told = errors.known(PermissionError(13, "Permission denied", "/some/file"))

    assert told is not None
    assert told.exit_code is ExitCode.CONFIG
    assert str(told) == "Permission denied: /some/file"

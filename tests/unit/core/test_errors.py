"""Exit codes are a promise to scripts, and every error has one."""

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


def test_an_error_about_a_file_names_it() -> None:
    """Whose it is, or whether the disk is full, is the user's to look at."""
    told = errors.known(PermissionError(13, "Permission denied", "/some/file"))

    assert told is not None
    assert told.exit_code is ExitCode.CONFIG
    assert str(told) == "Permission denied: /some/file"

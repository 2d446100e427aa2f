"""A bug of ours is told as one: not as the user's mistake, and never as a traceback."""

import errno
import json
import os
from pathlib import Path

import pytest

from scripts.config import workspace
from scripts.start.starter import Starter
from tests.kit.checkout import Checkout
from tests.kit.fakes import raising

Capture = pytest.CaptureFixture[str]
BUGS = [
    TypeError("unsupported operand"),
    LookupError("no such key"),
    RuntimeError("two\nlines"),
    OSError(errno.ECONNREFUSED, "Connection refused"),
]


def reported(at: Checkout) -> list[Path]:
    """Return the files of bugs."""
    return list((at.root / ".cache" / "bugs").glob("*.txt"))


def broken(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make every look at the stack fail."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(workspace, "look", fail)


@pytest.mark.parametrize("error", BUGS, ids=lambda error: type(error).__name__)
def test_a_bug_is_one_line_and_a_file(at: Checkout, error: Exception) -> None:
    """Exit code 1, what it was, how to report it; the traceback is for its owner alone."""
    broken(at.patch, error)

    assert at.inv("ps") == 1

    shown = at.shown()
    (file,) = reported(at)
    said = " ".join(f"{type(error).__name__}: {error}".split())
    assert shown.err == f"error: a bug in this workspace: {said}\nnext: report it, with {file}\n"
    assert "Traceback" in file.read_text()
    assert "def fail" not in shown.out
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_bug_that_repeats_has_one_file(at: Checkout) -> None:
    """A page that is open for days may meet it each second; another one has its own."""
    for error in (TypeError("x"), TypeError("y"), LookupError("z")):
        broken(at.patch, error)
        assert at.inv("ps") == 1

    assert len(reported(at)) == 2
    assert any("TypeError: y" in file.read_text() for file in reported(at))


def test_the_traceback_is_shown_to_who_asks_for_it(at: Checkout) -> None:
    """With MEMOS_DEV_DEBUG=1, before the line."""
    at.patch.setenv("MEMOS_DEV_DEBUG", "1")
    broken(at.patch, TypeError("x"))

    assert at.inv("ps") == 1

    told = at.shown().err
    assert told.index("Traceback") < told.index("error: a bug in this workspace: TypeError: x")


def test_no_secret_is_in_it(at: Checkout) -> None:
    """Neither in the line nor in the file, which goes to somebody else."""
    at.env_file.write_text("IMAGE_SOURCE=registry\nNEO4J_PASSWORD=gehe1mes-Wort\n")
    broken(at.patch, ValueError("cannot parse gehe1mes-Wort"))

    assert at.inv("ps") == 1

    assert "gehe1mes" not in at.shown().err + reported(at)[0].read_text()


def test_where_no_file_can_be_written_the_way_to_the_traceback_is_told(at: Checkout) -> None:
    """A file stands where the folder would be."""
    (at.root / ".cache").touch()
    broken(at.patch, TypeError("x"))

    assert at.inv("ps") == 1

    assert "next: report it, with what MEMOS_DEV_DEBUG=1 shows" in at.shown().err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EMFILE])
def test_what_the_system_refuses_is_no_bug(at: Checkout, number: int) -> None:
    """A full disk or a file of somebody else's is the user's to mend: 2, with the file."""
    broken(at.patch, OSError(number, os.strerror(number), "/some/file"))

    assert at.inv("ps") == 2

    assert f"error: {os.strerror(number)}: /some/file\nnext: " in at.shown().err
    assert reported(at) == []


def test_a_program_is_told_too(at: Checkout) -> None:
    """With --format json the last line says so, and is the result."""

    def fail(*_: object) -> None:
        raise TypeError("x")

    at.patch.setattr(Starter, "start", fail)

    assert at.inv("up", "--format", "json") == 1

    last = json.loads(at.shown().out.splitlines()[-1])
    assert (last["verdict"], last["exit_code"], last["code"]) == ("refused", 1, "bug")
    assert len(reported(at)) == 1


def test_what_is_no_utf_8_is_written_all_the_same(at: Checkout) -> None:
    """A path on the disk may be in any encoding."""
    at.patch.setattr(workspace, "look", raising(TypeError("file \udce4")))

    assert at.inv("ps") == 1

    assert "\\udce4" in reported(at)[0].read_text()

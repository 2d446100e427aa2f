"""Exit codes, and the errors a user can meet. Every error names the next thing to type."""

import errno
import os
import shlex
import sys
from enum import IntEnum, unique
from pathlib import Path

from scripts.core.texts import hanging, short, shown

CHECKOUT = Path(__file__).resolve().parents[2]


@unique
class ExitCode(IntEnum):
    """What a command's exit status means; the README prints the same table."""

    OK = 0
    BUG = 1
    CONFIG = 2
    ENGINE = 3
    REFUSED = 4
    BROKEN = 5
    TIMEOUT = 6
    DECLINED = 7
    INTERRUPTED = 130


class StackError(Exception):
    """A question could not be asked or a step not be made; a sick service is no error but data."""

    exit_code = ExitCode.BUG
    kind = "bug"

    def __init__(self, message: str, *, next_step: str, code: str = "", said: str = "") -> None:
        """Keep what is wrong (with the wrong value in it) and the next command or action.

        `code` is for programs and stays the same, like that of a finding; by default the kind.
        `said` are the engine's or Compose's own words, where they refused: the causes of
        `diagnosis` know what many of them mean.
        """
        super().__init__(message)
        self.next_step = next_step
        self.code = code or self.kind
        self.said = said


class ConfigError(StackError):
    """`.env`, a compose file or the value of a flag is wrong."""

    exit_code = ExitCode.CONFIG
    kind = "config"


class EngineError(StackError):
    """There is no engine, it does not answer, or it is too old."""

    exit_code = ExitCode.ENGINE
    kind = "engine"


class RefusedError(StackError):
    """Compose, the engine, a registry or a download refused, or another run holds the lock."""

    exit_code = ExitCode.REFUSED
    kind = "refused"


class BrokenError(StackError):
    """Something that waiting cannot mend."""

    exit_code = ExitCode.BROKEN
    kind = "broken"


class OverdueError(StackError):
    """Time is up before all was ready."""

    exit_code = ExitCode.TIMEOUT
    kind = "overdue"


class DeclinedError(StackError):
    """The user said no, or could not be asked."""

    exit_code = ExitCode.DECLINED
    kind = "declined"


class BugError(StackError):
    """What nobody expected: a mistake in this workspace."""


ENVIRONMENT = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO),
        *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOLCK),
    }
)
"""What the system refuses for reasons that lie outside of a program."""


UNNAMED = "a file or a connection"


def known(error: Exception) -> StackError | None:
    """Return an error of ours for one that is no bug; None for what nobody expected.

    One of the system about a file or a resource is configuration: it says which, and what to look
    at.
    """
    if isinstance(error, StackError):
        return error
    if isinstance(error, PermissionError) and (told := _of_another(error)):
        return told
    if isinstance(error, OSError) and (error.filename or error.errno in ENVIRONMENT):
        return ConfigError(
            f"{error.strerror or error}: {short(str(error.filename or UNNAMED), 200)}",
            next_step="look whose it is (ls -l), and whether the disk is full (df)",
        )
    return None


def unexpected(error: Exception) -> StackError:
    """Return an error of ours for any; of what nobody expected no more than its kind."""
    bug = BugError(f"unexpected: {type(error).__name__}", next_step="inv doctor")
    return known(error) or bug


def _of_another(error: PermissionError) -> ConfigError | None:
    """Return whose it is, for a path of this checkout that another user has made."""
    if not isinstance(error.filename, str):
        return None
    path = Path(error.filename)
    there = next((one for one in (path, *path.parents) if os.path.lexists(one)), CHECKOUT)
    me, other = owner_of(os.geteuid()), owner(there)
    if CHECKOUT not in {there, *there.parents} or other in {"", me}:
        return None
    step = as_user(other)
    if there != CHECKOUT and ".engine" not in there.parts:
        step += f"; or make it yours: sudo chown -R {me} {shlex.quote(str(there))}"
    return ConfigError(f"{path} is not for {me}: {there} belongs to {other}", next_step=step)


def as_user(name: str) -> str:
    """Return what was typed, as it is typed for another user to run it."""
    return f"sudo -u {name} ./dev inv {shlex.join(sys.argv[1:])}"


def owner(path: Path) -> str:
    """Return the name of who has a file or folder; empty where we are not let see it."""
    try:
        return owner_of(path.lstat().st_uid)
    except OSError:
        return ""


def owner_of(uid: int) -> str:
    """Return the name of a user, the number where there is none."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def report(error: StackError) -> ExitCode:
    """Write an error of a module that is a program of its own to stderr; give its exit code."""
    sys.stderr.write(shown(f"error: {hanging(str(error))}\nnext: {error.next_step}\n"))
    return error.exit_code

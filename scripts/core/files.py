"""Files that are there whole or not at all, for their owner only; and the lock of a folder."""

import errno
import fcntl
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeAlias

from scripts.core.errors import RefusedError
from scripts.core.foreign import documents

Json: TypeAlias = documents.Json
OWNER_ONLY = 0o600
LOCK = "lock"


def expanded(named: str) -> Path:
    """Return the path that a user typed; a `~` of nobody means itself."""
    try:
        return Path(named).expanduser()
    except RuntimeError:  # there is no such user, or no home
        return Path(named)


def absolute(named: str, folder: Path) -> Path:
    """Return the file that a user names, seen from a folder; a name that can be none's as it is."""
    path = folder / expanded(named)
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):  # too long, a NUL in it, a circle of links
        return path


def is_folder(path: Path) -> bool:
    """Say whether there is such a folder; a name that can be none's is no error."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def write(file: Path, text: str, *, durable: bool = False) -> None:
    """Make or replace a file in one step, and the folders above it where there are none.

    What goes wrong leaves the old one. `durable`: it is on the disk afterwards.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f"{file.name}.new")
    with turn(file.parent):
        try:
            with begun(fresh) as opened:
                opened.write(text.encode())
            if durable:
                sync(fresh)
            fresh.replace(file)
        finally:
            fresh.unlink(missing_ok=True)  # where something went wrong
    if durable:
        sync(file.parent)


def begun(file: Path) -> BinaryIO:
    """Return a new file of this name, to be written, in the place of what a killed process left.

    A link of this name goes too: nothing that it leads to is written.
    """
    file.unlink(missing_ok=True)
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, OWNER_ONLY)
    os.fchmod(number, OWNER_ONLY)  # whatever the umask leaves of it
    return os.fdopen(number, "wb")


def opened(file: Path) -> BinaryIO:
    """Return a file to be read; OSError for none, and for a pipe or a device, which may not end."""
    number = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    try:
        _require_regular(number, file)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def content(file: Path, *, start: int = 0, most: int = -1) -> bytes:
    """Return what a file holds from a byte on, `most` bytes of it; nothing where none is read."""
    try:
        with opened(file) as source:
            source.seek(start)
            return source.read(most)
    except OSError:
        return b""


def _require_regular(number: int, file: Path) -> None:
    if not stat.S_ISREG(os.fstat(number).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(file))


def parsed(file: Path, *, most: int = documents.MOST) -> Json:
    """Return what a file of JSON holds; OSError and ValueError as `opened` and `parsed` raise them.

    Of a longer one than `most` no more is read.
    """
    with opened(file) as source:
        return documents.parsed(source.read(most + 1), most=most)


@contextmanager
def turn(folder: Path, wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Be the only one who works in a folder, after whoever does; `wait` is called before waiting.

    So two processes never write the same `.new`.
    """
    number = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system that locks no folders
            try:
                fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                wait()
                fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def write_json(file: Path, value: Json, *, durable: bool = False) -> None:
    """Like `write`, a document that people can read too."""
    write(file, json.dumps(value, indent=1) + "\n", durable=durable)


def read_json(file: Path) -> Json:
    """Return what the file holds; None when it was never written, or is no JSON."""
    try:
        return parsed(file)
    except (OSError, ValueError):
        return None


def read_own(file: Path) -> dict[str, Json]:
    """Like `read_object`, for what is acted upon: empty too for somebody else's file, or a link.

    Whoever owns this very code may do anything anyway; so may root.
    """
    try:
        number = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(number, "rb") as source:
            _require_regular(number, file)
            trusted = {0, os.geteuid(), Path(__file__).stat().st_uid}
            ours = os.fstat(number).st_uid in trusted
            document = documents.parsed(source.read(documents.MOST + 1)) if ours else None
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def read_object(file: Path) -> dict[str, Json]:
    """Return the object that the file holds; empty where there is none."""
    document = read_json(file)
    return document if isinstance(document, dict) else {}


def sync(path: Path) -> None:
    """Bring a file to the disk, or what was renamed or removed in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _locked(path: Path, holder: str) -> RefusedError:
    """Return the error for a lock that somebody holds, who may have been stopped with Ctrl-Z."""
    pid = holder.rpartition("pid ")[2]
    what, step = "", "wait for it to end, then try again"
    if pid.isdigit() and _stopped(int(pid)):
        what = ", which is stopped (Ctrl-Z)"
        step = f"fg in its terminal, or: kill -CONT {pid}, lets it go on and end; then try again"
    who = f"{holder or 'not known who'}{what}"
    return RefusedError(
        f"another run holds the lock: {who} ({path})", next_step=step, code="locked"
    )


def _stopped(pid: int) -> bool:
    """Say whether a process of this machine stands still, by a signal or a debugger."""
    with suppress(OSError):  # it has ended, or there is no /proc
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        # the name before it may hold anything
        return stat.rpartition(b")")[2].split()[:1] in ([b"T"], [b"t"])
    return False


@contextmanager
def held(folder: Path, command: str, wait: Callable[[str], object] | None = None) -> Iterator[None]:
    """Hold the lock of a folder while the block runs; the kernel frees it when we die.

    Where another holds it: RefusedError with who that is, or `wait` is told and waited for it.
    """
    number, path = _lock(folder)
    try:
        _take(number, path, wait)
        _sign(number, f"inv {command}, pid {os.getpid()}\n")
        yield
        _sign(number, "")
    finally:
        os.close(number)


def holder(folder: Path) -> str:
    """Return who holds the lock of a folder, as in: inv up, pid 7; empty for nobody.

    Nothing is locked for that: another command, which would wait for nobody, may begin meanwhile.
    """
    try:
        who = (folder / LOCK).read_text(encoding="utf-8", errors="replace").strip()
        os.kill(int(who.rpartition("pid ")[2]), 0)
    except PermissionError:
        return "somebody"  # what it is is another user's to know
    except (OSError, ValueError, OverflowError):
        return ""  # it has ended, or was killed
    return who


def _lock(folder: Path) -> tuple[int, Path]:
    """Open what is locked for a folder, which is made: a file in it.

    On a disk that nobody may write to, where stopping must be possible too: the folder itself, or
    the one above that is there.
    """
    file = folder / LOCK
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, OWNER_ONLY)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
        there = next(path for path in (folder, *folder.parents) if path.is_dir())
        return os.open(there, os.O_RDONLY), there
    with suppress(PermissionError):  # of another user, and the lock all the same
        os.fchmod(number, OWNER_ONLY)  # who may open it may hold it: nobody else
    return number, file


def _take(number: int, path: Path, wait: Callable[[str], object] | None) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = _signature(number)
        if wait is None:
            raise _locked(path, holder) from None
        wait(f"waiting for another run: {holder or 'not known who'}")
        fcntl.flock(number, fcntl.LOCK_EX)


def _sign(number: int, text: str) -> None:
    """Say who holds a lock; it is held as well where that cannot be written."""
    with suppress(OSError):
        os.ftruncate(number, 0)
        os.pwrite(number, text.encode(), 0)


def _signature(number: int) -> str:
    try:
        return os.pread(number, 200, 0).decode(errors="replace").strip()
    except OSError:
        return ""


def there(path: Path) -> bool:
    """Say whether a path is there; one that is hidden from this user counts as there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def same(one: Path, other: Path) -> bool:
    """Say whether two paths are the same, or lead to the same place by links."""
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False

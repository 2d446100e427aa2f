"""The processes, mounts and control groups of a private engine, as /proc shows them.

A process is only ever signalled after its command line has shown that it is this engine's.
"""

import contextlib
import ctypes
import os
import re
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scripts.core.errors import EngineError
from scripts.core.polling import until_none
from scripts.engine.places import Places

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
PROGRAMS = frozenset({"dockerd", "containerd", "containerd-shim-runc-v2"})
CONTAINERS_OWN = frozenset({"overlay", "fuse.fuse-overlayfs", "tmpfs", "nsfs", "mqueue"})
"""File systems of what an engine mounts for containers, and leaves when it is killed."""
MNT_DETACH = 2
"""linux/fs.h"""
GRACE = 10.0
"""Seconds for a container of a crashed engine to end by itself."""


def argv(pid: int) -> tuple[str, ...]:
    """Return a process's command line; () when there is no such process."""
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(words).rstrip("\0").split("\0")) if words else ()


def ours(at: Places) -> dict[int, str]:
    """Return the ids of the engine's own processes and the names of their programs."""
    found = {}
    for pid in _pids():
        words = argv(pid)
        name = Path(words[0]).name if words else ""
        if name in PROGRAMS and any(str(at.exec_root) in word for word in words[1:]):
            found[pid] = name
    return found


def daemon(at: Places) -> int | None:
    """Return the process id of the engine's dockerd; None when it does not run."""
    return next((pid for pid, name in ours(at).items() if name == "dockerd"), None)


def other_engines(at: Places) -> tuple[int, ...]:
    """Return the dockerd processes of others that use the same network as we do."""
    mine = _network(PROC / "self")
    return tuple(
        pid
        for pid in _pids()
        if (words := argv(pid))
        and Path(words[0]).name == "dockerd"
        and pid not in ours(at)
        and _network(PROC / str(pid)) == mine
    )


def uptime(pid: int) -> float:
    """Return for how many seconds a process has run; 0 when it is gone."""
    try:
        started = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[19]
        now = (PROC / "uptime").read_text().split()[0]
    except OSError:
        return 0.0
    return float(now) - int(started) / os.sysconf("SC_CLK_TCK")


def end(pids: Iterable[int], by: signal.Signals) -> None:
    """Send a signal; a process that is gone already is no error, one of root's is EngineError."""
    for pid in pids:
        try:
            os.kill(pid, by)
        except ProcessLookupError:
            continue
        except PermissionError:
            raise EngineError(
                f"process {pid} of the private engine may not be ended by this user",
                next_step="sudo ./dev inv engine.stop",
            ) from None


def reap(at: Places, grace: float = GRACE) -> None:
    """End what a crashed dockerd left: containers, their shims, containerd.

    Containers get SIGTERM and `grace` seconds first. A shim itself must not be asked: it would
    leave its container behind.
    """
    shims = {pid for pid, name in ours(at).items() if name.startswith("containerd-shim")}

    def containers() -> set[int]:
        return {pid for pid in _pids() if _parent(pid) in shims}

    end(containers(), signal.SIGTERM)
    until_none(containers, timeout=grace, interval=0.1)
    end(containers(), signal.SIGKILL)
    end(ours(at), signal.SIGKILL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """What is mounted at a point, of which folder of its file system."""

    point: str
    folder: str
    kind: str
    covers: str = ""
    """The folder of the same file system that would be seen without it; none of another one."""

    @property
    def of_engine(self) -> bool:
        """Say whether an engine makes such a one: for containers, and of its data upon itself."""
        return self.kind in CONTAINERS_OWN or self.folder == self.covers


def mounts(folders: Iterable[Path]) -> tuple[Mount, ...]:
    """Return what is mounted in `folders`, the innermost first."""
    lines = (PROC / "self" / "mountinfo").read_text().splitlines()
    # the kind of the file system comes after a dash: proc(5)
    fields = [(line.split(), line.partition(" - ")[2].split()) for line in lines]
    by_number = {own[0]: own for own, _ in fields}
    every = [
        Mount(
            point=_unescaped(own[4]),
            folder=_unescaped(own[3]),
            kind=others[0],
            covers=_covered(own, by_number.get(own[1])),
        )
        for own, others in fields
    ]
    roots = tuple(str(folder) for folder in folders)
    inside = [one for one in every if any(f"{one.point}/".startswith(f"{root}/") for root in roots)]
    return tuple(reversed(inside))


def _covered(own: Sequence[str], below: Sequence[str] | None) -> str:
    """Return what a mount covers of the one below it, which in a container begins anywhere."""
    if below is None or own[2] != below[2]:
        return ""
    point, root = _unescaped(own[4]), _unescaped(below[4])
    return str(PurePosixPath(_unescaped(below[3]), os.path.relpath(point, root)))


def unmount(point: str) -> None:
    """Take a mount away, at once from sight and for good when its last user ends."""
    ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(point), MNT_DETACH)


def is_chroot() -> bool:
    """Say whether "/" is no mount point, as in a plain chroot: see `root_mount`."""
    lines = (PROC / "self" / "mountinfo").read_text().splitlines()
    return not any(line.split()[4] == "/" for line in lines)


def check_cgroups(folder: Path = CGROUPS) -> None:
    """Raise EngineError when containers cannot have control groups, which they need."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    writable = "cgroup.controllers" not in names or os.access(folder / "cgroup.procs", os.W_OK)
    if names and writable and os.access(next(iter(_hierarchies(folder))), os.W_OK):
        return
    raise EngineError(
        f"{folder} is {'read-only' if names else 'empty'}: no container can start here",
        next_step="mount the control groups (in a chroot: mount --rbind /sys CHROOT/sys), "
        "or set DOCKER_HOST to an engine elsewhere",
    )


def remove_cgroups(at: Places, folder: Path = CGROUPS) -> None:
    """Remove the engine's control groups, which are empty when nothing of it runs."""
    for hierarchy in _hierarchies(folder):
        top = Path(f"{hierarchy}{at.cgroup}")
        for path, _, _ in os.walk(top, topdown=False):
            with contextlib.suppress(OSError):
                Path(path).rmdir()


def _hierarchies(folder: Path) -> list[Path]:
    """Return the roots of version 2 (one) or version 1 (one for each controller)."""
    if (folder / "cgroup.controllers").exists():
        return [folder]
    return [path for path in folder.iterdir() if path.is_dir()] or [folder]


def _pids() -> list[int]:
    """Return all process ids; none where there is no /proc, as on macOS."""
    names = (path.name for path in PROC.iterdir()) if PROC.is_dir() else ()
    return [int(name) for name in names if name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _network(process: Path) -> str:
    try:
        return str((process / "ns" / "net").readlink())
    except OSError:
        return ""


def _unescaped(text: str) -> str:
    """Undo mountinfo's octal escapes, of a blank for instance."""
    return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), text)

"""Runs a program where "/" is a mount point: `python3 root_mount.py PROGRAM ARGUMENT...`.

In a plain chroot it is none, and then dockerd cannot unpack layers ("remount /: invalid argument")
and runc cannot pivot_root. So the whole tree is mounted once more, in a mount namespace of the
program's own, and entered. It is mounted over /proc, which is a mount point that can be made
private first: nothing of it is seen outside. Imports nothing of ours, to run as a script.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
"""linux/sched.h, linux/mount.h"""


def check(result: int) -> None:
    """Raise the OSError of a C function that failed."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter() -> None:
    """Make "/" a mount point, for this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.unshare(CLONE_NEWNS))
    check(libc.mount(None, b"/proc", None, MS_PRIVATE, None))
    check(libc.mount(b"/", b"/proc", None, MS_BIND | MS_REC, None))
    os.chroot("/proc")
    os.chdir("/")
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))


if __name__ == "__main__":  # pragma: no cover - it replaces the process
    enter()
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - this is what the script is for

"""Asks which ports of this machine are taken, and who holds them."""

import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from scripts.core.stack import LOOPBACK, Port

PROC = Path("/proc")
LISTEN = "0A"
"""TCP_LISTEN in /proc/net/tcp (linux/include/net/tcp_states.h)."""
UNSEEN = "a process that cannot be seen"
DIAL = 0.2
"""Seconds for a connection on this machine."""


def processes(pairs: Iterable[tuple[str, Port]]) -> dict[int, tuple[str, str]]:
    """Return those of these ports that are taken: who wants each, and which process has it."""
    return {port.published: (name, owner(port.published)) for name, port in taken_among(pairs)}


def taken_among(pairs: Iterable[tuple[str, Port]]) -> list[tuple[str, Port]]:
    """Return those of these ports that are taken, each with who wants it."""
    return [pair for pair in pairs if taken(pair[1].host, pair[1].published)]


def taken(host: str, port: int) -> bool:
    """Say whether something listens there, by binding and by dialling.

    Binding alone misses a port that a packet filter forwards, dialling one that is bound and does
    not answer. Other errors are not ours to judge: a low port is the engine's to bind, and it says
    itself when this machine does not have the address.
    """
    with socket.socket() as probe:
        # without it a port in TIME_WAIT would look taken
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
    with socket.socket() as probe:
        probe.settimeout(DIAL)
        anywhere = host == "0.0.0.0"
        return probe.connect_ex((LOOPBACK if anywhere else host, port)) == 0


def free(host: str) -> int:
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def owner(port: int, proc: Path = PROC) -> str:
    """Return who listens on a port, as far as this user may see (/proc/net/tcp, /proc/PID/fd)."""
    inodes = {inode for file in ("net/tcp", "net/tcp6") for inode in _inodes(proc / file, port)}
    for process in proc.glob("[0-9]*"):
        if any(f"socket:[{inode}]" in _links(process / "fd") for inode in inodes):
            with suppress(OSError):  # it has just ended
                return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    return UNSEEN


def _links(folder: Path) -> Iterator[str]:
    """Yield what a process has open; nothing when it has ended or belongs to somebody else."""
    with suppress(OSError):
        for link in folder.iterdir():
            with suppress(OSError):  # closed meanwhile
                yield str(link.readlink())


def _inodes(table: Path, port: int) -> Iterator[str]:
    try:
        lines = table.read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        words = line.split()
        if words[3] == LISTEN and int(words[1].rsplit(":", 1)[1], 16) == port:
            yield words[9]

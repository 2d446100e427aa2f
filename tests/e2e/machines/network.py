"""Machines in a network of their own: namespaces of this one, joined by a switch.

Each node has its own network, host name, processes, /sys and /run; its other files are this
machine's, which itself has no address in that network. A node and the switch are held by one
process each, which ends when who made it does, also by `kill -9`: then the kernel takes away all
that runs in there, with its interfaces and mounts. It takes root and iproute2.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.machines import slow_cable

DISK = Path("/var/tmp")
PREFIX = "memos-lab-"
SUBNET = "192.0.2"
"""For documentation (RFC 5737), so it is nobody's."""
INTERFACE, BRIDGE = "eth0", "br0"
ENTER = """\
read -r pid rest </proc/self/stat  # the number outside: this /proc is still the outer one
mount -t proc proc /proc
mount -t sysfs sysfs "$2"
mount --rbind /sys/fs/cgroup "$2/fs/cgroup"
mount --move "$2" /sys
mount --bind "$2" /run
echo "$1" >/proc/sys/kernel/hostname
exec python3 -c "$3" "$pid"
"""
HOLD = """\
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(sys.argv[1], flush=True)
sys.stdin.read()
"""
"""Process 1 inside: it leaves no zombies, and ends with the process at the other end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine of the network, while it is there."""

    name: str
    address: str
    """IPv4, of its one cable."""
    run_folder: Path
    """Its /run, as a path that works outside; sockets in there do too."""
    pid: int
    """Its process 1, numbered as outside."""
    switch: int
    """The process that holds the switch."""
    port: str
    """The interface of the switch that its cable is in."""

    def words(self, *argv: str, folder: Path | None = None) -> list[str]:
        """Return the words that run a command in there, in `folder` (else in this one)."""
        entering = ("nsenter", f"--target={self.pid}", "--all", "--root")
        return [*entering, "env", f"--chdir={folder or Path.cwd()}", *argv]

    def run(
        self,
        *argv: str,
        folder: Path | None = None,
        environ: Mapping[str, str] | None = None,
        limit: float = 60.0,
        stdin: str = "",
        check: bool = True,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command in there; with `check` its exit code must be 0."""
        done = subprocess.run(
            self.words(*argv, folder=folder),
            env=environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
        )
        assert done.returncode == 0 or not check, f"{argv} in {self.name}: {done.stderr}"
        return done

    @contextmanager
    def unplugged(self) -> Iterator[None]:
        """Have its cable out while the block runs."""
        _inside(self.switch, f"link set {self.port} down")
        try:
            yield
        finally:
            _inside(self.switch, f"link set {self.port} up")

    @contextmanager
    def delayed(self, milliseconds: float) -> Iterator[None]:
        """Make what goes to it and comes back take so much longer in all, while the block runs."""
        ends = (f"{self.port}a", f"{self.port}b")
        argv = [sys.executable, slow_cable.__file__, self.port, ends[0], f"{milliseconds / 2000}"]
        _inside(
            self.switch,
            f"link add {ends[0]} type veth peer name {ends[1]}",
            *(f"link set {name} up" for name in ends),
            f"link set {self.port} nomaster",
            f"link set {ends[1]} master {BRIDGE}",
        )
        try:
            with _started(["nsenter", f"--target={self.switch}", "--net", *argv]):
                yield
        finally:
            _inside(self.switch, f"link del {ends[0]}", f"link set {self.port} master {BRIDGE} up")


@contextmanager
def network(folder: Path, *names: str) -> Iterator[tuple[Node, ...]]:
    """Yield nodes that reach each other, and nothing else; `folder` gets what is in their /run."""
    with ExitStack() as held:
        switch = held.enter_context(_held(folder, "switch"))
        _inside(switch, f"link add {BRIDGE} type bridge forward_delay 0", f"link set {BRIDGE} up")
        nodes = []
        for number, name in enumerate(names, start=1):
            node = Node(
                name=name,
                address=f"{SUBNET}.{number}",
                run_folder=_run_folder(folder, name),
                pid=held.enter_context(_held(folder, name)),
                switch=switch,
                port=f"port{number}",
            )
            _plug_in(node)
            nodes.append(node)
        yield tuple(nodes)


@contextmanager
def lab() -> Iterator[Path]:
    """Yield a folder on the disk for what nodes write; those that killed ones left go before."""
    for path in DISK.glob(f"{PREFIX}*"):
        pid = re.match(rf"{PREFIX}(\d+)-", path.name)
        if pid and not Path(f"/proc/{pid[1]}").exists():
            shutil.rmtree(path, ignore_errors=True)
    prefix = f"{PREFIX}{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=DISK, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _plug_in(node: Node) -> None:
    _inside(
        node.switch,
        f"link add {node.port} type veth peer name {INTERFACE} netns {node.pid}",
        f"link set {node.port} master {BRIDGE} up",
    )
    _inside(
        node.pid,
        f"addr add {node.address}/24 dev {INTERFACE}",
        f"link set {INTERFACE} up",
    )


@contextmanager
def _held(folder: Path, name: str) -> Iterator[int]:
    """Hold namespaces while the block runs; yield the process 1 in them, numbered as outside."""
    run_folder = _run_folder(folder, name)
    run_folder.mkdir(parents=True)
    argv = [
        *("unshare", "--net", "--uts", "--ipc", "--pid", "--mount", "--fork"),
        *("--propagation=private", "sh", "-euc", ENTER, "sh", name, str(run_folder), HOLD),
    ]
    with _started(argv) as line:
        _inside(int(line), "link set lo up")
        yield int(line)


@contextmanager
def _started(argv: Sequence[str]) -> Iterator[str]:
    """Run a program that says a line, which is yielded, and ends with its stdin."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:  # at its end the pipes are closed, and it is waited for
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise OSError(f"{argv[0]} said nothing; the reason is above")
        yield line


def _run_folder(folder: Path, name: str) -> Path:
    return folder / name / "run"


def _inside(pid: int, *lines: str, program: str = "ip") -> None:
    """Change what is in the network of a process."""
    _call(["nsenter", f"--target={pid}", "--net", program, "-batch", "-"], "\n".join(lines))


def _call(argv: Sequence[str], stdin: str) -> None:
    done = subprocess.run(argv, input=f"{stdin}\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{stdin}: {done.stderr.strip()}")

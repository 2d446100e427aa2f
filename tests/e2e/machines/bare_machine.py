"""A Debian with python3 and ca-certificates only, in a folder: entered, used, left.

It has its own mounts and processes, and the network too when it is cut off; else that and the
control groups are this machine's.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.images.build_settings import CA_VARIABLES, PROXIES

HOME = "root"
FOLDER = f"/{HOME}/memos-dev-workspace"
"""Where the checkout lies inside."""
HANDED_ON = re.compile(rf"PIP_\w+|SSL_CERT_\w+|{'|'.join((*CA_VARIABLES, *PROXIES))}|ALL_PROXY")
"""Variables that belong to a machine's configuration too."""
DEVICES = "null zero full random urandom tty"
ENTER = """\
read -r pid rest </proc/self/stat  # the number outside: this /proc is still the outer one
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
if [ "$4" ]; then  # with a network of its own it sees that one's interfaces
    mount -t sysfs sysfs sys
    mount --rbind /sys/fs/cgroup sys/fs/cgroup
else
    mount --rbind /sys sys
fi
mount -t tmpfs -o mode=755 dev dev
mkdir dev/pts dev/shm outer
for device in $2; do touch "dev/$device"; mount --bind "/dev/$device" "dev/$device"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 run run
mkdir run/lock
if [ -e /run/xtables.lock ]; then
    touch run/xtables.lock  # the rules are this machine's, so is their lock
    mount --bind /run/xtables.lock run/xtables.lock
fi
mount -t tmpfs -o mode=1777 tmp tmp
pivot_root . outer
cd /
exec /usr/bin/python3 -c "$4$3" "$pid"
"""
INIT = """\
import ctypes, os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
ctypes.CDLL(None).umount2(b"/outer", 2)
os.rmdir("/outer")
print(sys.argv[1], flush=True)
while True:
    signal.pause()
"""
"""Process 1 inside: it lets go of the outer root (MNT_DETACH), and leaves no zombies."""
LOOPBACK = """\
import fcntl, socket, struct
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sh22x", b"lo", 1))
"""
"""127.0.0.1 works (SIOCSIFFLAGS, IFF_UP: linux/sockios.h, linux/if.h), and nothing else."""
PROCESSES = """\
import os, pathlib
for path in pathlib.Path("/proc").glob("[0-9]*"):
    if int(path.name) not in (1, os.getpid()):
        print((path / "comm").read_text().strip())
"""
RULES = """\
for name in iptables_ libxtables12_ libip4tc2_ libip6tc2_ libmnl0_ libnftnl11_ libnfnetlink0_ \\
    libnetfilter-conntrack3_; do dpkg-deb --extract $name*.deb /tmp/rules; done
libraries=/tmp/rules/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH=$libraries XTABLES_LIBDIR=$libraries/xtables
for variant in legacy nft; do
    for name in iptables-save ip6tables-save; do
        /tmp/rules/usr/sbin/xtables-$variant-multi $name || true
    done
done
rm -r /tmp/rules
"""
"""The downloads outlive the engine."""

Hear = Callable[[float, str], None]
"""Called with seconds since the command's start, and a line of its stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command inside left behind."""

    exit_code: int
    stdout: str
    lines: tuple[tuple[float, str], ...]
    """Of stderr, each with seconds since the start."""
    seconds: float


@dataclass(slots=True, kw_only=True)
class Machine:
    """The machine while it runs; `pid` is its process 1, numbered as outside."""

    root: Path
    pid: int
    environ: Mapping[str, str]
    network: bool = True
    """It has this machine's network; else none."""

    @property
    def inside(self) -> Path:
        """Its "/" with all mounts, as a path that works outside."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def checkout(self) -> Path:
        """Its checkout, as a path that works outside."""
        return self.root / FOLDER.removeprefix("/")

    def run(
        self, script: str, *, limit: float = 60.0, hear: Hear = lambda _, __: None, at: str = FOLDER
    ) -> Ran:
        """Run a shell script in the folder `at`; after `limit` seconds it is ended (-9)."""
        started = time.monotonic()
        argv = [
            *("nsenter", f"--target={self.pid}", "--mount", "--pid", "--root"),
            *(() if self.network else ("--net",)),
            *("env", "-i", *(f"{name}={value}" for name, value in self.environ.items())),
            *("sh", "-euc", f"cd {at}\n{script}"),
        ]
        lines: list[tuple[float, str]] = []
        with (
            tempfile.TemporaryFile("w+") as out,
            subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
        ):
            timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
            timer.start()
            try:
                for line in process.stderr or ():
                    lines.append((time.monotonic() - started, line.rstrip("\n")))
                    hear(*lines[-1])
                code = process.wait()
            except BaseException:  # Ctrl-C: the same for what runs inside
                self._interrupt(process)
                raise
            finally:
                timer.cancel()
            out.seek(0)
            return Ran(
                exit_code=code,
                stdout=out.read(),
                lines=tuple(lines),
                seconds=time.monotonic() - started,
            )

    def processes(self) -> list[str]:
        """Return the names of what runs inside, process 1 and this look excepted."""
        return self.run(f"exec python3 -c '{PROCESSES}'", at="/").stdout.split()

    def mounts(self) -> list[str]:
        """Return the mount points inside."""
        lines = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines)

    def interfaces(self) -> list[str]:
        """Return the network interfaces that it sees."""
        lines = Path(f"/proc/{self.pid}/net/dev").read_text().splitlines()[2:]
        return [line.partition(":")[0].strip() for line in lines]

    def rules(self) -> list[str]:
        """Return all iptables rules, as the engine's own programs list them after its removal."""
        ran = self.run(RULES, at=f"{FOLDER}/.cache/engine/debs")
        if ran.exit_code:
            raise OSError(f"the rules could not be read: {ran.lines}")
        return ran.stdout.splitlines()

    @staticmethod
    def _interrupt(process: "subprocess.Popen[str]") -> None:
        """Send Ctrl-C to what runs inside, and wait; nsenter itself would not wait for it."""
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(ProcessLookupError):
                pid = int(path.name)
                if pid != process.pid and os.getpgid(pid) == process.pid:
                    os.kill(pid, signal.SIGINT)
        try:
            process.wait(timeout=30.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def entered(root: Path, environ: Mapping[str, str], *, network: bool = True) -> Iterator[Machine]:
    """Start the machine whose files are in `root`; at the end all its processes are killed.

    Its variables are `environ`, and those of ours that configure pip, TLS and proxies. Without
    `network` it can reach itself only.
    """
    argv = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"),
        *(() if network else ("--net",)),
        *("sh", "-euc", ENTER, "sh", str(root), DEVICES, INIT, "" if network else LOOPBACK),
    ]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        pid = 0
        try:
            pid = int(process.stdout.readline() or 0) if process.stdout else 0
            if not pid:
                raise OSError(f"{root} could not be entered; the reason is above")
            yield Machine(root=root, pid=pid, environ=machine_environ(environ), network=network)
        finally:
            if pid:
                os.kill(pid, signal.SIGTERM)  # its end waits for the end of all others inside
            else:
                process.kill()


def machine_environ(more: Mapping[str, str]) -> dict[str, str]:
    handed_on = {name: value for name, value in os.environ.items() if HANDED_ON.fullmatch(name)}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": f"/{HOME}", **handed_on, **more}

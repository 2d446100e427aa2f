"""A Debian with python3 and ca-certificates only, in a folder: made, entered, left, deleted.

It has its own mounts and processes; the network and the control groups are this machine's.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from checkout import ROOT

from scripts.build_secrets import CA_BUNDLES, CA_VARIABLES, PROXIES, ca_bundle
from scripts.debian import find_mirror
from scripts.engine_files import unpack
from scripts.os_release import this_system
from scripts.private_apt import PrivateApt
from scripts.process import run

PACKAGES = ("?essential", "apt", "python3", "ca-certificates")
HOME = "root"
FOLDER = f"/{HOME}/memos-dev-workspace"
"""Where the checkout lies inside."""
MERGED = ("bin", "sbin", "lib", "lib64")
"""Links into /usr, which bookworm's packages themselves do not bring."""
SETTINGS = (
    *("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/xdg/pip"),
    *("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/mirrors", "etc/apt/keyrings"),
    *("etc/apt/trusted.gpg", "etc/apt/trusted.gpg.d", "usr/share/keyrings"),
    *("etc/apt/auth.conf", "etc/apt/auth.conf.d"),
)
"""What is configured on this machine, beside apt's proxies and the CA bundle."""
HOME_SETTINGS = (".pip/pip.conf", ".config/pip/pip.conf", ".m2/settings.xml")
HANDED_ON = re.compile(rf"PIP_\w+|SSL_CERT_\w+|{'|'.join((*CA_VARIABLES, *PROXIES))}|ALL_PROXY")
"""Variables that belong to a machine's configuration too."""
DEVICES = "null zero full random urandom tty"
ENTER = """\
read -r pid rest </proc/self/stat  # the number outside: this /proc is still the outer one
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /sys sys
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
exec /usr/bin/python3 -c "$3" "$pid"
"""
INIT = """\
import ctypes, os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
ctypes.CDLL(None).umount2(b"/outer", 2)
os.rmdir("/outer")
print(sys.argv[1], flush=True)
while True:
    signal.pause()
"""
"""Process 1 inside: it lets go of the outer root (MNT_DETACH), and leaves no zombies."""
CONFIGURE = """\
export DEBIAN_FRONTEND=noninteractive
cd /debs
dpkg --force-depends --install base-passwd_*.deb base-files_*.deb
dpkg --force-depends --force-unsafe-io --install ./*.deb
cd /
rm -rf /debs
"""
"""base-passwd and base-files first: the scripts of the others need users and /etc."""
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

    @property
    def inside(self) -> Path:
        """Give its "/" with all mounts, as a path that works outside."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def checkout(self) -> Path:
        """Give its checkout, as a path that works outside."""
        return self.root / FOLDER.removeprefix("/")

    def run(
        self, script: str, *, limit: float = 60.0, hear: Hear = lambda _, __: None, at: str = FOLDER
    ) -> Ran:
        """Run a shell script in the folder `at`; after `limit` seconds it is ended (-9)."""
        started = time.monotonic()
        argv = [
            *("nsenter", f"--target={self.pid}", "--mount", "--pid", "--root"),
            *("env", "-i", *(f"{name}={value}" for name, value in self.environ.items())),
            *("sh", "-euc", f"cd {at}\n{script}"),
        ]
        lines: list[tuple[float, str]] = []
        with (
            tempfile.TemporaryFile("w+") as out,
            subprocess.Popen(  # noqa: S603 - our own command lines
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
        """Give the names of what runs inside, process 1 and this look excepted."""
        return self.run(f"exec python3 -c '{PROCESSES}'", at="/").stdout.split()

    def mounts(self) -> list[str]:
        """Give the mount points inside."""
        lines = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        return sorted(line.split()[4] for line in lines)

    def rules(self) -> list[str]:
        """Give all iptables rules, as the engine's own programs list them after its removal."""
        return self.run(RULES, at=f"{FOLDER}/.cache/engine/debs").stdout.splitlines()

    @staticmethod
    def _interrupt(process: "subprocess.Popen[str]") -> None:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(timeout=30.0)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def entered(root: Path, environ: Mapping[str, str]) -> Iterator[Machine]:
    """Start the machine whose files are in `root`; at the end all its processes are killed.

    Its variables are `environ`, and those of ours that configure pip, TLS and proxies.
    """
    argv = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"),
        *("sh", "-euc", ENTER, "sh", str(root), DEVICES, INIT),
    ]
    with subprocess.Popen(  # noqa: S603 - our own command line
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            pid = int(process.stdout.readline() or 0) if process.stdout else 0
            if not pid:
                raise OSError(f"{root} could not be entered; the reason is above")
            try:
                yield Machine(root=root, pid=pid, environ=_environ(environ))
            finally:
                os.kill(pid, signal.SIGKILL)  # its end waits for the end of all others inside
        finally:
            process.wait(timeout=60.0)


def make(folder: Path, release: str, say: Callable[[str], None]) -> Path:
    """Make the root file system of `release` in `folder`, not configured; give its path."""
    system = this_system()
    mirror = find_mirror(system, system.family)
    apt = PrivateApt(folder / "apt", sources=mirror.line(release), runner=run, say=say)
    debs = apt.fetch("install", "--download-only", *PACKAGES)
    root = folder / "root"
    unpack(root, apt.debs, debs, runner=run, say=say)
    for name in MERGED:
        if (root / name).is_dir() and not (root / name).is_symlink():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
            (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "run", "tmp", HOME):
        (root / name).mkdir(exist_ok=True)
    apt.debs.rename(root / "debs")
    shutil.rmtree(apt.folder)
    return root


def furnish(root: Path, release: str) -> None:
    """Copy this machine's configuration and a clean checkout into `root`, and nothing else."""
    for name in SETTINGS:
        _copy(Path("/", name), root / name)
    for name in HOME_SETTINGS:
        _copy(Path.home() / name, root / HOME / name)
    for path in (root / "etc/apt").glob("sources.list*/**/*"):
        _rename_release(path, release)
    _rename_release(root / "etc/apt/sources.list", release)
    settings = run(["apt-config", "dump"], timeout=30).stdout.splitlines()
    lines = [f"{line}\n" for line in settings if line.startswith("Acquire::")]
    (root / "etc/apt/apt.conf.d/99machine").write_text("".join(lines))
    for name in {CA_BUNDLES[0], *filter(None, map(os.environ.get, CA_VARIABLES))}:
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ca_bundle(os.environ))
    files = run(["git", "-C", str(ROOT), "ls-files", "-coz", "--exclude-standard"]).stdout
    for name in filter(None, files.split("\0")):
        _copy(ROOT / name, root / FOLDER.removeprefix("/") / name)


def _environ(more: Mapping[str, str]) -> dict[str, str]:
    handed_on = {name: value for name, value in os.environ.items() if HANDED_ON.fullmatch(name)}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {"PATH": path, "HOME": f"/{HOME}", **handed_on, **more}


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder's files; what is not there is not configured."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _rename_release(file: Path, release: str) -> None:
    if file.is_file():
        text = re.sub(rf"\b{this_system().codename}\b", release, file.read_text())
        file.write_text(text)

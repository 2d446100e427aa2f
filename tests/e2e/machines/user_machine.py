"""A normal user who was not there before, on this machine as it is.

With mounts and processes of their own: what their account changes in /etc and /run is seen by
nobody else, and all of it is gone with the first process, however that ends.
"""

import os
import shlex
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.machines.bare_machine import Hear, Machine, Ran, machine_environ

NAME, UID, DOCKER = "memos-user", 54321, 54322
"""The account, and the group that may use root's engine."""
OTHERS = "5400000:65536"
"""The ids that the user may give to processes of theirs, as subuid(5) writes them."""
ACCOUNTS = {
    "passwd": f"{NAME}:x:{UID}:{UID}::{{home}}:/bin/bash\n",
    "group": f"{NAME}:x:{UID}:\ndocker:x:{DOCKER}:{NAME}\n",
    "subuid": f"{NAME}:{OTHERS}\n",
    "subgid": f"{NAME}:{OTHERS}\n",
}
"""What is added to the files of /etc."""
ENTER = """\
read -r pid rest </proc/self/stat  # the number outside: this /proc is still the outer one
cd "$1"
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc
mount --bind "$3" packages
if [ -e /dev/net/tun ]; then  # for everybody, as udev has it
    mknod -m 666 tun c 10 200
    mount --bind tun /dev/net/tun
fi
mount -t tmpfs -o mode=755 run run
mkdir run/lock run/user
mkdir -m 700 "run/user/$2"
chown "$2:$2" "run/user/$2"
if [ "$4" ]; then
    touch run/docker.sock
    mount --bind "$4" run/docker.sock
fi
mount -n --move run /run
mount -n -t proc proc /proc
exec /usr/bin/python3 -c "$5" "$pid"
"""
INIT = """\
import signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
print(sys.argv[1], flush=True)
while True:
    signal.pause()
"""
"""Process 1: it leaves no zombies, and when it ends all others do."""


SYSTEM = "/usr/bin/python3"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """The user while the machine runs."""

    machine: Machine
    folder: Path
    environ: Mapping[str, str]
    """As after a login."""

    @property
    def home(self) -> Path:
        """Their own folder."""
        return self.folder / "home"

    @property
    def python(self) -> str:
        """A Python with the packages of ours, at a place that everybody can reach."""
        return str(self.folder / "python" / "bin" / "python")

    @property
    def runtime(self) -> str:
        """The folder of their sockets."""
        return self.environ["XDG_RUNTIME_DIR"]

    def outside(self, path: str) -> Path:
        """Return a path of the user's as one that works outside."""
        return self.machine.inside / path.removeprefix("/")

    def run(
        self, *argv: str, hear: Hear = lambda _, __: None, limit: float = 60.0, **environ: str
    ) -> Ran:
        """Have the user run a command in their home; see `Machine.run`."""
        variables = {**self.environ, **environ}
        words = ["setpriv", f"--reuid={UID}", f"--regid={UID}", f"--groups={UID},{DOCKER}", "env"]
        words += [f"{name}={value}" for name, value in variables.items()]
        script = f"umask 022; exec {shlex.join([*words, *argv])}"
        return self.machine.run(script, limit=limit, hear=hear, at=str(self.home))

    def give(self, path: Path) -> None:
        """Let what lies at a path be the user's."""
        for one in (path, *path.rglob("*")):
            os.chown(one, UID, UID, follow_symlinks=False)


def environment(folder: Path) -> None:
    """Make an environment of the system's Python, which sees the packages of ours.

    Ours may lie where its owner alone may read. Raises OSError where the two are of another age.
    """
    minor = f"{sys.version_info.major}.{sys.version_info.minor}"
    check = f"import sys; sys.exit(not sys.version.startswith({minor!r}))"
    if subprocess.run([SYSTEM, "-c", check], check=False).returncode:
        raise OSError(f"{SYSTEM} is not Python {minor}, as ours is")
    made = [SYSTEM, "-m", "venv", "--without-pip", str(folder / "python")]
    subprocess.run(made, check=True)
    (site,) = (folder / "python").glob("lib/*/site-packages")
    (site / "ours.pth").write_text(f"{folder}/packages\n")


@contextmanager
def entered(folder: Path, *, socket: Path | None = None) -> Iterator[User]:
    """Make the user, at home below `folder`; with `socket` that is this machine's engine.

    At the end all processes of the user are killed.
    """
    for name in ("home", "etc", "work", "run", "packages"):
        (folder / name).mkdir(parents=True)
    environment(folder)
    for name, lines in ACCOUNTS.items():
        there = Path("/etc", name)
        text = there.read_text() if there.exists() else ""
        (folder / "etc" / name).write_text(text + lines.format(home=folder / "home"))
    # it may be a link into /run
    (folder / "etc" / "resolv.conf").write_bytes(Path("/etc/resolv.conf").read_bytes())
    if socket:
        os.chown(socket, 0, DOCKER)
    argv = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private"),
        *("sh", "-euc", ENTER, "sh", str(folder), str(UID), sysconfig.get_path("purelib")),
        *(str(socket or ""), INIT),
    ]
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        pid = int(process.stdout.readline() or 0) if process.stdout else 0
        try:
            if not pid:
                raise OSError("the user could not be made; the reason is above")
            machine = Machine(root=Path("/"), pid=pid, environ=machine_environ({}))
            environ = {
                "HOME": str(folder / "home"),
                "USER": NAME,
                "LOGNAME": NAME,
                "XDG_RUNTIME_DIR": f"/run/user/{UID}",
            }
            user = User(machine=machine, folder=folder, environ=environ)
            user.give(user.home)
            yield user
        finally:
            if pid:
                os.kill(pid, signal.SIGTERM)  # its end waits for the end of all others
            else:
                process.kill()

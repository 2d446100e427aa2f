"""What is asked of the machine of a remote engine over ssh: its engine's socket, itself, its ports.

Scripts go to `sh` by its stdin, so that it is no matter which shell the user has there.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from scripts.core.errors import EngineError
from scripts.core.inventory import Host
from scripts.core.process import Completed
from scripts.engine.remote.address import Address
from scripts.machine import resources

MARK = "memos-dev:"
"""Before what is ours: the shell's own files there may print anything."""
SOCKET = f"""\
d=no; command -v docker >/dev/null 2>&1 && d=yes
c=
if [ $d = yes ] && [ -z "$1" ]; then
    c=$(docker context inspect --format '{{{{.Endpoints.docker.Host}}}}' 2>/dev/null)
    case $c in unix://*) c=${{c#unix://}} ;; *) c= ;; esac
fi
s=; w=no
for one in "$1" "$c" /var/run/docker.sock "/run/user/$(id -u)/docker.sock"; do
    [ -n "$one" ] || continue
    [ -n "$s" ] || s=$one
    if [ -S "$one" ]; then s=$one w=there; [ -w "$one" ] && w=yes; break; fi
    [ -z "$1" ] || break
done
echo "{MARK} $d $w $(id -un) $s"
"""
"""$1 is the socket that the user named. Prints whether docker is there, whether the socket is there
and may be used, who we are there, and the socket."""
HARDWARE = """\
df -Pk "$1" 2>/dev/null || df -Pk /
cat /proc/meminfo /proc/cpuinfo
"""
KERNEL = """\
{ zcat /proc/config.gz || cat "/boot/config-$(uname -r)"; } 2>/dev/null |
    grep -E '^CONFIG_I(P|NET)_'
"""
"""What the kernel was built with, as far as `DEPLOY=swarm` asks for it."""
PORTS = "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null\n"
LEAST_WORDS = 5
"""Up to and with "Available" in a line of `df -P`."""
_LISTENS = re.compile(
    r"^ *\d+: (?:0{8}|0100007F|0{32}|0{24}01000000):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A ",
    re.MULTILINE,
)
"""A listener on every address or on loopback: what publishes on loopback too is in its way."""

Ask = Callable[[list[str], str], Completed]
"""Runs words there, with a text as stdin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """What preflight must know of the machine of a remote engine."""

    host: Host
    listening: frozenset[int] = field(default_factory=frozenset)
    """TCP ports that somebody listens on."""
    kernel: str = ""
    """Lines of what its kernel was built with; empty where it does not tell."""


def socket(address: Address, ask: Ask) -> str:
    """Return where the engine's socket is there; EngineError where it is not to be used."""
    done = ask(["sh", "-s", "--", address.socket], SOCKET)
    words = _ours(done.stdout)
    if words is None:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise EngineError(
            f"no command can be run at {address.host}: {said[-1] if said else 'no answer'}",
            next_step=f"ssh {' '.join(address.words)} must give a shell; then the same again",
            code="remote-no-shell",
        )
    docker, usable, user, path = words
    if usable == "yes":
        return path
    if usable == "there":
        raise EngineError(
            f"{user} may not use the engine at {address.host}: {path} is for others",
            next_step=f"there: sudo usermod --append --groups docker {user}; then the same again",
            code="remote-no-rights",
        )
    if docker == "yes":
        raise EngineError(
            f"no engine runs at {address.host}: there is no socket {path}",
            next_step=f"there: sudo systemctl start docker; or name its socket:"
            f" REMOTE={str(address).removesuffix(address.socket)}/path/to/docker.sock",
            code="remote-no-engine",
        )
    raise EngineError(
        f"{address.host} has no docker: neither the program nor a socket {path}",
        next_step="there: install Docker Engine 25.0 or newer (docs.docker.com/engine/install),"
        " then the same again",
        code="remote-no-docker",
    )


def machine(folder: str, ask: Ask) -> There | None:
    """Return the facts of the machine; None when it has no /proc. `folder` is its engine's."""
    text = ask(["sh", "-s", "--", folder], HARDWARE + PORTS + KERNEL).stdout
    host = hardware(text, folder)
    ports = frozenset(int(found, 16) for found in _LISTENS.findall(text))
    built = "\n".join(line for line in text.splitlines() if line.startswith("CONFIG_"))
    return There(host=host, listening=ports, kernel=built) if host is not None else None


def hardware(text: str, folder: str) -> Host | None:
    """Read what HARDWARE printed; None when that is something else."""
    lines = text.splitlines()
    words = lines[1].split() if len(lines) > 1 else []
    if len(words) < LEAST_WORDS or not words[3].isdigit():
        return None
    return Host(
        memory=resources.memory(text),
        cpus=sum(line.startswith("processor") for line in lines),
        cpu_flags=resources.cpu_flags(text),
        disk=folder,
        disk_free=int(words[3]) * 1024,
    )


def _ours(printed: str) -> tuple[str, str, str, str] | None:
    for line in printed.splitlines():
        words = line.removeprefix(MARK).split(maxsplit=3)
        if line.startswith(MARK) and len(words) == len(("docker", "usable", "user", "path")):
            return words[0], words[1], words[2], words[3]
    return None

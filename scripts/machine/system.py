"""Which operating system this is, whether it can have a private engine, and how it gets another."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

BY_HAND = (
    "install Docker Engine 25.0+ with Compose 2.24.4+: https://docs.docker.com/engine/install/"
)
START = "sudo systemctl enable --now docker"
HINTS: Mapping[str, str] = {
    "debian": f"{BY_HAND}debian/, or run this as root: then it brings an engine of its own",
    "ubuntu": f"sudo apt-get install docker.io docker-compose-v2 docker-buildx && {START}",
    "fedora": f"sudo dnf install moby-engine docker-compose && {START}",
    "arch": f"sudo pacman -S docker docker-compose docker-buildx && {START}",
    "suse": f"sudo zypper install docker docker-compose docker-buildx && {START}",
    "alpine": "doas apk add docker docker-cli-compose && doas service docker start",
    "darwin": "brew install --cask docker, then start Docker Desktop",
    "windows": "run this inside WSL 2 (wsl --install -d Debian)",
}
"""By `ID` or `ID_LIKE` of /etc/os-release, or by the name of the kernel."""
PRIVATE_MACHINES = frozenset({"x86_64", "amd64"})
OLDEST_DEBIAN = 12
"""dockerd of Debian 13 needs glibc 2.34; Debian 11 has 2.31."""


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What matters of the machine that we run on."""

    kernel: str
    """The kernel in lower case: linux, darwin, windows."""
    machine: str
    uid: int
    release: Mapping[str, str] = field(default_factory=dict)
    """The fields of /etc/os-release; empty where there is none."""

    @property
    def families(self) -> tuple[str, ...]:
        """The distribution and what it is like, nearest first; then the kernel."""
        words = f"{self.release.get('ID', '')} {self.release.get('ID_LIKE', '')} {self.kernel}"
        return tuple(words.split())

    @property
    def family(self) -> str:
        """ "ubuntu" or "debian" for these and for what is derived from them, else ""."""
        return next((name for name in self.families if name in {"ubuntu", "debian"}), "")

    @property
    def name(self) -> str:
        """The name for people."""
        return self.release.get("PRETTY_NAME", self.kernel)

    @property
    def codename(self) -> str:
        """The codename of the release, as apt sources use it; "" where there is none."""
        key = "UBUNTU_CODENAME" if self.family == "ubuntu" else "VERSION_CODENAME"
        return self.release.get(key) or self.release.get("VERSION_CODENAME", "")

    @property
    def major(self) -> int | None:
        """The release's number; None for a rolling one."""
        number = self.release.get("VERSION_ID", "").split(".")[0]
        return int(number) if number.isdigit() else None


def this_system() -> System:
    """Look at the machine we run on."""
    import platform

    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return System(
        kernel=platform.system().lower(),
        machine=platform.machine().lower(),
        uid=os.geteuid(),
        release=release,
    )


def obstacle(system: System) -> str:
    """Say why `system` cannot have a private engine; "" when it can."""
    if system.kernel != "linux" or not system.family:
        return f"a private engine needs Debian or Ubuntu, this is {system.name}"
    if system.machine not in PRIVATE_MACHINES:
        return f"a private engine needs x86-64, this is {system.machine}"
    if system.release.get("ID") == "debian" and (system.major or OLDEST_DEBIAN) < OLDEST_DEBIAN:
        return f"a private engine needs Debian {OLDEST_DEBIAN} or later, this is {system.name}"
    if system.uid != 0:
        return f"a private engine needs root, this is user id {system.uid}"
    return ""


def install_hint(system: System) -> str:
    """Return the line that gets an engine on `system`."""
    return next((HINTS[name] for name in system.families if name in HINTS), BY_HAND)


def packages_possible() -> bool:
    """Say whether images can be built from packages here: that takes apt, and not root."""
    return not obstacle(replace(this_system(), uid=0))

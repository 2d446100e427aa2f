"""Where a checkout's private engine lies, and the environment in which it is used."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RUN = Path("/run/memos-dev")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths and names of one checkout's private engine."""

    root: Path
    """The checkout."""
    run: Path
    """Short, because a socket's path has at most 107 bytes."""
    bridge: str
    """At most 15 bytes, as for every interface."""
    cgroup: str

    @property
    def home(self) -> Path:
        """The folder of all that is the engine's."""
        return self.root / ".engine"

    @property
    def cache(self) -> Path:
        """The folder of downloads, which outlive the engine."""
        return self.root / ".cache" / "engine"

    @property
    def debs(self) -> Path:
        """The folder with the package files among them."""
        return self.cache / "debs"

    @property
    def tree(self) -> Path:
        """The folder with the unpacked packages."""
        return self.home / "root"

    @property
    def data(self) -> Path:
        """The folder with images, containers and volumes."""
        return self.home / "data"

    @property
    def exec_root(self) -> Path:
        """The folder of the engine's running state."""
        return self.run / "exec"

    @property
    def pidfile(self) -> Path:
        """The file with dockerd's process id."""
        return self.run / "docker.pid"

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.run / "docker.sock"

    @property
    def endpoint(self) -> str:
        """The engine's address."""
        return f"unix://{self.socket}"

    @property
    def log(self) -> Path:
        """Dockerd's log."""
        return self.home / "dockerd.log"

    @property
    def docker(self) -> Path:
        """The docker program."""
        return self.home / "bin" / "docker"


def places(root: Path, *, run: Path = RUN) -> Places:
    """Return the places for the checkout at `root`; two checkouts never share one.

    In a chroot the same path is another checkout, hence the identity of "/".
    """
    top = Path("/").stat()
    identity = f"{root.resolve()} {top.st_dev} {top.st_ino}"
    mark = hashlib.sha256(os.fsencode(identity)).hexdigest()[:8]
    return Places(
        root=root.resolve(), run=run / mark, bridge=f"mdv{mark}", cgroup=f"/memos-dev-{mark}"
    )


def client_env(at: Places, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what docker and compose need to find the engine, its plugins and its programs."""
    programs = str(at.docker.parent)
    path = [part for part in environ.get("PATH", "").split(":") if part != programs]
    return {
        "DOCKER_HOST": at.endpoint,
        "DOCKER_CONFIG": str(at.home / "docker"),
        "PATH": ":".join([programs, *path]),
    }


def daemon_env(at: Places, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what dockerd needs to find containerd, runc, docker-proxy and iptables."""
    ours = [at.home / "sbin", at.tree / "usr/bin", at.tree / "usr/sbin"]
    return {"PATH": ":".join([*map(str, ours), environ.get("PATH", "")])}

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
    home: Path
    """The folder of all that is the engine's."""
    tree: Path
    """The unpacked packages."""
    docker: Path
    """The docker program."""
    data: Path
    """Images, containers and volumes."""
    log: Path
    """What dockerd writes."""
    cache: Path
    """Downloads, which outlive the engine."""
    debs: Path
    """The package files among them."""
    run: Path
    """Short, because a socket's path has at most 107 bytes."""
    exec_root: Path
    """The engine's running state."""
    pidfile: Path
    socket: Path
    endpoint: str
    bridge: str
    """At most 15 bytes, as for every interface."""
    cgroup: str


def places(root: Path, *, run: Path = RUN) -> Places:
    """Return the places for the checkout at `root`; two checkouts never share one.

    In a chroot the same path is another checkout, hence the identity of "/".
    """
    top = Path("/").stat()
    identity = f"{root.resolve()} {top.st_dev} {top.st_ino}"
    mark = hashlib.sha256(os.fsencode(identity)).hexdigest()[:8]
    root, run = root.resolve(), run / mark
    home, cache, socket = root / ".engine", root / ".cache" / "engine", run / "docker.sock"
    return Places(
        root=root,
        home=home,
        tree=home / "root",
        docker=home / "bin" / "docker",
        data=home / "data",
        log=home / "dockerd.log",
        cache=cache,
        debs=cache / "debs",
        run=run,
        exec_root=run / "exec",
        pidfile=run / "docker.pid",
        socket=socket,
        endpoint=f"unix://{socket}",
        bridge=f"mdv{mark}",
        cgroup=f"/memos-dev-{mark}",
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

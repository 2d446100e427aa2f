"""Where a checkout's private engine lies, and the environment in which it is used."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.core import files

RUN = Path("/run/memos-dev")
HOME = ".engine"
"""Below the checkout."""
MARK = "mark.json"
"""In there: the engine's mark, and the checkout that it was last started for."""
_MARK = re.compile("[0-9a-f]{8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The paths and names of one checkout's private engine."""

    root: Path
    """The checkout."""
    before: Path | None
    """Where it was when its engine was last started, if that was elsewhere."""
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
    chain: str
    """Of iptables."""
    cgroup: str


def places(root: Path, *, run: Path = RUN) -> Places:
    """Return the places for the checkout at `root`; two checkouts never share one.

    The mark in their names is the engine's: it stays when the checkout is moved. Before there is an
    engine it is made of the path and of "/", which in a chroot is another one.
    """
    root = root.resolve()
    mark, before = _kept_mark(root)
    mark = mark or _made_mark(root)
    run = run / mark
    home, cache, socket = root / HOME, root / ".cache" / "engine", run / "docker.sock"
    return Places(
        root=root,
        before=before,
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
        chain=f"MEMOS-DEV-{mark}",
        cgroup=f"/memos-dev-{mark}",
    )


def docker_settings(environ: Mapping[str, str]) -> Path:
    """Return the folder of the settings and plugins that the user's docker has."""
    named = environ.get("DOCKER_CONFIG")
    return Path(named) if named else files.expanded(environ.get("HOME", "~")) / ".docker"


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


def keep_mark(root: Path) -> None:
    """Write down, before an engine is started, that its mark is this checkout's wherever it goes.

    An engine of before this was written down is found by the path that the checkout has.
    """
    root = root.resolve()
    old = _made_mark(root) if (root / HOME / "data").exists() else ""
    mark = _kept_mark(root)[0] or old or os.urandom(4).hex()
    files.write_json(root / HOME / MARK, {"mark": mark, "root": str(root), "top": _top()})


def _kept_mark(root: Path) -> tuple[str, Path | None]:
    """Return the mark of the checkout's engine, and where the checkout was if it was moved.

    It is empty for none yet, and for a copy of another checkout: that one has it too.
    """
    kept = files.read_own(root / HOME / MARK)
    mark, before = str(kept.get("mark")), Path(str(kept.get("root")))
    if not _MARK.fullmatch(mark) or kept.get("top") != _top():
        return "", None
    if before == root:
        return mark, None
    copied = files.read_object(before / HOME / MARK).get("mark") == mark
    return ("", None) if copied else (mark, before)


def _made_mark(root: Path) -> str:
    return hashlib.sha256(os.fsencode(f"{root} {_top()}")).hexdigest()[:8]


def _top() -> str:
    top = Path("/").stat()
    return f"{top.st_dev} {top.st_ino}"

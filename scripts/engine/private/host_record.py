"""How the host was before the first private engine started, kept until the last one is removed."""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.core import files

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
BOOT = Path("/proc/sys/kernel/random/boot_id")
UNIX_SOCKETS = Path("/proc/net/unix")
SHIM_SOCKETS = Path("/run/containerd/s")
SHARED = (
    *(SHIM_SOCKETS, SHIM_SOCKETS.parent, Path("/run/docker/plugins"), Path("/run/docker")),
    *(Path("/run/runc"), Path("/run/xtables.lock")),
)
"""What every engine makes outside of its own folders, the inner first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """How the host was."""

    forward: str
    """/proc/sys/net/ipv4/ip_forward"""
    saved: Mapping[str, str]
    """What `iptables-save` and `ip6tables-save` printed."""
    paths: list[str]
    """Those of SHARED that were there."""
    boot: str
    """The boot it was in: rules and /run do not outlive it."""


def read(file: Path) -> Before | None:
    """Return what `file` keeps; None when there is nothing of this boot."""
    try:
        before = Before(**files.read_json(file))
    except TypeError:  # never written, or by hand
        return None
    return before if before.boot == BOOT.read_text().strip() else None


def shared_paths() -> list[str]:
    """Return those of SHARED that exist."""
    return [str(path) for path in SHARED if path.exists()]


def keep(file: Path, saved: Mapping[str, str], paths: list[str]) -> None:
    """Write down how the host is, unless an engine before us has done so."""
    if read(file) is None:
        before = Before(
            forward=FORWARD.read_text().strip(),
            saved=saved,
            paths=paths,
            boot=BOOT.read_text().strip(),
        )
        files.write_json(file, asdict(before))


def put_back(before: Before, *, alone: bool) -> None:
    """Remove what of SHARED was not there and is not in use; when alone, forwarding comes back."""
    if alone and FORWARD.read_text().strip() != before.forward:
        FORWARD.write_text(before.forward)
    for path in SHARED:
        if str(path) in before.paths:
            continue
        with contextlib.suppress(OSError):  # not empty: somebody else uses it
            if path.is_dir():
                _clear(path)
                path.rmdir()
            elif alone:
                path.unlink()


def _clear(folder: Path) -> None:
    """Remove the sockets that killed shims have left in `folder`: nobody listens there."""
    open_sockets = UNIX_SOCKETS.read_text()
    for path in folder.iterdir():
        if path.is_socket() and str(path) not in open_sockets:
            path.unlink()

"""What starting and removing a private engine does to the host's network, and takes back.

How the host was before the first private engine is kept until the last one is removed.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.core import files
from scripts.core.errors import EngineError
from scripts.core.process import Runner
from scripts.core.progress import Say
from scripts.engine.places import Places
from scripts.engine.private import iptables
from scripts.engine.private.processes import other_engines
from scripts.engine.private.programs import choose_xtables

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
BOOT = Path("/proc/sys/kernel/random/boot_id")
UNIX_SOCKETS = Path("/proc/net/unix")
SHIM_SOCKETS = Path("/run/containerd/s")
SHARED = (
    *(SHIM_SOCKETS, SHIM_SOCKETS.parent, Path("/run/docker/plugins"), Path("/run/docker")),
    *(Path("/run/runc"), Path("/run/xtables.lock")),
)
"""What every engine makes outside of its own folders, the inner first."""
RECORD = "host.json"
SECONDS = 30.0
"""For one call of iptables, which waits for a lock."""


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


def prepare(at: Places, runner: Runner) -> dict[str, str]:
    """Make the bridge and choose iptables; give the rules as they are."""
    at.run.mkdir(parents=True, exist_ok=True)
    paths = [str(path) for path in SHARED if path.exists()]  # first: iptables makes one of them
    _choose_variant(at, runner)
    before = {family: _saved(at, runner, family) for family in iptables.FAMILIES}
    keep(at.run.parent / RECORD, before, paths)
    iptables.add_bridge(at.bridge)
    return before


def _choose_variant(at: Places, runner: Runner) -> None:
    """Take the iptables variant that another engine uses; else legacy, else nft.

    Of two variants in use a packet must pass both, so an engine with the other one would be cut
    off by the first one's FORWARD policy.
    """
    choose_xtables(at, "nft")
    modern = runner([_program(at, "iptables-save")], timeout=SECONDS)
    if modern.exit_code == 0 and f":{iptables.SHARED}" in modern.stdout:
        return
    choose_xtables(at, "legacy")
    legacy = runner([_program(at, "iptables"), "--wait", "--list-rules"], timeout=SECONDS)
    if legacy.exit_code == 0:
        return
    if modern.exit_code:
        raise EngineError(
            f"iptables does not work here: {legacy.stderr.strip()}",
            next_step="load the kernel's module: modprobe ip_tables (or nf_tables)",
        )
    choose_xtables(at, "nft")


def restore(at: Places, runner: Runner) -> None:
    """Remove the engine's bridges and rules; without another engine, all that engines change.

    Raises EngineError when iptables keeps the rules: then the bridges stay too, for another try.
    """
    ours = _bridges(at)
    record = at.run.parent / RECORD
    before = kept(record)
    alone = not other_engines(at)
    for family in iptables.FAMILIES:
        was = before.saved.get(family, "") if before and alone else None
        _apply(at, runner, family, iptables.removal(_saved(at, runner, family), ours, was))
    for name in sorted(ours.bridges):
        iptables.delete_bridge(name)
    if before:
        put_back(before, alone=alone)
    if not [path for path in at.run.parent.glob("*/") if path != at.run]:
        record.unlink(missing_ok=True)


def repair_others(at: Places, runner: Runner, before: Mapping[str, str]) -> None:
    """Bring back the rules of other engines that ours has thrown out while it started.

    `before` is what `prepare` gave. Raises EngineError when iptables does not take them.
    """
    interfaces = [path.name for path in iptables.INTERFACES.iterdir()]
    for family in iptables.FAMILIES:
        after = _saved(at, runner, family)
        _apply(at, runner, family, iptables.lost(before[family], after, _bridges(at), interfaces))


def guard(at: Places, runner: Runner, say: Say) -> None:
    """Keep other hosts from the bridges that there are; said where this machine cannot do that."""
    try:
        for family in iptables.FAMILIES:
            saved = _saved(at, runner, family)
            _apply(at, runner, family, iptables.fence(saved, _bridges(at), family))
    except EngineError as error:
        say(f"engine: other hosts of this network may reach the containers: {error}")


def _bridges(at: Places) -> iptables.Ours:
    store = at.data / "network/files/local-kv.db"
    return iptables.our_bridges(at.bridge, store, at.chain)


def _program(at: Places, name: str) -> str:
    return str(at.home / "sbin" / name)


def _saved(at: Places, runner: Runner, family: str) -> str:
    program = _program(at, f"{family}-save")
    return runner([program], timeout=SECONDS).stdout if Path(program).exists() else ""


def _apply(at: Places, runner: Runner, family: str, text: str) -> None:
    if text:
        program = _program(at, f"{family}-restore")
        done = runner([program, "--noflush", "--wait"], stdin=text, timeout=SECONDS)
        if done.exit_code:
            reason = done.stderr.strip() or f"exit code {done.exit_code}"
            raise EngineError(
                f"{family} refused a change, its rules are as they were: {reason}",
                next_step=f"{program.removesuffix('-restore')}-save shows them; then the same "
                "command again",
            )


def kept(file: Path) -> Before | None:
    """Return what `file` keeps; None when there is nothing of this boot."""
    try:
        before = Before(**files.read_json(file))
    except TypeError:  # never written, or by hand
        return None
    return before if before.boot == BOOT.read_text().strip() else None


def keep(file: Path, saved: Mapping[str, str], paths: list[str]) -> None:
    """Write down how the host is, unless an engine before us has done so."""
    if kept(file) is None:
        forward, boot = FORWARD.read_text().strip(), BOOT.read_text().strip()
        before = Before(forward=forward, saved=saved, paths=paths, boot=boot)
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

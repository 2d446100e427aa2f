"""The README's first command, on a Debian that has python3 and ca-certificates and nothing else.

For the nox session `fresh`, as root on Debian or its kin, x86-64. Exit code 0 when every check
passed, 1 when one failed, 2 when it could not begin, 130 on Ctrl-C.
"""

import argparse
import json
import re
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from scripts.engine.private.iptables import Ours, our_bridges
from scripts.machine.system import obstacle, this_system
from tests.e2e.kit.checkout import PORT
from tests.e2e.machines import bare_files
from tests.e2e.machines.bare_machine import Machine, entered
from tests.e2e.machines.trial import PARTS, Marks, Trial, ignore_signals, parts
from tests.kit.places import ROOT

ABSENT = ("docker", "dockerd", "ip", "ps", "iptables", "modprobe", "mount", "git", "curl", "uv")
"""Programs that must not be there, or the trial would show too little."""
DISK = "/var/tmp"


def try_out(
    trial: Trial,
    machine: Machine,
    start: str = "./dev inv up",
    marks: Marks = PARTS,
    more: Mapping[str, Callable[[Machine], None]] = MappingProxyType({}),
) -> None:
    """Use the stack as the README says, from the first start to its removal.

    `more` is checked while it runs.
    """
    run_before, mounts_before = _files(machine.inside / "run"), machine.mounts()
    networks: list[Ours] = []
    with trial.check(start):
        up = trial.command(machine, f"exec {start}")
        trial.rows += [(name, seconds, "") for name, seconds in parts(up, marks)]
        networks.append(_network(machine))
    if not (machine.checkout / ".engine").exists():
        return
    if not trial.failed:
        with trial.check("./dev inv ps: every service is ready"):
            _all_ready(trial, machine)
        if machine.network:
            with trial.check(f"outside: MemOS answers on port {trial.ports['MEMOS_PORT']}"):
                _answers(trial.ports["MEMOS_PORT"])
        for name, check in more.items():
            with trial.check(name):
                check(machine)
        with trial.check("./dev inv smoke"):
            for line in trial.command(machine, "exec ./dev inv smoke").stdout.splitlines():
                trial.hear(0.0, line)
        with trial.check("./dev inv down"):
            trial.command(machine, "exec ./dev inv down")
        with trial.check("./dev inv up, the second time"):
            trial.command(machine, "exec ./dev inv up")
            networks.append(_network(machine))
        with trial.check("./dev inv ps: every service is ready again"):
            _all_ready(trial, machine)
    mark = _mark(machine)
    with trial.check("./dev inv engine.remove --yes"):
        trial.command(machine, "exec ./dev inv engine.remove --yes")
    with trial.check("nothing is left: processes"):
        _same(machine.processes(), [])
    with trial.check("nothing is left: mounts"):
        _same(machine.mounts(), mounts_before)
    with trial.check("nothing is left: files in /run"):
        _same(_files(machine.inside / "run"), run_before)
    with trial.check("nothing is left: files of the engine"):
        _same([str(path) for path in machine.checkout.glob(".engine")], [])
    with trial.check("nothing is left: network interfaces"):
        bridges = {f"mdv{mark}", *(name for ours in networks for name in ours.bridges)}
        names = set(machine.interfaces())
        _same(sorted(names & bridges if machine.network else names - {"lo"}), [])
    with trial.check("nothing is left: iptables rules"):
        rules = [rule for rule in machine.rules() if rule.startswith("-A")]
        alone = not machine.network  # then every rule is the engine's
        _same([rule for rule in rules if alone or any(ours.has(rule) for ours in networks)], [])
    with trial.check("nothing is left: control groups"):
        _same([str(path) for path in _groups(f"memos-dev-{mark}")], [])


def _all_ready(trial: Trial, machine: Machine) -> None:
    ran = trial.command(machine, "exec ./dev inv ps --format json")
    services = json.loads(ran.stdout)["services"]
    trial.say(f"   ready: {' '.join(row['service'] for row in services if row['ready'])}")
    sick = [f"{row['service']}: {row['state']}, {row['answer']}" for row in services]
    sick = [line for line, row in zip(sick, services, strict=True) if not row["ready"]]
    assert services, "ps shows no service"
    assert not sick, "; ".join(sick)


def _answers(port: int) -> None:
    address = f"http://127.0.0.1:{port}/docs"
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.status == 200
        assert "MemOS" in answer.read().decode()


def _same(found: list[str], wanted: list[str]) -> None:
    assert found == wanted, f"left: {sorted(set(found) - set(wanted))}"


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def _network(machine: Machine) -> Ours:
    """Return the bridges of the engine inside, and the networks behind them; none when cut off."""
    if not machine.network:
        return Ours(bridges=frozenset(), networks=frozenset())
    store = machine.checkout / ".engine/data/network/files/local-kv.db"
    found = our_bridges(f"mdv{_mark(machine)}", store)
    assert found.networks, "the engine's networks are not known"
    return found


def _mark(machine: Machine) -> str:
    """Return the name that the engine inside has for what it makes."""
    folders = (machine.inside / "run/memos-dev").glob("*/")
    return next((path.name for path in folders), "")


def _groups(name: str) -> list[Path]:
    top = Path("/sys/fs/cgroup")
    return [path for pattern in (name, f"*/{name}") for path in top.glob(pattern)]


def nothing_more(machine: Machine) -> None:
    """The machine has Python, and of all the rest nothing."""
    programs = f"for name in {' '.join(ABSENT)}; do ! command -v $name || exit 1; done"
    modules = (
        "import importlib.util; print(*filter(importlib.util.find_spec, ('ensurepip', 'pip')))"
    )
    ran = machine.run(f'{programs}\npython3 -c "{modules}"')
    assert (ran.exit_code, ran.stdout.strip()) == (0, ""), f"it has {ran.stdout}"


def everything(
    trial: Trial, folder: Path, flags: argparse.Namespace, environ: Mapping[str, str]
) -> None:
    """Make the machine in `folder`, try it out, and leave nothing of it running."""
    release = flags.release
    with trial.check(f"a machine: {release} with python3 and ca-certificates"):
        bare_files.make(folder, release, lambda line: trial.hear(0.0, line))
    if trial.failed:
        return
    with entered(folder / "root", environ) as machine:
        with trial.check("its packages, this machine's configuration, a checkout"):
            bare_files.furnish(machine, release, flags.commit)
        with trial.check("it has nothing more"):
            nothing_more(machine)
        with removed(trial, machine):
            if not trial.failed:
                try_out(trial, machine)


@contextmanager
def removed(trial: Trial, machine: Machine) -> Iterator[None]:
    """Remove the engine inside at the end, where the block has not done so."""
    try:
        yield
    finally:
        if (machine.checkout / ".engine").exists():  # broken off, or removing it failed
            ignore_signals()
            trial.say("removing the engine")
            machine.run("exec ./dev inv engine.remove --yes", limit=300.0, hear=trial.hear)


def ports(first: int | None) -> dict[str, int]:
    """Return the stack's ports on this machine: the default ones, or those from `first` on."""
    text = (ROOT / ".env.example").read_text()
    if first is None:
        return {
            name: int(port) for name, port in re.findall(r"^(\w+_PORT)=(\d+)$", text, re.MULTILINE)
        }
    return {name: first + place for place, name in enumerate(PORT.findall(text))}


def obstacles(wanted: Mapping[str, int]) -> list[str]:
    """Say why the trial cannot begin here."""
    found = [why] if (why := obstacle(this_system())) else []
    for name, port in wanted.items():
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError as error:
                found.append(f"port {port} ({name}) cannot be had: {error.strerror}")
    return found


def main() -> int:
    """Read the flags and try; give the exit code."""
    parser = argparse.ArgumentParser(prog="nox -s fresh --", description=__doc__)
    parser.add_argument("--release", default=this_system().codename, help="such as trixie")
    parser.add_argument("--commit", default="", help="such as HEAD; default: the working tree")
    parser.add_argument("--ports-from", type=int, metavar="N", help="instead of the default ports")
    parser.add_argument("--folder", default=DISK, help="where there are 10 GB of room")
    flags = parser.parse_args()
    wanted = ports(flags.ports_from)
    if found := obstacles(wanted):
        sys.stderr.write("".join(f"error: {line}\n" for line in found))
        sys.stderr.write("next: free these ports, or: nox -s fresh -- --ports-from 21000\n")
        return 2
    environ = {name: str(port) for name, port in wanted.items()} if flags.ports_from else {}
    trial = Trial(ports=wanted)
    return trial.within(
        Path(flags.folder), "memos-dev-fresh-", lambda it: everything(trial, it, flags, environ)
    )


if __name__ == "__main__":
    sys.exit(main())

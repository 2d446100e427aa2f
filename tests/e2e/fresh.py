"""The README's first command, on a Debian that has python3 and ca-certificates and nothing else.

For the nox session `fresh`, as root on Debian or its kin, x86-64. Exit code 0 when every check
passed, 1 when one failed, 2 when it could not begin, 130 on Ctrl-C.
"""

import argparse
import json
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import bare_machine
from bare_machine import Machine, Ran
from checkout import LONGEST, PORT, ROOT

from scripts.errors import StackError
from scripts.host_network import INTERFACES, our_bridges
from scripts.os_release import obstacle, this_system

ABSENT = ("docker", "dockerd", "ip", "ps", "iptables", "modprobe", "mount", "git", "curl", "uv")
"""Programs that must not be there, or the trial would show too little."""
PARTS = (
    ("dev: start", r"dev: making"),
    ("dev: python3-venv through apt", r"dev: .* lacks"),
    ("dev: .venv", r"dev: making|dev: have"),
    ("inv: .env", r"made \.env"),
    ("engine: package lists", r"engine: (none|reading|choosing)"),
    ("engine: fetch", r"engine: fetching"),
    ("engine: unpack", r"engine: unpacking"),
    ("engine: start dockerd", r"engine: starting"),
    ("images: choose the source", r"engine: ready"),
    ("images: fetch and build base", r"images: "),
    ("images: build the others", r"(?!base\b)[a-z]\w* +\S"),
    ("containers: start until ready", r" *\d+\.\d s  "),
)
"""Parts of the first `up`, in order, and the line of progress with which each begins."""


@dataclass(slots=True, kw_only=True)
class Trial:
    """What was checked, and how long each check took."""

    ports: Mapping[str, int]
    rows: list[tuple[str, float, str]] = field(default_factory=list)
    """Name, seconds, and "ok", "FAILED" or "" for a part of a check."""
    started: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """Tell one line, with the minutes and seconds since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        sys.stdout.write(f"{minutes:2}:{seconds:02}  {line}\n")
        sys.stdout.flush()

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Time a check; one that fails is told, and the trial goes on."""
        self.say(f"== {name}")
        place, begun, result = len(self.rows), time.monotonic(), "FAILED"
        try:
            yield
            result = "ok"
        except (AssertionError, OSError, StackError, ValueError) as error:
            self.say(f"FAILED: {error}")
        finally:
            self.rows.insert(place, (name, time.monotonic() - begun, result))

    @property
    def failed(self) -> int:
        """Give how many checks failed."""
        return sum(row[2] == "FAILED" for row in self.rows)

    def tell(self) -> None:
        """Print the table and the closing line."""
        for name, seconds, result in self.rows:
            label = name if result else f"    {name}"
            sys.stdout.write(f"{label:<58}{seconds:8.1f} s  {result}\n")
        passed = sum(row[2] == "ok" for row in self.rows)
        sys.stdout.write(f"{passed} passed, {self.failed} failed\n")

    def hear(self, _: float, line: str) -> None:
        """Tell a line that a command inside wrote."""
        self.say(f"   {line}")

    def command(self, machine: Machine, script: str, *, at: str = bare_machine.FOLDER) -> Ran:
        """Run a command inside and show what it writes; its exit code must be 0."""
        ran = machine.run(script, limit=LONGEST, hear=self.hear, at=at)
        assert ran.exit_code == 0, f"{script}: exit code {ran.exit_code}\n{ran.stdout}"
        return ran


def parts(ran: Ran) -> Iterator[tuple[str, float]]:
    """Give the parts of the first `up` that its lines show, and the seconds of each."""
    begins: list[tuple[str, float]] = []
    rest = list(PARTS)
    for seconds, line in ran.lines:
        place = next((at for at, (_, mark) in enumerate(rest) if re.match(mark, line)), None)
        if place is not None:
            begins.append((rest[place][0], seconds if begins else 0.0))
            del rest[: place + 1]
    ends = [*(seconds for _, seconds in begins[1:]), ran.seconds]
    for (name, begin), end in zip(begins, ends, strict=True):
        yield name, end - begin


def try_out(trial: Trial, machine: Machine) -> None:
    """Use the stack as the README says, from the first start to its removal."""
    run_before, mounts_before = _files(machine.inside / "run"), machine.mounts()
    ours: set[str] = set()
    with trial.check("./dev inv up"):
        up = trial.command(machine, "exec ./dev inv up")
        trial.rows += [(name, seconds, "") for name, seconds in parts(up)]
        ours = _interfaces(machine)
    if not trial.failed:
        with trial.check("./dev inv ps: every service is ready"):
            _all_ready(trial, machine)
        with trial.check(f"outside: MemOS answers on port {trial.ports['MEMOS_PORT']}"):
            _answers(trial.ports["MEMOS_PORT"])
        with trial.check("./dev inv smoke"):
            trial.say(trial.command(machine, "exec ./dev inv smoke").stdout)
        with trial.check("./dev inv down"):
            trial.command(machine, "exec ./dev inv down")
        with trial.check("./dev inv up, the second time"):
            trial.command(machine, "exec ./dev inv up")
        with trial.check("./dev inv ps: every service is ready again"):
            _all_ready(trial, machine)
        ours |= _interfaces(machine)
    marks = [path.name for path in (machine.inside / "run/memos-dev").glob("*/")]
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
        _same(sorted(ours & {path.name for path in INTERFACES.iterdir()}), [])
    with trial.check("nothing is left: iptables rules"):
        rules = machine.rules()
        _same([rule for rule in rules if any(name in rule for name in ours)], [])
    with trial.check("nothing is left: control groups"):
        names = [f"memos-dev-{mark}" for mark in marks]
        _same([str(path) for name in names for path in _groups(name)], [])


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


def _interfaces(machine: Machine) -> set[str]:
    """Give the engine's bridges, and what is plugged into them."""
    store = machine.checkout / ".engine/data/network/files/local-kv.db"
    marks = [path.name for path in (machine.inside / "run/memos-dev").glob("*/")]
    bridges = our_bridges(f"mdv{marks[0]}" if marks else "", store).bridges
    ports = (INTERFACES / bridge / "brif" for bridge in bridges)
    return set(bridges).union(*([path.name for path in port.glob("*")] for port in ports))


def _groups(name: str) -> list[Path]:
    top = Path("/sys/fs/cgroup")
    return [path for pattern in (name, f"*/{name}") for path in top.glob(pattern)]


def _nothing_more(machine: Machine) -> None:
    """The machine has Python, and of all the rest nothing."""
    script = f"for name in {' '.join(ABSENT)}; do ! command -v $name || exit 1; done"
    ran = machine.run(f"{script}\npython3 --version\n! python3 -c 'import ensurepip' 2>/dev/null")
    assert ran.exit_code == 0, f"it has {ran.stdout}, or ensurepip"


def everything(trial: Trial, folder: Path, release: str, environ: Mapping[str, str]) -> None:
    """Make the machine in `folder`, try it out, and leave nothing of it running."""
    with trial.check(f"a machine: {release} with python3 and ca-certificates"):
        root = bare_machine.make(folder, release, lambda line: trial.hear(0.0, line))
        bare_machine.furnish(root, release)
    if trial.failed:
        return
    with bare_machine.entered(folder / "root", environ) as machine:
        with trial.check("its packages set up"):
            trial.command(machine, bare_machine.CONFIGURE, at="/")
        with trial.check("it has nothing more"):
            _nothing_more(machine)
        try:
            if not trial.failed:
                try_out(trial, machine)
        finally:
            if (machine.checkout / ".engine").exists():  # broken off, or removing it failed
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                trial.say("removing the engine")
                machine.run("exec ./dev inv engine.remove --yes", limit=300.0, hear=trial.hear)


def delete(folder: Path) -> None:
    """Delete the machine's files, unless something is mounted among them."""
    mounted = [
        line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line
    ]
    assert not mounted, f"not deleted, for this is mounted: {mounted}"
    shutil.rmtree(folder)


def ports(first: int | None) -> dict[str, int]:
    """Give the stack's ports on this machine: the default ones, or those from `first` on."""
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
    parser.add_argument("--ports-from", type=int, metavar="N", help="instead of the default ports")
    parser.add_argument("--folder", default="/var/tmp", help="where there are 10 GB of room")
    flags = parser.parse_args()
    wanted = ports(flags.ports_from)
    if found := obstacles(wanted):
        sys.stderr.write("".join(f"error: {line}\n" for line in found))
        sys.stderr.write("next: free these ports, or: nox -s fresh -- --ports-from 21000\n")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    trial, code = Trial(ports=wanted), 0
    folder = Path(tempfile.mkdtemp(prefix="memos-dev-fresh-", dir=flags.folder))
    environ = {name: str(port) for name, port in wanted.items()} if flags.ports_from else {}
    try:
        everything(trial, folder, flags.release, environ)
    except KeyboardInterrupt:
        code = 130
    finally:
        with trial.check("nothing is left: the machine's folder"):
            delete(folder)
    trial.tell()
    return code or int(trial.failed > 0)


if __name__ == "__main__":
    sys.exit(main())

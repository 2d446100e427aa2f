"""What a command cost: seconds, and CPU-seconds of the machine, of services and of itself."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core.inventory import PROJECT_LABEL, SERVICE_LABEL
from scripts.core.units import SECOND
from scripts.engine.api import Api

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took."""

    seconds: float
    machine: float
    """CPU-seconds of the whole machine."""
    command: float = 0.0
    """CPU-seconds of the command and of all that it waited for, Compose among them; no engine."""
    services: Mapping[str, float] = field(default_factory=dict)
    """CPU-seconds of each container since it was started."""
    waiting: float = 0.0
    """Percent of one core that the command itself took while it waited."""
    memory: float = 0.0
    """MB that it held at most, without the programs that it called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a process has used until a moment."""

    moment: float = 0.0
    cpu: float = 0.0
    """CPU-seconds, with those of its children that have ended."""
    memory: float = 0.0
    """MB at most, its own only."""


def machine() -> float:
    """Return the CPU-seconds that this machine has spent; what it waited for disks is none."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = map(int, words)
    return (user + nice + system + irq + softirq) / TICKS


def services(api: Api, project: str) -> dict[str, float]:
    """Return the CPU-seconds of each running container of a project since it was started."""
    rows = api.get("/containers/json", filters={"label": [f"{PROJECT_LABEL}={project}"]}) or ()
    found = {}
    for row in rows:
        stats = api.get(f"/containers/{row['Id']}/stats", stream=False, **{"one-shot": True})
        used = stats["cpu_stats"]["cpu_usage"]["total_usage"] / SECOND
        found[row["Labels"][SERVICE_LABEL]] = round(used, 3)
    return found


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], mark: str = "") -> Cost:
    """Run a command to its end; it must succeed.

    With `mark` its own CPU is metered from its first line of output with `mark` on to its last line
    of all: what it does before it waits, and Python's own end, are no waiting.
    """
    before, began = machine(), time.monotonic()
    marked, last, memory = Usage(), Usage(), 0.0
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        for line in process.stdout or ():
            if mark:
                last = usage(process.pid)
                memory = max(memory, last.memory)
                marked = last if mark in line and not marked.moment else marked
        _, status, used = os.wait4(process.pid, 0)
        code = process.returncode = os.waitstatus_to_exitcode(status)
        seconds, spent = time.monotonic() - began, machine() - before
        errors.seek(0)
        assert code == 0, f"{' '.join(argv)}: {code}\n{errors.read()}"
    waited = last.moment - marked.moment if marked.moment else 0.0
    return Cost(
        seconds=round(seconds, 3),
        machine=round(spent, 2),
        command=round(used.ru_utime + used.ru_stime, 4),
        waiting=round(100 * (last.cpu - marked.cpu) / waited, 1) if waited else 0.0,
        memory=round(memory, 1),
    )


def usage(pid: int) -> Usage:
    """Look at a process that runs.

    The usage that wait4(2) gives at its end will not do for the memory: it is that of the greatest
    of all: of the process, its children, and ours, of which it is a copy until its program starts.
    """
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return Usage(
        moment=time.monotonic(),
        cpu=sum(map(int, fields[11:15])) / TICKS,  # utime, stime, cutime, cstime: proc(5)
        memory=int(peak[1]) * 1024 / 10**6 if peak else 0.0,
    )


def instructions(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Return how many million instructions a command takes, as valgrind counts them."""
    counter = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*counter, *argv], cwd=cwd, env=env, capture_output=True, text=True, check=True
    )
    found = re.search(r"I +refs: +([\d,]+)", done.stderr)
    assert found, done.stderr
    return round(int(found[1].replace(",", "")) / 10**6)


def idle(seconds: float) -> float:
    """Return the percent of one core that the machine spends while nobody does anything."""
    before, began = machine(), time.monotonic()
    time.sleep(seconds)
    return round(100 * (machine() - before) / (time.monotonic() - began), 2)

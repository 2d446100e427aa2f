"""What a command cost: seconds, and CPU-seconds of the machine, of services and of itself."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.engine_api import Api
from scripts.moments import SECOND
from scripts.observing import PROJECT_LABEL, SERVICE_LABEL

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one command took."""

    seconds: float
    machine: float
    """CPU-seconds of the whole machine."""
    services: Mapping[str, float] = field(default_factory=dict)
    """CPU-seconds of each container since it was started."""
    waiting: float = 0.0
    """Percent of one core that the command itself took from its first start to its end."""
    memory: float = 0.0
    """MiB that it held at most."""


def machine() -> float:
    """Give the CPU-seconds that this machine has spent; what it waited for disks is none."""
    words = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq, *_ = map(int, words)
    return (user + nice + system + irq + softirq) / TICKS


def services(api: Api, project: str) -> dict[str, float]:
    """Give the CPU-seconds of each running container of a project since it was started."""
    rows = api.get("/containers/json", filters={"label": [f"{PROJECT_LABEL}={project}"]}) or ()
    found = {}
    for row in rows:
        stats = api.get(f"/containers/{row['Id']}/stats", stream=False, **{"one-shot": True})
        used = stats["cpu_stats"]["cpu_usage"]["total_usage"] / SECOND
        found[row["Labels"][SERVICE_LABEL]] = round(used, 3)
    return found


def run(argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], mark: str = "") -> Cost:
    """Run a command to its end; it must succeed.

    From its first line of output with `mark` on, its own CPU is metered: of a start that is the
    whole wait. From the last one on it would be 2 s, in which the end of Python weighs 1 %.
    """
    before, began = machine(), time.monotonic()
    marked, spent = began, 0.0
    with subprocess.Popen(  # noqa: S603 - our own command lines
        argv,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if mark and mark in line and marked == began:
                marked, spent = time.monotonic(), _spent(process.pid)
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        ended = time.monotonic()
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"{' '.join(argv)}: {process.returncode}\n{errors}"
    own = usage.ru_utime + usage.ru_stime - spent
    return Cost(
        seconds=round(ended - began, 3),
        machine=round(machine() - before, 2),
        waiting=round(100 * own / (ended - marked), 1) if mark and marked > began else 0.0,
        memory=round(usage.ru_maxrss / 1024, 1),
    )


def idle(seconds: float) -> float:
    """Give the percent of one core that the machine spends while nobody does anything."""
    before, began = machine(), time.monotonic()
    time.sleep(seconds)
    return round(100 * (machine() - before) / (time.monotonic() - began), 2)


def _spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    # utime, stime, and those of the children that have ended
    return sum(map(int, fields[11:15])) / TICKS

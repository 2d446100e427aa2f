"""A process of this machine that stands for the API's container in tests."""

import os
from pathlib import Path

from scripts.core import units
from scripts.core.look import HostProcess
from scripts.machine import processes
from scripts.watch import on_host

SECOND = 1_795_399_200
"""Of 2026-11-23: the first line of a log in tests."""


def noted(
    cache: Path, port: int = 8000, pid: int | None = None, metrics_port: int | None = None
) -> HostProcess:
    """Note a process, by default this one, as what `inv api.host` has started; return it."""
    pid = pid or os.getpid()
    folder = cache / "host"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = HostProcess(
        pid=pid,
        started=processes.birth(pid),
        folder=Path("/home/me/MemOS"),
        port=port,
        log=folder / "log",
        state=folder / "reload.json",
        metrics_port=metrics_port,
    )
    on_host.note(cache, found)
    return found


def wrote(process: HostProcess, *lines: str, first: int = SECOND) -> None:
    """Add lines to its log, a second after each other."""
    moments = (units.exactly((first + n) * units.SECOND) for n in range(len(lines)))
    with process.log.open("a") as log:
        log.writelines(f"{at} {text}\n" for at, text in zip(moments, lines, strict=True))

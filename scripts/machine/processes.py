"""Processes of this machine: whether one is still the same, what it uses, and how it is ended.

A number alone names no process: it goes to another one later. /proc says when each began; where
there is none, as on macOS, `ps` does.
"""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from scripts.core.polling import until_none
from scripts.core.process import run
from scripts.core.units import SECOND

PROC = Path("/proc")
GRACE = 10.0
"""Seconds for a process to end by itself."""
STATE, PARENT, CPU, BEGAN = 0, 1, slice(11, 15), 19
"""Fields of /proc/PID/stat behind the name (proc(5)); CPU with that of children that ended."""
ENDED = frozenset({"Z", "X"})
"""States of a process that has ended, and of which its parent has yet to hear."""


def birth(pid: int) -> str:
    """Return when a process began, in words that no other one of its number has; empty for none."""
    if not PROC.is_dir():
        asked = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
        # every shell must be told the same words
        said = run(asked, env={"LC_ALL": "C", "TZ": "UTC"}).stdout.split(maxsplit=1)
        return said[1].strip() if len(said) > 1 and said[0][:1] not in ENDED else ""
    fields = _fields(pid)
    return fields[BEGAN] if fields and fields[STATE] not in ENDED else ""


def began(pid: int) -> float:
    """Return when a process began, in seconds since 1970; 0 where that is not known."""
    fields = _fields(pid)
    booted = [line.split()[1] for line in _lines(PROC / "stat") if line.startswith("btime ")]
    return int(booted[0]) + int(fields[BEGAN]) / _ticks() if fields and booted else 0.0


def family(pid: int) -> tuple[int, ...]:
    """Return a process and all that descend from it, as far as this machine says."""
    parents: dict[int, list[int]] = {}
    for folder in PROC.glob("[0-9]*"):
        if fields := _fields(int(folder.name)):
            parents.setdefault(int(fields[PARENT]), []).append(int(folder.name))
    found = [pid]
    for one in found:  # which grows meanwhile
        found += parents.get(one, ())
    return tuple(found)


def used(pids: Iterable[int]) -> tuple[int, int] | None:
    """Return the bytes that processes hold, shared ones once, and the nanoseconds of CPU so far.

    None where that is not known.
    """
    memory = cpu = 0
    for pid in pids:
        with suppress(ValueError, IndexError):  # it has just ended
            lines = _lines(PROC / str(pid) / "smaps_rollup")
            sizes = [line.split()[1] for line in lines if line.startswith("Pss:")]
            memory += int(sizes[0]) << 10
            cpu += sum(map(int, _fields(pid)[CPU])) * SECOND // _ticks()
    return (memory, cpu) if memory else None


def end(pid: int, *, grace: float = GRACE) -> None:
    """Ask a process to end, and after `grace` seconds end it and all that descended from it.

    PermissionError for one of another user.
    """
    every = {one: birth(one) for one in family(pid)}
    if not every[pid]:  # it has ended, and its number may be another one's by now
        return

    def left() -> list[int]:
        return [one for one, began in every.items() if began and birth(one) == began]

    _send([pid], signal.SIGTERM)
    until_none(lambda: pid in left(), timeout=grace, interval=0.05)
    # what it leaves behind may hold the port, and its connections
    _send(left(), signal.SIGKILL)
    until_none(left, timeout=grace, interval=0.05)


def stop(pid: int, *, grace: float = GRACE) -> None:
    """Like `end`, of a process alone: what it has started goes on."""
    began = birth(pid)
    for one in (signal.SIGTERM, signal.SIGKILL):
        if began and birth(pid) == began:
            _send([pid], one)
            until_none(lambda: birth(pid) == began, timeout=grace, interval=0.05)


def hang_up(pid: int) -> None:
    """Send what a supervisor takes for: begin anew."""
    _send([pid], signal.SIGHUP)


def _send(pids: Iterable[int], by: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, by)


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, which may hold anything."""
    return "".join(_lines(PROC / str(pid) / "stat")).rpartition(")")[2].split()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _ticks() -> int:
    return os.sysconf("SC_CLK_TCK")

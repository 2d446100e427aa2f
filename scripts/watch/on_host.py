"""The API as a process of this machine, in the place of its container.

`inv api.host` notes it in the stack's cache; while it lives, a look has it where the container was.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.core import files, units
from scripts.core.look import Container, HostProcess, State, Usage
from scripts.core.stack import MEMOS
from scripts.machine import processes
from scripts.watch.log_lines import clean

SERVICE = MEMOS
FILE = "host.json"
"""In the stack's cache."""
FORMAT = 1
AGAIN = 0.3
"""Seconds between two looks for what a log has more."""


def note(cache: Path, process: HostProcess) -> None:
    """Remember a process; who reads it knows whether that still lives."""
    places = {name: str(getattr(process, name)) for name in ("folder", "log", "state")}
    names = ("pid", "started", "port", "debug_port", "metrics_port")
    facts = {name: getattr(process, name) for name in names}
    files.write_json(cache / FILE, {"format": FORMAT, **facts, **places})


def forget(cache: Path) -> None:
    """Forget the process that is noted, unless it lives: another one may be noted by now."""
    if read(cache) is None:
        (cache / FILE).unlink(missing_ok=True)


def read(cache: Path) -> HostProcess | None:
    """Return the process that runs in the container's place; None when it lives no longer.

    One that has its number, and began at another moment, is another one.
    """
    kept = files.read_own(cache / FILE)
    try:
        ports = {
            name: None if kept.get(name) is None else int(kept[name])
            for name in ("debug_port", "metrics_port")
        }
        found = HostProcess(
            pid=int(kept["pid"]),
            started=str(kept["started"]),
            folder=Path(kept["folder"]),
            port=int(kept["port"]),
            log=Path(kept["log"]),
            state=Path(kept["state"]),
            **ports,
        )
    except (LookupError, TypeError, ValueError):  # never written, or by hand
        return None
    return found if lives(found) else None


def lives(process: HostProcess) -> bool:
    """Say whether a process has not ended."""
    return process.started != "" and processes.birth(process.pid) == process.started


def seen(cache: Path | None, found: tuple[Container, ...]) -> tuple[Container, ...]:
    """Return the containers of a stack with the process in the place of the API's, if it lives."""
    process = read(cache) if cache is not None else None
    if process is None:
        return found
    return (container(process), *(one for one in found if one.service != SERVICE))


def container(process: HostProcess, state: State = State.RUNNING, exit_code: int = 0) -> Container:
    """Return what stands for a process where containers are looked at."""
    began = processes.began(process.pid)
    return Container(
        id=f"pid-{process.pid}",
        service=SERVICE,
        name=f"pid {process.pid}",
        state=state,
        exit_code=exit_code,
        started_at=units.written(began) if began else "",
        host=process,
        debugger=f"127.0.0.1:{process.debug_port}" if process.debug_port else "",
    )


def usage(process: HostProcess, now: int) -> Usage | None:
    """Return what a process and its children use; `now` in nanoseconds since 1970."""
    found = processes.used(processes.family(process.pid))
    return Usage(memory=found[0], cpu=found[1], read_at=now) if found else None


def lines(
    process: HostProcess, *, tail: int | None = None, since: int = 0, until: int = 0
) -> list[tuple[int, str]]:
    """Return what a process wrote, each line with its moment, as nanoseconds since 1970.

    Those of these moments, or of any where one is 0, and the last `tail` of them.
    """
    whole = (_more(file, _Mark()).lines for file in (earlier(process.log), process.log))
    found = [
        one for some in whole for one in some if one[0] >= since and (not until or one[0] <= until)
    ]
    return found if tail is None else found[len(found) - min(tail, len(found)) :]


def coming(
    process: HostProcess, since: int, pause: Callable[[float], object]
) -> Iterator[tuple[int, str]]:
    """Yield the lines from a moment on, as they come, until the process has ended.

    `pause` waits so many seconds, and says true when nobody wants more.
    """
    mark = _Mark()
    while True:
        alive = lives(process)
        if mark.inode and _inode(process.log) != mark.inode:  # it was begun anew
            last = _more(earlier(process.log), mark)
            yield from last.lines
        mark = _more(process.log, mark)
        yield from (one for one in mark.lines if one[0] >= since)
        if not alive or pause(AGAIN):
            return


def earlier(log: Path) -> Path:
    """Return where the lines before those of a log are, when it was begun anew."""
    return log.with_name(f"{log.name}.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mark:
    """How far a log was read, and what was new."""

    inode: int = 0
    offset: int = 0
    lines: tuple[tuple[int, str], ...] = ()


def _more(log: Path, mark: _Mark) -> _Mark:
    """Read on in a log, or from the beginning of another one of its name; whole lines only."""
    inode = _inode(log)
    offset = mark.offset if inode == mark.inode else 0
    raw = files.content(log, start=offset)
    whole = raw[: raw.rfind(b"\n") + 1]
    found = (one for line in whole.splitlines() for one in _line(line))
    return _Mark(inode=inode, offset=offset + len(whole), lines=tuple(found))


def _inode(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _line(raw: bytes) -> Iterator[tuple[int, str]]:
    moment, _, text = raw.partition(b" ")
    try:
        yield from clean(units.nanoseconds(moment.decode()), text)
    except ValueError:  # nothing of ours
        yield from clean(0, raw)

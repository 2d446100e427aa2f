"""Pure: what stands on the screen; `report` says where and when."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.finding import Finding
from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.core.stack import MEMOS
from scripts.core.units import SECOND, duration, nanoseconds, size
from scripts.tell.screen import Drawn, Line, Table, joined, line
from scripts.watch.log_lines import LogLine
from scripts.watch.smoke.stage import FAILED, LEFT_OUT, OK, Stage

if TYPE_CHECKING:
    from scripts.images.bundle.bundle_file import Manifest

PS_COLUMNS = (
    *("service", "state", "ready", "ready for", "up for", "restarts", "memory", "CPU"),
    *("ports", "image", "answer"),
)
IMAGE_COLUMNS = ("service", "image", "state", "contains", "size")
BREAKS = 5
"""Of a link, that are shown to people."""
WIDE = 210
"""Columns from which on `inv ps` writes one line a service."""
COLOURS = ("cyan", "green", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")
"""Of services in logs; yellow and red are for warnings and errors."""
STAGES = {OK: "ok", LEFT_OUT: "--", FAILED: "✗"}
"""Before the stages of `inv smoke`."""
LOG_STYLES = {"error": "red", "warning": "yellow", "debug": "dim"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Draw a table; on a narrow terminal cells wrap."""
    return Table(columns=tuple(columns), rows=tuple(map(tuple, rows)))


def status(document: Mapping[str, Any], width: int, now: float) -> Iterator[Drawn]:
    """Draw what `inv ps` shows, and under it what is wrong; `now` in seconds since 1970."""
    rows = document["services"]
    if width >= WIDE:
        yield table(PS_COLUMNS, (status_row(row, now) for row in rows))
    else:
        for row in rows:
            main, rest = status_lines(row, now)
            yield from _entry(main, filter(None, (rest, edits(row))), well=row["ready"])
    if any(row["service"] == MEMOS for row in rows):
        yield line(f"this is {document['memos']}", style="dim")
    for row in rows:
        if row["debugger"]:
            yield line(f"a debugger attaches to {row['debugger']} (docs/debugger.md)")
    for row in rows:
        for values in row["findings"]:
            yield from finding(Finding(**values))


def stacks(document: Mapping[str, Any]) -> Iterator[Drawn]:
    """Draw what `inv ps --all` shows: each stack, and under it where it is and its ports."""
    for row in document["stacks"]:
        main, rest = stack_lines(row)
        yield from _entry(main, rest, well=len(row["ready"]) == len(row["services"]))
    if not document["stacks"]:
        yield line("no stack of this kind is on the engine; inv up starts one")


def checkup(document: Mapping[str, Any]) -> Iterator[Line]:
    """Draw what `inv doctor` found: what is wrong first, then what is fine or not known.

    An area with a finding needs no line of its own.
    """
    for values in document["findings"]:
        yield from finding(Finding(**values))
    marks = {"ok": "ok", "unknown": "?"}
    for row in document["areas"]:
        if mark := marks.get(row["state"]):
            yield line(f"{mark:<3} {row['area']:<9} {row['detail']}")


def finding(one: Finding) -> Iterator[Line]:
    """Draw a finding: cause, evidence, next step, a line each."""
    mark, style = ("✗", "bold red") if one.fatal else ("!", "yellow")
    subject = f"{one.service}: " if one.service else ""
    yield line(f"{mark} {subject}{one.cause}", style=style)
    if one.evidence:
        yield line(f"  evidence: {one.evidence}")
    yield line(f"  next: {one.next_step}")


def stage(one: Stage) -> str:
    """Return a stage of `inv smoke` as one line: what became of it, how long it took."""
    took = "" if one.state == LEFT_OUT else f"{one.seconds:.1f} s"
    detail = f"left out: {one.detail}" if one.state == LEFT_OUT else one.detail
    return f"{STAGES[one.state]:<3} {one.name:<10} {took:>6}  {detail or one.state}"


def smoke(document: Mapping[str, Any]) -> Iterator[Line]:
    """Draw the errors that the API wrote, and why a stage failed."""
    if errors := document["errors"]:
        yield line("errors that the API wrote meanwhile:", style="dim")
    for said in errors:
        times = f" ({said['times']} times)" if said["times"] > 1 else ""
        yield line(f"  {said['line']}{times}", style=LOG_STYLES["error"])
    if document["finding"] is not None:
        yield from finding(Finding(**document["finding"]))


def log_line(one: LogLine, names: Sequence[str], width: int) -> Line:
    """Draw a line of a log behind its service's name, of `width`; a mark stands alone."""
    if one.mark:
        return line(one.text, "bold")
    colour = COLOURS[names.index(one.service) % len(COLOURS)]
    name = (f"{one.service:<{width}} | ", colour)
    return joined(name, (one.text, LOG_STYLES.get(one.level, "")))


def status_row(row: Mapping[str, Any], now: float) -> tuple[str, ...]:
    """Return the cells of one service for `inv ps`, `now` in seconds since 1970."""
    ports = [f"{port['published']}→{port['target']}" for port in row["ports"]]
    return (
        row["service"],
        _state(row),
        "yes" if row["ready"] else "no",
        duration(_ready_for(row, now)),
        duration(row["uptime_seconds"]),
        str(row["restarts"]),
        *_usage(row),
        " ".join([*ports, *_gaps(row)]),
        _image(row, row["image"]),
        " · ".join(filter(None, (row["answer"], row["mended"], edits(row)))),
    )


def status_lines(row: Mapping[str, Any], now: float) -> tuple[str, str]:
    """Return one service for `inv ps` on a narrow terminal: what matters, and under it the rest."""
    mark = "✓" if row["ready"] else "✗"
    ready, up = _ready_for(row, now), row["uptime_seconds"]
    age = f"up {duration(up)}" if ready is None else f"ready {duration(ready)}"
    memory, cpu = _usage(row)
    facts = f"{age if up is not None else '':<17} {memory:>10} {cpu:>12}"
    again = f"{row['restarts']} restart{'s' * (row['restarts'] > 1)}" if row["restarts"] else ""
    ports = " ".join(str(port["published"]) for port in row["ports"])
    image = _image(row, row["image"].rpartition("/")[2])
    facts_below = (again, ports, row["answer"], image, row["mended"], *_gaps(row))
    rest = " · ".join(part for part in facts_below if part)
    return f"{mark} {row['service']:<9} {_state(row):<18} {facts}".rstrip(), rest


def edits(row: Mapping[str, Any]) -> str:
    """Return in a line which version of the code answers, and how edits are taken; empty for none.

    What is wrong with the code is a finding.
    """
    if (reload := row.get("reload")) is None:
        return ""
    version, commit, changed = reload["version"], reload["commit"], reload["changed"]
    what = "no version answers" if version is None else f"version {version} of the code"
    at = f"{commit} with changes" if reload["dirty"] else commit
    since = f"{changed} file{'s' * (changed > 1)} changed since" if changed else ""
    pending = reload["pending"]
    waits = f"version {pending['version']} is at {pending['stage']}" if pending else ""
    how = f"edits are noticed by {reload['watching']}"
    if reload["watching"] == "off" or (reload["watching"] == "events" and reload["why"]):
        how = f"edits are not noticed: {reload['why'] or 'inv reload takes them'}"
    return ", ".join(filter(None, (what, at, since, waits, how)))


def version(document: Mapping[str, Any]) -> str:
    """Return in a line what became of a version of the code; of one that failed as FILE:LINE: why.

    That is how compilers write, and what editors read.
    """
    run = document["run"]
    if run is None:
        return ""
    if run["error"]:
        place = f"{run['file']}:{run['line']}" if run["line"] else run["file"]
        return f"{place}: {run['error']}" if place else run["error"]
    stages = {name: seconds for name, seconds in run["seconds"].items() if seconds}
    after = f" after {stages.pop('answer'):.2f} s" if "answer" in stages else ""
    spent = ", ".join(f"{name} {seconds:.2f}" for name, seconds in stages.items())
    told = f"version {run['version']} {run['outcome']}{after}"
    return f"{told} ({spent}): {files(run)}" if spent else f"{told}: {files(run)}"


def files(run: Mapping[str, Any]) -> str:
    """Return which files a version is about, in a few words."""
    named, more = run["first_files"], run["files"] - len(run["first_files"])
    if not named:
        return f"{run['files']} files" if run["files"] else "no file was changed"
    return ", ".join(named) + (f" and {more} more" if more > 0 else "")


def stack_lines(row: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return one stack for `inv ps --all`: how it is, and under it where it is and its ports."""
    services, ready = row["services"], row["ready"]
    mark = "✓" if len(ready) == len(services) else "✗"
    states = ", ".join(f"{count} {state}" for state, count in row["states"].items())
    whose = " (this one)" if row["present"] else ""
    sick = " ".join(member["service"] for member in services if not member["healthy"])
    ports = [
        f"{member['service']} {' '.join(map(str, member['ports']))}"
        for member in services
        if member["ports"]
    ]
    place = row["checkout"] + (f" with {row['env_file']}" if row["env_file"] else "")
    rest = (place, f"not healthy: {sick}" if sick else "", " · ".join(ports))
    main = f"{mark} {row['project']}{whose}  {states}, {len(ready)} healthy"
    return main, tuple(line for line in rest if line)


def image_row(image: ImageStatus) -> tuple[str, ...]:
    """Return the cells of an image for a table."""
    if not image.present:
        return (image.service, image.image, "missing", "", "")
    state = "stale" if image.built_here and image.stale else "here"
    unpinned = f", {len(image.packages)} packages not pinned by us" if image.packages else ""
    contains = f"{image.contains}{unpinned}"
    return (image.service, image.image, state, contains, size(image.size))


def engine_rows(status: EngineStatus) -> tuple[tuple[str, str], ...]:
    """Return what is known of the engine, a fact a row."""
    used = status.found
    kind = "private" if used and used.private else "yours"
    return (
        ("used", f"{used.version} at {used.place} ({kind})" if used else "none"),
        ("private", f"pid {status.pid}" if status.running else "not running"),
        ("up for", duration(status.uptime) if status.running else ""),
        ("socket", str(status.socket)),
        ("log", str(status.log)),
        ("programs", size(status.size) if status.files else "not fetched"),
        ("data", size(status.data_size)),
        ("downloads", size(status.cache_size)),
    )


def remote_rows(document: Mapping[str, Any], now: float) -> Iterator[tuple[str, str]]:
    """Yield what is known of a link, a fact a row; `now` in seconds since 1970."""

    def past(moment: str) -> str:
        return duration(max(0.0, now - nanoseconds(moment) / SECOND))

    if not document["address"]:
        yield "none", "the engine is on this machine; REMOTE=USER@HOST in .env names another"
        return
    here = document["address"] == document["endpoint"]
    yield "to", f"{document['address']}, without ssh" if here else document["address"]
    since = f", since {past(document['since'])}" if document["since"] else ""
    yield "state", document["state"] + since
    if document["engine"]:
        yield "engine", f"{document['engine']} behind {document['socket']}"
    yield "here", document["endpoint"]
    for port in document["ports"]:
        yield f"port {port['port']}", port["error"] or f"{port['service']}, answers here"
    for name, told in document["duties"].items():
        yield from ((f"{name}{kind}", line) for kind, line in _source(told, past))
    for one in document["breaks"][-BREAKS:]:
        lasted = "not back yet" if one["until"] is None else f"for {duration(one['seconds'])}"
        yield f"broke {past(one['at'])} ago", f"{lasted}: {one['error']}"
    if document["error"]:
        yield "error", document["error"]
        yield "next", document["next"]


def _source(told: Mapping[str, Any], past: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    """Yield what is told of sources that are brought to the machine of an engine."""
    last = f"; {told['put']} brought, {told['gone']} removed {past(told['at'])} ago"
    how = "" if told["how"] == "events" else f"; looked at from time to time: {told.get('why', '')}"
    yield "", f"{told['folder']}, {told['files']} files{last if told['at'] else ''}{how}"
    for name, why in told["refused"].items():
        yield ", not brought", f"{name}: {why}"
    if told["problem"]:
        yield ", what was saved is not there", told["problem"]


def bundle_rows(file: Path, made: "Manifest") -> tuple[tuple[str, str], ...]:
    """Return what is in a bundle, a fact a row."""
    packages = f"{made.distribution} {made.release}" if made.release else "not in it"
    return (
        ("file", str(file)),
        ("size", size(sum(member.size for member in made.members))),
        ("workspace", made.workspace),
        ("wheels", f"Python {' '.join(made.python)} on {made.kernel} {made.machine}"),
        ("engine", packages),
        ("images", f"{len(made.images)} for {made.architecture}, from {made.image_source}"),
        ("fingerprint", made.fingerprint),
    )


def _entry(main: str, rest: Iterable[str], *, well: bool) -> Iterator[Drawn]:
    """Draw one thing of a list: a line, red where it is not well, and dim ones under it."""
    yield line(main, "" if well else "red")
    for under in rest:
        yield line(under, "dim", indent=2)


def _state(row: Mapping[str, Any]) -> str:
    place = f" on {row['node']}" if row.get("node") else ""
    return str(row["state"]) + (f", {row['health']}" if row["health"] else "") + place


def _image(row: Mapping[str, Any], name: str) -> str:
    """Return what a service is made from; of a process of this machine, which one it is."""
    pid = row.get("host_pid")
    return f"{name} ({row['contains']})" if pid is None else f"on this machine, pid {pid}"


def _gaps(row: Mapping[str, Any]) -> list[str]:
    return [f"no {', no '.join(row['not_offered'])}"] if row["not_offered"] else []


def _ready_for(row: Mapping[str, Any], now: float) -> float | None:
    since = row["ready_since"]
    return None if since is None else max(0.0, now - nanoseconds(since) / SECOND)


def _usage(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return memory, and of the CPU the percentage where it is known, else the seconds so far."""
    memory, seconds, percent = row["memory_bytes"], row["cpu_seconds"], row.get("cpu_percent")
    cpu = "" if seconds is None else f"{seconds:.1f} s CPU"
    return "" if memory is None else size(memory), cpu if percent is None else f"{percent} % CPU"

"""Pure: the rows and documents that `report` writes."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.core.units import SECOND, duration, nanoseconds, size
from scripts.images.bundle.bundle_file import Manifest
from scripts.start.events import Event, exit_code

PS_COLUMNS = (
    *("service", "state", "ready", "ready for", "up for", "restarts", "memory", "CPU"),
    *("ports", "image", "answer"),
)
IMAGE_COLUMNS = ("service", "image", "state", "contains", "size")


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
        f"{row['image']} ({row['contains']})",
        row["answer"],
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
    image = f"{row['image'].rpartition('/')[2]} ({row['contains']})"
    rest = " · ".join(part for part in (again, ports, row["answer"], image, *_gaps(row)) if part)
    return f"{mark} {row['service']:<9} {_state(row):<18} {facts}".rstrip(), rest


def stack_lines(row: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """Return one stack for `inv ps --all`: how it is, and under it where it is and its ports."""
    services, ready = row["services"], row["ready"]
    mark = "✓" if len(ready) == len(services) else "✗"
    states = ", ".join(f"{count} {state}" for state, count in row["states"].items())
    whose = " (this one)" if row["present"] else ""
    sick = " ".join(one["service"] for one in services if not one["healthy"])
    ports = [
        f"{one['service']} {' '.join(map(str, one['ports']))}" for one in services if one["ports"]
    ]
    place = row["checkout"] + (f" with {row['env_file']}" if row["env_file"] else "")
    rest = (place, f"not healthy: {sick}" if sick else "", " · ".join(ports))
    main = f"{mark} {row['project']}{whose}  {states}, {len(ready)} healthy"
    return main, tuple(line for line in rest if line)


def _state(row: Mapping[str, Any]) -> str:
    return str(row["state"]) + (f", {row['health']}" if row["health"] else "")


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


def image_row(one: ImageStatus) -> tuple[str, ...]:
    """Return the cells of an image for a table."""
    if not one.present:
        return (one.service, one.image, "missing", "", "")
    state = "stale" if one.built_here and one.stale else "here"
    return (one.service, one.image, state, one.contains, size(one.size))


def engine_rows(status: EngineStatus) -> tuple[tuple[str, str], ...]:
    """Return what is known of the engine, a fact a row."""
    used = status.found
    kind = "private" if used and used.private else "yours"
    return (
        ("used", f"{used.version} at {used.endpoint} ({kind})" if used else "none"),
        ("private", f"pid {status.pid}" if status.running else "not running"),
        ("up for", duration(status.uptime) if status.running else ""),
        ("socket", str(status.socket)),
        ("log", str(status.log)),
        ("programs", size(status.size) if status.files else "not fetched"),
        ("data", size(status.data_size)),
        ("downloads", size(status.cache_size)),
    )


def bundle_rows(file: Path, made: Manifest) -> tuple[tuple[str, str], ...]:
    """Return what is in a bundle, a fact a row."""
    packages = f"{made.distribution} {made.release}" if made.release else "not in it"
    return (
        ("file", str(file)),
        ("size", size(sum(one.size for one in made.members))),
        ("workspace", made.workspace),
        ("wheels", f"Python {' '.join(made.python)} on {made.kernel} {made.machine}"),
        ("engine", packages),
        ("images", f"{len(made.images)} for {made.architecture}, from {made.image_source}"),
    )


def event_document(event: Event) -> dict[str, object]:
    """Return an event as `schemas/event.schema.json` promises it."""
    document: dict[str, object] = {"event": event.kind, "seconds": round(event.seconds, 3)}
    if event.service:
        document["service"] = event.service
    if event.detail:
        document["detail"] = event.detail
    if event.finding is not None:
        document["finding"] = asdict(event.finding)
    if event.verdict is not None:
        code = exit_code(event.verdict)
        document |= {"verdict": event.verdict.value, "exit_code": int(code)}
    return document


def doctor_lines(document: Mapping[str, Any]) -> str:
    """Return the areas of a checkup that are fine, or of which something is not known, a line each.

    An area with a finding needs no line of its own.
    """
    marks = {"ok": "ok", "unknown": "?"}
    rows = [row for row in document["areas"] if row["state"] in marks]
    return "\n".join(f"{marks[r['state']]:<3} {r['area']:<9} {r['detail']}" for r in rows)

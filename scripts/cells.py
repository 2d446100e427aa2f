"""Pure: the rows and documents that `report` writes."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from scripts.errors import ExitCode
from scripts.inventory import EngineStatus, ImageStatus
from scripts.model import Verdict
from scripts.starting import Event

PS_COLUMNS = ("service", "state", "ready", "up for", "ports", "image", "answer")
IMAGE_COLUMNS = ("service", "image", "state", "contains", "size")

CODES = {
    Verdict.READY: ExitCode.OK,
    Verdict.BROKEN: ExitCode.BROKEN,
    Verdict.STARTING: ExitCode.TIMEOUT,
}
"""What each verdict of a start means for the exit status."""


def size(number: int) -> str:
    """Give bytes for people: 1536 gives 1.5 KiB."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:  # noqa: PLR2004 - the step between units
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def duration(seconds: float | None) -> str:
    """Give a duration for people: 3725 gives 1 h 2 min."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def status_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the cells of one service for `inv ps`."""
    state = row["state"] + (f", {row['health']}" if row["health"] else "")
    ports = [f"{port['published']}→{port['target']}" for port in row["ports"]]
    gaps = [f"no {', no '.join(row['not_offered'])}"] if row["not_offered"] else []
    return (
        row["service"],
        state,
        "yes" if row["ready"] else "no",
        duration(row["uptime_seconds"]),
        " ".join(ports + gaps),
        f"{row['image']} ({row['contains']})",
        row["answer"],
    )


def status_lines(row: Mapping[str, Any]) -> tuple[str, str]:
    """Give one service for `inv ps` on a narrow terminal: what matters, and under it the rest."""
    name, state, ready, age, ports, image, answer = status_row(row)
    mark = "✓" if ready == "yes" else "✗"
    plain, _, gaps = ports.partition(" no ")
    rest = " · ".join(part for part in (answer, image, gaps and f"no {gaps}") if part)
    return f"{mark} {name:<9} {state:<19} {age:<12} {plain}".rstrip(), rest


def image_row(one: ImageStatus) -> tuple[str, ...]:
    """Give the cells of an image for a table."""
    if not one.present:
        return (one.service, one.image, "missing", "", "")
    state = "stale" if one.built_here and one.stale else "here"
    return (one.service, one.image, state, one.contains, size(one.size))


def engine_rows(status: EngineStatus) -> tuple[tuple[str, str], ...]:
    """Give what is known of the engine, a fact a row."""
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


def event_document(event: Event) -> dict[str, object]:
    """Give an event as `schemas/event.schema.json` promises it."""
    found: dict[str, object] = {"event": event.kind, "seconds": round(event.seconds, 3)}
    if event.service:
        found["service"] = event.service
    if event.detail:
        found["detail"] = event.detail
    if event.finding is not None:
        found["finding"] = asdict(event.finding)
    if event.verdict is not None:
        found |= {"verdict": event.verdict.value, "exit_code": int(CODES[event.verdict])}
    return found

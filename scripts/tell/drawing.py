"""Pure: a start and the dependencies of a stack as text; `page` draws the same as HTML."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from scripts.core.look import Look, State
from scripts.core.stack import Service, Stack
from scripts.diagnosis.readiness import answers
from scripts.start.history.timeline import Bar, Run
from scripts.tell import views

WIDEST = 120
"""Columns of a timeline at most: longer bars say no more."""
LEAST = 16
"""Columns of the bars where the terminal is narrow."""
LIGHT, DARK = "░", "█"
HEAD = ("service", "created", "started", "answer", "ready", "held by")


class Condition(StrEnum):
    """How a service is drawn where its container's state does not say it."""

    READY = "ready"
    NOT_READY = "not ready"
    ABSENT = "absent"


def timeline(run: Run, width: int) -> list[str]:
    """Draw a start within `width` columns: a line for each service, and the way that took longest.

    A bar is light while the container was there and waited for others, dark while it started.
    """
    rows = [HEAD, *(cells(bar) for bar in run.bars)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    space = max(LEAST, min(width, WIDEST) - sum(widths) - len(widths) - 3)
    lines = [
        f"{run.began}: {run.verdict} after {run.seconds:.1f} s, first start at {run.prepared:.1f}",
        "  " + _joined(HEAD, widths),
    ]
    for bar in run.bars:
        mark = "*" if bar.critical else " "
        drawn = _drawn(bar, run.seconds, space)
        lines.append(f"{mark} {_joined(cells(bar), widths)} {drawn}".rstrip())
    if run.critical:
        way = " → ".join(f"{bar.service} {_moment(bar.ready)}" for bar in run.critical)
        lines.append(f"* took longest: {way}")
    return lines


def version(document: Mapping[str, Any], width: int) -> list[str]:
    """Draw how a version of the code came to answer, within `width` columns, a line a stage."""
    run, finding = document["run"], document["finding"]
    spent = {n: seconds for n, seconds in run["seconds"].items() if seconds and n != "answer"}
    whole = max(run["seconds"].get("answer", 0.0), sum(spent.values()))
    if run["outcome"] == "answers":  # what is left: it waited for the old one to end, for instance
        spent["answer"] = max(0.0, whole - sum(spent.values()))
    space, at = max(LEAST, min(width, WIDEST) - 20), 0.0
    lines = [f"{run['began']}: {views.version(document)}"]
    for name, seconds in spent.items():
        begin, end = (
            round(moment / whole * space) if whole else 0 for moment in (at, at + seconds)
        )
        lines.append(f"  {name:<8} {seconds:6.2f}  {' ' * begin}{DARK * max(end - begin, 1)}")
        at += seconds
    if finding is not None:
        lines += [f"{finding['cause']}", f"next: {finding['next_step']}"]
    return lines


def graph(stack: Stack, names: Sequence[str], states: Mapping[str, str]) -> list[str]:
    """Draw who needs whom as a tree, from what nobody needs; a second time only by name."""
    needed = {need for name in names for need in stack.service(name).needs}
    lines: list[str] = []
    drawn: set[str] = set()

    def branch(name: str, first: str = "", rest: str = "") -> None:
        service = stack.service(name)
        needs = () if name in drawn else service.needs
        note = ", started before these" if service.early and needs else ""
        above = " (above)" if service.needs and not needs else note
        mark = "✓" if states.get(name) == Condition.READY else "✗"
        lines.append(f"{first}{mark} {name}  {states.get(name, '')}{above}")
        drawn.add(name)
        for need in needs:
            corner, bar = ("└─ ", "   ") if need == needs[-1] else ("├─ ", "│  ")
            branch(need, rest + corner, rest + bar)

    for name in names:
        if name not in needed:
            branch(name)
    return lines


def states(stack: Stack, look: Look) -> dict[str, str]:
    """Say how each service is now: a word of `Condition`, or the engine's for its container."""
    return {service.name: _state(service, look) for service in stack.services}


def _state(service: Service, look: Look) -> str:
    container = look.container(service.name)
    if answers(service, look):
        return Condition.READY
    if container is None:
        return Condition.ABSENT
    return Condition.NOT_READY if container.state is State.RUNNING else container.state


def cells(bar: Bar) -> tuple[str, ...]:
    """Return the columns of a service, in the order of HEAD."""
    return (bar.service, *map(_moment, bar.moments), bar.held_by or "-")


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *moments, last = cells
    right = (f"{cell:>{width}}" for cell, width in zip(moments, widths[1:-1], strict=True))
    return " ".join((f"{first:<{widths[0]}}", *right, f"{last:<{widths[-1]}}"))


def _moment(at: float | None) -> str:
    return "-" if at is None else f"{at:.1f}"


def _drawn(bar: Bar, seconds: float, space: int) -> str:
    """Draw one bar: blanks, light until it was started, dark until it was ready."""
    if bar.started is None or seconds <= 0:
        return ""
    moments = (bar.created or bar.started, bar.started, seconds if bar.ready is None else bar.ready)
    made, start, end = (round(min(at / seconds, 1.0) * space) for at in moments)
    return " " * made + LIGHT * (start - made) + DARK * max(end - start, 1)

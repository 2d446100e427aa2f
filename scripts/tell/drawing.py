"""Pure: a start and the dependencies of a stack as text; `page` draws the same as HTML."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from scripts.core.look import Look, State
from scripts.core.progress import Outcome
from scripts.core.stack import Service, Stack
from scripts.diagnosis.readiness import answers
from scripts.start.history.timeline import Bar, Phase, Run
from scripts.tell import views

WIDEST = 120
"""Columns of a timeline at most: longer bars say no more."""
LEAST = 16
"""Columns of the bars where the terminal is narrow."""
LIGHT, DARK = "░", "█"
HEAD = ("what", "created", "started", "answer", "ready", "held by")


class Condition(StrEnum):
    """How a service is drawn where its container's state does not say it."""

    READY = "ready"
    NOT_READY = "not ready"
    ABSENT = "absent"


def timeline(run: Run, width: int) -> list[str]:
    """Draw a start within `width` columns: a line for each phase and service, and the longest way.

    A bar is light while the container was there and waited for others, dark while it started; that
    of a phase is dark.
    """
    rows = [HEAD, *map(cells, run.rows)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    space = max(LEAST, min(width, WIDEST) - sum(widths) - len(widths) - 3)
    lines = [f"{run.began}: {summary(run)}", "  " + _joined(HEAD, widths)]
    for row in run.rows:
        mark = "*" if row.critical else " "
        drawn = _drawn(row, run.seconds, space)
        lines.append(f"{mark} {_joined(cells(row), widths)} {drawn}".rstrip())
    if way := longest(run):
        lines.append(f"* took longest: {way}")
    if run.why:
        lines += [run.why, f"next: {run.next_step}"]
    return lines


def summary(run: Run) -> str:
    """Say in a line how a start ended, and when its first container was started."""
    how = "goes on for" if run.going else f"{run.verdict} after"
    first = f"first start at {run.prepared:.1f}" if run.started else "no container started"
    return f"{how} {run.seconds:.1f} s, {first}"


def longest(run: Run) -> str:
    """Return the way that took longest, with the moments at which each was done; or nothing."""
    done = ((row.title, row.moments[-1]) for row in run.critical)
    return " → ".join(f"{title} {'…' if at is None else _moment(at)}" for title, at in done)


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


def cells(row: Phase | Bar) -> tuple[str, ...]:
    """Return the columns of a phase or a service, in the order of HEAD."""
    return (row.title, *map(_moment, row.moments), note(row) or "-")


def note(row: Phase | Bar) -> str:
    """Return what is to be said of one beside its moments: how it ended, or what held it."""
    if isinstance(row, Bar):
        return row.held_by
    return "" if row.outcome is Outcome.DONE else row.outcome


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *moments, last = cells
    right = (f"{cell:>{width}}" for cell, width in zip(moments, widths[1:-1], strict=True))
    return " ".join((f"{first:<{widths[0]}}", *right, f"{last:<{widths[-1]}}"))


def _moment(at: float | None) -> str:
    return "-" if at is None else f"{at:.1f}"


def _drawn(row: Phase | Bar, seconds: float, space: int) -> str:
    """Draw one bar: blanks, light until it was started, dark until it was ready."""
    created, started, _, ready = row.moments
    if started is None or seconds <= 0:
        return ""
    moments = (created or started, started, seconds if ready is None else ready)
    made, start, end = (round(min(at / seconds, 1.0) * space) for at in moments)
    return " " * made + LIGHT * (start - made) + DARK * max(end - start, 1)

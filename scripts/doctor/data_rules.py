"""Pure: what a checkup says about snapshots and unfinished data commands."""

from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.units import size
from scripts.doctor.facts import Facts


def unfinished(facts: Facts) -> Iterator[Finding]:
    """A data command that was interrupted, and a journal that cannot be read."""
    data = facts.data
    if data is None:
        return
    if data.problem is not None:
        code, step = "data-journal", data.problem.next_step
        yield Finding(code=code, cause=data.problem.cause, next_step=step)
    if data.unfinished is not None:
        yield Finding(
            code="data-unfinished",
            cause=f"inv {data.unfinished.command} was interrupted ({data.unfinished.phase})",
            evidence=f"begun {data.unfinished.since}",
            next_step="inv up finishes it",
            fatal=False,
        )
    if data.damaged:
        yield Finding(
            code="snapshot-damaged",
            cause=f"{data.damaged} of {data.snapshots} snapshots cannot be read",
            next_step="inv snapshot.list says which and why",
            fatal=False,
        )


def detail(facts: Facts) -> str:
    """Say how many snapshots there are, and how big."""
    if facts.data is None:
        return ""
    count = facts.data.snapshots
    return f"{count} snapshots, {size(facts.data.size)}" if count else "no snapshot yet"

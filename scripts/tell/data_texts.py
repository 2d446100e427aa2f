"""Pure: what data commands show: their plan, how far they are, snapshots."""

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.core.units import size, size_of
from scripts.data.model import Command, Plan

COLUMNS = ("name", "made", "of", "data", "file", "by", "")
BAR = 24
"""Characters of a bar."""
DOES = {Command.SAVE: "saves", Command.RESET: "deletes", Command.RESTORE: "replaces"}


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield a plan, a line for each thing that will happen, in the order in which it does."""
    yield f"stops     {', '.join(plan.stops) or 'nothing: nothing of it runs'}"
    if plan.command is Command.RESET:
        made = f"{plan.snapshot}, checked before anything is deleted" if plan.snapshot else ""
        yield f"snapshot  {made or 'none: what is deleted is lost for good'}"
    if plan.command is Command.RESTORE:
        yield f"snapshot  {plan.snapshot}, read whole and checked first"
    if plan.removes:
        yield f"removes   the containers of {', '.join(plan.removes)}"
    for index, one in enumerate(plan.volumes):
        held = size(plan.sizes[one.key]) if one.key in plan.sizes else "not there yet"
        yield f"{DOES[plan.command] if index == 0 else '':<9} {one.name} ({held})"
    if not plan.volumes:
        yield f"{DOES[plan.command]:<9} nothing: there is no volume yet"
    yield f"starts    {', '.join(reversed(plan.stops)) or 'nothing: nothing of it ran'}"
    for line in plan.advice:
        yield f"note: {line}"


def meter(done: int, total: int, seconds: float) -> str:
    """Return how far something is, with a bar; `total` in bytes may be a little wrong."""
    share = min(1.0, done / total) if total else 1.0
    full = round(share * BAR)
    bar = "━" * full + "╌" * (BAR - full)
    pace = f"  {size(done / seconds)}/s" if seconds > 0 else ""
    return f"{bar} {share:5.0%}  {size_of(done, total)}{pace}"


def snapshot_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a snapshot."""
    found = one["manifest"]
    if found is None:
        return (one["name"], "", "", "", size(one["bytes"]), "", one["problem"])
    made = str(found["created_at"])[:19].replace("T", " ")
    by = f"inv {found['command']}" if found["automatic"] else "you"
    groups = ", ".join(found["groups"])
    return (one["name"], made, groups, size(found["tar_bytes"]), size(one["bytes"]), by, "")

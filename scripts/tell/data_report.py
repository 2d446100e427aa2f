"""What data commands tell: what will happen, how far it is, which snapshots there are."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.errors import BrokenError, ExitCode
from scripts.core.progress import OnBytes
from scripts.core.units import size, size_of
from scripts.data.model import Command, Entry, Plan, Snapshot
from scripts.tell.start_report import StartReport

if TYPE_CHECKING:
    from scripts.watch.memories.halves import Bare, Loose

COLUMNS = ("name", "made", "of", "data", "file", "by", "")
BAR = 24
"""Characters of a bar."""
DOES = {Command.SAVE: "saves", Command.RESET: "deletes", Command.RESTORE: "replaces"}
PACE = 0.2
"""Seconds between two lines about how far something is."""


class DataReport(StartReport):
    """Tells plans, bytes and snapshots; what was stopped for them starts again."""

    def first(self, pending: str) -> None:
        """Write on stdout, as a plan, what is finished before it is begun; nothing for none."""
        if pending:
            self.text(f"first     {pending}, and so does this")

    def plan(self, plan: Plan, *, result: bool) -> None:
        """Tell what is going to happen; on stdout where that is the result."""
        for line in plan_lines(plan):
            (self.text if result else self.say)(line)

    @contextmanager
    def metered(self, name: str, total: int) -> Iterator[OnBytes]:
        """Yield what takes the bytes that are done so far, and tells them now and then."""
        began = latest = time.monotonic()
        count = 0

        def on_bytes(done: int) -> None:
            nonlocal latest, count
            count = done
            if (now := time.monotonic()) - latest >= PACE:
                latest = now
                self.step(name, meter(done, total, now - began))

        with self.board((name,)):
            yield on_bytes
        # what is on a disk and what a tar holds of it are not the same
        self.say(f"{name:<9} {meter(count, count, time.monotonic() - began)}")

    def snapshots(self, project: str, snapshots: Sequence[Snapshot]) -> None:
        """Write snapshots, the newest first."""
        rows = [snapshot.document() for snapshot in snapshots]
        if self.form == "json":
            self.json_line({"project": project, "snapshots": rows})
        elif rows:
            self.table(COLUMNS, map(snapshot_row, rows))
        else:
            self.say("there is no snapshot yet: inv snapshot.save makes one")

    def verified(self, project: str, snapshot: Snapshot) -> None:
        """Write whether a snapshot is whole."""
        if self.form == "json":
            self.snapshots(project, [snapshot])
        elif snapshot.problem:
            self.error(BrokenError(snapshot.problem, next_step="inv snapshot.list shows others"))
        else:
            self.text(f"ok  {snapshot.name}: every byte is what was written")

    def saved(self, snapshot: Snapshot) -> None:
        """Write where a new snapshot lies."""
        self.text(f"saved {snapshot.name} ({size(snapshot.size)}): {snapshot.file}")

    def reset(self, plan: Plan, file: Path | None) -> None:
        """Write what was deleted, and how to have it back."""
        again = f"; inv snapshot.restore {plan.snapshot} brings it back" if file else ""
        self.text(f"the data of {', '.join(plan.groups)} was deleted{again}")

    def repair(
        self, loose: Sequence["Loose"], bare: Sequence["Bare"], plan: Plan, *, lost: int
    ) -> None:
        """Tell what a repair is going to remove and to add, and what it does first.

        `lost` is the number of cubes of which no node is left.
        """
        from scripts.watch.memories.halves import where

        if loose:
            self.say(f"removes   {len(loose):,} vectors without a memory ({where(loose)})")
        if bare:
            self.say(f"adds      {len(bare):,} vectors of memories without one ({where(bare)})")
        self.say(f"snapshot  {plan.snapshot}, checked first: it keeps all, texts too")
        self.plan(plan, result=False)
        if lost:
            self.say(
                f"note: of {lost} cubes Neo4j holds nothing any more; if they were lost, say no:"
                " inv snapshot.list shows what can be restored"
            )

    def repaired(self, plan: Plan, removed: int, added: int, wanted: int) -> None:
        """Write what was removed and added, and how to have it back."""
        done = [
            f"{word} {count:,} vectors {which} a memory"
            for word, count, which in (("removed", removed, "without"), ("added", added, "of"))
            if count
        ]
        back = f"inv snapshot.restore {plan.snapshot} brings back how all was before"
        self.text(f"{', '.join(done) or 'changed nothing'}; {back}")
        if removed + added < wanted:
            left = wanted - removed - added
            self.say(f"{left:,} are gone, are whole by now or have no text, and were left alone")

    def undo(self, entry: Entry) -> None:
        """Write what would be brought back."""
        self.text(f"brings back {', '.join(entry.volumes.values())}, as before inv {entry.command}")
        self.text(
            f"starts      {', '.join(reversed(entry.running)) or 'nothing: nothing of it ran'}"
        )

    def restored(self, plan: Plan, code: ExitCode) -> None:
        """Write that a restore came to its end."""
        if code is ExitCode.OK:
            self.text(f"the data of {', '.join(plan.groups)} is that of {plan.snapshot} again")

    def pruned(self, names: Sequence[str]) -> None:
        """Tell which snapshots were deleted."""
        for name in names:
            self.say(f"deleted the snapshot {name}")


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
    for index, volume in enumerate(plan.volumes):
        held = size(plan.sizes[volume.key]) if volume.key in plan.sizes else "not there yet"
        yield f"{DOES[plan.command] if index == 0 else '':<9} {volume.name} ({held})"
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


def snapshot_row(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of a snapshot."""
    name, file, manifest = document["name"], size(document["bytes"]), document["manifest"]
    if manifest is None:
        return (name, "", "", "", file, "", document["problem"])
    made = str(manifest["created_at"])[:19].replace("T", " ")
    by = f"inv {manifest['command']}" if manifest["automatic"] else "you"
    return (name, made, ", ".join(manifest["groups"]), size(manifest["tar_bytes"]), file, by, "")

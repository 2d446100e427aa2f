"""What data commands tell, over what every command does."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from scripts.core.errors import BrokenError, ExitCode
from scripts.core.progress import OnBytes
from scripts.core.units import size
from scripts.data.model import Plan, Snapshot
from scripts.tell import data_texts
from scripts.tell.report import Report

PACE = 0.2
"""Seconds between two lines about how far something is."""


class DataReport(Report):
    """Tells plans, bytes and snapshots."""

    def plan(self, plan: Plan, *, result: bool) -> None:
        """Tell what is going to happen; on stdout where that is the result."""
        for line in data_texts.plan_lines(plan):
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
                self.step(name, data_texts.meter(done, total, now - began))

        with self.board((name,)):
            yield on_bytes
        # what is on a disk and what a tar holds of it are not the same
        self.say(f"{name:<9} {data_texts.meter(count, count, time.monotonic() - began)}")

    def snapshots(self, project: str, found: Sequence[Snapshot]) -> None:
        """Write snapshots, the newest first."""
        if self.form == "json":
            rows = [one.document() for one in found]
            self.json_line({"project": project, "snapshots": rows})
        elif found:
            self.table(data_texts.COLUMNS, (data_texts.snapshot_row(o.document()) for o in found))
        else:
            self.say("there is no snapshot yet: inv snapshot.save makes one")

    def verified(self, project: str, one: Snapshot) -> None:
        """Write whether a snapshot is whole."""
        if self.form == "json":
            self.json_line({"project": project, "snapshots": [one.document()]})
        elif one.problem:
            self.error(BrokenError(one.problem, next_step="inv snapshot.list shows others"))
        else:
            self.text(f"ok  {one.name}: every byte is what was written")

    def saved(self, one: Snapshot) -> None:
        """Write where a new snapshot lies."""
        self.text(f"saved {one.name} ({size(one.size)}): {one.file}")

    def reset(self, plan: Plan, file: Path | None) -> None:
        """Write what was deleted, and how to have it back."""
        again = f"; inv snapshot.restore {plan.snapshot} brings it back" if file else ""
        self.text(f"the data of {', '.join(plan.groups)} was deleted{again}")

    def restored(self, plan: Plan, code: ExitCode) -> None:
        """Write that a restore came to its end."""
        if code is ExitCode.OK:
            self.text(f"the data of {', '.join(plan.groups)} is that of {plan.snapshot} again")

    def pruned(self, names: Sequence[str]) -> None:
        """Tell which snapshots were deleted."""
        for name in names:
            self.say(f"deleted the snapshot {name}")

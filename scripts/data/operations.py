"""Save, reset and restore: the plan is carried out, and the journal says how far it is."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.core import units
from scripts.core.errors import ExitCode, StackError
from scripts.data import journal, moves, recovery, snapshots
from scripts.data.model import Entry, Phase, Plan, Snapshot, Survey
from scripts.data.recovery import Site, Tell
from scripts.engine.throwaway import Helper


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A data command that is about to begin."""

    site: Site
    plan: Plan
    survey: Survey

    def helper(self) -> Helper:
        """Return a helper over the plan's volumes."""
        volumes = {one.key: one.name for one in self.plan.volumes}
        return Helper(self.site.api, self.site.stack.project, self.survey.image, volumes)

    def entry(self, phase: Phase) -> Entry:
        """Write down that the command begins with this phase."""
        entry = Entry(
            command=self.plan.command,
            phase=phase,
            running=self.plan.stops,
            volumes={one.key: one.name for one in self.plan.volumes},
            snapshot=self.plan.snapshot,
            since=units.written(time.time()),
        )
        return journal.write(self.site.folder, entry)


def save(work: Operation, file: Path, facts: Mapping[str, Any]) -> ExitCode:
    """Write a snapshot; what was stopped for it runs again, also when it fails.

    Gives the code of that start. Errors as in `data_moves.pack` and `data_moves.verify`.
    """
    site = work.site
    with _partial(file) as partial:
        with _taken_back(work, Phase.STOPPED) as entry:
            moves.stop(site.api, site.stack, work.plan.stops)
            manifest = _pack(work, partial, facts)
        code = recovery.finish(site, entry)
        _verify(work, partial, manifest["tar_bytes"])
        moves.keep(partial, file)
    return code


def reset(work: Operation, file: Path | None, facts: Mapping[str, Any]) -> ExitCode:
    """Delete the plan's volumes, after a snapshot if there is a `file` for one; start what ran."""
    site = work.site
    with _taken_back(work, Phase.STOPPED) as entry:
        moves.stop(site.api, site.stack, work.plan.stops)
        if file is not None:
            with _partial(file) as partial:
                manifest = _pack(work, partial, facts)
                _verify(work, partial, manifest["tar_bytes"])
                moves.keep(partial, file)
    return recovery.finish(site, site.note(entry, Phase.DELETING))


def restore(work: Operation, file: Path, size: int) -> ExitCode:
    """Put the data of a snapshot in the place of the volumes'; `size` of its tar in bytes.

    The old data stays beside it until all that ran is ready on the new.
    """
    site = work.site
    _verify(work, file, size)
    with _taken_back(work, Phase.UNPACKING) as entry:
        moves.stop(site.api, site.stack, work.plan.stops)
        moves.create_volumes(site.api, site.stack.project, work.plan.volumes)
        with site.tell.metered("restore", size) as on_bytes:
            moves.unpack(work.helper(), file, on_bytes)
    return recovery.finish(site, site.note(entry, Phase.SWAPPING))


def checked(found: Snapshot, tell: Tell) -> Snapshot:
    """Read a snapshot whole; give it with the problem, if there is one."""
    if found.manifest is None:
        return found
    try:
        with tell.metered("verify", found.manifest["tar_bytes"]) as on_bytes:
            moves.verify(found.file, on_bytes)
    except StackError as error:
        return replace(found, problem=str(error))
    return found


@contextmanager
def _taken_back(work: Operation, phase: Phase) -> Iterator[Entry]:
    """Yield the journal's entry for steps that change nothing yet: an error takes them back."""
    entry = work.entry(phase)
    try:
        yield entry
    except BaseException as error:
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        # said now: what goes wrong below would hide it
        work.site.tell.say(
            f"{why}: bringing back what ran; Ctrl-C again leaves that to the next inv up"
        )
        recovery.finish(work.site, entry)
        raise


@contextmanager
def _partial(file: Path) -> Iterator[Path]:
    """Yield where to write a snapshot; nothing is left there when the block ends."""
    partial = snapshots.partial(file)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield partial
    finally:
        moves.remove_files([partial])


def _pack(work: Operation, partial: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    with work.site.tell.metered("save", work.plan.size) as on_bytes:
        return moves.pack(work.helper(), partial, facts, on_bytes)


def _verify(work: Operation, file: Path, size: int) -> None:
    with work.site.tell.metered("verify", size) as on_bytes:
        moves.verify(file, on_bytes)

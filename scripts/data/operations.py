"""Save, reset and restore: prepared, then carried out as planned; the journal says how far."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scripts.core import units
from scripts.core.errors import BrokenError, ConfigError, ExitCode, StackError
from scripts.core.finding import DOCKER
from scripts.data import journal, plan, recovery, snapshots, transfer, volumes
from scripts.data.context import DataContext, Reporter
from scripts.data.model import Command, Entry, Phase, Plan, Snapshot, Survey
from scripts.engine.throwaway import Helper


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A data command that is about to begin."""

    context: DataContext
    plan: Plan
    survey: Survey

    @property
    def helper(self) -> Helper:
        """A helper over the plan's volumes."""
        context = self.context
        image, images = self.survey.image, self.survey.images
        project, names = context.stack.project, self.plan.names
        return Helper(context.api, project, image, names, images=images)

    def require_data(self) -> None:
        """Raise ConfigError when there is no volume to save."""
        if not self.plan.volumes:
            groups = ", ".join(self.plan.groups)
            raise ConfigError(f"there is no data of {groups} yet", next_step="inv up")

    def require_nothing_beside(self) -> None:
        """Raise BrokenError when a restore that nobody remembers left its other data in a volume.

        Asked after `recovery.settle`: what a journal knows of is gone by then.
        """
        for volume in self.plan.volumes:
            if beside := self.survey.beside.get(volume.key):
                member = plan.member(self.context.stack, volume.group)
                raise BrokenError(
                    f"the volume {volume.name} still holds the data from before an earlier restore"
                    f" ({beside}), and no journal says which of the two is right",
                    next_step=f"keep both: inv snapshot.save --service {member}; {DOCKER} run --rm"
                    f" -v {volume.name}:/v --entrypoint tar {self.survey.image} -cf - -C /v"
                    f" {beside}"
                    f" >{volume.key}-former.tar; then inv reset --service {member} makes room for a"
                    " restore",
                )

    def require_space(self, needed: int) -> None:
        """Raise BrokenError when a disk of the volumes has less than `needed` bytes free."""
        least = min(self.survey.free.values(), default=needed)
        if least < needed:
            raise BrokenError(
                f"the disk of the volumes has {units.size(least)} free, and {units.size(needed)}"
                " are needed: the old data stays until the new one is ready",
                next_step=f"make room: {DOCKER} system df, and inv snapshot.list, show what takes"
                " it; then the same again",
            )


def prepare(
    context: DataContext, command: Command, groups: Sequence[str], *, snapshot: str = ""
) -> Operation:
    """Look into the volumes of these groups and plan a command.

    Raises RefusedError when a container of somebody else uses one of them, ConfigError when a
    process of this machine does.
    """
    containers = context.containers()
    names = {one.key: one.name for one in context.stack.volumes if one.group in groups}
    volumes.require_unused(context.api, containers, names.values())
    survey = volumes.survey(context.api, context.stack, names)
    planned = plan.plan(context.stack, command, groups, containers, survey)
    context.require_stoppable(planned.stops, containers)
    return Operation(context=context, plan=replace(planned, snapshot=snapshot), survey=survey)


def save(operation: Operation, file: Path, manifest: Mapping[str, Any]) -> ExitCode:
    """Write a snapshot; what was stopped for it runs again, also when it fails.

    Gives the code of that start. Errors as in `transfer.pack` and `transfer.verify`.
    """
    context = operation.context
    with snapshots.partial(file) as partial:
        with _taken_back(operation, Phase.STOPPED) as entry:
            context.stop(operation.plan.stops)
            size = _pack(operation, partial, manifest)
        code = recovery.finish(context, entry)
        transfer.keep(context.tell, partial, file, size)
    return code


def reset(operation: Operation, file: Path | None, manifest: Mapping[str, Any]) -> ExitCode:
    """Delete the plan's volumes, after a snapshot if there is a `file` for one; start what ran."""
    context = operation.context
    with _taken_back(operation, Phase.STOPPED) as entry:
        context.stop(operation.plan.stops)
        if file is not None:
            with snapshots.partial(file) as partial:
                size = _pack(operation, partial, manifest)
                transfer.keep(context.tell, partial, file, size)
    return recovery.finish(context, context.note(entry, Phase.DELETING))


def restore(operation: Operation, file: Path, size: int) -> ExitCode:
    """Put the data of a snapshot in the place of the volumes'; `size` of its tar in bytes.

    The old data stays beside it until all that ran is ready on the new.
    """
    context = operation.context
    transfer.verify(context.tell, file, size)
    with _taken_back(operation, Phase.UNPACKING) as entry:
        context.stop(operation.plan.stops)
        project, wanted = context.stack.project, operation.plan.volumes
        labels = {**volumes.own(context.root), volumes.RESTORED_LABEL: entry.since}
        volumes.create(context.api, project, wanted, labels)
        with context.tell.metered("restore", size) as on_bytes:
            transfer.unpack(operation.helper, file, on_bytes)
    return recovery.finish(context, context.note(entry, Phase.SWAPPING))


def checked(snapshot: Snapshot, tell: Reporter) -> Snapshot:
    """Read a snapshot whole; give it with the problem, if there is one."""
    if snapshot.manifest is None:
        return snapshot
    try:
        transfer.verify(tell, snapshot.file, snapshot.manifest["tar_bytes"])
    except StackError as error:
        return replace(snapshot, problem=str(error))
    return snapshot


@contextmanager
def _taken_back(operation: Operation, phase: Phase) -> Iterator[Entry]:
    """Yield the journal's entry for steps that change nothing yet: an error takes them back."""
    context, planned = operation.context, operation.plan
    entry = Entry(
        command=planned.command,
        phase=phase,
        running=planned.stops,
        volumes=planned.names,
        snapshot=planned.snapshot,
        since=units.written(time.time()),
        engine=context.engine_id(),
    )
    former = journal.read(context.folder)
    journal.write(context.folder, entry)
    try:
        yield entry
    except BaseException as error:
        if former is not None:  # what it says is still so
            journal.write(context.folder, former)
            raise
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
        # said now: what goes wrong below would hide it
        context.tell.say(
            f"{why}: bringing back what ran; Ctrl-C again leaves that to the next inv up"
        )
        recovery.finish(context, entry)
        raise


def _pack(operation: Operation, partial: Path, manifest: Mapping[str, Any]) -> int:
    """Write the plan's volumes; give the bytes of their tar."""
    with operation.context.tell.metered("save", operation.plan.size) as on_bytes:
        return transfer.pack(operation.helper, partial, manifest, on_bytes)

"""What is done to the data as a whole: asked, locked, done, and what ran started again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.config import selection, workspace
from scripts.config.workspace import Workspace
from scripts.core.errors import ExitCode, StackError
from scripts.core.files import held
from scripts.core.look import ALIVE
from scripts.data import archive, journal, manifest, operations, recovery, snapshots, volumes
from scripts.data.model import Command
from scripts.engine import stacks
from scripts.engine.containers import containers, made
from scripts.loop import api_host
from scripts.start import guards, sources
from scripts.start.starter import Starter
from scripts.start.up import take_over
from scripts.tell.data_report import DataReport
from scripts.watch import on_host


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """What is to be deleted, as it was typed."""

    services: Sequence[str] = ()
    every: bool = False
    """All data groups."""
    dry_run: bool = False
    keep: bool = True
    """A snapshot is made first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore:
    """Which snapshot is to be put in the place of the data, as it was typed."""

    name: str
    anyway: bool = False
    """Also where it was made by other servers."""
    dry_run: bool = False


def stop(start: Starter, tell: DataReport, services: Sequence[str]) -> None:
    """Stop these services alone: their containers stay, and what needs them is told."""
    space, context = start.space, start.data_context()
    names = selection.here(space.stack, services)
    with held(space.cache, "down"):
        guards.require_own(space)
        if on_host.SERVICE in names:
            api_host.end(space.cache, tell.say)
        context.stop(names)
        alive = [one.service for one in context.containers() if one.state in ALIVE]
    for name in names:
        users = [user for user in alive if name in space.stack.service(user).needs]
        left = f"; {', '.join(users)} needs it, and goes on without" if users else ""
        tell.say(f"{name} is stopped{left}; inv up --service {name} starts it")


def down(start: Starter, tell: DataReport, *, delete_data: bool, yes: bool) -> None:
    """Stop and remove the containers; with `delete_data` the data too, after asking."""
    space, context = start.space, start.data_context()
    project = space.stack.project
    gone: tuple[str, ...] = ()
    with held(space.cache, "down"), recovery.unfinished(context.folder):
        if left := guards.left_by(space):
            tell.confirm(take_over(project, left), (), yes=yes and not delete_data)
        if delete_data:
            gone = volumes.held(space.api, workspace.every_volume(space))
            _confirm(space, tell, "Delete these volumes?", gone, gone, yes=yes)
            api_host.end(space.cache, tell.say)
            recovery.clear(context)  # what is deleted need not be whole before
        else:
            api_host.end(space.cache, tell.say)
            recovery.settle_data(context)
        sources.forget(space)
        there = containers(space.api, project)
        space.compose.remove(project, made(space.api, project), tell.say)
        if delete_data:
            volumes.delete(space.api, project, gone)
            recovery.forget(context)
    if not there:
        members = stacks.seen(space.api)
        tell.nothing_stopped(project, stacks.document(members, space.settings.root, ""))
    if delete_data:
        tell.say("the data was deleted")
        for one in filter(lambda one: one.elsewhere, space.stack.services):
            tell.say(f"{one.name} runs elsewhere ({one.elsewhere}): its data is not this stack's")
    elif there:
        tell.say("the data is kept; inv up brings all back")
    if space.engine.remote:
        from scripts.start import far

        for line in far.leave(space):
            tell.say(line)


def _confirm(
    space: Workspace,
    tell: DataReport,
    question: str,
    shown: Sequence[str],
    names: Iterable[str],
    *,
    yes: bool,
) -> None:
    """Ask as `guards.confirm_loss` does."""
    others = volumes.of_others(space.api, names, space.settings.root, space.engine)
    guards.confirm_loss(tell, question, shown, others, yes=yes)


def reset(start: Starter, tell: DataReport, wanted: Reset, *, yes: bool) -> ExitCode:
    """Delete the data that is wanted gone, after a snapshot; then start what ran."""
    space, context = start.space, start.data_context()
    groups = selection.groups_to_reset(space.stack, wanted.services, every=wanted.every)
    with held(space.cache, "reset"), recovery.unfinished(context.folder):
        guards.require_own(space)
        if not wanted.dry_run and (code := _finished(start, tell, wanted, groups)):
            return code
        name = snapshots.name_now(space.stack, groups, before="before-reset-")
        operation = operations.prepare(
            context, Command.RESET, groups, snapshot=name if wanted.keep else ""
        )
        tell.first(journal.pending(context.folder) if wanted.dry_run else "")
        tell.plan(operation.plan, result=wanted.dry_run)
        if wanted.dry_run or not operation.plan.volumes:
            return ExitCode.OK
        names = operation.plan.names.values()
        _confirm(space, tell, "Delete this data?", (), names, yes=yes)
        file = snapshots.new_file(context.folder, name) if operation.plan.snapshot else None
        code = operations.reset(
            operation, file, manifest.describe(space, operation.plan, automatic=True)
        )
        kept = int(space.settings.get("SNAPSHOTS_KEEP"))
        tell.pruned(snapshots.prune_automatic(context.folder, groups, kept, spare=file))
    tell.reset(operation.plan, file)
    return code


def _finished(
    start: Starter, tell: DataReport, wanted: Reset, groups: Sequence[str]
) -> ExitCode | None:
    """Finish what was interrupted; where that fails, it is no matter if all of it is deleted."""
    try:
        return start.finish_interrupted()
    except StackError as error:
        context = start.data_context()
        keys = [volume.key for volume in context.stack.volumes if volume.group in groups]
        if wanted.keep or not recovery.covered(context, keys):
            raise
        tell.say(f"{error}; all of it is deleted now")
        return None


def save(
    start: Starter, tell: DataReport, services: Sequence[str], name: str, *, dry_run: bool
) -> ExitCode:
    """Write the data of these services' groups as one file; an empty `name` is made up."""
    space, context = start.space, start.data_context()
    groups = selection.data_groups(space.stack, services)
    name = name or snapshots.name_now(space.stack, groups)
    with held(space.cache, "snapshot.save"), recovery.unfinished(context.folder):
        guards.require_own(space)
        file = snapshots.new_file(context.folder, name)
        if not dry_run and (code := start.finish_interrupted()):
            return code
        operation = operations.prepare(context, Command.SAVE, groups, snapshot=name)
        operation.require_data()
        tell.first(journal.pending(context.folder) if dry_run else "")
        tell.plan(operation.plan, result=dry_run)
        if dry_run:
            return ExitCode.OK
        code = operations.save(
            operation, file, manifest.describe(space, operation.plan, automatic=False)
        )
    tell.saved(snapshots.read(file))
    return code


def restore(start: Starter, tell: DataReport, wanted: Restore, *, yes: bool) -> ExitCode:
    """Put a snapshot in the place of the data, which stays until all is ready on the new one."""
    space, context = start.space, start.data_context()
    file = snapshots.find(context.folder, wanted.name)
    contents = archive.manifest(file)
    manifest.require_restorable(space, file, contents, anyway=wanted.anyway)
    with held(space.cache, "snapshot.restore"), recovery.unfinished(context.folder):
        guards.require_own(space)
        if not wanted.dry_run and (code := start.finish_interrupted()):
            return code
        operation = operations.prepare(
            context, Command.RESTORE, contents["groups"], snapshot=snapshots.name(file)
        )
        operation.require_nothing_beside()
        operation.require_space(contents["tar_bytes"])
        tell.first(journal.pending(context.folder) if wanted.dry_run else "")
        tell.plan(operation.plan, result=wanted.dry_run)
        if wanted.dry_run:
            return ExitCode.OK
        names = operation.plan.names.values()
        _confirm(space, tell, "Replace this data?", (), names, yes=yes)
        code = operations.restore(operation, file, contents["tar_bytes"])
    tell.restored(operation.plan, code)
    return code


def undo(start: Starter, tell: DataReport, *, dry_run: bool) -> ExitCode:
    """Bring back the data from before a restore on which not all became ready."""
    context = start.data_context()
    with held(start.space.cache, "snapshot.undo"), recovery.unfinished(context.folder):
        guards.require_own(start.space)
        if not dry_run:
            return recovery.undo(context)
        tell.undo(recovery.unready(context))
        return ExitCode.OK


def verify(root: Path, project: str, tell: DataReport, name: str) -> ExitCode:
    """Read a snapshot whole and compare every byte with its checksums."""
    file = snapshots.find(snapshots.folder_of(root, project), name)
    snapshot = operations.checked(snapshots.read(file), tell)
    tell.verified(project, snapshot)
    return ExitCode.BROKEN if snapshot.problem else ExitCode.OK


def delete(root: Path, project: str, tell: DataReport, name: str, *, yes: bool) -> None:
    """Delete one snapshot of a project, after asking."""
    with held(workspace.cache(root, project), "snapshot.delete"):
        file = snapshots.find_own(snapshots.folder_of(root, project), name)
        tell.confirm("Delete this snapshot?", [str(file)], yes=yes)
        tell.pruned(snapshots.delete([file]))


def prune(root: Path, project: str, tell: DataReport, keep: int, *, yes: bool) -> None:
    """Delete all snapshots of a project but the newest, after asking."""
    with held(workspace.cache(root, project), "snapshot.prune"):
        kept = snapshots.listed(snapshots.folder_of(root, project))
        files = [snapshot.file for snapshot in snapshots.older(kept, keep)]
        if files:
            names = [str(file) for file in files]
            tell.confirm("Delete these snapshots?", names, yes=yes)
        tell.pruned(snapshots.delete(files))

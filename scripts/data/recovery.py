"""Brings what a data command was in the middle of to its end, in the command and after a crash.

Each phase can be repeated: whatever ended it, the next run finds the data whole or makes it so.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from scripts.core.errors import BrokenError, ConfigError, ExitCode, StackError
from scripts.data import journal, plan, snapshots, volumes
from scripts.data.context import DataContext
from scripts.data.model import MEANS, UNDONE, Entry, Phase
from scripts.data.volume_scripts import BACK, CLEAN, DISCARD, SWAP
from scripts.engine import throwaway


@contextmanager
def unfinished(folder: Path) -> Iterator[None]:
    """Have an error that ends the block also name what finishes a command that is under way."""
    try:
        yield
    except StackError as error:
        if not (left := journal.pending(folder)):
            raise
        from scripts.diagnosis import refused

        known = refused.explained(error)
        step = f"{known.next_step}; {left}"
        raise type(known)(str(known), next_step=step, code=known.code) from error


def settle(context: DataContext) -> ExitCode:
    """Finish what an interrupted command left, and say so; OK when nothing is left of it."""
    entry = _interrupted(context)
    return ExitCode.OK if entry is None else finish(context, entry)


def settle_data(context: DataContext) -> None:
    """Like `settle`, and start nothing: the data is whole afterwards.

    Where that cannot be, it is said, and left to whoever starts services again: who stops them may
    not be kept from it.
    """
    try:
        entry = _interrupted(context)
        if entry is not None:
            entry = mend(context, entry)
            if entry.phase is Phase.CLEANING:
                finish(context, entry)
    except StackError as error:
        context.tell.say(f"{error}; next: {error.next_step}")


def forget(context: DataContext) -> None:
    """Remove the journal where all data of this stack is gone; one of other data stays."""
    try:
        entry = journal.read(context.folder)
        if entry is not None:
            _require_own(context, entry)
    except BrokenError as error:
        context.tell.say(f"{error}; next: {error.next_step}")
    else:
        journal.remove(context.folder)


def covered(context: DataContext, keys: Collection[str]) -> bool:
    """Say whether an interrupted command worked on none but these volumes of this stack."""
    try:
        entry = journal.read(context.folder)
        if entry is not None:
            _require_own(context, entry)
    except BrokenError:
        return False
    return entry is not None and entry.volumes.keys() <= set(keys)


def clear(context: DataContext) -> None:
    """Remove what a killed command left beside the data: containers that hold it, half files."""
    throwaway.clear(context.api, context.stack.project)
    snapshots.delete(snapshots.leftovers(context.folder))


def _interrupted(context: DataContext) -> Entry | None:
    clear(context)
    entry = journal.read(context.folder)
    if entry is not None:
        _require_own(context, entry)
        context.tell.say(f"inv {entry.command} was interrupted: {MEANS[entry.phase]}")
    return entry


def _require_own(context: DataContext, entry: Entry) -> None:
    """Raise BrokenError for a journal of other volumes than this stack has, or of another engine.

    To finish it would change, or delete, what nobody has spoken of.
    """
    file, own = context.folder / journal.FILE, {one.key: one.name for one in context.stack.volumes}
    here = context.engine_id()
    if others := [name for key, name in entry.volumes.items() if own.get(key) != name]:
        raise BrokenError(
            f"{file} says that inv {entry.command} was interrupted, of volumes that this stack does"
            f" not have: {', '.join(others)}",
            next_step="the same again with the settings of then (IMAGE_SOURCE, MEMOS_VERSION,"
            f" COMPOSE_PROJECT_NAME); if it is not from here: mv {file} {file}.unread",
        )
    if here and not entry.engine:
        raise BrokenError(
            f"{file} says that inv {entry.command} was interrupted, and not on which engine, as"
            " older versions did",
            next_step=f'if it was on this one: write "engine": "{here}" into {file}, then the same'
            f" again; if not: mv {file} {file}.unread",
        )
    if here and entry.engine != here:
        raise BrokenError(
            f"{file} says that inv {entry.command} was interrupted on the engine"
            f" {entry.engine}, and this is {here}",
            next_step="the same again with that engine (docker context ls); if it is gone, or the"
            f" file is not from here: mv {file} {file}.unread",
        )


def mend(context: DataContext, entry: Entry) -> Entry:
    """Make the data whole: the old one, or the new one."""
    match entry.phase:
        case Phase.STOPPED:
            return context.note(entry, Phase.RETURNING)
        case Phase.UNPACKING:
            context.run(DISCARD, entry.volumes)
            _unmake(context, entry)
            return context.note(entry, Phase.RETURNING)
        case Phase.UNDOING:
            entry = _stopped(context, entry)
            context.run(BACK, entry.volumes)
            _unmake(context, entry)
            return context.note(entry, Phase.RETURNING)
        case Phase.SWAPPING:
            entry = _stopped(context, entry)
            _require_all(context, entry)
            context.run(SWAP, entry.volumes)
            return context.note(entry, Phase.STARTING)
        case Phase.DELETING:
            volumes.delete(context.api, context.stack.project, entry.volumes.values())
            return context.note(entry, Phase.RETURNING)
        case Phase.STARTING | Phase.RETURNING | Phase.CLEANING:
            return entry
        case _:
            assert_never(entry.phase)


def _require_all(context: DataContext, entry: Entry) -> None:
    """Raise BrokenError where a volume is gone: half of the new data would come to half of it."""
    there = volumes.held(context.api, entry.volumes.values())
    if gone := sorted({*entry.volumes.values()} - {*there}):
        raise BrokenError(
            f"the volumes {', '.join(gone)} were restored, and are not there any more",
            next_step=f"{journal.UNDO} brings the former data back; or the same again with the"
            " engine, and with all nodes, that has them",
        )


def _unmake(context: DataContext, entry: Entry) -> None:
    """Delete the volumes that a restore made which is taken back: there were none before it."""
    made = volumes.made_by(context.api, entry.since, entry.volumes.values())
    volumes.delete(context.api, context.stack.project, made)


def _stopped(context: DataContext, entry: Entry) -> Entry:
    """Stop what works on this data, as somebody may have started it meanwhile; it comes back."""
    groups = {volume.group for volume in context.stack.volumes if volume.key in entry.volumes}
    stops = plan.stops(context.stack, sorted(groups), context.containers())
    context.stop(stops)
    return replace(entry, running=tuple(dict.fromkeys((*entry.running, *stops))))


def finish(context: DataContext, entry: Entry) -> ExitCode:
    """Go on from a phase to the end: the data whole, what ran before running again."""
    entry = mend(context, entry)
    code = ExitCode.OK
    if entry.phase is not Phase.CLEANING:
        code = _brought_back(context, entry)
    if entry.phase is Phase.STARTING:
        if code is not ExitCode.OK:
            return code
        entry = context.note(entry, Phase.CLEANING)
    if entry.phase is Phase.CLEANING:
        context.run(CLEAN, entry.volumes)
    journal.remove(context.folder)
    return code


def _brought_back(context: DataContext, entry: Entry) -> ExitCode:
    """Start what ran; where that fails on restored data, say that the former is there."""
    names = context.stack.names()
    code = None
    try:
        code = context.bring_back(tuple(name for name in entry.running if name in names))
    finally:
        if entry.phase is Phase.STARTING and code is not ExitCode.OK:
            context.tell.say(
                f"the former data is kept: {journal.UNDO} brings it back, inv up tries again"
            )
    return code


def unready(context: DataContext) -> Entry:
    """Return the restore that never became ready; ConfigError when there is none."""
    entry = journal.read(context.folder)
    if entry is None or entry.phase not in UNDONE:
        raise ConfigError("there is no unfinished restore", next_step="inv snapshot.list")
    _require_own(context, entry)
    return entry


def undo(context: DataContext) -> ExitCode:
    """Bring back the data from before a restore that never became ready, however far it came.

    Raises ConfigError when there is no such restore.
    """
    throwaway.clear(context.api, context.stack.project)
    entry = unready(context)
    if entry.phase is not Phase.UNPACKING:  # then nothing has taken its place yet
        entry = context.note(_stopped(context, entry), Phase.UNDOING)
    return finish(context, entry)

"""Brings what a data command was in the middle of to its end, in the command and after a crash.

Each phase can be repeated: whatever ended it, the next run finds the data whole or makes it so.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, assert_never

from scripts.core.errors import BrokenError, ConfigError, ExitCode
from scripts.core.progress import OnBytes
from scripts.core.stack import Stack
from scripts.data import journal, moves, survey
from scripts.data.model import MEANS, Entry, Phase
from scripts.data.volume_scripts import CLEAN, DISCARD, SWAP, TURN
from scripts.engine import containers, throwaway
from scripts.engine.api import Api
from scripts.engine.throwaway import Helper

UNDO = "inv snapshot.undo"

BringBack = Callable[[tuple[str, ...]], ExitCode]
"""Starts services, makes their containers where there are none, and waits until all answer."""


class Tell(Protocol):
    """What the steps need of the report."""

    def say(self, line: str) -> None: ...

    def metered(self, name: str, total: int) -> AbstractContextManager[OnBytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where data commands work: one stack, its folder of snapshots, and who is told."""

    api: Api
    stack: Stack
    folder: Path
    tell: Tell
    bring_back: BringBack

    def helper(self, volumes: Mapping[str, str]) -> Helper:
        """Return a helper over those of these volumes that are there."""
        there = containers.existing(self.api)
        kept = {key: name for key, name in volumes.items() if name in there}
        images = [one.image for one in self.stack.services]
        found = survey.survey(self.api, self.stack.project, images, kept)
        return Helper(self.api, self.stack.project, found.image, kept)

    def note(self, entry: Entry, phase: Phase) -> Entry:
        """Write down that a phase begins."""
        return journal.write(self.folder, replace(entry, phase=phase))


def settle(site: Site) -> ExitCode:
    """Finish what an interrupted command left, and say so; OK when nothing is left of it."""
    entry = _found(site)
    return ExitCode.OK if entry is None else finish(site, entry)


def settle_data(site: Site) -> None:
    """Like `settle`, and start nothing: the data is whole afterwards."""
    entry = _found(site)
    if entry is not None:
        entry = mend(site, entry)
        if entry.phase is Phase.CLEANING:
            finish(site, entry)


def _found(site: Site) -> Entry | None:
    throwaway.clear(site.api, site.stack.project)
    moves.remove_leftovers(site.folder)
    entry = journal.read(site.folder)
    if entry is not None:
        site.tell.say(f"inv {entry.command} was interrupted: {MEANS[entry.phase]}")
    return entry


def mend(site: Site, entry: Entry) -> Entry:
    """Make the data whole: the old one, or the new one."""
    match entry.phase:
        case Phase.STOPPED:
            return site.note(entry, Phase.RETURNING)
        case Phase.UNPACKING:
            site.helper(entry.volumes).run(DISCARD, writable=True)
            return site.note(entry, Phase.RETURNING)
        case Phase.TURNING:
            site.helper(entry.volumes).run(TURN, writable=True)
            return mend(site, site.note(entry, Phase.SWAPPING))
        case Phase.SWAPPING:
            site.helper(entry.volumes).run(SWAP, writable=True)
            return site.note(entry, Phase.STARTING)
        case Phase.DELETING:
            moves.delete(site.api, site.stack.project, entry.volumes.values())
            return site.note(entry, Phase.RETURNING)
        case Phase.STARTING | Phase.RETURNING | Phase.CLEANING:
            return entry
        case _:
            assert_never(entry.phase)


def finish(site: Site, entry: Entry) -> ExitCode:
    """Go on from a phase to the end: the data whole, what ran before running again."""
    entry = mend(site, entry)
    code = ExitCode.OK
    if entry.phase is not Phase.CLEANING:
        code = _brought_back(site, entry)
    if entry.phase is Phase.STARTING:
        if code is not ExitCode.OK:
            return code
        entry = site.note(entry, Phase.CLEANING)
    if entry.phase is Phase.CLEANING:
        site.helper(entry.volumes).run(CLEAN, writable=True)
    journal.remove(site.folder)
    return code


def _brought_back(site: Site, entry: Entry) -> ExitCode:
    """Start what ran; where that fails on restored data, say that the former is there."""
    ready = False
    try:
        code = site.bring_back(tuple(n for n in entry.running if n in site.stack.names()))
        ready = code is ExitCode.OK
    finally:
        if entry.phase is Phase.STARTING and not ready:
            site.tell.say(f"the former data is kept: {UNDO} brings it back, inv up tries again")
    return code


def pending(folder: Path) -> str:
    """Return a line about what an interrupted command left to do; empty when there is nothing."""
    try:
        entry = journal.read(folder)
    except BrokenError as error:
        return f"{error}; {error.next_step}"
    if entry is None:
        return ""
    back = f", {UNDO} takes it back" if entry.phase is Phase.STARTING else ""
    return f"inv {entry.command} was interrupted ({entry.phase}): inv up finishes it{back}"


def undo(site: Site, stops: tuple[str, ...]) -> ExitCode:
    """Bring back the data from before a restore that never became ready; stops `stops` first.

    Raises ConfigError when there is no such restore.
    """
    throwaway.clear(site.api, site.stack.project)
    entry = undoable(site.folder)
    if entry is None:
        raise ConfigError("there is no unfinished restore", next_step="inv snapshot.list")
    moves.stop(site.api, site.stack, stops)
    running = tuple(dict.fromkeys((*entry.running, *stops)))
    return finish(site, site.note(replace(entry, running=running), Phase.TURNING))


def undoable(folder: Path) -> Entry | None:
    """Return the restore that can be undone, if there is one."""
    entry = journal.read(folder)
    return entry if entry is not None and entry.phase is Phase.STARTING else None

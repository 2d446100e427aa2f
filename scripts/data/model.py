"""Words for the stack's data: what is kept where, what a command will do, what a snapshot is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from scripts.core.stack import Volume


class Command(StrEnum):
    """What changes or reads all of the data."""

    SAVE = "save"
    RESET = "reset"
    RESTORE = "restore"


class Phase(StrEnum):
    """How far a command is."""

    STOPPED = "stopped"
    UNPACKING = "unpacking"
    SWAPPING = "swapping"
    DELETING = "deleting"
    STARTING = "starting"
    UNDOING = "undoing"
    RETURNING = "returning"
    CLEANING = "cleaning"


MEANS: Mapping[Phase, str] = {
    Phase.STOPPED: "nothing was changed; what ran starts again",
    Phase.UNPACKING: "the old data is untouched; what was unpacked so far is removed",
    Phase.SWAPPING: "the other data is whole beside it, and takes its place now",
    Phase.DELETING: "deleting had begun, and is finished",
    Phase.STARTING: "the restored data is in place; the old data goes once it is ready",
    Phase.UNDOING: "the data from before comes back",
    Phase.RETURNING: "the data is whole; what ran starts again",
    Phase.CLEANING: "the restored data is in place and was ready; the old data is removed",
}
"""What each phase means for the data when a command ends in it, and what is done about it."""
UNDONE = frozenset({Phase.UNPACKING, Phase.SWAPPING, Phase.STARTING, Phase.UNDOING})
"""Phases of a restore in which the data from before can come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What was found in the volumes that are there; sizes in bytes, by the volumes' keys."""

    image: str
    """One that has what a helper container needs."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Such a one for each volume: not every machine has the same images."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    free: Mapping[str, int] = field(default_factory=dict)
    """What is free on the disk of each."""
    beside: Mapping[str, str] = field(default_factory=dict)
    """The hidden folder of a restore in each that has one; without a journal nobody misses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a data command is going to do; printed, asked about, and carried out as it is here."""

    command: Command
    groups: tuple[str, ...]
    stops: tuple[str, ...]
    """Services that run and must not while it works, in order; all of them start again."""
    removes: tuple[str, ...] = ()
    """Services whose containers go, because they hold the volumes."""
    volumes: tuple[Volume, ...] = ()
    """What is saved, deleted or replaced; only volumes that are there, except to be replaced."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes by the keys of the volumes."""
    snapshot: str = ""
    """Its name; empty when none is made."""
    advice: tuple[str, ...] = ()

    @property
    def names(self) -> dict[str, str]:
        """The volumes' names on the engine by key."""
        return {volume.key: volume.name for volume in self.volumes}

    @property
    def size(self) -> int:
        """The bytes in all volumes."""
        return sum(self.sizes.get(volume.key, 0) for volume in self.volumes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a data command is in the middle of; `phase` says what of it is done."""

    command: Command
    phase: Phase
    running: tuple[str, ...]
    """Services that ran before."""
    volumes: Mapping[str, str]
    """Names on the engine by key."""
    snapshot: str = ""
    since: str = ""
    """When the command began, RFC 3339."""
    engine: str = ""
    """The id of the engine that the volumes are on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A file of the folder; without a manifest it is damaged, and `problem` says why."""

    name: str
    file: Path
    size: int
    manifest: Mapping[str, Any] | None
    problem: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as schemas/snapshots.schema.json has it."""
        return {
            "name": self.name,
            "file": str(self.file),
            "bytes": self.size,
            "manifest": self.manifest,
            "problem": self.problem,
        }

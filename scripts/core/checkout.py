"""What every command is given: where it works, in which environment, and who is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.core.process import Runner
from scripts.core.progress import Note, Say, unnoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """A checkout of the workspace, as one command sees it."""

    root: Path
    environ: Mapping[str, str]
    runner: Runner
    """How processes are started."""
    say: Say
    """Told a line of progress."""
    by_flag: frozenset[str] = frozenset()
    """Variables of the environment that a flag of this command has set."""
    note: Note = unnoted
    """Told what the command is at."""

"""Asks for the snapshots of a stack, and for what a data command left unfinished; no engine."""

from scripts.config.settings import Settings
from scripts.core.errors import StackError
from scripts.data import journal, snapshots
from scripts.doctor.facts import DataSeen, Problem


def look(found: Settings) -> DataSeen:
    """Return what is known of the data beside the volumes."""
    folder = snapshots.folder(found.root, found.get("COMPOSE_PROJECT_NAME"))
    kept = snapshots.listed(folder)
    unfinished, problem = None, None
    try:
        unfinished = journal.read(folder)
    except StackError as error:
        problem = Problem.of(error)
    return DataSeen(
        snapshots=len(kept),
        damaged=sum(one.manifest is None for one in kept),
        size=sum(one.size for one in kept),
        unfinished=unfinished,
        problem=problem,
    )

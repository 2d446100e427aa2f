"""What MemOS keeps in its stores: shown, and rid of vectors that nothing belongs to."""

from scripts.config.workspace import Workspace
from scripts.core.errors import ExitCode
from scripts.core.files import held
from scripts.data import manifest, operations, snapshots
from scripts.data.model import Command
from scripts.start import guards
from scripts.start.starter import Starter
from scripts.tell.data_report import DataReport
from scripts.watch.memories import halves
from scripts.watch.memories.stores import Stores


def show(space: Workspace, cube: str, limit: int, tell: DataReport) -> None:
    """Tell what both databases hold of all cubes, or of one with its memories.

    Raises ConfigError for a cube of which nothing is stored.
    """
    stores = Stores.of(space.stack, space.settings.get)
    store = stores.look()
    if cube:
        store = store.only(cube)
    document = halves.document(space.stack.project, store)
    if cube:
        document["memories"] = stores.memories(store, cube, limit)
    tell.memories(document, tuple(halves.findings(store)))


def repair(start: Starter, tell: DataReport, *, yes: bool) -> ExitCode:
    """Remove the vectors that have no node, after a snapshot of both databases.

    All that writes is stopped for the snapshot, so what had no node before it and has none after it
    is nothing that was just being added.
    """
    space, context = start.space, start.data_context()
    stores = Stores.of(space.stack, space.settings.get)
    databases = (stores.neo4j.service, stores.qdrant.service)
    groups = tuple(dict.fromkeys(one.data_group for one in databases))
    with held(space.cache, "memories"):
        guards.require_own(space)
        if code := start.finish_interrupted():
            return code
        store = stores.look()
        if not store.loose:
            tell.text("nothing to repair: every vector has its memory")
            return ExitCode.OK
        name = snapshots.name_now(space.stack, groups, before="before-repair-")
        operation = operations.prepare(context, Command.SAVE, groups, snapshot=name)
        tell.repair(store, operation.plan)
        tell.confirm("Remove these vectors?", (), yes=yes)
        file = snapshots.new_file(context.folder, name)
        description = manifest.describe(space, operation.plan, automatic=True, command="memories")
        if code := operations.save(operation, file, description):
            return code
        kept = int(space.settings.get("SNAPSHOTS_KEEP"))
        tell.pruned(snapshots.prune_automatic(context.folder, groups, kept, spare=file))
        removed = stores.remove_loose([one.id for one in store.loose])
    tell.repaired(operation.plan, removed, len(store.loose))
    return ExitCode.OK

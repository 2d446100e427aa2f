"""What MemOS keeps in its stores: shown, and what lacks its vector or its node repaired."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from scripts.config import selection
from scripts.config.workspace import Workspace
from scripts.core.errors import BrokenError, ExitCode
from scripts.core.files import held
from scripts.core.look import State
from scripts.core.process import Completed
from scripts.data import manifest, operations, snapshots
from scripts.data.context import DataContext
from scripts.data.model import Command
from scripts.engine.containers import containers
from scripts.start import guards
from scripts.start.starter import Starter
from scripts.tell.data_report import DataReport
from scripts.watch import on_host
from scripts.watch.memories import embedding, halves
from scripts.watch.memories.embedding import Embed
from scripts.watch.memories.halves import Bare, Store
from scripts.watch.memories.stores import Stores
from scripts.watch.published import API, running, serving

BATCH = 50
"""Texts that the embedding model is given at once: some seconds of a small one's work."""


def show(space: Workspace, cube: str, limit: int, tell: DataReport) -> None:
    """Tell what both databases hold of all cubes, or of one with its memories.

    Raises ConfigError for a cube of which nothing is stored.
    """
    stores = _stores(space)
    store = stores.look()
    try:
        store = replace(store, preferences=stores.preferences())
    except BrokenError as error:
        tell.say(
            f"preferences are not counted: {error}; next: {tell.origins.step(error.next_step)}"
        )
    if cube:
        store = store.only(cube)
    document = halves.document(space.stack.project, store)
    if cube:
        document["memories"] = stores.memories(store, cube, limit)
    tell.memories(document, tuple(halves.findings(store)))


def repair(start: Starter, tell: DataReport, *, yes: bool) -> ExitCode:
    """Remove vectors that have no node, and make those that nodes lack, after a snapshot.

    All that writes is stopped for the snapshot, so what lacked its half before it and lacks it
    after it is nothing that was just being added. ConfigError where a store runs elsewhere: what
    is loose there may be another stack's, and no snapshot has it.
    """
    space, context = start.space, start.data_context()
    stores = _stores(space)
    databases = (stores.neo4j.service, stores.qdrant.service)
    for one in databases:
        selection.require_here(one)
    groups = tuple(dict.fromkeys(one.data_group for one in databases))
    with held(space.cache, "memories"):
        guards.require_own(space)
        if code := start.finish_interrupted():
            return code
        store = stores.look()
        loose, bare = store.loose, store.mendable
        if not loose and not bare:
            tell.text(_whole(store))
            return ExitCode.OK
        embed: Embed | None = None
        try:  # before anything is stopped
            embed = _embedder(space, context) if bare else None
        except BrokenError as error:
            if not loose:
                raise
            tell.say(f"{error}; next: {tell.origins.step(error.next_step)}")
            bare = ()
        name = snapshots.name_now(space.stack, groups, before="before-repair-")
        operation = operations.prepare(context, Command.SAVE, groups, snapshot=name)
        tell.repair(loose, bare, operation.plan, lost=len(halves.lost_cubes(store)))
        tell.confirm("Repair this?", (), yes=yes)
        file = snapshots.new_file(context.folder, name)
        description = manifest.describe(space, operation.plan, automatic=True, command="memories")
        if code := operations.save(operation, file, description):
            return code
        kept = int(space.settings.get("SNAPSHOTS_KEEP"))
        tell.pruned(snapshots.prune_automatic(context.folder, groups, kept, spare=file))
        removed = stores.remove_loose([one.id for one in loose])
        added = _vectors_made(stores, bare, embed, tell) if embed else 0
    tell.repaired(operation.plan, removed, added, len(loose) + len(bare))
    return ExitCode.OK


def _stores(space: Workspace) -> Stores:
    there = on_host.seen(space.cache, containers(space.api, space.stack.project))
    return Stores.of(running(space.stack, there), space.settings.get)


def _whole(store: Store) -> str:
    if store.unmendable:
        left = f"{store.unmendable:,} memories have no UUID as their id, and can have no vector"
        return f"nothing to repair; {left}"
    return "nothing to repair: every memory has its vector, and every vector its memory"


def _vectors_made(stores: Stores, bare: Sequence[Bare], embed: Embed, tell: DataReport) -> int:
    """Have the vectors of these nodes made; give how many there are now."""
    added = 0
    for at in range(0, len(bare), BATCH):
        added += stores.give_vectors(bare[at : at + BATCH], embed)
        tell.say(f"made {added:,} of {len(bare):,} vectors")
    return added


def _embedder(space: Workspace, context: DataContext) -> Embed:
    """Return the configured model, once it has given a vector; BrokenError where it gives none."""
    service = serving(space.stack, API)
    running = {one.service: one for one in context.containers() if one.state is State.RUNNING}
    if service is None or service.name not in running:
        raise BrokenError(
            "memories lack their vector, and only the API reaches the embedding model; it does not"
            " run",
            next_step="inv up, then again",
        )
    if running[service.name].host is not None:
        raise BrokenError(
            "memories lack their vector, and only the API's container reaches the embedding model;"
            " the API runs on this machine",
            next_step="inv api.container, then again",
        )
    if space.settings.get("MOS_EMBEDDER_BACKEND") == embedding.OLLAMA:
        raise BrokenError(
            "memories lack their vector, and MOS_EMBEDDER_BACKEND=ollama is not spoken here",
            next_step="an address of Ollama that ends in /v1, with universal_api, in .env",
        )
    run = partial(_in_container, space, service.container)
    embed = embedding.embedder(run, space.settings.dimension)
    embed(["a first text"])
    return embed


def _in_container(space: Workspace, name: str, words: Sequence[str], stdin: str) -> Completed:
    argv = ["docker", "exec", "--interactive", name, *words]
    compose = space.compose
    return compose.runner(argv, timeout=embedding.TIMEOUT, env=compose.env, stdin=stdin)

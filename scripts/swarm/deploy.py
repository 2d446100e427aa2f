"""Asks a manager what is deployed, has it deploy a stack, and remove one."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from scripts.config import compose, swarm
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.inventory import DATA_LABEL, FOLDER_LABEL, PORTS_LABEL, PROJECT_LABEL
from scripts.core.process import TIME_IS_UP, last_words
from scripts.data import volumes
from scripts.engine.api import Api, shaped
from scripts.engine.remote import doors
from scripts.engine.swarm import tasks
from scripts.engine.swarm.cluster import CONFLICT, TRIES, Cluster, require_manager
from scripts.engine.swarm.nodes import Node
from scripts.engine.swarm.tasks import STACK_LABEL, Known, Run
from scripts.start import guards

PIN = "node.id=="
CHANGE_TIMEOUT = 120.0
"""Seconds for the manager to take a stack: it only writes down what is wanted."""


def left_by(space: Workspace, cluster: Cluster) -> str:
    """As `guards.left_by`; ConfigError also where a stack of this name is of no checkout."""
    project = space.stack.project
    for one in cluster.known().services:
        labels = tasks.labels_of(one)
        if labels.get(STACK_LABEL) == project and not labels.get(FOLDER_LABEL):
            raise ConfigError(
                f"the Swarm has a stack {project!r} that no checkout has deployed"
                f" ({one['Spec'].get('Name', '')})",
                next_step="another COMPOSE_PROJECT_NAME in .env; docker stack services"
                f" {project} shows whose it is",
            )
    return guards.left_by(space)


def own(known: Known, project: str) -> list[Run]:
    """Return the services of a stack; a Swarm has those of others, too."""
    found = tasks.runs(known)
    return [run for run in found if tasks.labels_of(run.service).get(PROJECT_LABEL) == project]


def pins(runs: Iterable[Run]) -> dict[str, str]:
    """Return the ids of the nodes that deployed services are pinned to, by service."""
    return {
        run.name: constraint.removeprefix(PIN)
        for run in runs
        for constraint in run.constraints
        if constraint.startswith(PIN)
    }


def is_settled(runs: Iterable[Run], names: Iterable[str]) -> bool:
    """Say whether the newest task of each of these services is made as the service is by now."""
    return {*names} <= {run.name for run in runs if _is_current(run)}


def _is_current(run: Run) -> bool:
    """Say so of one service; only there it says that it runs in containers."""
    template = {**run.service["Spec"]["TaskTemplate"]}
    template.pop("Runtime", None)
    return run.task is not None and run.task.get("Spec") == template


def marked(nodes: Iterable[Node], project: str) -> dict[str, set[str]]:
    """Return the ids of the nodes that are marked as having data, by group."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        for label in node.labels:
            before, _, group = label.rpartition(".")
            if before == f"{DATA_LABEL}.{project}":
                found.setdefault(group, set()).add(node.id)
    return found


def mark(api: Api, project: str, groups: Mapping[str, Collection[str]]) -> None:
    """Mark the nodes that have the data of groups (ids by group), and no others.

    So that it is known where data is also while a node cannot be asked. Once more where somebody
    else changed a node at the same moment, as the Swarm itself does.
    """
    for left in reversed(range(TRIES)):
        try:
            _mark(api, project, groups)
        except RefusedError as error:
            if CONFLICT not in str(error) or not left:
                raise
        else:
            break


def _mark(api: Api, project: str, groups: Mapping[str, Collection[str]]) -> None:
    with shaped("the nodes of its Swarm"):
        for node in api.get("/nodes") or ():
            labels = {
                f"{DATA_LABEL}.{project}.{group}": "here"
                for group, homes in groups.items()
                if node["ID"] in homes
            }
            before = node["Spec"].get("Labels") or {}
            others = {
                name: one
                for name, one in before.items()
                if not name.startswith(f"{DATA_LABEL}.{project}.")
            }
            if before != {**others, **labels}:
                spec = {**node["Spec"], "Labels": {**others, **labels}}
                version = node["Version"]["Index"]
                api.post(f"/nodes/{node['ID']}/update", spec, version=version)


def stack(space: Workspace, names: Iterable[str], places: Mapping[str, str]) -> swarm.Stack:
    """Return these services as a stack; ConfigError for what a Swarm cannot keep."""
    document = compose.document(space.resolved)
    services = {name: document["services"][name] for name in names}
    found = of_document({**document, "services": services}, places)
    for one in found.document["services"].values():
        # whose it is; and by which a link over ssh knows whose ports it brings here
        one["labels"][FOLDER_LABEL] = str(space.stack.folder)
    for volume in found.document.get("volumes", {}).values():
        if not volume.get("external"):
            volume["labels"] |= volumes.own(space.settings.root)
    return found


def of_document(document: Mapping[str, Any], places: Mapping[str, str]) -> swarm.Stack:
    """Return a resolved file as a stack; what it names of this machine is looked at."""
    files = {name: _digest(Path(name)) for name in swarm.contents(document)}
    digests = {name: digest for name, digest in files.items() if digest}
    empty = [folder for folder in swarm.folders(document) if _is_empty(Path(folder))]
    return swarm.stack(document, places=places, digests=digests, empty=empty)


def _digest(file: Path) -> str:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return ""  # refused by its name, where a service uses it


def _is_empty(folder: Path) -> bool:
    """Say whether a folder holds nothing, or no more than a word about that."""
    try:
        return {one.name for one in folder.iterdir()} <= {"README.md"}
    except OSError:
        return False


def deploy(space: Workspace, deployed: swarm.Stack) -> None:
    """Have the manager take a stack; RefusedError with its words.

    It is given on stdin, as it holds the passwords. Images are on their nodes already: nobody asks
    a registry for their digests. Before, it is noted which ports a link is to bring here of it.
    """
    services = deployed.document["services"].items()
    doors.declare(space.cache, {name: one["labels"].get(PORTS_LABEL, "") for name, one in services})
    argv = ["docker", "stack", "deploy", "--compose-file", "-", "--resolve-image", "never"]
    _changed(space, [*argv, space.stack.project], stdin=deployed.text())


def remove(space: Workspace) -> None:
    """Have the manager remove the stack; RefusedError with its words."""
    _changed(space, ["docker", "stack", "rm", space.stack.project])


def _changed(space: Workspace, argv: list[str], *, stdin: str = "") -> None:
    done = space.compose.runner(argv, timeout=CHANGE_TIMEOUT, env=space.engine.env, stdin=stdin)
    if done.exit_code:
        late = f"it took longer than {CHANGE_TIMEOUT:.0f} s"
        said = late if done.exit_code == TIME_IS_UP else last_words(done)
        words = " ".join(argv[:3])
        raise RefusedError(f"{words} failed: {said}", next_step="inv doctor", said=said)


def cluster(space: Workspace) -> Cluster:
    """Return the way to the Swarm of a workspace; errors as in `require_manager`."""
    found = space.cluster
    require_manager(found.manager)
    return found

"""`inv down` on a Swarm: until nothing of the stack is left on any node that can be asked."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from scripts.config import workspace
from scripts.core.errors import OverdueError
from scripts.core.files import held
from scripts.core.look import State
from scripts.core.polling import poll
from scripts.data import recovery, volumes
from scripts.engine.api import shaped
from scripts.engine.containers import existing
from scripts.engine.swarm.cluster import Cluster
from scripts.engine.swarm.tasks import STACK_LABEL, TASK_LABEL
from scripts.start import far, guards
from scripts.start.starter import Starter
from scripts.start.up import take_over
from scripts.swarm import deploy

GONE_TIMEOUT = 120.0
"""Seconds until nothing is left; a container has its stop_grace_period, 30 s at most."""
INTERVAL = 0.5
"""Seconds between two looks at what is left."""


class Reporter(guards.Asking, Protocol):
    """Who is told, and asked."""

    def say(self, line: str) -> None: ...


def down(start: Starter, tell: Reporter, *, delete_data: bool, yes: bool) -> None:
    """Remove the stack; with `delete_data` its volumes too, after asking.

    Raises OverdueError when something is left.
    """
    space, context = start.space, start.data_context()
    project = space.stack.project
    with held(space.cache, "down"), recovery.unfinished(context.folder):
        cluster = deploy.cluster(space)
        if left := deploy.left_by(space, cluster):
            tell.confirm(take_over(project, left), (), yes=yes and not delete_data)
        nodes, engines = cluster.known().nodes, cluster.engines()
        data: dict[str, tuple[str, ...]] = {}
        if delete_data:
            every = {*workspace.every_volume(space)}
            data = {node: tuple(sorted(existing(api) & every)) for node, api in engines.items()}
            _confirm(start, tell, cluster, data, yes=yes)
            recovery.clear(context)  # what is deleted need not be whole before
        else:
            recovery.settle_data(context)
        there = _left(cluster, project)
        # all at once, as Swarm ends a stack, Milvus would wait for its own store until it is killed
        context.stop([one.service for one in context.containers() if one.state is State.RUNNING])
        deploy.remove(space)
        _until_gone(cluster, project)
        for node, names in data.items():
            volumes.delete(engines[node], project, names)
        if delete_data:
            marked = deploy.marked(nodes.values(), project)
            away = {group: homes - {*engines} for group, homes in marked.items()}
            deploy.mark(cluster.manager, project, away)
            recovery.forget(context)
    if unasked := [one.name for one in nodes.values() if one.id not in engines]:
        what = "its data, if any, stays" if delete_data else "whether all has ended there"
        tell.say(f"there is no way to {', '.join(unasked)} (NODES): {what} cannot be known")
    if delete_data:
        tell.say("the data was deleted")
    else:
        told = "the data is kept, each on its node; inv up brings all back"
        tell.say(told if there else f"nothing of {project} runs")
    for line in far.leave(space):
        tell.say(line)


def _confirm(
    start: Starter,
    tell: Reporter,
    cluster: Cluster,
    data: Mapping[str, Sequence[str]],
    *,
    yes: bool,
) -> None:
    """Ask whether the volumes of nodes, by the nodes' ids, may go."""
    space, nodes, engines = start.space, cluster.known().nodes, cluster.engines()
    shown: list[str] = []
    others: dict[str, str] = {}
    for node, names in data.items():
        told = {name: f"{name} on {nodes[node].name}" for name in names}
        found = volumes.of_others(engines[node], names, space.settings.root, space.engine)
        shown += told.values()
        others |= {told[name]: checkout for name, checkout in found.items()}
    guards.confirm_loss(tell, "Delete these volumes?", shown, others, yes=yes)


@shaped("what is left of a stack")
def _left(cluster: Cluster, project: str) -> list[str]:
    """Return what there is of the stack still: with the manager, and as containers on nodes."""
    mine = {"label": [f"{STACK_LABEL}={project}"]}
    left = [one["Spec"]["Name"] for one in cluster.manager.get("/services", filters=mine) or ()]
    left += [one["Name"] for one in cluster.manager.get("/networks", filters=mine) or ()]
    tasks = {"label": [f"{STACK_LABEL}={project}", TASK_LABEL]}
    for api in cluster.engines().values():
        rows = api.get("/containers/json", all=True, filters=tasks) or ()
        left += [one["Names"][0].lstrip("/") for one in rows]
    return left


def _until_gone(cluster: Cluster, project: str) -> None:
    """Wait until nothing is left; networks go last, once all tasks have left them."""
    left: list[str] = []
    for left in poll(lambda: _left(cluster, project), timeout=GONE_TIMEOUT, interval=INTERVAL):
        if not left:
            return
    raise OverdueError(
        f"still there after {GONE_TIMEOUT:.0f} s: {', '.join(left)}", next_step="inv down"
    )

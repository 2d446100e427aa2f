"""`inv up` on a Swarm: checks, brings images to their nodes, deploys once, and then only looks."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, suppress
from functools import partial

from scripts.config import selection
from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, ExitCode, StackError
from scripts.core.files import held
from scripts.core.look import ALIVE, Container, Look
from scripts.core.polling import poll
from scripts.core.progress import phase
from scripts.core.stack import Stack
from scripts.engine.containers import containers, existing
from scripts.engine.swarm.cluster import Cluster
from scripts.images import availability, carry, drift, supply
from scripts.images.jobs import Jobs
from scripts.start import elsewhere, scheduler
from scripts.start.events import Event, EventKind
from scripts.start.history import parts
from scripts.start.starter import Starter, with_news
from scripts.start.up import Reporter, Wanted, take_over
from scripts.swarm import checks, deploy
from scripts.swarm.placement import Placement, placement
from scripts.watch import published
from scripts.watch.observer import Observer

SETTLING = 15.0
"""Seconds for a Swarm to make the first task of each service that was changed."""
INTERVAL = 0.4
"""Seconds between two questions about that."""


def up(start: Starter, wanted: Wanted, jobs: Jobs, tell: Reporter) -> ExitCode:
    """Bring services and all that they need to where they are healthy.

    Raises EngineError where the engine is no manager, ConfigError for what a Swarm cannot keep.
    """
    space = start.space
    names = space.stack.closure(selection.services(space.stack, wanted.services))
    with held(space.cache, "up"):
        start.recorder.of(space.cache, space.stack, names)
        cluster = deploy.cluster(space)
        if gone := deploy.left_by(space, cluster):
            tell.confirm(take_over(space.stack.project, gone), (), yes=wanted.yes)
        require_no_compose(space)
        if code := start.finish_interrupted(anew=True):
            return code
        here = tuple(name for name in names if not space.stack.service(name).elsewhere)
        places = _places(space, here, cluster)
        stack = deploy.stack(space, here, places.nodes)
        # it is the manager's engine that builds and pulls, and gives the other nodes what they lack
        wanted_here = [space.stack.service(name) for name in here]
        statuses = availability.statuses(cluster.manager, wanted_here)
        drifted = drift.drifted(space.settings.memos, statuses)
        away = elsewhere.findings(space.stack, names) if space.settings.elsewhere else ()
        homes = tuple(checks.homes(space, places, cluster))
        on_nodes = checks.findings(space, homes, cluster, stack)
        if code := start.preflight((*drifted, *places.findings, *away, *on_nodes)):
            return code
        for line in stack.dropped:
            tell.say(line)
        supply.supply(space, statuses, jobs, tell, rebuild=wanted.rebuild)
        jobs.stop()
        _bring_images(start, places, cluster, tell)
        before = frozenset(one.id for one in containers(cluster, space.stack.project))
        with phase(start.recorder.note, "create"):
            deploy.mark(cluster.manager, space.stack.project, _homes(space.stack, places, cluster))
            deploy.deploy(space, stack)
            _settle(space, here, cluster)
        code = _follow(start, names, before, tell)
        if code is ExitCode.OK:
            for home in homes:
                if home.api is not None:
                    with suppress(StackError):  # what is not known then is no fault
                        parts.keep(space, home.names, home.api)
        return code


def require_no_compose(space: Workspace) -> None:
    """Raise ConfigError where the stack runs with plain Compose: both would write to its data."""
    mine = containers(space.api, space.stack.project)
    if names := [one.service for one in mine if not one.node and not one.task]:
        raise ConfigError(
            f"{', '.join(sorted(names))} of {space.stack.project} run with plain Compose here",
            next_step="DEPLOY= inv down, then: inv up; all data stays",
        )


def _places(space: Workspace, names: Collection[str], cluster: Cluster) -> Placement:
    """Ask where data is, and decide where each service runs."""
    stack, known = space.stack, cluster.known()
    held_by = deploy.marked(known.nodes.values(), stack.project)
    for node, api in cluster.engines().items():
        present = existing(api)
        for volume in stack.volumes:
            if volume.name in present:
                held_by.setdefault(volume.group, set()).add(node)
    now = deploy.pins(deploy.own(known, stack.project))
    return placement(stack.only(tuple(names)), tuple(known.nodes.values()), held_by, now)


def _homes(stack: Stack, places: Placement, cluster: Cluster) -> dict[str, set[str]]:
    """Return the nodes of all data groups, also of those that are not started now."""
    before = deploy.marked(cluster.known().nodes.values(), stack.project)
    now = {stack.service(name).data_group: {node} for name, node in places.nodes.items()}
    return {group: nodes for group, nodes in {**before, **now}.items() if group}


def _bring_images(start: Starter, places: Placement, cluster: Cluster, tell: Reporter) -> None:
    """Bring to each node the images of the services that run there."""
    space, engines = start.space, cluster.engines()
    for node in cluster.known().nodes.values():
        wanted = [name for name, place in places.nodes.items() if place == node.id]
        images = [space.stack.service(name).image for name in wanted]
        engine = engines.get(node.id)
        if engine is None and wanted:
            tell.say(
                f"NODES names no way to {node.name}, so that it has to have the images of"
                f" {', '.join(wanted)} already, or to pull them by itself"
            )
        elif engine is not None and engine.endpoint != cluster.endpoint and images:
            services = map(space.stack.service, wanted)
            try:
                found = availability.statuses(cluster.manager, services)
                availability.require_architecture(found, engine)
            except ConfigError as error:
                raise ConfigError(
                    f"node {node.name}: {error}",
                    next_step=f"docker node update --availability drain {node.name}, then: inv up",
                ) from error
            with phase(start.recorder.note, "load", node.name), tell.board([node.name]):
                carry.carry(cluster.manager, engine, images, tell.step, node.name)


def _settle(space: Workspace, names: Collection[str], cluster: Cluster) -> None:
    """Wait until the tasks of before are no longer the newest: they would pass for the new ones."""

    def settled() -> bool:
        return deploy.is_settled(deploy.own(cluster.known(), space.stack.project), names)

    for done in poll(settled, timeout=SETTLING, interval=INTERVAL):
        if done:
            return


def _follow(
    start: Starter, names: tuple[str, ...], before: Collection[str], tell: Reporter
) -> ExitCode:
    """Tell what Swarm makes of it, until all are healthy, one is broken, or time is up."""
    space, recorder = start.space, start.recorder
    observer = Observer(space.api, space.stack)
    with closing(observer):
        seen = Deployed(space.stack, names, observer, before)
        events = recorder.noted(scheduler.course(seen, start.timeout))
        made = partial(containers, space.api, space.stack.project)
        code = tell.follow(names, with_news(events, space.api, space.stack, made))
    with suppress(StackError, OSError):  # what `ps` will not know then is no fault
        recorder.keep(space.cache, space.stack, names, containers(space.api, space.stack.project))
    if code is ExitCode.OK:
        found = containers(space.api, space.stack.project)
        tell.ready(published.running(space.stack, found), names, space.settings)
        for line in out_of_reach(space.stack, found):
            tell.say(line)
    return code


def out_of_reach(stack: Stack, found: Iterable[Container]) -> Iterator[str]:
    """Yield what is for people, and is on a machine that publishes it not, nor does ssh lead to."""
    lost: dict[str, list[str]] = {}
    for one in found:
        if one.service not in stack.names():  # deployed before, and no longer in the file
            continue
        service = stack.service(one.service)
        if service.links and not service.at(one.address).links:
            lost.setdefault(one.node, []).append(one.service)
    for node, names in lost.items():
        yield (
            f"{', '.join(sorted(names))} on {node}: no port of theirs answers here, as none is"
            f" published and ssh does not lead there; NODES={node}=USER@HOST in .env changes that"
        )


class Deployed(scheduler.Onlooker):
    """What is seen of a stack that Swarm starts."""

    def __init__(
        self,
        stack: Stack,
        wanted: tuple[str, ...],
        world: scheduler.World,
        before: Collection[str],
    ) -> None:
        """Begin now; `before` are the ids of containers that were there already."""
        super().__init__(stack, wanted, world, lambda: False)
        self._there, self._told = before, set[str]()
        # whom nobody has a place for waits from the first look on
        self._before = set(before)

    def launches(self, look: Look) -> Iterator[Event]:
        """Tell whom Swarm has started since."""
        for one in look.containers:
            new = one.id not in self._there and one.service not in self._told
            if one.state in ALIVE and new and one.service in self.wanted:
                self._told.add(one.service)
                yield self.event(EventKind.STARTED, one.service)

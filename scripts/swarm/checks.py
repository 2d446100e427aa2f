"""What must hold on the nodes before anything is deployed, as far as they can be asked."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.config import swarm
from scripts.config.workspace import Workspace
from scripts.core.finding import Finding, advice, fatal
from scripts.core.inventory import Host
from scripts.core.look import State
from scripts.core.stack import Service
from scripts.diagnosis import preflight
from scripts.engine.api import Api
from scripts.engine.containers import containers, existing
from scripts.engine.remote import link, there
from scripts.engine.remote.address import SCHEME
from scripts.engine.remote.there import There
from scripts.engine.swarm.cluster import Cluster
from scripts.engine.swarm.nodes import Node
from scripts.machine import resources
from scripts.start import far, guards
from scripts.start.history import parts
from scripts.swarm import deploy
from scripts.swarm.placement import Placement


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A node that is to run something, and the way to its machine."""

    node: Node
    services: tuple[Service, ...]
    api: Api | None
    """Its engine; None where it cannot be asked."""
    way: str
    """The ssh address of its machine; empty for this one, and for one that ssh does not lead to."""
    local: bool
    """It is this machine."""
    brought: bool
    """A link brings ports of it here."""

    @property
    def names(self) -> tuple[str, ...]:
        """The services that are to run there."""
        return tuple(one.name for one in self.services)


def homes(space: Workspace, places: Placement, cluster: Cluster) -> Iterator[Home]:
    """Yield the nodes that are to run something, in the order of their names."""
    known, engines = cluster.known(), cluster.engines()
    for node in sorted(known.nodes.values(), key=lambda one: one.name):
        names = [name for name, home in places.nodes.items() if home == node.id]
        own = engines.get(node.id)
        manager = own is not None and own.endpoint == space.engine.endpoint
        way = space.engine.remote if manager else cluster.ways.get(node.name, "")
        way = way if own is not None and (manager or way.startswith(SCHEME)) else ""
        local = manager and space.engine.local
        if names:
            yield Home(
                node=node,
                services=tuple(map(space.stack.service, names)),
                api=own,
                way=way,
                local=local,
                brought=way != "" or (local and cluster.brought()),
            )


def findings(
    space: Workspace, found: Iterable[Home], cluster: Cluster, stack: swarm.Stack
) -> Iterator[Finding]:
    """Yield what is wrong on the nodes: their machines, their data, ports there and here."""
    marked = deploy.marked(cluster.known().nodes.values(), space.stack.project)
    for home in found:
        machine = _machine(space, home)
        yield from _of_machine(space, home, machine)
        for option in resources.lacks(machine.kernel, stack.kernel):
            cause = f"the kernel of {home.node.name} has no {option}, without which"
            step = "take that out of the compose file, then: inv up"
            yield fatal("kernel", f"{cause} {swarm.NEEDED[option]}", step)
        if home.api is not None:
            yield from parts.incomplete(space, home.names, home.api)
            yield from _emptied(space, home, home.api, marked)


def _machine(space: Workspace, home: Home) -> There:
    """Ask the machine of a node; else only all of its memory is known."""
    folder = ""
    if home.api is not None:
        folder = str((home.api.get("/info") or {}).get("DockerRootDir") or "/")
    if home.local:
        return There(host=resources.look(Path(folder)), kernel=resources.kernel())
    opened = link.now(space.settings.root, home.way) if home.way else None
    asked = there.machine(folder, opened.ask) if opened is not None else None
    if asked is None:
        return There(host=Host(memory=home.node.memory))
    return replace(asked, host=replace(asked.host, disk=f"{folder} of {home.node.name}"))


def _of_machine(space: Workspace, home: Home, machine: There) -> Iterator[Finding]:
    """Yield what the machine of a node lacks, and who has a port there, or here, that is wanted."""
    present = containers(home.api, space.stack.project) if home.api is not None else ()
    facts = preflight.Conditions(
        host=machine.host,
        wanted=min(preflight.LEAST_MEMORY, sum(one.memory for one in home.services)),
        holders=_holders(space, home, machine, {f"container {one.name}" for one in present}),
        variables=space.settings.port_variables(),
        running=any(one.state is State.RUNNING for one in present),
    )
    for one in preflight.check(home.services, facts):
        told = one.cause if one.code == "port-taken" else f"node {home.node.name}: {one.cause}"
        yield replace(one, cause=told)


def _holders(space: Workspace, home: Home, machine: There, ours: set[str]) -> far.Holders:
    """Return the ports that somebody else has: on the node, or here, where a link brings them."""
    every = guards.published(space.stack, home.names)
    wide = [one for one in every if not one[1].narrow]
    here = every if home.way else [one for one in every if one[1].narrow]
    links = [*link.every(space.settings.root)]
    found = far.holders_here(links, here if home.brought else [])
    if home.api is None:
        return found
    publishers = guards.publishers(home.api)
    if home.local:
        own = guards.holders(home.api, space.stack.project, wide)
        held = {**far.without(links, own), **found}
        # what was published before is given up for what is to be brought here
        return {port: one for port, one in held.items() if publishers.get(port) not in ours}
    return {**far.holders_there(wide, machine, publishers, ours, home.node.name), **found}


def _emptied(
    space: Workspace, home: Home, api: Api, marked: Mapping[str, set[str]]
) -> Iterator[Finding]:
    """Yield the groups whose data is to be on a node, which has none of it: they begin anew."""
    present = existing(api)
    for group in dict.fromkeys(one.data_group for one in home.services if one.data_group):
        own = [one.name for one in space.stack.volumes if one.group == group]
        if home.node.id in marked.get(group, ()) and present.isdisjoint(own):
            member = next(one.name for one in home.services if one.data_group == group)
            cause = (
                f"node {home.node.name} is marked as the one with the data of {group}, and has no"
                " volume of it: it begins with nothing"
            )
            step = "where that is not right: inv down, inv snapshot.list, inv snapshot.restore NAME"
            yield advice("data-gone", cause, step, service=member)

"""Pure: which node of a Swarm each service runs on. Data is on one node, and stays there."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

from scripts.core.finding import Finding, advice, fatal
from scripts.core.stack import Service, Stack
from scripts.engine.swarm.nodes import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where services run, and what is wrong with that."""

    nodes: Mapping[str, str]
    """Ids of nodes, by service."""
    chosen: Mapping[str, str]
    """Ids of nodes by data group, of groups that had no data anywhere."""
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Services that run on one node: a data group, and what is to be near."""

    services: tuple[Service, ...]

    @property
    def name(self) -> str:
        """What it is called in a message."""
        return next(iter(self.groups), self.services[0].name)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return its data groups."""
        return tuple(dict.fromkeys(one.data_group for one in self.services if one.data_group))

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels that its node must have, each NAME=VALUE."""
        return tuple(dict.fromkeys(one.place.label for one in self.services if one.place.label))

    @property
    def spread(self) -> bool:
        """Say whether it is kept from others that say so, too."""
        return any(one.place.spread for one in self.services)

    @property
    def memory(self) -> int:
        """Return the bytes that its services may take."""
        return sum(one.memory for one in self.services)


def placement(
    stack: Stack,
    nodes: Sequence[Node],
    held: Mapping[str, Collection[str]],
    now: Mapping[str, str],
) -> Placement:
    """Place the services of a stack: the same answer to the same question, and no move in vain.

    `held` are the ids of nodes with volumes of a data group; `now` where services are by what was
    deployed last. What has neither comes to where most memory is left, the largest first.
    """
    known = {node.id: node for node in nodes}
    places, chosen = dict[str, str](), dict[str, str]()
    findings: list[Finding] = []
    spread: set[str] = set()
    free = {node.id: node.memory for node in nodes}
    units = [(unit, _holders(unit, held, now)) for unit in _units(stack)]
    # what cannot move takes its memory first
    for unit, holders in sorted(units, key=lambda one: (not one[1], -one[0].memory, one[0].name)):
        before = {now[one.name] for one in unit.services if one.name in now}
        candidates = list(_candidates(unit, nodes, spread))
        if holders:
            findings += _held_findings(unit, holders, known)
            node = min(holders)
        elif not candidates:
            findings.append(_nowhere(unit, nodes))
            continue
        else:
            # of equals the first by name
            node = max(candidates, key=lambda one: (one.id in before, free[one.id])).id
            chosen |= dict.fromkeys(unit.groups, node)
        places |= {one.name: node for one in unit.services}
        free[node] = free.get(node, 0) - unit.memory
        spread |= {node} if unit.spread else set()
    return Placement(nodes=places, chosen=chosen, findings=tuple(findings))


def _units(stack: Stack) -> Iterator[Unit]:
    """Yield the services that must be together, in the order of the stack."""
    homes = {one.name: one.data_group or one.name for one in stack.services}
    for service in stack.services:
        if service.place.near in homes:
            old, new = homes[service.name], homes[service.place.near]
            homes = {name: new if home == old else home for name, home in homes.items()}
    for home in dict.fromkeys(homes.values()):
        yield Unit(services=tuple(one for one in stack.services if homes[one.name] == home))


def _holders(
    unit: Unit, held: Mapping[str, Collection[str]], now: Mapping[str, str]
) -> frozenset[str]:
    """Return the nodes that hold data of a unit, or are to."""
    seen = {node for group in unit.groups for node in held.get(group, ())}
    data = (one.name for one in unit.services if one.data_group)
    return frozenset(seen | {now[name] for name in data if name in now})


def _candidates(unit: Unit, nodes: Iterable[Node], spread: Collection[str]) -> Iterator[Node]:
    fitting = [node for node in nodes if not node.problem and not _lacks(unit, node)]
    apart = [node for node in fitting if node.id not in spread]
    yield from sorted(apart if unit.spread and apart else fitting, key=attrgetter("name"))


def _lacks(unit: Unit, node: Node) -> tuple[str, ...]:
    """Return the labels that a unit wants and a node has not."""
    has = {f"{name}={value}" for name, value in node.labels.items()}
    return tuple(label for label in unit.labels if label not in has)


def _held_findings(
    unit: Unit, holders: Collection[str], known: Mapping[str, Node]
) -> Iterator[Finding]:
    """Yield what keeps data from being used where it is."""
    member = next(one.name for one in unit.services if one.data_group)
    names = sorted(known[one].name if one in known else f"{one}, which has left" for one in holders)
    if len(holders) > 1:
        cause = f"data of {unit.name} is on {len(names)} nodes: {', '.join(names)}"
        step = "docker volume ls on each shows it; what is old there its owner can save and remove"
        yield fatal("data-on-nodes", cause, step, service=member)
        return
    (holder,) = holders
    node = known.get(holder)
    if node is None or node.problem:
        why = node.problem if node is not None else "no node of this Swarm any more"
        cause = f"the data of {unit.name} is on node {names[0]}, which is {why}"
        yield fatal("node-away", cause, f"bring {names[0]} back, then: inv up", service=member)
    elif lacking := _lacks(unit, node):
        cause = (
            f"x-place wants a node with {', '.join(lacking)}, and the data of {unit.name} is on"
            f" {node.name}, where it stays"
        )
        step = f"docker node update --label-add {lacking[0]} {node.name}, or another x-place"
        yield advice("place-held", cause, step, service=member)


def _nowhere(unit: Unit, nodes: Sequence[Node]) -> Finding:
    """Return the finding about services for which there is no node."""
    name = unit.services[0].name
    fitting = [node for node in nodes if not _lacks(unit, node)]
    if fitting:
        away = ", ".join(f"{node.name} is {node.problem}" for node in fitting)
        return fatal("no-node", f"no node can run {name}: {away}", "docker node ls", service=name)
    labels = " and ".join(unit.labels)
    step = f"docker node update --label-add {unit.labels[0]} NODE, or another x-place"
    return fatal("no-node", f"no node has {labels}, as x-place of {name} wants", step, service=name)

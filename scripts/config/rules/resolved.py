"""What a JSON Schema cannot say about the resolved compose file: rules about two places at once."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from itertools import chain

from scripts.config.rules import health
from scripts.config.rules.schema import Breach, as_list, as_tree, describe, nearest, validate

Tree = Mapping[str, object]
Rule = Callable[[Mapping[str, Tree]], Iterator[Breach]]

_WATCHES = ("x-probe", "x-no-probe", "x-one-shot")


def check_resolved(document: object, file: str) -> tuple[Breach, ...]:
    """Return all that is wrong in a document that `docker compose config` printed.

    `file` is what the breaches call it. A document of a wrong shape is no error but breaches.
    """
    services = {
        name: as_tree(service)
        for name, service in as_tree(as_tree(document).get("services")).items()
    }
    found = chain.from_iterable(rule(services) for rule in RULES)
    together = _together(services, as_list(as_tree(document).get("x-data-together")))
    ours = tuple(replace(breach, file=file) for breach in (*found, *together))
    return validate(document, "stack", file) + ours


def _watched(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Every service is probed, or says why not, or is a job that ends."""
    for name, service in services.items():
        ways = [key for key in _WATCHES if key in service]
        if len(ways) != 1:
            yield Breach(
                service=name,
                key="x-probe",
                found=" and ".join(ways) or "nothing",
                wanted="exactly one of x-probe, x-no-probe (the reason), x-one-shot",
            )


def _dependencies(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """A dependency exists, and is waited for until it is healthy (a job: until it has ended)."""
    for name, service in services.items():
        for other, how in as_tree(service.get("depends_on")).items():
            if other not in services:
                if as_tree(how).get("required") is not False:
                    yield Breach(
                        service=name,
                        key=f"depends_on.{other}",
                        found="a service that is not there",
                        wanted=nearest(other, services),
                    )
                continue
            job = services[other].get("x-one-shot") is True
            wanted = "service_completed_successfully" if job else "service_healthy"
            condition = as_tree(how).get("condition")
            if condition != wanted:
                yield Breach(
                    service=name,
                    key=f"depends_on.{other}.condition",
                    found=describe(condition) if condition else "nothing",
                    wanted=wanted,
                )


def _early(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Who starts before what it waits for has something to wait for."""
    for name, service in services.items():
        if "x-start" in service and not service.get("depends_on"):
            yield Breach(
                service=name,
                key="x-start",
                found=f"{describe(service['x-start'])} without depends_on",
                wanted="depends_on with what its entry point waits for, or no x-start",
            )


def _no_cycle(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Dependencies end somewhere; a circle is told from its first name in the alphabet."""
    needs = {
        name: sorted(other for other in as_tree(service.get("depends_on")) if other in services)
        for name, service in services.items()
    }
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        # who is needed comes first there, and the first one stands at both ends
        circle = error.args[1][:0:-1]
        first = circle.index(min(circle))
        ring = [*circle[first:], *circle[:first], circle[first]]
        yield Breach(
            service=ring[0],
            key="depends_on",
            found=" → ".join(ring),
            wanted="dependencies without a circle",
        )


def _host_ports(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """No two services publish the same port of the host, on whatever address."""
    owners: dict[tuple[object, object], str] = {}
    for name, service in services.items():
        for index, port in enumerate(map(as_tree, as_list(service.get("ports")))):
            published = (port.get("published"), port.get("protocol", "tcp"))
            if published[0] is None:
                continue
            owner = owners.setdefault(published, f"{name}, target {port.get('target')}")
            if owner != f"{name}, target {port.get('target')}":
                yield Breach(
                    service=name,
                    key=f"ports[{index}].published",
                    found=f"{describe(published[0])}, which is the port of {owner}",
                    wanted="a host port of its own",
                )


def _targets(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """What is probed or opened is published, or nobody outside could reach it."""
    for name, service in services.items():
        ports = (as_tree(port) for port in as_list(service.get("ports")))
        published = [port.get("target") for port in ports if "published" in port]
        listed = ", ".join(map(str, published)) or "none is"
        for key in ("x-probe", "x-open"):
            for index, entry in enumerate(map(as_tree, as_list(service.get(key)))):
                if "target" in entry and entry["target"] not in published:
                    yield Breach(
                        service=name,
                        key=f"{key}[{index}].target",
                        found=describe(entry["target"]),
                        wanted=f"a port that the service publishes ({listed})",
                    )


def _one_group(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """A volume belongs to one data group: what shares it is deleted and restored together."""
    groups: dict[object, object] = {}
    for name, service in services.items():
        for mount in map(as_tree, as_list(service.get("volumes"))):
            if mount.get("type") != "volume" or "x-data-group" not in service:
                continue
            group = service["x-data-group"]
            owner = groups.setdefault(mount.get("source"), group)
            if owner != group:
                yield Breach(
                    service=name,
                    key="x-data-group",
                    found=describe(group),
                    wanted=f"{owner}, whose volume {mount.get('source')} it mounts",
                )


def _together(services: Mapping[str, Tree], entries: list[object]) -> Iterator[Breach]:
    """Groups that belong together are groups that there are."""
    known = dict.fromkeys(str(one["x-data-group"]) for one in services.values() if _grouped(one))
    for index, entry in enumerate(map(as_tree, entries)):
        for group in map(str, as_list(entry.get("groups"))):
            if group not in known:
                yield Breach(
                    key=f"x-data-together[{index}].groups",
                    found=describe(group),
                    wanted=nearest(group, known),
                )


def _grouped(service: Tree) -> bool:
    return "x-data-group" in service


RULES: Iterable[Rule] = (
    _watched,
    health.durations,
    health.commands,
    _dependencies,
    _early,
    _no_cycle,
    _host_ports,
    _targets,
    _one_group,
)

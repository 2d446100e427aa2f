"""What a JSON Schema cannot say about the resolved compose file: rules about two places at once."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from scripts.config.rules import addresses, health
from scripts.config.rules.schema import Breach, as_list, as_tree, describe, nearest, validate

Tree = Mapping[str, object]

_WATCHES = ("x-probe", "x-no-probe", "x-one-shot")


def check_resolved(document: object, file: str) -> tuple[Breach, ...]:
    """Return all that is wrong in a document that `docker compose config` printed.

    `file` is what the breaches call it. A document of a wrong shape is no error but breaches.
    """
    tree = as_tree(document)
    services = {name: as_tree(keys) for name, keys in as_tree(tree.get("services")).items()}
    breaches = [breach for rule in RULES for breach in rule(services)]
    breaches += _together(services, as_list(tree.get("x-data-together")))
    return validate(document, "stack", file) + tuple(replace(one, file=file) for one in breaches)


def _watched(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Every service is probed, or says why not, or is a job that ends."""
    wanted = "exactly one of x-probe, x-no-probe (the reason), x-one-shot"
    for name, service in services.items():
        ways = [key for key in _WATCHES if key in service]
        if len(ways) != 1:
            yield Breach("x-probe", " and ".join(ways) or "nothing", wanted, service=name)


def _dependencies(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """A dependency exists, and is waited for until it is healthy (a job: until it has ended)."""
    for name, service in services.items():
        for other, need in as_tree(service.get("depends_on")).items():
            key = f"depends_on.{other}"
            if other not in services:
                if as_tree(need).get("required") is not False:
                    absent, known = "a service that is not there", nearest(other, services)
                    yield Breach(key, absent, known, service=name)
                continue
            job = services[other].get("x-one-shot") is True
            wanted = "service_completed_successfully" if job else "service_healthy"
            condition = as_tree(need).get("condition")
            if condition != wanted:
                found = describe(condition) if condition else "nothing"
                yield Breach(f"{key}.condition", found, wanted, service=name)


def _early(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Who starts before what it waits for has something to wait for."""
    wanted = "depends_on with what its entry point waits for, or no x-start"
    away = (as_list(as_tree(one.get("x-external")).get("needed-by")) for one in services.values())
    waiting = {name for names in away for name in names}
    for name, service in services.items():
        if "x-start" in service and not service.get("depends_on") and name not in waiting:
            found = f"{describe(service['x-start'])} without depends_on"
            yield Breach("x-start", found, wanted, service=name)


def _near(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Who is to be near another one names one that there is."""
    for name, service in services.items():
        place, others = as_tree(service.get("x-place")), services.keys() - {name}
        if "near" in place and place["near"] not in others:
            wanted = nearest(str(place["near"]), sorted(others))
            yield Breach("x-place.near", describe(place["near"]), wanted, service=name)


def _elsewhere(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """An address has a form that the service's clients take; who needs it is there."""
    for name, service in services.items():
        facts = as_tree(service.get("x-external"))
        url, schemes = facts.get("url"), as_tree(facts.get("schemes"))
        if isinstance(url, str) and url and not addresses.problem(url):
            words = {str(one): str(how) for one, how in schemes.items()}
            if wanted := addresses.wrong_form(url, words, int(str(facts.get("port", 0)))):
                yield Breach("x-external.url", describe(url), wanted, service=name)
        for user in map(str, as_list(facts.get("needed-by"))):
            if user not in services:
                known = nearest(user, services)
                yield Breach("x-external.needed-by", describe(user), known, service=name)


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
        ring = " → ".join([*circle[first:], *circle[:first], circle[first]])
        wanted = "dependencies without a circle"
        yield Breach("depends_on", ring, wanted, service=circle[first])


def _host_ports(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """No two services publish the same port of the host, on whatever address."""
    owners: dict[tuple[object, object], str] = {}
    for name, service in services.items():
        for index, port in enumerate(map(as_tree, as_list(service.get("ports")))):
            if (published := port.get("published")) is None:
                continue
            us = f"{name}, target {port.get('target')}"
            owner = owners.setdefault((published, port.get("protocol", "tcp")), us)
            if owner != us:
                found = f"{describe(published)}, which is the port of {owner}"
                key = f"ports[{index}].published"
                yield Breach(key, found, "a host port of its own", service=name)


def _targets(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """What is probed or opened is published, or nobody outside could reach it."""
    for name, service in services.items():
        ports = (as_tree(port) for port in as_list(service.get("ports")))
        published = [port.get("target") for port in ports if "published" in port]
        listed = ", ".join(map(str, published)) or "none is"
        wanted = f"a port that the service publishes ({listed})"
        for key in ("x-probe", "x-open"):
            for index, entry in enumerate(map(as_tree, as_list(service.get(key)))):
                if "target" in entry and entry["target"] not in published:
                    found = describe(entry["target"])
                    yield Breach(f"{key}[{index}].target", found, wanted, service=name)


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
                wanted = f"{owner}, whose volume {mount.get('source')} it mounts"
                yield Breach("x-data-group", describe(group), wanted, service=name)


def _past_proxies(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Services call each other directly: Docker hands the user's proxies to every container."""
    names = {"127.0.0.1", "localhost", *services}
    for service in services.values():
        for network in map(as_tree, as_tree(service.get("networks")).values()):
            names.update(map(str, as_list(network.get("aliases"))))
    for name, service in services.items():
        for variable in ("NO_PROXY", "no_proxy"):
            listed = str(as_tree(service.get("environment")).get(variable, ""))
            if missing := sorted(names - set(listed.split(","))):
                found = f"it without {', '.join(missing)}" if listed else "nothing"
                wanted = "the names of all services, with commas between"
                yield Breach(f"environment.{variable}", found, wanted, service=name)


def _image_volumes(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """Where an image has a volume of its own something is mounted."""
    for name, service in services.items():
        mounts = map(as_tree, as_list(service.get("volumes")))
        targets = {mount.get("target") for mount in mounts}
        for folder in as_list(service.get("x-image-volumes")):
            if folder not in targets:
                wanted = "a mount there: each new container would leave a nameless volume"
                yield Breach("x-image-volumes", describe(folder), wanted, service=name)


def _sources(services: Mapping[str, Tree]) -> Iterator[Breach]:
    """What a source is brought into is mounted, and may be changed through its container."""
    for name, service in services.items():
        mounts = map(as_tree, as_list(service.get("volumes")))
        known = {mount.get("source") for mount in mounts if not mount.get("read_only")}
        if "x-source" in service and service["x-source"] not in known:
            wanted = "a volume that the service mounts, and not read_only"
            yield Breach("x-source", describe(service["x-source"]), wanted, service=name)


def _together(services: Mapping[str, Tree], entries: list[object]) -> Iterator[Breach]:
    """Groups that belong together are groups that there are."""
    grouped = (service for service in services.values() if "x-data-group" in service)
    known = dict.fromkeys(str(service["x-data-group"]) for service in grouped)
    for index, entry in enumerate(map(as_tree, entries)):
        for group in map(str, as_list(entry.get("groups"))):
            if group not in known:
                key = f"x-data-together[{index}].groups"
                yield Breach(key, describe(group), nearest(group, known))


RULES = (
    *(_watched, health.durations, health.commands, _dependencies, _early, _near),
    *(_no_cycle, _host_ports, _targets, _one_group, _past_proxies, _image_volumes),
    *(_sources, _elsewhere),
)

"""Pure: what a container is given, as a process of this machine needs it.

Names of containers become the address and port that they are published at, folders of the container
those that are mounted there.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.core.files import Json
from scripts.core.stack import LOOPBACK

ANYWHERE = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - nothing is bound here
HOST, PORT = "_HOST", "_PORT"
"""How a variable ends that holds a name alone, and the one beside it with the port."""
DIRECT = ("NO_PROXY", "no_proxy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """An address that nobody on this machine can reach, and which variable has it."""

    variable: str
    service: str
    port: int
    """In the container; 0 where none is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The variables of a process of this machine, and what is missing in them."""

    variables: Mapping[str, str]
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A service by its names: where each of its ports is reached from this machine."""

    service: str
    ports: Mapping[int, str] = field(default_factory=dict)


def rewritten(
    resolved: Mapping[str, Json], service: str, *, source: str = "", far: bool = False
) -> Given:
    """Return what the resolved compose file gives a service, as this machine needs it.

    `source` is the folder here of which its `x-source` has a copy. `far`: the addresses that ports
    are published at are another machine's, and each port is forwarded to loopback here.
    """
    services = resolved.get("services") or {}
    places = dict(_places(services, far=far))
    own = services[service]
    variables = {
        name: "" if value is None else str(value)
        for name, value in (own.get("environment") or {}).items()
    }
    folders = {
        str(mount["target"]): str(mount["source"])
        for mount in own.get("volumes") or ()
        if mount.get("type") == "bind"
    }
    folders |= {
        str(mount["target"]): source
        for mount in own.get("volumes") or ()
        if source and mount.get("source") == own.get("x-source", "")
    }
    gaps: list[Gap] = []
    changed = {name: _on_host(name, text, places, gaps) for name, text in variables.items()}
    changed |= dict(_pairs(variables, places, gaps))
    changed = {name: _in_folders(text, folders) for name, text in changed.items()}
    return Given(variables=_direct(changed, places), gaps=tuple(dict.fromkeys(gaps)))


def _places(services: Mapping[str, Json], *, far: bool) -> Iterator[tuple[str, _Place]]:
    for key, keys in services.items():
        ports = {
            int(port["target"]): _address(port, far=far)
            for port in keys.get("ports") or ()
            if port.get("published") and port.get("protocol", "tcp") == "tcp"
        }
        place = _Place(service=key, ports=ports)
        networks = (keys.get("networks") or {}).values()
        aliases = (name for network in networks for name in (network or {}).get("aliases") or ())
        for name in (key, keys.get("container_name"), keys.get("hostname"), *aliases):
            if name:
                yield str(name), place


def _address(port: Mapping[str, Json], *, far: bool) -> str:
    address = str(port.get("host_ip", ""))
    address = LOOPBACK if far or address in ANYWHERE else address
    bare = f"[{address}]" if ":" in address else address
    return f"{bare}:{port['published']}"


def _on_host(variable: str, text: str, places: Mapping[str, _Place], gaps: list[Gap]) -> str:
    """Return a value with the addresses in it that it names as NAME:PORT, or behind `//`."""
    if not places or variable in DIRECT:
        return text
    names = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
    # behind // may stand a login; without it, NAME:PORT may as well be a login itself
    before = r"(?P<url>//(?:[^/@\s\"']*@)?)?(?<![\w.-])"
    pattern = rf"{before}(?P<name>{names})(?::(?P<port>\d+))?(?![\w.-])"

    def published(match: re.Match[str]) -> str:
        before, place = match["url"] or "", places[match["name"]]
        port = int(match["port"] or 0)
        if port in place.ports:
            return before + place.ports[port]
        if before:
            gaps.append(Gap(variable=variable, service=place.service, port=port))
        return match[0]

    return re.sub(pattern, published, text)


def _pairs(
    variables: Mapping[str, str], places: Mapping[str, _Place], gaps: list[Gap]
) -> Iterator[tuple[str, str]]:
    """Yield the variables that hold a name alone, and those beside them with the port."""
    for variable, name in variables.items():
        place = places.get(name)
        if place is None or not variable.endswith(HOST):
            continue
        beside = variable.removesuffix(HOST) + PORT
        port = variables.get(beside, "")
        if port.isdigit() and int(port) in place.ports:
            host, _, published = place.ports[int(port)].rpartition(":")
            yield variable, host.strip("[]")
            yield beside, published
        else:
            number = int(port) if port.isdigit() else 0
            gaps.append(Gap(variable=variable, service=place.service, port=number))


def _in_folders(text: str, folders: Mapping[str, str]) -> str:
    """Return a path, or several with colons between, as this machine has them."""
    parts = text.split(":")
    for target, source in folders.items():
        parts = [
            source + part.removeprefix(target)
            if part == target or part.startswith(f"{target}/")
            else part
            for part in parts
        ]
    return ":".join(parts)


def _direct(variables: Mapping[str, str], places: Mapping[str, _Place]) -> dict[str, str]:
    """Return the variables with every address that is called named as one past a proxy."""
    hosts = (
        address.rpartition(":")[0].strip("[]")
        for place in places.values()
        for address in place.ports.values()
    )
    every = (variables.get(DIRECT[0], ""), "localhost", LOOPBACK, *hosts)
    words = ",".join(dict.fromkeys(word for one in every for word in one.split(",") if word))
    return {**variables, **dict.fromkeys(DIRECT, words)}


def told(gaps: Sequence[Gap]) -> str:
    """Say which addresses are out of reach from this machine, as the rest of a sentence."""
    return "; ".join(
        f"{gap.variable} names {gap.service}"
        + (f":{gap.port}, which is not published" if gap.port else " and no port of it")
        for gap in gaps
    )

"""The words of the domain. They mean the same in code, output, schemas and documents."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from pathlib import Path
from urllib.parse import urlsplit

MEMOS = "memos"
"""The API, as the compose file names it: it has behaviour of its own, as no other service has."""
LOOPBACK = "127.0.0.1"
"""The address at which this machine alone is reached: where ports are published by default."""
LAST_PORT = 65535
REFUSED_BY_BROWSERS = frozenset(
    {
        *(1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95),
        *(101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161),
        *(179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563),
        *(587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060),
        *(5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080),
    }
)
"""Ports that no page is opened from (https://fetch.spec.whatwg.org/#port-blocking)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A named volume: its key in the compose file, its name on the engine, its data group."""

    key: str
    name: str
    group: str
    plain: bool = True
    """The compose file says nothing else about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """Data groups whose data belongs together, and why."""

    groups: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How a probe logs in; `kind` is basic, bearer, api-key or s3. No password is ever printed."""

    kind: str
    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One real call over a published port; which fields matter depends on `kind`."""

    kind: str
    port: int
    """The published port on the host."""
    host: str = LOOPBACK
    method: str = "GET"
    path: str = "/"
    body: str = ""  # JSON to send
    auth: Auth | None = None
    expect: str = ""
    """Text that the answer must hold, blanks left out of both."""
    collection: str = ""
    size: int = 0
    """Vectors of this many numbers (kind `vectors`)."""
    marker: str = ""
    """The collection that remembers which model made them."""
    models: tuple[str, ...] = ()
    """Names of the model that is to have made them, the one that is set first."""
    tls: str = ""
    """How what is said is encrypted: tls, unverified (whose certificate it is, is not asked)."""
    database: str = ""
    """The one that a statement is for (kind `bolt`)."""

    @property
    def place(self) -> str:
        """Where it asks, as a message has it."""
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A published port."""

    host: str
    published: int
    target: int

    @property
    def narrow(self) -> bool:
        """Say whether it is for its own machine alone."""
        from ipaddress import ip_address

        return ip_address(self.host).is_loopback


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address for people, `label` says of what."""

    label: str
    url: str

    def at(self, host: str) -> "Link":
        """Return the same page on another machine."""
        parts = urlsplit(self.url)
        return replace(self, url=parts._replace(netloc=f"{host}:{parts.port}").geturl())


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How an image is built: a folder, arguments, and secrets by id as files of this host."""

    context: Path
    dockerfile: str = "Dockerfile"
    args: Mapping[str, str] = field(default_factory=dict)
    contexts: Mapping[str, Path] = field(default_factory=dict)
    """Folders of this host beside the context, by the names that the Dockerfile has for them."""
    network: str = ""
    secrets: Mapping[str, Path] = field(default_factory=dict)
    seconds: float = 0.0  # about: see `x-build-seconds`


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a service needs of a machine, where there are several (`x-place`)."""

    label: str = ""
    """NAME=VALUE of a label that its node has."""
    spread: bool = False
    """Not on a node with another one that wants the same, as long as there are more nodes."""
    near: str = ""
    """On the node of this service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service of the compose file, with the facts that stand beside it there."""

    name: str
    container: str
    image: str
    build: Build | None = None
    ports: tuple[Port, ...] = ()
    probes: tuple[Probe, ...] = ()
    needs: tuple[str, ...] = ()
    """Services that must be ready before it starts."""
    early: bool = False
    """Its own entry point waits for them, so it may start before (`x-start`)."""
    links: tuple[Link, ...] = ()
    not_offered: tuple[str, ...] = ()
    data_group: str = ""
    volumes: tuple[str, ...] = ()
    """Names on the engine of the volumes it mounts."""
    one_shot: bool = False
    wanted: bool = True
    """It starts when no service is named (`x-wanted`)."""
    memory: int = 0
    """Its memory limit in bytes; 0 for none."""
    cpu_flags: tuple[str, ...] = ()
    """Features that the processor must have."""
    cpu_wishes: tuple[str, ...] = ()
    """Features without which it may break off all the same."""
    metrics: int = 0
    """The port in its container where it tells of itself (`x-metrics`); 0 for none."""
    shell_user: str = ""
    """Whose a shell in it is (`x-shell-user`); empty for the user of the image."""
    source: str = ""
    """Name on the engine of the volume that has what MEMOS_SRC names (`x-source`); else empty."""
    place: Place = Place()
    elsewhere: str = ""
    """The address at which it runs elsewhere (`x-external`); it has no container and no data here
    then, and its ports are those of that address."""
    version: Mapping[str, str] = field(default_factory=dict)
    """Of one elsewhere: the `least` that is of use, and the `path` and `field` that tell it."""

    def at(self, host: str) -> "Service":
        """Return the service as it is published on another machine; for none as it is.

        What is for that machine alone is nothing there.
        """
        if not host:
            return self
        ports = tuple(replace(one, host=host) for one in self.ports if not one.narrow)
        known = {one.published for one in ports}
        links = (one for one in self.links if urlsplit(one.url).port in known)
        return replace(
            self,
            ports=ports,
            probes=tuple(replace(one, host=host) for one in self.probes if one.port in known),
            links=tuple(one.at(host) for one in links),
        )


def by_need(services: Iterable[Service]) -> tuple[Service, ...]:
    """Order services so that each comes after all that it needs, else as they came.

    Raises graphlib.CycleError when they need each other in a circle.
    """
    named = {one.name: one for one in services}
    needs = {name: [need for need in one.needs if need in named] for name, one in named.items()}
    return tuple(named[name] for name in TopologicalSorter(needs).static_order())


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """The resolved compose file."""

    project: str
    folder: Path
    """Compose's working directory: the folder of the first compose file."""
    services: tuple[Service, ...]
    """What needs nothing first (`by_need`)."""
    volumes: tuple[Volume, ...] = ()
    together: tuple[Together, ...] = ()
    _named: dict[str, Service] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )
    """By name; filled when one is asked for first."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all services."""
        return tuple(service.name for service in self.services)

    def wanted(self) -> tuple[str, ...]:
        """Return the names of the services that start when none is named."""
        return tuple(service.name for service in self.services if service.wanted)

    def here(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of these services that have a container, or will."""
        return tuple(name for name in names if not self.service(name).elsewhere)

    def service(self, name: str) -> Service:
        """Return the service of that name; KeyError when there is none."""
        if not self._named:
            self._named.update((service.name, service) for service in self.services)
        return self._named[name]

    def closure(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return `names` and all that they need, transitively, what needs nothing first."""
        wanted: set[str] = set()
        pending = list(names)
        while pending:
            name = pending.pop()
            if name not in wanted:
                wanted.add(name)
                pending.extend(self.service(name).needs)
        return tuple(name for name in self.names() if name in wanted)

    def dependents(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return `names` and all that need them, transitively, what needs nothing first."""
        users: dict[str, list[str]] = {}
        for service in self.services:
            for need in service.needs:
                users.setdefault(need, []).append(service.name)
        found, pending = set[str](), list(names)
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(users.get(name, ()))
        return tuple(name for name in self.names() if name in found)

    def only(self, names: tuple[str, ...]) -> "Stack":
        """The stack of these services alone: what they need beside them is not waited for."""
        among = set(names)
        kept = tuple(
            replace(one, needs=tuple(need for need in one.needs if need in among))
            for one in self.services
            if one.name in among
        )
        return replace(self, services=kept)

    def groups(self) -> tuple[str, ...]:
        """Return the names of the data groups."""
        return tuple(dict.fromkeys(one.data_group for one in self.services if one.data_group))

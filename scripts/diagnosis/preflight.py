"""Pure rules over what is known before any container is touched."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from scripts.core.finding import Finding, advice, fatal
from scripts.core.inventory import Host
from scripts.core.stack import Service

GIB = 2**30
LEAST_MEMORY = 3 * GIB
"""Bytes; the package-built stack takes about 2 GiB, Neo4j's and MemOS' peaks included."""
LEAST_DISK = 5 * GIB
MOVED = "moved"
"""The code of containers that a checkout made which is not there any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What was asked before any container is touched."""

    host: Host = field(default_factory=Host)
    wanted: int = LEAST_MEMORY
    """Bytes of memory that should be free there."""
    holders: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    """Taken ports, each with the service that wants it and its holder."""
    variables: Mapping[int, str] = field(default_factory=dict)
    """Which variable of `.env` gives a port."""
    strangers: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Services whose container name another project has taken: that name, and the project."""
    paused: tuple[str, ...] = ()
    """Services whose container somebody paused: Compose refuses to go on with those."""
    running: bool = False
    """Some of the stack runs already, and so takes memory."""


def check(services: Sequence[Service], facts: Conditions) -> tuple[Finding, ...]:
    """Return all findings at once about starting these services."""
    return (*_ports(facts), *_names(facts), *_paused(facts), *_machine(services, facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A data group of which only some volumes are those that it was ready with."""

    group: str
    member: str
    """The service by which the group is named."""
    kept: Sequence[str]
    gone: Sequence[str] = ()
    anew: Sequence[str] = ()
    """Those that were removed and made again."""
    snapshot: str = ""
    """The newest that has all of them."""


def too_old(name: str, version: str, least: str) -> Iterator[Finding]:
    """Yield a finding about a service elsewhere that is older than any that is of use."""
    if version and least and _numbers(version) < _numbers(least):
        cause = f"it runs elsewhere in version {version}, and MemOS needs {least} or newer"
        step = "another server, or another address in .env"
        yield fatal("elsewhere-old", cause, step, service=name)


def _numbers(version: str) -> list[int]:
    return [int(one) for one in re.findall(r"\d+", version)[:3]]


def incomplete(parts: Parts) -> Finding:
    """Return the finding about a data group that has lost a part of itself."""
    lost = [f"{name} is gone" for name in parts.gone]
    lost += [f"{name} was made anew" for name in parts.anew]
    stayed = ", ".join(parts.kept)
    cause = f"the data of {parts.group} is not whole: {', '.join(lost)}, and {stayed} stayed"
    step = f"inv snapshot.restore {parts.snapshot} (it has all of them), then: inv up"
    if not parts.snapshot:
        step = (
            "bring it back from a backup of your own; or keep what is left, and start over:"
            f" inv snapshot.save --service {parts.member}; inv reset --service {parts.member}"
        )
    return fatal("data-incomplete", cause, step, service=parts.member)


def _ports(facts: Conditions) -> Iterator[Finding]:
    for port, (service, holder) in sorted(facts.holders.items()):
        step = f"stop it, or give {facts.variables.get(port, service)} another port in .env"
        yield fatal("port-taken", f"port {port} is taken by {holder}", step, service=service)


def _names(facts: Conditions) -> Iterator[Finding]:
    for service, (name, project) in sorted(facts.strangers.items()):
        owner = f"project {project!r}" if project else "no Compose project"
        cause = f"there is a container {name} already, and it belongs to {owner}"
        step = (
            "inv ps --all shows the stacks and their settings; beside another one this needs a"
            " CONTAINER_PREFIX in .env, and ports of its own"
        )
        yield fatal("name-taken", cause, step, service=service)


def _paused(facts: Conditions) -> Iterator[Finding]:
    for service in facts.paused:
        yield fatal("paused", "it is paused", f"inv restart --service {service}", service=service)


def _machine(services: Sequence[Service], facts: Conditions) -> Iterator[Finding]:
    host = facts.host
    for service in services:
        for flags, weighed, then in (
            (service.cpu_flags, fatal, ""),
            (service.cpu_wishes, advice, "; releases of it ended with exit code 132 without"),
        ):
            missing = set(flags) - host.cpu_flags
            if host.cpu_flags and missing:
                cause = f"the processor lacks {', '.join(sorted(missing))}{then}"
                step = "another machine; or name services that do not need it: inv up --service"
                yield weighed("cpu-flags", cause, step, service=service.name)
    if 0 < host.memory < facts.wanted and not facts.running:
        wanted = f"{facts.wanted / GIB:.2g} GiB"
        cause = f"{host.memory / GIB:.1f} GiB of memory are free, the stack wants {wanted}"
        step = "end other programs, or start less: inv up --service neo4j"
        yield advice("memory", cause, step)
    if 0 < host.disk_free < LEAST_DISK:
        cause = f"{host.disk_free / GIB:.1f} GiB are free under {host.disk}, wanted 5 GiB"
        weighed = fatal if host.disk_free < GIB else advice
        yield weighed("disk", cause, "make room, then: inv up")

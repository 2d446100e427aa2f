"""Asks what must hold where the engine is on another machine: its ports are wanted here and there.

Memory, processor and disk are those of that machine.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from scripts.config.workspace import Workspace
from scripts.core.inventory import FOLDER_LABEL, PROJECT_LABEL, Host
from scripts.core.stack import LOOPBACK, Port
from scripts.engine.memory import once
from scripts.engine.remote import address, link, there
from scripts.engine.remote.state import State
from scripts.engine.remote.there import There
from scripts.machine.ports import owner, taken_among

Holders = dict[int, tuple[str, str]]
"""Ports that somebody else holds, each with the service that wants it and its holder."""
Wanted = Sequence[tuple[str, Port]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """What was found on the machine of the engine."""

    host: Host = field(default_factory=Host)
    holders: Holders = field(default_factory=dict)


def holders_here(links: Collection[State], wanted: Wanted) -> Holders:
    """Return the ports that somebody else holds on this machine, where links bring them to."""
    ours = {one.port for open_ in links for one in open_.forwards if not one.error}
    here = [(name, replace(port, host=LOOPBACK)) for name, port in wanted]
    busy = [(name, port.published) for name, port in taken_among(here)]
    found = {port: (name, owner(port)) for name, port in busy if port not in ours}
    return {
        port: (name, f"{who} on this machine")
        # a link that was opened just now has not noted them yet
        for port, (name, who) in without(links, found).items()
    }


def without(links: Collection[State], found: Holders) -> Holders:
    """Return holders of ports without links: those give up what a container publishes."""
    theirs = tuple(f"(pid {pid})" for one in links for pid in (one.pid, one.ssh))
    return {port: one for port, one in found.items() if not one[1].endswith(theirs)}


def blocked(space: Workspace) -> bool:
    """Say whether a port that is published there cannot be had here: another one answers at it."""
    found = link.now(space.settings.root, space.engine.remote)
    return found is not None and any(one.error for one in found.state.forwards)


def look(space: Workspace, wanted: Wanted, publishers: Mapping[int, str], ours: set[str]) -> Far:
    """Ask the machine of the engine; nothing is known of one without /proc, or without a link.

    `publishers` are the containers there by the ports that they publish, `ours` those of the stack.
    """
    found = link.now(space.settings.root, space.engine.remote)
    folder, asked = asked_there(space)
    machine = asked or There(host=Host())
    host = found.address.host if found else space.engine.place
    return Far(
        host=replace(machine.host, disk=f"{folder} of {host}") if asked else machine.host,
        holders=holders_there(wanted, machine, publishers, ours, host),
    )


def asked_there(space: Workspace) -> tuple[str, There | None]:
    """Ask the engine for its folder, and its machine over the link for all else."""
    found = link.now(space.settings.root, space.engine.remote)
    folder = str((space.api.get("/info") or {}).get("DockerRootDir") or "/")
    if found is None:
        return folder, None
    ask = partial(there.machine, folder, found.ask)
    return folder, once((found.endpoint, there.machine, folder), ask)


def holders_there(
    wanted: Wanted,
    machine: There,
    publishers: Mapping[int, str],
    ours: set[str],
    host: str,
) -> Holders:
    """Return the ports that somebody else holds on another machine; arguments as of `look`."""
    return {
        port.published: (name, f"{publishers.get(port.published, 'a process')} on {host}")
        for name, port in wanted
        if publishers.get(port.published, "") not in ours
        and (port.published in publishers or port.published in machine.listening)
    }


def leave(space: Workspace) -> Iterator[str]:
    """End the links once nothing of this checkout is there; say so, or what still needs them."""
    # as they are written, by what they lead to: NODES may name the engine of REMOTE, too
    root, links = space.settings.root, dict[str, str]()
    if remote := space.engine.remote:
        links[str(address.noted(remote))] = remote
    if space.settings.swarm:
        held = {one.address for one in link.every(root)}
        own = [space.engine.endpoint] if space.engine.local else []
        for one in (*space.cluster.ways.values(), *own):
            if (to := str(address.noted(one))) in held:
                links.setdefault(to, one)
    mine = {"label": [f"{FOLDER_LABEL}={space.stack.folder}"]}
    left = space.api.get("/containers/json", all=True, filters=mine) or ()
    projects = {(one.get("Labels") or {}).get(PROJECT_LABEL, "") for one in left}
    for one in links.values():
        if projects:
            yield f"the link to {one} stays: {', '.join(sorted(projects))} is there"
        else:
            link.close(root, address.noted(one))
            yield f"the link to {one} is closed"

"""Asks what must hold where the engine is on another machine: its ports are wanted here and there.

Memory, processor and disk are those of that machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scripts.config.workspace import Workspace
from scripts.core.inventory import FOLDER_LABEL, PROJECT_LABEL, Host
from scripts.core.stack import LOOPBACK, Port
from scripts.engine.remote import address, link, there
from scripts.machine.ports import owner, taken_among

Holders = dict[int, tuple[str, str]]
"""Ports that somebody else holds, each with the service that wants it and its holder."""
Wanted = Sequence[tuple[str, Port]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Far:
    """What was found on the machine of the engine."""

    host: Host = field(default_factory=Host)
    holders: Holders = field(default_factory=dict)


def holders_here(space: Workspace, wanted: Wanted) -> Holders:
    """Return the ports that somebody else holds on this machine, where they are forwarded to."""
    found = link.now(space.settings.root, space.engine.remote)
    ours = {one.port for one in found.state.forwards if not one.error} if found else set()
    here = [(name, replace(port, host=LOOPBACK)) for name, port in wanted]
    return {
        port.published: (name, f"{owner(port.published)} on this machine")
        for name, port in taken_among(here)
        if port.published not in ours
    }


def blocked(space: Workspace) -> bool:
    """Say whether a port that is published there cannot be had here: another one answers at it."""
    found = link.now(space.settings.root, space.engine.remote)
    return found is not None and any(one.error for one in found.state.forwards)


def look(space: Workspace, wanted: Wanted, publishers: Mapping[int, str], ours: set[str]) -> Far:
    """Ask the machine of the engine; nothing is known of one without /proc, or without a link.

    `publishers` are the containers there by the ports that they publish, `ours` those of the stack.
    """
    found = link.now(space.settings.root, space.engine.remote)
    folder = str((space.api.get("/info") or {}).get("DockerRootDir") or "/")
    machine = found and there.machine(folder, found.ask)
    host = found.address.host if found else space.engine.place
    listening = machine.listening if machine else frozenset[int]()
    return Far(
        host=replace(machine.host, disk=f"{folder} of {host}") if machine else Host(),
        holders={
            port.published: (name, f"{publishers.get(port.published, 'a process')} on {host}")
            for name, port in wanted
            if publishers.get(port.published, "") not in ours
            and (port.published in publishers or port.published in listening)
        },
    )


def leave(space: Workspace) -> str:
    """End the link once nothing of this checkout is there; say so, or what still needs it."""
    root = space.settings.root
    mine = {"label": [f"{FOLDER_LABEL}={space.stack.folder}"]}
    left = space.api.get("/containers/json", all=True, filters=mine) or ()
    if projects := {(one.get("Labels") or {}).get(PROJECT_LABEL, "") for one in left}:
        return f"the link to {space.engine.remote} stays: {', '.join(sorted(projects))} is there"
    link.close(root, address.parse(space.engine.remote))
    return f"the link to {space.engine.remote} is closed"

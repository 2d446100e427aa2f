"""Which ports of containers a link brings here, and where each answers there."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.inventory import PORTS_LABEL, PROJECT_LABEL, SERVICE_LABEL
from scripts.core.stack import LAST_PORT, LOOPBACK
from scripts.engine.api import shaped

BRIDGE = "docker_gwbridge"
"""The network of each node of a Swarm by which tasks that are on overlays alone reach out; their
machine reaches them by it, and no other one does."""
ANYWHERE = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": LOOPBACK}  # noqa: S104 - nothing is bound
"""What a port that is published on all addresses there is reached at there."""
FILE = "ports.json"
"""In the cache of a stack."""
_PAIR = re.compile(r"(\d{1,5}):(\d{1,5})")

Doors = Mapping[int, tuple[str, str]]
"""ADDRESS:PORT there, and the service, of each port that is to answer here."""
Row = Mapping[str, Any]
"""A container in an engine's list of them."""


Declared = Mapping[str, Mapping[str, str]]
"""What was deployed for each service of each project, as PORTS_LABEL says it."""


def declare(cache: Path, ports: Mapping[str, str]) -> None:
    """Note what is deployed for services of the stack with this cache; of others all stays."""
    files.write_json(cache / FILE, {**files.read_own(cache / FILE), **ports})


def declared(cache: Path) -> Mapping[str, str]:
    """Return what `declare` was told of each service."""
    return {name: str(ports) for name, ports in files.read_own(cache / FILE).items()}


@shaped("what is published")
def published(rows: Iterable[Row]) -> Doors:
    """Return the TCP ports that containers publish; of two on one port it is the older one's."""
    found = dict[int, tuple[str, str]]()
    for row in _oldest_first(rows):
        for port in row.get("Ports") or ():
            if port.get("PublicPort") and port.get("Type") == "tcp" and ":" not in port["IP"]:
                number = int(port["PublicPort"])
                address = ANYWHERE.get(port["IP"], port["IP"])
                found.setdefault(number, (f"{address}:{number}", _label(row, SERVICE_LABEL)))
    return found


@shaped("its bridge")
def unpublished(rows: Iterable[Row], bridge: Mapping[str, Any], known: Declared) -> Doors:
    """Return the ports that tasks of a Swarm have for their machine alone; `bridge` is BRIDGE.

    What a container says of itself counts where it is what was deployed for its service: whoever
    may use the engine there can give one any label. Of two on one port it is the older one's.
    """
    homes = bridge.get("Containers") or {}
    found = dict[int, tuple[str, str]]()
    for row in _oldest_first(rows):
        service, ports = _label(row, SERVICE_LABEL), _label(row, PORTS_LABEL)
        if row["Id"] in homes and known.get(_label(row, PROJECT_LABEL), {}).get(service) == ports:
            address = IPv4Interface(homes[row["Id"]]["IPv4Address"]).ip
            for here, there in _PAIR.findall(ports):
                if max(int(here), int(there)) <= LAST_PORT:
                    found.setdefault(int(here), (f"{address}:{there}", service))
    return found


def _oldest_first(rows: Iterable[Row]) -> list[Row]:
    """Return containers in another order than the engine's, which is that of no promise."""
    return sorted(rows, key=lambda row: int(row.get("Created") or 0))


def _label(row: Row, name: str) -> str:
    return str((row.get("Labels") or {}).get(name, ""))

"""Pure: which ports of containers a link brings here, and where each answers there."""

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Interface
from typing import Any

from scripts.core.inventory import PORTS_LABEL, SERVICE_LABEL
from scripts.core.stack import LAST_PORT, LOOPBACK
from scripts.engine.api import shaped

BRIDGE = "docker_gwbridge"
"""The network of each node of a Swarm by which tasks that are on overlays alone reach out; their
machine reaches them by it, and no other one does."""
ANYWHERE = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": LOOPBACK}  # noqa: S104 - nothing is bound
"""What a port that is published on all addresses there is reached at there."""
_PAIR = re.compile(r"(\d{1,5}):(\d{1,5})")

Doors = Mapping[int, tuple[str, str]]
"""ADDRESS:PORT there, and the service, of each port that is to answer here."""
Row = Mapping[str, Any]
"""A container in an engine's list of them."""


@shaped("what is published")
def published(rows: Iterable[Row]) -> Doors:
    """Return the TCP ports that containers publish."""
    found = {}
    for row in rows:
        for port in row.get("Ports") or ():
            if port.get("PublicPort") and port.get("Type") == "tcp" and ":" not in port["IP"]:
                number = int(port["PublicPort"])
                address = ANYWHERE.get(port["IP"], port["IP"])
                found[number] = (f"{address}:{number}", _service(row))
    return found


@shaped("its bridge")
def unpublished(rows: Iterable[Row], bridge: Mapping[str, Any]) -> Doors:
    """Return the ports that tasks of a Swarm have for their machine alone; `bridge` is BRIDGE."""
    homes = bridge.get("Containers") or {}
    found = {}
    for row in rows:
        if row["Id"] in homes:
            address = IPv4Interface(homes[row["Id"]]["IPv4Address"]).ip
            for here, there in _PAIR.findall((row.get("Labels") or {}).get(PORTS_LABEL, "")):
                if max(int(here), int(there)) <= LAST_PORT:
                    found[int(here)] = (f"{address}:{there}", _service(row))
    return found


def _service(row: Row) -> str:
    return str((row.get("Labels") or {}).get(SERVICE_LABEL, ""))

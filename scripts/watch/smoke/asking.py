"""Calls to the services of a stack over their published ports, each found by its container port."""

import json
from dataclasses import replace
from typing import Any

from scripts.core.errors import BrokenError
from scripts.core.stack import Auth, Probe, Service, Stack
from scripts.watch.probes import call

API, CYPHER, VECTORS, MILVUS = 8000, 7474, 6333, 19530
"""Container ports, by which the services are found."""
TIMEOUT = 60.0
"""Seconds for one call; the first memory took 2.7 s on two cores."""
OK = 200


def ask(stack: Stack, target: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """POST to the service behind a container port; BrokenError unless it answers 200 and JSON."""
    service, probe = behind(stack, target)
    status, answer = call(
        replace(probe, method="POST", path=path, body=json.dumps(body)), timeout=TIMEOUT
    )
    demand(
        status == OK and isinstance(answer, dict),
        service.name,
        f"POST {path} answered {status}: {short(answer)}",
    )
    return dict(answer)


def behind(stack: Stack, target: int) -> tuple[Service, Probe]:
    """Return the service behind a container port and a probe to call it with."""
    service = serving(stack, target)
    if service is None:
        raise BrokenError(f"no service publishes container port {target}", next_step="inv config")
    port = next(port for port in service.ports if port.target == target)
    logins = [probe for probe in service.probes if probe.port == port.published]
    auth: Auth | None = next((probe.auth for probe in logins if probe.auth), None)
    path = logins[0].path if logins else "/"
    host = logins[0].host if logins else port.host
    return service, Probe(kind="http", host=host, port=port.published, path=path, auth=auth)


def serving(stack: Stack, target: int) -> Service | None:
    """Return the service that publishes a container port, if one does."""
    for service in stack.services:
        if any(port.target == target for port in service.ports):
            return service
    return None


def demand(holds: bool, service: str, otherwise: str) -> None:  # noqa: FBT001 - reads as assert
    """Raise BrokenError with what is wrong with a service, unless all is well."""
    if not holds:
        raise BrokenError(
            f"{service}: {otherwise}", next_step=f"inv ps, then: inv logs --service {service}"
        )


def short(answer: object) -> str:
    """Return the beginning of an answer, as it is quoted."""
    return json.dumps(answer, ensure_ascii=False)[:300]

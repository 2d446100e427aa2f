"""The services of a stack behind their published ports, each found by its container port."""

from collections.abc import Iterator
from contextlib import contextmanager

from scripts.core.errors import BrokenError
from scripts.core.stack import Auth, Probe, Service, Stack
from scripts.watch.probes import REJECTED

API, CYPHER, VECTORS, MILVUS = 8000, 7474, 6333, 19530
"""Container ports; no service is known by its name."""


def serving(stack: Stack, target: int) -> Service | None:
    """Return the service that publishes a container port, if one does."""
    for service in stack.services:
        if any(port.target == target for port in service.ports):
            return service
    return None


def behind(stack: Stack, target: int) -> tuple[Service, Probe]:
    """Return the service behind a container port, and how to call it with its probe's login.

    Raises BrokenError when no service publishes the port.
    """
    service = serving(stack, target)
    if service is None:
        raise BrokenError(f"no service publishes container port {target}", next_step="inv config")
    port = next(port for port in service.ports if port.target == target)
    logins = [probe for probe in service.probes if probe.port == port.published]
    auth: Auth | None = next((probe.auth for probe in logins if probe.auth), None)
    path = logins[0].path if logins else "/"
    host = logins[0].host if logins else port.host
    return service, Probe(kind="http", host=host, port=port.published, path=path, auth=auth)


def require_login(service: Service, probe: Probe, status: int) -> None:
    """Raise BrokenError when the status of an answer says that the probe's login was rejected."""
    if probe.auth is not None and status in REJECTED:
        raise BrokenError(
            f"{service.name} rejects the stack's login ({status}); its volume was made with another"
            " setting",
            next_step="put the former value back into .env; inv doctor says more",
        )


@contextmanager
def shaped(name: str) -> Iterator[None]:
    """Turn an answer of this service that has another shape than it should into a BrokenError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BrokenError(
            f"{name}: its answer has another shape than it should",
            next_step=f"inv logs --service {name}",
        ) from error

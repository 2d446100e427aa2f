"""The services of a stack behind their published ports, each found by its container port."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from scripts.core.errors import BrokenError
from scripts.core.look import Container, State
from scripts.core.stack import Auth, Probe, Service, Stack
from scripts.watch.probes import REJECTED

API, CYPHER, VECTORS, MILVUS = 8000, 7474, 6333, 19530
"""Container ports; no service is known by its name."""
CLOSED = 0
"""Stands for the published port of a service that does not run."""


def running(stack: Stack, containers: Iterable[Container]) -> Stack:
    """Return the stack without the published ports of what does not run.

    Somebody else may listen there by now, and would be told the login.
    """
    alive = {one.service: one for one in containers if one.state in {State.RUNNING, State.PAUSED}}

    def reached(one: Service) -> Service:
        if one.elsewhere:
            return one
        return one.at(alive[one.name].address) if one.name in alive else _closed(one)

    return replace(stack, services=tuple(map(reached, stack.services)))


def _closed(service: Service) -> Service:
    return replace(service, ports=tuple(replace(one, published=CLOSED) for one in service.ports))


def published(stack: Stack, target: int) -> bool:
    """Say whether a service that runs publishes a container port."""
    service = serving(stack, target)
    ports = service.ports if service else ()
    return any(port.target == target and port.published != CLOSED for port in ports)


def serving(stack: Stack, target: int) -> Service | None:
    """Return the service that publishes a container port, if one does."""
    for service in stack.services:
        if any(port.target == target for port in service.ports):
            return service
    return None


def behind(stack: Stack, target: int) -> tuple[Service, Probe]:
    """Return the service behind a container port, and how to call it with its probe's login.

    Raises BrokenError when no service publishes the port, or it does not run.
    """
    service = serving(stack, target)
    if service is None:
        raise BrokenError(f"no service publishes container port {target}", next_step="inv config")
    port = next(port for port in service.ports if port.target == target)
    if port.published == CLOSED:
        raise BrokenError(
            f"{service.name} does not run", next_step=f"inv up --service {service.name}"
        )
    logins = [probe for probe in service.probes if probe.port == port.published]
    auth: Auth | None = next((probe.auth for probe in logins if probe.auth), None)
    path = logins[0].path if logins else "/"
    host = logins[0].host if logins else port.host
    probe = Probe(kind="http", host=host, port=port.published, path=path, auth=auth)
    if service.elsewhere:  # encrypted perhaps, and Cypher over Bolt
        first = logins[0]
        kind = "bolt" if first.kind == "bolt" else "http"
        probe = replace(probe, kind=kind, tls=first.tls, database=first.database)
    return service, probe


def require_login(service: Service, probe: Probe, status: int) -> None:
    """Raise BrokenError when the status of an answer says that the probe's login was rejected."""
    if probe.auth is not None and status in REJECTED:
        if service.elsewhere:
            why, step = f"at {service.elsewhere}", "mend the login in .env; inv doctor tries it"
        else:
            why = "its volume was made with another setting"
            step = "put the former value back into .env; inv doctor says more"
        raise BrokenError(
            f"{service.name} rejects the stack's login ({status}); {why}", next_step=step
        )


@contextmanager
def shaped(name: str) -> Iterator[None]:
    """Turn an answer of this service that has another shape than it should into a BrokenError."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise BrokenError(
            f"{name}: its answer has another shape than it should",
            next_step=f"inv logs --service {name}",
        ) from error

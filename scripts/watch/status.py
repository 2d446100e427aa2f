"""Pure: what a look amounts to, service by service, for people and for programs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from scripts.core.inventory import ImageStatus
from scripts.core.look import Container, Look, State, Usage
from scripts.core.stack import Service, Stack
from scripts.core.units import SECOND, nanoseconds
from scripts.diagnosis.readiness import answers
from scripts.diagnosis.rules import diagnose


def document(
    stack: Stack,
    look: Look,
    kinds: Sequence[ImageStatus],
    about: Mapping[str, str],
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return what `inv ps --format json` prints of the services that `kinds` speak of.

    `about` is what the settings say: `image_source`, and which `memos`.

    schemas/ps.schema.json says what the fields mean.
    """
    now = now or datetime.now(UTC)
    return {
        "project": stack.project,
        **about,
        "services": [_row(stack, stack.service(kind.service), look, kind, now) for kind in kinds],
    }


def frames(
    stack: Stack,
    looks: Iterable[Look],
    kinds: Sequence[ImageStatus],
    about: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    """Yield the document of each look; from the second on with the CPU's percentage since the last.

    100 percent is one processor.
    """
    before = Look()
    for look in looks:
        picture = document(stack, look, kinds, about)
        for row in picture["services"]:
            name = row["service"]
            row["cpu_percent"] = percent(before.usage.get(name), look.usage.get(name))
        before = look
        yield picture


def percent(before: Usage | None, now: Usage | None) -> float | None:
    if before is None or now is None or now.read_at <= before.read_at or now.cpu < before.cpu:
        return None  # started again since, for instance
    return round(100 * (now.cpu - before.cpu) / (now.read_at - before.read_at), 1)


def _row(
    stack: Stack, service: Service, look: Look, kind: ImageStatus, now: datetime
) -> dict[str, Any]:
    container, reading = look.container(service.name), look.reading(service.name)
    where = service.at(container.address) if container else service
    ready, used = answers(service, look), look.usage.get(service.name)
    return {
        "service": service.name,
        "container": service.container,
        "host_pid": container.host.pid if container and container.host else None,
        "node": container.node or None if container else None,
        "state": _state(container),
        "health": container.health if container else "",
        "ready": ready,
        "ready_since": look.ready_since.get(service.name) if ready else None,
        "answer": reading.detail if reading else "",
        "restarts": container.restarts if container else 0,
        "uptime_seconds": _uptime(container, now),
        "memory_bytes": used.memory if used else None,
        "cpu_seconds": round(used.cpu / SECOND, 3) if used else None,
        "ports": [asdict(port) for port in where.ports if not service.elsewhere],
        "not_offered": list(service.not_offered),
        "image": service.elsewhere or service.image,
        "contains": kind.contains or "missing",
        "version": kind.version,
        "mended": look.mended.get(service.name, ""),
        "reload": look.reload.get(service.name),
        "debugger": container.debugger if container else "",
        "findings": [
            # a tuple is no JSON array
            asdict(finding) | {"victims": list(finding.victims)}
            for finding in (*diagnose(stack, (service.name,), look), *look.advice)
            if finding.service == service.name
        ],
    }


def _state(container: Container | None) -> str:
    if container is None:
        return "absent"
    return "elsewhere" if container.elsewhere else container.state


def _uptime(container: Container | None, now: datetime) -> float | None:
    if container is None or container.state is not State.RUNNING or not container.started_at:
        return None
    return round(now.timestamp() - nanoseconds(container.started_at) / SECOND, 1)

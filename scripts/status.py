"""Pure: what a look amounts to, service by service, for people and for programs."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from scripts.diagnosis import answers, diagnose
from scripts.inventory import ImageStatus
from scripts.model import Container, Service, Snapshot, Stack


def document(
    stack: Stack,
    seen: Snapshot,
    kinds: Sequence[ImageStatus],
    image_source: str,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Give what `inv ps --format json` prints (schemas/ps.schema.json)."""
    now = now or datetime.now(UTC)
    return {
        "project": stack.project,
        "image_source": image_source,
        "services": [
            _row(stack, service, seen, kind, now)
            for service, kind in zip(stack.services, kinds, strict=True)
        ],
    }


def _row(
    stack: Stack, service: Service, seen: Snapshot, kind: ImageStatus, now: datetime
) -> dict[str, Any]:
    container, reading = seen.container(service.name), seen.reading(service.name)
    return {
        "service": service.name,
        "container": service.container,
        "state": container.state if container else "absent",
        "health": container.health if container else "",
        "ready": answers(service, seen),
        "answer": reading.detail if reading else "",
        "restarts": container.restarts if container else 0,
        "uptime_seconds": _uptime(container, now),
        "ports": [asdict(port) for port in service.ports],
        "not_offered": list(service.not_offered),
        "image": service.image,
        "contains": kind.contains or "missing",
        "version": kind.version,
        "findings": [asdict(finding) for finding in diagnose(stack, (service.name,), seen)],
    }


def _uptime(container: Container | None, now: datetime) -> float | None:
    if container is None or container.state != "running" or not container.started_at:
        return None
    # the engine writes nanoseconds, Python reads microseconds
    moment = container.started_at.rstrip("Z")[:26]
    began = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return round((now - began).total_seconds(), 1)

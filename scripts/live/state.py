"""Pure: all that is going on with a stack, as one document (schemas/state.schema.json)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from scripts.core.errors import StackError
from scripts.core.finding import Finding
from scripts.core.foreign.documents import Json
from scripts.core.inventory import Engine, ImageStatus
from scripts.core.look import Look
from scripts.core.stack import Stack
from scripts.watch import status

MOVING = frozenset({"uptime_seconds", "memory_bytes", "cpu_seconds", "findings"})
"""Fields of `inv ps` that are others with every look, or are made anew here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One look at a stack, and what was made of it."""

    stack: Stack
    look: Look
    images: Sequence[ImageStatus]
    """Of the services that the document speaks of, in their order."""
    findings: Sequence[Finding] = ()
    since: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """When each finding, by its service and code, was first made; RFC 3339."""


def engine(found: Engine) -> dict[str, Any]:
    """Return `engine` of the document for one that answers."""
    return {"answers": True, "version": found.version}


def silent(error: StackError) -> dict[str, Any]:
    """Return `engine` of the document where nothing can be asked, whatever that lies at."""
    return {"answers": False, "error": str(error), "next": error.next_step}


def services(seen: Seen, now: datetime) -> dict[str, Any]:
    """Return `services`, `order` and `findings` of the document."""
    names = [image.service for image in seen.images]
    bare = replace(seen.look, logs={}, advice=())  # its findings are made anew here
    rows = status.document(seen.stack, bare, seen.images, {}, now)["services"]
    told = [(one.service, _finding(seen, one)) for one in seen.findings]
    return {
        "order": names,
        "services": {
            image.service: {
                **_row(seen, image, row),
                "findings": [one for service, one in told if service == image.service],
            }
            for image, row in zip(seen.images, rows, strict=True)
        },
        "findings": [one for _, one in told],
    }


def _row(seen: Seen, image: ImageStatus, row: Mapping[str, Json]) -> dict[str, Any]:
    """Return a row of `inv ps`, with what people look at beside it."""
    service, container = seen.stack.service(image.service), seen.look.container(image.service)
    where = service.at(container.address) if container else service
    return {
        **{name: value for name, value in row.items() if name not in MOVING},
        "started_at": (container.started_at if container else "") or None,
        "needs": list(service.needs),
        "links": [{"name": link.label, "url": link.url} for link in where.links],
        "stand_in": "stand-in" in image.contains,
        "healths": [asdict(one) for one in (container.healths if container else ()) if one.at],
    }


def _finding(seen: Seen, finding: Finding) -> dict[str, Any]:
    since = seen.since.get((finding.service, finding.code))
    return asdict(finding) | {"victims": list(finding.victims), "since": since}

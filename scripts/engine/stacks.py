"""Every stack of this kind on the engine: `seen` asks for them, `document` says what they are."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.core.inventory import FOLDER_LABEL, PROJECT_LABEL, SERVICE_LABEL
from scripts.core.look import State
from scripts.engine.api import Api, shaped

ENV_FILE_LABEL = "com.docker.compose.project.environment_file"
KIND_LABEL = "dev.memos.stack"
"""What the compose file puts on every container."""
SHOWN = ("service", "container", "state", "healthy", "ports")
"""Of a container, in `inv ps --all --format json`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackMember:
    """One container of a stack, as the engine's list shows it."""

    project: str
    folder: str
    """Where the compose file that made it lies."""
    env_file: str
    service: str
    container: str
    state: State
    healthy: bool
    ports: tuple[int, ...]
    """On the host."""


@shaped("its containers")
def seen(api: Api) -> tuple[StackMember, ...]:
    """Ask the engine for the containers of all stacks, running or not: two calls, however many."""
    kind = {"label": [KIND_LABEL]}
    rows = api.get("/containers/json", all=True, filters=kind) or ()
    # the list itself has the health in a sentence only
    fit = api.get("/containers/json", filters={**kind, "health": ["healthy"]}) or ()
    healthy = {one["Id"] for one in fit}
    return tuple(_member(one, healthy=one["Id"] in healthy) for one in rows)


def _member(row: dict[str, Any], *, healthy: bool) -> StackMember:
    marks = row.get("Labels") or {}
    ports = {int(port["PublicPort"]) for port in row.get("Ports") or () if port.get("PublicPort")}
    return StackMember(
        project=str(marks.get(PROJECT_LABEL, "")),
        folder=str(marks.get(FOLDER_LABEL, "")),
        env_file=str(marks.get(ENV_FILE_LABEL, "")),
        service=str(marks.get(SERVICE_LABEL, "")),
        container=row["Names"][0].lstrip("/"),
        state=State(row["State"]),
        healthy=healthy,
        ports=tuple(sorted(ports)),
    )


def document(members: Iterable[StackMember], root: Path, project: str) -> dict[str, Any]:
    """Return what `inv ps --all --format json` prints; `root` and `project` are the present stack.

    schemas/stacks.schema.json says what the fields mean.
    """
    found: dict[tuple[str, str], list[StackMember]] = {}
    for one in sorted(members, key=lambda one: (one.project, one.folder, one.service)):
        found.setdefault((one.project, one.folder), []).append(one)
    own = (project, str(root / "docker"))
    return {"stacks": [_stack(key, ones, present=key == own) for key, ones in found.items()]}


def _stack(key: tuple[str, str], members: list[StackMember], *, present: bool) -> dict[str, Any]:
    project, folder = key
    return {
        "project": project,
        "checkout": str(Path(folder).parent),
        "env_file": next((one.env_file for one in members if one.env_file), ""),
        "present": present,
        "states": dict(Counter(one.state for one in members)),
        "ready": [one.service for one in members if one.healthy],
        "services": [{name: getattr(one, name) for name in SHOWN} for one in members],
    }

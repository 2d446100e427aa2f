"""Remembers what the last `docker compose create` left, so that one that is not needed is spared.

A container stays as it was made, so the same one on the same networks, made from the same inputs
and images, is what Compose would make again.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.inventory import ImageStatus
from scripts.engine import containers
from scripts.engine.containers import PROJECT_LABEL, SERVICE_LABEL

FILE = "settled.json"
"""In the stack's cache: the inputs, and by service its container, networks and image."""


def unchanged(space: Workspace, images: Sequence[ImageStatus]) -> bool:
    """Say whether the services of these images run as Compose would make them now.

    Asks for their containers, networks and volumes; whether they answer is another question.
    """
    kept = _read(space)
    if not space.inputs or kept.get("inputs") != space.inputs:
        return False
    if any(not one.present or one.stale for one in images):
        return False
    wanted = _now(space, images)
    mounted = {name for one in images for name in space.stack.service(one.service).volumes}
    return (
        all(one["state"] == "running" for one in wanted.values())
        and wanted.keys() == {one.service for one in images}
        and all(kept["services"].get(name) == one for name, one in wanted.items())
        and mounted <= containers.existing(space.api)
    )


def keep(space: Workspace, images: Sequence[ImageStatus]) -> None:
    """Note what runs for these services, beside others that were made from the same inputs.

    `images` as they were when Compose made the containers.
    """
    before = _read(space)
    same = before["services"] if before.get("inputs") == space.inputs else {}
    services = {**same, **_now(space, images)}
    with suppress(OSError):  # then the next one creates again
        files.write_json(space.cache / FILE, {"inputs": space.inputs, "services": services})


def _now(space: Workspace, images: Sequence[ImageStatus]) -> dict[str, dict[str, Any]]:
    """The state of each container now, by service; a second one of a service counts as another."""
    marks = {"label": [f"{PROJECT_LABEL}={space.stack.project}"]}
    rows = space.api.get("/containers/json", all=True, filters=marks) or ()
    wanted = {one.service: one.id for one in images}
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        name = (row.get("Labels") or {}).get(SERVICE_LABEL, "")
        if name in wanted:
            found[name] = {
                "state": row.get("State", ""),
                "container": found.get(name, {}).get("container", "") + row["Id"],
                "networks": _networks(row),
                "image": wanted[name],
            }
    return found


def _networks(row: Mapping[str, Any]) -> dict[str, str]:
    found = (row.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: str(one.get("NetworkID", "")) for name, one in found.items()}


def _read(space: Workspace) -> dict[str, Any]:
    kept = files.read_json(space.cache / FILE)
    good = isinstance(kept, dict) and isinstance(kept.get("services"), dict)
    return kept if good else {}

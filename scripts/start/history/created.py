"""Remembers what the last `docker compose create` left, so that one that is not needed is spared.

A container stays as it was made, so the same one on the same networks, made from the same inputs
and images, is what Compose would make again.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.foreign.documents import Json
from scripts.core.inventory import PROJECT_LABEL, SERVICE_LABEL, ImageStatus
from scripts.engine import containers
from scripts.engine.api import shaped

FILE = "settled.json"
"""In the stack's cache: the inputs, and by service its container, networks and image."""


def unchanged(space: Workspace, images: Sequence[ImageStatus]) -> bool:
    """Say whether the services of these images run as Compose would make them now.

    Asks for their containers, networks and volumes; whether they answer is another question.
    """
    kept = _kept(space)
    if not kept or any(not image.present or image.stale for image in images):
        return False
    services = _services(space, images)
    mounted = {name for image in images for name in space.stack.service(image.service).volumes}
    return (
        all(facts["state"] == "running" for facts in services.values())
        and services.keys() == {image.service for image in images if image.image}
        and all(kept.get(name) == facts for name, facts in services.items())
        and mounted <= containers.existing(space.api)
    )


def keep(space: Workspace, images: Sequence[ImageStatus]) -> None:
    """Note what runs for these services, beside others that were made from the same inputs.

    `images` as they were when Compose made the containers.
    """
    services = {**_kept(space), **_services(space, images)}
    with suppress(OSError):  # then the next one creates again
        files.write_json(space.cache / FILE, {"inputs": space.inputs, "services": services})


def _kept(space: Workspace) -> dict[str, Any]:
    """Return what was noted of services that were made from these inputs."""
    document = files.read_own(space.cache / FILE)
    services = document.get("services")
    same = space.inputs and document.get("inputs") == space.inputs
    return services if same and isinstance(services, dict) else {}


@shaped("its containers")
def _services(space: Workspace, images: Sequence[ImageStatus]) -> dict[str, dict[str, Any]]:
    """Return how each service is now; a second container of a service counts as another."""
    wanted = {image.service: image.id for image in images}
    services: dict[str, dict[str, Any]] = {}
    for row in rows(space):
        name = (row.get("Labels") or {}).get(SERVICE_LABEL, "")
        if name in wanted:
            services[name] = {
                "state": row.get("State", ""),
                "container": services.get(name, {}).get("container", "") + row["Id"],
                "networks": _networks(row),
                "image": wanted[name],
            }
    return services


def rows(space: Workspace) -> Json:
    """Return the containers of a stack as the engine lists them."""
    marks = {"label": [f"{PROJECT_LABEL}={space.stack.project}"]}
    return space.api.get("/containers/json", all=True, filters=marks) or ()


def _networks(row: Mapping[str, Any]) -> dict[str, str]:
    networks = (row.get("NetworkSettings") or {}).get("Networks") or {}
    return {name: str(network.get("NetworkID", "")) for name, network in networks.items()}

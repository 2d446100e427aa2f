"""What a snapshot says of itself: written when it is made, judged before it is restored."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core import units
from scripts.core.errors import ConfigError
from scripts.core.inventory import VERSION_LABEL
from scripts.core.stack import Service, Stack
from scripts.data.model import Command, Plan
from scripts.engine.api import Api, shaped
from scripts.engine.versions import numbers
from scripts.images.availability import image_labels


def describe(space: Workspace, plan: Plan, *, automatic: bool, command: str = "") -> dict[str, Any]:
    """Return the manifest of a snapshot, but for what is known only when it is written.

    `command` is the task that makes it where the plan's own word does not say that.
    """
    usual = "reset" if plan.command is Command.RESET else "snapshot.save"
    return {
        "format": 1,
        "project": space.stack.project,
        "created_at": units.written(time.time()),
        "image_source": space.image_source,
        "command": command or usual,
        "automatic": automatic,
        "groups": list(plan.groups),
        "services": _servers(space, plan.groups),
        "volumes": [
            {
                "key": volume.key,
                "name": volume.name,
                "group": volume.group,
                "bytes": plan.sizes.get(volume.key, 0),
            }
            for volume in plan.volumes
        ],
        "running": list(plan.stops),
        "engine": space.engine.version,
    }


def _servers(space: Workspace, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Return the images of the services in these groups, and the versions of their servers."""
    services = space.stack.services
    return [_server(space.api, service) for service in services if service.data_group in groups]


@shaped("an image")
def _server(api: Api, service: Service) -> dict[str, Any]:
    image: Mapping[str, Any] = api.get(f"/images/{service.image}/json") or {}
    # official images tell it in their tag only
    tag = service.image.rpartition("/")[2].partition(":")[2]
    return {
        "service": service.name,
        "image": service.image,
        "image_id": str(image.get("Id", "")),
        "digests": list(image.get("RepoDigests") or ()),
        "version": image_labels(image).get(VERSION_LABEL) or tag,
    }


def require_restorable(
    space: Workspace, file: Path, manifest: Mapping[str, Any], *, anyway: bool
) -> None:
    """Raise ConfigError when a snapshot does not fit the images or the volumes here.

    With `anyway` only what cannot work at all is refused.
    """
    if reasons := "; ".join(obstacles(space.stack, manifest)):
        raise ConfigError(f"{file.name}: {reasons}", next_step="inv snapshot.list")
    servers = _servers(space, manifest["groups"])
    versions = {server["service"]: server["version"] for server in servers}
    reasons = "; ".join(doubts(manifest, space.image_source, versions))
    if reasons and not anyway:
        raise ConfigError(f"{file.name}: {reasons}", next_step="--anyway, if you know better")


def obstacles(stack: Stack, manifest: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a snapshot cannot be restored here at all."""
    known = {volume.key for volume in stack.volumes}
    keys = [volume["key"] for volume in manifest["volumes"] if volume["key"] not in known]
    if keys:
        yield f"the stack has no volume {', '.join(keys)}"
    groups = [group for group in manifest["groups"] if group not in stack.groups()]
    if groups:
        yield f"the stack has no data group {', '.join(groups)}"
    away = [f"{one.name} ({one.elsewhere})" for one in stack.services if one.elsewhere]
    if (keys or groups) and away:
        yield f"the data of what runs elsewhere is not this stack's: {', '.join(away)}"


def doubts(
    manifest: Mapping[str, Any], image_source: str, versions: Mapping[str, str]
) -> Iterator[str]:
    """Yield why a snapshot had better not be restored here.

    `versions` are those of the images here, by service.
    """
    if manifest["image_source"] != image_source:
        yield (
            f"it was made with IMAGE_SOURCE={manifest['image_source']}, and here it is"
            f" {image_source}: the data of the two is not compatible"
        )
    for server in manifest["services"]:
        name, then = server["service"], server["version"]
        now = versions.get(name, "")
        if now and then and numbers(now) < numbers(then):
            yield f"{name} is {now} here and was {then}: older servers may not read it"

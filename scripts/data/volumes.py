"""The volumes of a stack on the engine: what lies in them, who uses them; made and deleted."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from scripts.core.errors import RefusedError
from scripts.core.look import Container
from scripts.core.stack import Stack, Volume
from scripts.data.model import Survey
from scripts.data.volume_scripts import SURVEY
from scripts.engine.api import Api
from scripts.engine.containers import PROJECT_LABEL, containers, existing
from scripts.engine.throwaway import Helper

SHELLLESS = "executable file not found"
"""How the engine says that an image has no sh; any other cause tells more."""


def survey(api: Api, stack: Stack, names: Mapping[str, str]) -> Survey:
    """Look into those of these volumes (names by key) that are there.

    The first image that is here and has sh and GNU tar serves for it. Raises RefusedError when none
    has, with what the last of them said.
    """
    present = existing(api)
    names = {key: name for key, name in names.items() if name in present}
    reason = ""
    for image in (service.image for service in stack.services):
        if api.get(f"/images/{image}/json") is None:
            continue
        try:
            printed = Helper(api, stack.project, image, names).run(SURVEY)
        except RefusedError as error:  # no shell, as in etcd's own image, or a full disk
            if not reason or SHELLLESS not in str(error):
                reason = str(error)
            continue
        return _survey(image, printed)
    raise RefusedError(
        "no image of the stack could look into the volumes (one with sh and GNU tar is needed):"
        f" {reason or 'none is here'}",
        next_step="inv images.status; df -h",
    )


def _survey(image: str, printed: str) -> Survey:
    sizes, free, beside = {}, {}, {}
    for line in printed.splitlines():
        match line.split():
            case [key, used, blocks, block_size]:
                sizes[key] = int(used)
                free[key] = int(blocks) * int(block_size)
            case [key, folder]:
                beside[key] = folder
            case _:
                pass
    return Survey(image=image, sizes=sizes, free=free, beside=beside)


def require_unused(api: Api, own: Iterable[Container], names: Iterable[str]) -> None:
    """Raise RefusedError when a container that is none of these mounts one of the volumes."""
    ids = {container.id for container in own}
    for name in names:
        for user in _users(api, name):
            if user["Id"] not in ids:
                stranger = user["Names"][0].lstrip("/")
                raise RefusedError(
                    f"the volume {name} is mounted by {stranger}, which is none of this stack",
                    next_step=f"docker rm --force {stranger}, if you do not need it",
                )


def held(api: Api, stack: Stack) -> tuple[str, ...]:
    """Return the names of this stack's volumes that exist."""
    names = {name for service in stack.services for name in service.volumes}
    return tuple(sorted(existing(api) & names))


def create(api: Api, project: str, volumes: Iterable[Volume]) -> None:
    """Make volumes that are not there, with the labels by which Compose knows them."""
    present = existing(api)
    for volume in volumes:
        if volume.name not in present:
            labels = {PROJECT_LABEL: project, "com.docker.compose.volume": volume.key}
            api.post("/volumes/create", {"Name": volume.name, "Labels": labels})


def delete(api: Api, project: str, names: Iterable[str]) -> None:
    """Remove volumes and the containers of this project that hold them; what is gone is gone."""
    present = existing(api)
    own = {container.id for container in containers(api, project)}
    for name in names:
        for user in _users(api, name):
            if user["Id"] in own:
                api.delete(f"/containers/{user['Id']}", force=True, v=True)
        if name in present:
            api.delete(f"/volumes/{name}")


def _users(api: Api, volume: str) -> Iterator[dict[str, Any]]:
    """Yield the containers of anybody that mount a volume, as the engine lists them."""
    yield from api.get("/containers/json", all=True, filters={"volume": [volume]}) or ()

"""The volumes of a stack on the engine: what lies in them, who uses them; made and deleted."""

import hashlib
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.errors import RefusedError
from scripts.core.finding import DOCKER
from scripts.core.inventory import DATA_LABEL, PROJECT_LABEL, VOLUME_LABEL, Engine
from scripts.core.look import Container
from scripts.core.stack import Stack, Volume
from scripts.core.units import SECOND, nanoseconds
from scripts.data.model import Survey
from scripts.data.volume_scripts import SURVEY, younger_than
from scripts.engine.api import Api, shaped
from scripts.engine.containers import (
    CHECKOUT_LABEL,
    MACHINE_LABEL,
    containers,
    existing,
)
from scripts.engine.throwaway import Helper

RESTORED_LABEL = "dev.memos.restored"
"""Of a volume that a restore made; the value is when that began."""
SLACK = 5
"""Seconds by which the first file of a new volume may seem older than the volume."""
NAMES = Path(".cache", "machine.json")
"""Below the root."""
MACHINE_ID = Path("/etc/machine-id")
"""machine-id(5): it stays when a machine is renamed."""
SHELLLESS = "executable file not found"
"""How the engine says that an image has no sh; any other cause tells more."""


def survey(api: Api, stack: Stack, names: Mapping[str, str]) -> Survey:
    """Look into those of these volumes (names by key) that are there.

    The first image that is here and has sh and GNU tar serves for it. Raises RefusedError when none
    has, with what the last of them said.
    """
    present = existing(api)
    names = {key: name for key, name in names.items() if name in present}
    found = [_surveyed(engine, stack, some) for engine, some in api.apart(names)]
    return Survey(
        image=found[0].image,
        images={key: one.image for one in found for key in one.sizes},
        sizes={key: size for one in found for key, size in one.sizes.items()},
        free={key: size for one in found for key, size in one.free.items()},
        beside={key: name for one in found for key, name in one.beside.items()},
    )


def _surveyed(api: Api, stack: Stack, names: Mapping[str, str]) -> Survey:
    reason = ""
    for image in (service.image for service in stack.services if service.image):
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
        next_step="inv images.status",
        said="" if SHELLLESS in reason else reason,
    )


@shaped("the volumes")
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


@shaped("who uses a volume")
def require_unused(api: Api, own: Iterable[Container], names: Iterable[str]) -> None:
    """Raise RefusedError when a container that is none of these mounts one of the volumes."""
    ids = {container.id for container in own}
    for name in names:
        for user in _users(api, name):
            if user["Id"] not in ids:
                stranger = user["Names"][0].lstrip("/")
                raise RefusedError(
                    f"the volume {name} is mounted by {stranger}, which is none of this stack",
                    next_step=f"{DOCKER} inspect {stranger} tells whose it is; once that one"
                    " has removed it, the same again",
                )


def held(api: Api, names: Iterable[str]) -> tuple[str, ...]:
    """Return those of these volumes that exist."""
    return tuple(sorted(existing(api) & {*names}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the engine knows of a volume beside its name."""

    since: str = ""
    """RFC 3339: when its folder was last changed from outside, so mostly when it was made."""
    restored: str = ""
    """The beginning of the restore that made it."""


@shaped("its volumes")
def made(api: Api) -> dict[str, Made]:
    """Return all volumes on the engine by name, with what it knows of them."""
    found = (api.get("/volumes") or {}).get("Volumes") or ()
    return {
        str(one["Name"]): Made(
            since=str(one.get("CreatedAt") or ""),
            restored=str((one.get("Labels") or {}).get(RESTORED_LABEL, "")),
        )
        for one in found
    }


@shaped("its volumes")
def younger(api: Api, stack: Stack, names: Mapping[str, Made]) -> frozenset[str]:
    """Return those of these volumes in which nothing is older than they are; none if none can tell.

    To ask takes a helper container, so this is for where something is wrong already.
    """
    keys = {volume.name: volume.key for volume in stack.volumes}
    since = {keys[name]: nanoseconds(one.since) // SECOND - SLACK for name, one in names.items()}
    try:
        volumes = {keys[name]: name for name in names}
        found = survey(api, stack, volumes)
        helper = Helper(api, stack.project, found.image, volumes, images=found.images)
        printed = helper.run(younger_than(since))
    except RefusedError:
        return frozenset()
    return frozenset(volumes[key] for key in printed.split() if key in volumes)


def own(root: Path) -> dict[str, str]:
    """Return the labels by which a volume is known to be a checkout's, on this machine."""
    return {CHECKOUT_LABEL: str(root), MACHINE_LABEL: machine()}


def create(api: Api, project: str, volumes: Iterable[Volume], labels: Mapping[str, str]) -> None:
    """Make volumes that are not there, with these labels and those by which Compose knows them.

    Of a restore it is the beginning too: each is as old as the others are then. Compose makes what
    has more than a name in its file: a driver, for instance.
    """
    present = existing(api)
    for volume in volumes:
        if volume.plain and volume.name not in present:
            known = {PROJECT_LABEL: project, VOLUME_LABEL: volume.key}
            known |= {DATA_LABEL: f"{project}.{volume.group}"} if volume.group else {}
            api.post("/volumes/create", {"Name": volume.name, "Labels": {**known, **labels}})


def made_by(api: Api, since: str, names: Collection[str]) -> tuple[str, ...]:
    """Return those of these volumes that the restore made which began then."""
    if not since:
        return ()
    return tuple(name for name, one in made(api).items() if one.restored == since and name in names)


@shaped("its volumes")
def of_others(api: Api, names: Iterable[str], root: Path, engine: Engine) -> dict[str, str]:
    """Return those of these volumes that another checkout made, and where that is.

    One of this machine that is not there any more is taken for this one before it was moved. A
    volume without a label may be anybody's. An engine that is reached by ssh may be shared by
    machines on which checkouts have the same path. A former name of this machine may be that of
    another one by now, which was cloned with its machine-id: of it nothing is concluded here.
    """
    wanted, others, this = {*names}, dict[str, str](), machine()
    for one in (api.get("/volumes") or {}).get("Volumes") or ():  # of a Swarm, one of each node
        name, labels = str(one["Name"]), one.get("Labels") or {}
        other = str(labels.get(CHECKOUT_LABEL, ""))
        if name not in wanted or not other:
            continue
        where = str(labels.get(MACHINE_LABEL, ""))
        if engine.remote and where not in {"", this}:
            others[name] = f"{other} on {where}"
        elif not files.same(Path(other), root):
            seen = where == this and (engine.local or engine.remote != "")
            if not seen or files.there(Path(other)):
                others[name] = other
    return others


@shaped("its volumes")
def machines(api: Api, project: str) -> frozenset[str]:
    """Return the names of the machines whose checkouts made the volumes of a project."""
    mine = {"label": [f"{PROJECT_LABEL}={project}"]}
    found = (api.get("/volumes", filters=mine) or {}).get("Volumes") or ()
    labels = [one.get("Labels") or {} for one in found]
    return frozenset(
        str(one[MACHINE_LABEL])
        for one in labels
        if one.get(PROJECT_LABEL) == project and one.get(MACHINE_LABEL)
    )


def machine() -> str:
    """Return the name of this machine."""
    return os.uname().nodename


def names_here(root: Path) -> frozenset[str]:
    """Return the names of this machine: that of now, and those under which `note` was called.

    Not those that came with a checkout that was copied from another machine. A clone of this one
    has them too, with its machine-id: enough to go on with what has the same path, and no more.
    """
    noted = files.read_own(root / NAMES)
    before = noted.get("names") if _identity() == noted.get("machine") != "" else ()
    return frozenset({machine(), *map(str, before if isinstance(before, list) else ())})


def note(root: Path) -> None:
    """Remember this machine's name: it may have another one when its volumes are looked at."""
    known = names_here(root)
    if sorted(known) != files.read_own(root / NAMES).get("names"):
        document = {"machine": _identity(), "names": sorted(known)}
        files.write_json(root / NAMES, document)


def _identity() -> str:
    """Return what this machine keeps when it is renamed, and tells nobody; empty for nothing."""
    told = files.content(MACHINE_ID).strip()
    return hashlib.sha256(b"memos-dev " + told).hexdigest() if told else ""


@shaped("who uses a volume")
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

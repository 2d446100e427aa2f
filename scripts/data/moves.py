"""The steps of data commands: each one stops, reads, writes, replaces or deletes."""

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.errors import BrokenError, RefusedError
from scripts.core.look import State
from scripts.core.progress import OnBytes, counted
from scripts.core.stack import Stack, Volume
from scripts.data import archive, plan, snapshots
from scripts.data.volume_scripts import PACK, UNPACK
from scripts.engine.api import Api
from scripts.engine.containers import containers, existing
from scripts.engine.throwaway import Helper

STOPPING = 90.0
"""Seconds for a container to stop; Neo4j's own limit is 30."""


def stop(api: Api, stack: Stack, names: Sequence[str]) -> None:
    """Stop services, those that need others before these, side by side where that may be.

    Raises RefusedError or EngineError as the engine has it.
    """
    patient = api.within(STOPPING)
    for wave in plan.waves(stack, names):
        chosen = [one for one in containers(api, stack.project) if one.service in wave]
        for one in chosen:
            if one.state is State.PAUSED:  # the engine stops no container that cannot hear it
                api.post(f"/containers/{one.id}/unpause")
        with ThreadPoolExecutor(max_workers=len(chosen) or 1) as pool:
            list(pool.map(lambda one: patient.post(f"/containers/{one.id}/stop"), chosen))


def require_unused(api: Api, project: str, volumes: Iterable[Volume]) -> None:
    """Raise RefusedError when a container that is none of this stack's mounts one of them."""
    own = {one.id for one in containers(api, project)}
    for volume in volumes:
        users = api.get("/containers/json", all=True, filters={"volume": [volume.name]}) or ()
        strange = [one["Names"][0].lstrip("/") for one in users if one["Id"] not in own]
        if strange:
            raise RefusedError(
                f"the volume {volume.name} is mounted by {strange[0]}, which is none of this stack",
                next_step=f"docker rm --force {strange[0]}, if you do not need it",
            )


def held(api: Api, stack: Stack) -> tuple[str, ...]:
    """Return the names of this stack's volumes that exist."""
    wanted = {name for service in stack.services for name in service.volumes}
    return tuple(sorted(existing(api) & wanted))


def pack(helper: Helper, file: Path, facts: Mapping[str, Any], on_bytes: OnBytes) -> dict[str, Any]:
    """Write the helper's volumes into a new file; give its manifest.

    Raises RefusedError when they cannot be read, BrokenError when the file cannot be written.
    """
    try:
        return _packed(helper, file, facts, on_bytes)
    except OSError as error:
        raise BrokenError(
            f"{file} could not be written: {error.strerror}",
            next_step="df -h; inv snapshot.prune --keep 3 makes room",
        ) from error


def _packed(
    helper: Helper, file: Path, facts: Mapping[str, Any], on_bytes: OnBytes
) -> dict[str, Any]:
    number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode=0o600)
    with os.fdopen(number, "wb") as target, helper.streams(PACK, writable=False) as tar:
        tar.write_end()
        writer = archive.SnapshotWriter(target)
        for piece in tar.read():
            writer.write(piece)
            on_bytes(writer.plain_bytes)
        helper.require(tar)
        return writer.end(facts)


def verify(file: Path, on_bytes: OnBytes) -> None:
    """Read a snapshot whole; BrokenError when a byte is another one than was written."""
    for _ in counted(archive.pieces(file), on_bytes):
        pass


def keep(partial: Path, file: Path) -> None:
    """Bring a snapshot that is whole to the disk, and give it its name."""
    files.sync(partial)
    partial.replace(file)
    files.sync(file.parent)


def unpack(helper: Helper, file: Path, on_bytes: OnBytes) -> None:
    """Unpack a snapshot into a hidden folder of each volume, beside what is there.

    Raises RefusedError with tar's words (a full disk, for instance), BrokenError for a snapshot
    that is damaged.
    """
    with helper.streams(UNPACK, writable=True) as tar:
        try:
            for piece in counted(archive.pieces(file), on_bytes):
                tar.write(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, and says below why
        tar.write_end()
        for _ in tar.read():
            pass
        helper.require(tar)


def create_volumes(api: Api, project: str, volumes: Iterable[Volume]) -> None:
    """Make volumes that are not there, with the labels by which Compose knows them."""
    there = existing(api)
    for one in volumes:
        if one.name not in there:
            labels = {"com.docker.compose.project": project, "com.docker.compose.volume": one.key}
            api.post("/volumes/create", {"Name": one.name, "Labels": labels})


def delete(api: Api, project: str, names: Iterable[str]) -> None:
    """Remove volumes and the containers of this project that hold them; what is gone is gone."""
    there = existing(api)
    own = {one.id for one in containers(api, project)}
    for name in names:
        for one in api.get("/containers/json", all=True, filters={"volume": [name]}) or ():
            if one["Id"] in own:
                api.delete(f"/containers/{one['Id']}", force=True, v=True)
        if name in there:
            api.delete(f"/volumes/{name}")


def remove_files(paths: Iterable[Path]) -> None:
    """Remove files that may be gone already."""
    for path in paths:
        path.unlink(missing_ok=True)


def remove_leftovers(at: Path) -> None:
    """Remove the files of snapshots that were never finished."""
    remove_files(snapshots.leftovers(at))

"""Remembers in which volumes the data of a group lay when all of it was last ready, and since when.

A group is several stores that know of each other: where one of their volumes is gone, or was made
anew, and others are as they were, all of them start, and what they hold is lost without a word. By
itself a volume says little: a service may have been started alone first, so parts of any age may
belong together. Only against what was there before can be told what is missing now.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeGuard

from scripts.config.workspace import Workspace
from scripts.core import files
from scripts.core.finding import Finding
from scripts.core.stack import Stack
from scripts.core.units import nanoseconds
from scripts.data import plan, snapshots, volumes
from scripts.data.volumes import Made
from scripts.diagnosis import preflight
from scripts.diagnosis.preflight import Parts
from scripts.engine.api import Api

FILE = "parts.json"
"""In the stack's folder of snapshots, by the volumes' names; not in the cache, which may go."""


def parts(stack: Stack, group: str) -> dict[str, str]:
    """Return the volumes of a group that belong to each other, with the services they are of.

    Of each service the first one; what else it mounts, such as logs, may be gone or new.
    """
    members = (one for one in stack.services if one.data_group == group and one.volumes)
    return {service.volumes[0]: service.name for service in members}


def keep(space: Workspace, names: Sequence[str], api: Api | None = None) -> None:
    """Note the volumes of the groups of which every part is among these services, all ready now.

    `api` is the engine that has them, where it is not the stack's own.
    """
    made = volumes.made(api or space.api)
    whole = [
        found
        for group in space.stack.groups()
        if len(found := parts(space.stack, group)) > 1 and set(found.values()) <= set(names)
    ]
    there = {name: made[name].since for found in whole for name in found if name in made}
    now, known = {name: since for name, since in there.items() if _is_moment(since)}, _known(space)
    if known | now != known:
        with suppress(OSError):  # another user's folder, or a full disk: all is ready all the same
            files.write_json(_folder(space) / FILE, known | now)


def incomplete(space: Workspace, names: Sequence[str], api: Api | None = None) -> Iterator[Finding]:
    """Yield a finding for each group of these services that has lost a part since it was ready.

    `api` as of `keep`.
    """
    stack, known, api = space.stack, _known(space), api or space.api
    groups = dict.fromkeys(stack.service(name).data_group for name in names)
    made = volumes.made(api) if known else {}
    for group in filter(None, groups):
        found = [name for name in parts(stack, group) if name in known]
        gone = [name for name in found if name not in made]
        # of what a driver says nothing nothing can be told
        dated = [name for name in found if name in made and _is_moment(made[name].since)]
        kept = [name for name in dated if _same(made[name].since, known[name])]
        other = [name for name in dated if name not in kept]
        anew = _anew(api, stack, {one: made[one] for one in other}) if kept and other else []
        if kept and (gone or anew):
            told = Parts(
                group=group,
                member=plan.member(stack, group),
                kept=kept,
                gone=gone,
                anew=anew,
                snapshot=_snapshot(
                    space, group, since=max(nanoseconds(known[one]) for one in found)
                ),
            )
            yield preflight.incomplete(told)


def _same(one: str, other: str) -> bool:
    # the engine writes the zone that its machine is in
    return nanoseconds(one) == nanoseconds(other)


def _anew(api: Api, stack: Stack, made: Mapping[str, Made]) -> list[str]:
    """Return the volumes of these that were made again, and by nobody who filled them.

    What the engine calls their beginning is the last change of the folder around them. So a restore
    of ours leaves a mark, and one that holds something older is no new one.
    """
    unmarked = {name: one for name, one in made.items() if not one.restored}
    return sorted(volumes.younger(api, stack, unmarked)) if unmarked else []


def _snapshot(space: Workspace, group: str, *, since: int) -> str:
    """Return the newest snapshot that has all parts of a group, for these images; or none.

    What a reset saved by itself is no answer unless it is younger than the data: that was given up,
    perhaps because it was damaged. `since` is in nanoseconds.
    """
    names = parts(space.stack, group)
    keys = {volume.key for volume in space.stack.volumes if volume.name in names}
    for snapshot in snapshots.listed(_folder(space)):
        manifest = snapshot.manifest
        if manifest is None or (
            manifest["automatic"] and nanoseconds(str(manifest["created_at"])) < since
        ):
            continue
        held = {volume["key"] for volume in manifest["volumes"]}
        if keys <= held and manifest["image_source"] == space.image_source:
            return snapshot.name
    return ""


def _folder(space: Workspace) -> Path:
    return snapshots.folder_of(space.settings.root, space.stack.project)


def _known(space: Workspace) -> dict[str, str]:
    document = files.read_object(_folder(space) / FILE)
    return {name: since for name, since in document.items() if _is_moment(since)}


def _is_moment(value: object) -> TypeGuard[str]:
    """Say whether it is a time as the engine writes it."""
    with suppress(ValueError):
        return isinstance(value, str) and nanoseconds(value) > 0
    return False

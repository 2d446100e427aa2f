"""Asks what data a stack holds, and what runs on it: all that the plan of a data command needs."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core import units
from scripts.core.errors import BrokenError, ConfigError, ExitCode
from scripts.core.stack import Service, Stack
from scripts.core.units import size
from scripts.data import plan as data_plan
from scripts.data import recovery, snapshots
from scripts.data import survey as helper
from scripts.data.model import Command, Plan, Survey
from scripts.data.moves import require_unused
from scripts.data.operations import Operation
from scripts.data.recovery import BringBack, Site, Tell
from scripts.engine.api import Api
from scripts.engine.containers import containers, existing
from scripts.images.availability import VERSION_LABEL

ANYWAY = "--anyway, if you know better"


def site(space: Workspace, tell: Tell, bring_back: BringBack) -> Site:
    """Return where the data commands of a stack work."""
    return Site(
        api=space.api,
        stack=space.stack,
        folder=snapshots.folder(space.settings.root, space.stack.project),
        tell=tell,
        bring_back=bring_back,
    )


def work(at: Site, command: Command, groups: Sequence[str], *, snapshot: str = "") -> Operation:
    """Look into the volumes of these groups and give the plan of a command.

    Raises RefusedError when a container of somebody else uses one of them.
    """
    there = existing(at.api)
    mine = [one for one in at.stack.volumes if one.group in groups and one.name in there]
    require_unused(at.api, at.stack.project, mine)
    images = [one.image for one in at.stack.services]
    names = {one.key: one.name for one in mine}
    found = helper.survey(at.api, at.stack.project, images, names)
    seen = containers(at.api, at.stack.project)
    plan = data_plan.plan(
        at.stack, command, groups, seen=seen, existing=there, survey=found, snapshot=snapshot
    )
    return Operation(site=at, plan=plan, survey=found)


def facts(space: Workspace, plan: Plan, *, automatic: bool) -> dict[str, Any]:
    """Return the manifest of a snapshot, but for what is known only when it is written."""
    return {
        "format": 1,
        "project": space.stack.project,
        "created_at": units.written(time.time()),
        "image_source": space.image_source,
        "command": "reset" if plan.command is Command.RESET else "snapshot.save",
        "automatic": automatic,
        "groups": list(plan.groups),
        "services": servers(space.api, space.stack, plan.groups),
        "volumes": [
            {
                "key": one.key,
                "name": one.name,
                "group": one.group,
                "bytes": plan.sizes.get(one.key, 0),
            }
            for one in plan.volumes
        ],
        "running": list(plan.stops),
        "engine": space.engine.version,
    }


def servers(api: Api, stack: Stack, groups: Sequence[str]) -> list[dict[str, Any]]:
    """Return the images of the services in these groups, and the versions of their servers."""
    return [_server(api, one) for one in stack.services if one.data_group in groups]


def _server(api: Api, service: Service) -> dict[str, Any]:
    found: Mapping[str, Any] = api.get(f"/images/{service.image}/json") or {}
    labels = (found.get("Config") or {}).get("Labels") or {}
    # official images tell it in their tag only
    tag = service.image.rpartition("/")[2].partition(":")[2]
    return {
        "service": service.name,
        "image": service.image,
        "image_id": str(found.get("Id", "")),
        "digests": list(found.get("RepoDigests") or ()),
        "version": str(labels.get(VERSION_LABEL) or tag),
    }


def require_restorable(
    space: Workspace, file: Path, manifest: Mapping[str, Any], *, anyway: bool
) -> None:
    """Raise ConfigError when a snapshot does not fit the images or the volumes here.

    With `anyway` only what cannot work at all is refused.
    """
    here = servers(space.api, space.stack, manifest["groups"])
    versions = {str(one["service"]): str(one["version"]) for one in here}
    never, better_not = data_plan.problems(space.stack, manifest, space.image_source, versions)
    if never:
        raise ConfigError(f"{file.name}: {'; '.join(never)}", next_step="inv snapshot.list")
    if better_not and not anyway:
        raise ConfigError(f"{file.name}: {'; '.join(better_not)}", next_step=ANYWAY)


def require_data(plan: Plan) -> None:
    """Raise ConfigError when there is no volume to save."""
    if not plan.volumes:
        raise ConfigError(f"there is no data of {', '.join(plan.groups)} yet", next_step="inv up")


def undo(at: Site) -> ExitCode:
    """Take back a restore that never became ready; errors as `data_recovery.undo` has them."""
    entry = recovery.undoable(at.folder)
    kept = set(entry.volumes) if entry is not None else set()
    groups = {one.group for one in at.stack.volumes if one.key in kept}
    seen = containers(at.api, at.stack.project)
    plan = data_plan.plan(
        at.stack, Command.RESTORE, sorted(groups), seen=seen, existing=(), survey=Survey(image="")
    )
    return recovery.undo(at, plan.stops)


def require_bare(work: Operation) -> None:
    """Raise BrokenError when a restore that nobody remembers left its other data in a volume.

    Asked after `data_recovery.settle`: what a journal knows of is gone by then.
    """
    for one in work.plan.volumes:
        if one.key in work.survey.beside:
            raise BrokenError(
                f"the volume {one.name} still holds the data from before an earlier restore"
                f" ({work.survey.beside[one.key]}), and no journal says which of the two is right",
                next_step=f"inv reset --service {data_plan.member(work.site.stack, one.group)}"
                " makes a snapshot of what is in use and deletes both; then restore again",
            )


def require_space(survey: Survey, needed: int) -> None:
    """Raise BrokenError when a disk of the volumes has less than `needed` bytes free."""
    least = min(survey.free.values(), default=needed)
    if least < needed:
        raise BrokenError(
            f"the disk of the volumes has {size(least)} free, and {size(needed)} are needed:"
            " the old data stays until the new one is ready",
            next_step="docker system df; inv snapshot.prune --keep 3",
        )


def name(stack: Stack, groups: Sequence[str], moment: str, before: str = "") -> str:
    """Return a name for a snapshot: of what it is, and when: neo4j-20260131-120000."""
    of = groups if len(groups) < len(stack.groups()) else ("all",)
    digits = "".join(character for character in moment[:19] if character.isdigit())
    return "-".join(part for part in (before, *of, digits[:8], digits[8:]) if part)

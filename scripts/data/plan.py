"""Pure: what a data command is going to do, by the compose file and by what runs and is there."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import TopologicalSorter
from typing import Any

from scripts.core.look import ALIVE, Container
from scripts.core.stack import Stack
from scripts.data.model import Command, Plan, Survey
from scripts.engine.versions import numbers

"""States in which a container works on its data, or will again."""


def plan(  # noqa: PLR0913 - each is one fact that it follows from
    stack: Stack,
    command: Command,
    groups: Sequence[str],
    *,
    seen: Iterable[Container],
    existing: Iterable[str],
    survey: Survey,
    snapshot: str = "",
) -> Plan:
    """Return the plan of save, reset or restore for these groups.

    `existing` are the names of the volumes that are there; `snapshot` is the name of one that is
    made or read.
    """
    containers = tuple(seen)
    members = tuple(one.name for one in stack.services if one.data_group in groups)
    alive = {one.service for one in containers if one.state in ALIVE}
    runs = [name for name in stack.dependents(members) if name in alive]
    there = set(existing)
    return Plan(
        command=command,
        groups=tuple(groups),
        stops=tuple(name for wave in waves(stack, runs) for name in wave),
        removes=tuple(one.service for one in containers if one.service in members)
        if command is Command.RESET
        else (),
        volumes=tuple(
            one
            for one in stack.volumes
            if one.group in groups and (one.name in there or command is Command.RESTORE)
        ),
        sizes=survey.sizes,
        snapshot=snapshot,
        advice=tuple(halves(stack, command, groups)),
    )


def halves(stack: Stack, command: Command, groups: Sequence[str]) -> Iterable[str]:
    """Yield a line for data that belongs together, and of which only a part is worked on."""
    for one in stack.together:
        named = [group for group in one.groups if group in groups]
        others = [group for group in one.groups if group not in groups]
        if named and others and command is not Command.RESTORE:
            words = " ".join(f"--service {member(stack, group)}" for group in one.groups)
            task = "reset" if command is Command.RESET else "snapshot.save"
            yield (
                f"{one.reason}: {', '.join(named)} without {', '.join(others)} leaves"
                f" dangling halves; for both: inv {task} {words}"
            )
        elif named and others:
            yield f"{one.reason}: this snapshot holds {', '.join(named)} only"


def member(stack: Stack, group: str) -> str:
    """Return the service by which a group is named: the last one, which needs the others."""
    return [one.name for one in stack.services if one.data_group == group][-1]


def waves(stack: Stack, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return services in the order in which they stop: nobody before those who need it."""
    needed_by = {
        name: [other for other in names if name in stack.service(other).needs] for name in names
    }
    order, found = TopologicalSorter(needed_by), []
    order.prepare()
    while order.is_active():
        found.append(order.get_ready())
        order.done(*found[-1])
    return tuple(found)


def problems(
    stack: Stack, manifest: Mapping[str, object], image_source: str, versions: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return why a snapshot cannot be restored here, and why it had better not be.

    `versions` are those of the images here, by service.
    """
    never, better_not = [], []
    keys = {one.key for one in stack.volumes}
    held = _list(manifest, "volumes")
    unknown = [str(one["key"]) for one in held if one["key"] not in keys]
    if unknown:
        never.append(f"the stack has no volume {', '.join(unknown)}")
    strange = [str(one) for one in _list(manifest, "groups") if one not in stack.groups()]
    if strange:
        never.append(f"the stack has no data group {', '.join(strange)}")
    if manifest["image_source"] != image_source:
        better_not.append(
            f"it was made with IMAGE_SOURCE={manifest['image_source']}, and here it is"
            f" {image_source}: the data of the two is not compatible"
        )
    for one in _list(manifest, "services"):
        name, then = str(one["service"]), str(one["version"])
        now = versions.get(name, "")
        if now and then and numbers(now) < numbers(then):
            better_not.append(f"{name} is {now} here and was {then}: older servers may not read it")
    return tuple(never), tuple(better_not)


def _list(manifest: Mapping[str, object], key: str) -> list[Any]:
    found = manifest[key]
    return found if isinstance(found, list) else []

"""Pure: what a data command is going to do, by the compose file and by what runs and is there."""

from collections.abc import Iterable, Sequence
from graphlib import TopologicalSorter

from scripts.core.look import ALIVE, Container
from scripts.core.stack import Stack
from scripts.data.model import Command, Plan, Survey


def plan(
    stack: Stack,
    command: Command,
    groups: Sequence[str],
    containers: Sequence[Container],
    survey: Survey,
) -> Plan:
    """Return the plan of a command for these groups, by the stack's containers and volumes."""
    members = _members(stack, groups) if command is Command.RESET else ()
    return Plan(
        command=command,
        groups=tuple(groups),
        stops=stops(stack, groups, containers),
        removes=tuple(one.service for one in containers if one.service in members),
        volumes=tuple(
            volume
            for volume in stack.volumes
            if volume.group in groups and (volume.key in survey.sizes or command is Command.RESTORE)
        ),
        sizes=survey.sizes,
        advice=tuple(halves(stack, command, groups)),
    )


def stops(stack: Stack, groups: Sequence[str], containers: Iterable[Container]) -> tuple[str, ...]:
    """Return the services that run and need data of these groups, in the order to stop them."""
    alive = {container.service for container in containers if container.state in ALIVE}
    runs = [name for name in stack.dependents(_members(stack, groups)) if name in alive]
    return tuple(name for wave in waves(stack, runs) for name in wave)


def halves(stack: Stack, command: Command, groups: Sequence[str]) -> Iterable[str]:
    """Yield a line for data that belongs together, and of which only a part is worked on."""
    for whole in stack.together:
        named = [group for group in whole.groups if group in groups]
        others = [group for group in whole.groups if group not in groups]
        if not (named and others):
            continue
        if alone := [group for group in others if group not in stack.groups()]:
            # of what runs elsewhere
            yield (
                f"{whole.reason}: {', '.join(named)} without {', '.join(alone)}, which is not this"
                " stack's to change, leaves dangling halves; inv memories shows them"
            )
        elif command is Command.RESTORE:
            yield f"{whole.reason}: this snapshot holds {', '.join(named)} only"
        else:
            words = " ".join(f"--service {member(stack, group)}" for group in whole.groups)
            task = "reset" if command is Command.RESET else "snapshot.save"
            yield (
                f"{whole.reason}: {', '.join(named)} without {', '.join(others)} leaves"
                f" dangling halves; for both: inv {task} {words}"
            )


def member(stack: Stack, group: str) -> str:
    """Return the service by which a group is named: the last one, which needs the others."""
    return _members(stack, [group])[-1]


def _members(stack: Stack, groups: Sequence[str]) -> tuple[str, ...]:
    return tuple(service.name for service in stack.services if service.data_group in groups)


def waves(stack: Stack, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return services in the order in which they stop: nobody before those who need it."""
    needed_by = {
        name: [other for other in names if name in stack.service(other).needs] for name in names
    }
    order, result = TopologicalSorter(needed_by), []
    order.prepare()
    while order.is_active():
        result.append(order.get_ready())
        order.done(*result[-1])
    return tuple(result)

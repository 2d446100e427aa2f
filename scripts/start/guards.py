"""What must hold before a command changes something; asked of the engine and of this machine."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, EngineError
from scripts.core.files import same, there
from scripts.core.finding import Finding
from scripts.core.inventory import PROJECT_LABEL, Host
from scripts.core.look import State
from scripts.core.progress import Say
from scripts.core.stack import Port, Stack
from scripts.diagnosis import preflight
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.engine.memory import Question, remembered
from scripts.machine import resources
from scripts.machine.ports import owner, taken_among
from scripts.watch import on_host


class Asking(Protocol):
    """Who is asked."""

    def confirm(
        self, question: str, names: Sequence[str], *, yes: bool, otherwise: str = ...
    ) -> None: ...


def require_own(space: Workspace) -> None:
    """Raise an error where this checkout was moved, or containers belong to another one."""
    if before := space.engine.moved_from:
        raise EngineError(
            f"the private engine still works in {before}, where this checkout was",
            next_step="inv engine.start, which stops it there and starts it here; all data stays",
        )
    require_machine(space)
    if gone := left_by(space):
        raise ConfigError(
            f"containers of project {space.stack.project!r} were made by the checkout at {gone},"
            " which is not there any more",
            next_step="if it was moved here: inv up asks, and makes them anew; all data stays",
            code=preflight.MOVED,
        )


def left_by(space: Workspace) -> str:
    """Return which checkout made containers of this project, if it is not there any more.

    Empty where all are our own. Raises ConfigError when they belong to another one that is there,
    or that is of another machine: of an engine elsewhere only the volumes can tell that. Where they
    have a former name of this one it may be a clone's, and what is not here may be there.
    """
    project, gone = space.stack.project, ""
    found = containers(space.api, project)
    seen = space.engine.local
    if found and space.engine.remote:
        seen = require_machine(space)
    for other in found:
        if other.task and not space.settings.swarm:
            raise ConfigError(
                f"{other.service} of project {project!r} runs in a Swarm, and would have its data"
                " written to by two",
                next_step="DEPLOY=swarm inv down, then: inv up; or DEPLOY=swarm in .env",
            )
        folder = Path(other.working_dir or space.stack.folder)
        if same(folder, space.stack.folder):
            continue
        if not seen or there(folder):
            raise ConfigError(
                f"container {other.name} of project {project!r} belongs to the checkout"
                f" at {folder.parent}",
                next_step="use that one; or run side by side with other names and ports:"
                " inv env --offset 100 --write second.env, then: ENV_FILE=second.env inv up",
            )
        gone = str(folder.parent)
    return gone


def require_machine(space: Workspace) -> bool:
    """Say whether volumes of this project are known to be this machine's, by the name it has now.

    Raises ConfigError where it is another one: an engine that is reached by ssh may be shared.
    """
    if not space.engine.remote:
        return False
    from scripts.data import volumes

    project, found = space.stack.project, volumes.machines(space.api, space.stack.project)
    this = volumes.machine()
    for other in sorted(found - volumes.names_here(space.settings.root)):
        raise ConfigError(
            f"volumes of project {project!r} on {space.engine.remote} were made by a checkout on"
            f" the machine {other}, and this one is {this}",
            next_step="another COMPOSE_PROJECT_NAME and ports of its own: inv env --offset 100"
            " --write second.env, then: ENV_FILE=second.env inv up; a machine that was renamed"
            " needs its former name again",
        )
    return found == {this}


def confirm_loss(
    tell: Asking, question: str, shown: Sequence[str], others: Mapping[str, str], *, yes: bool
) -> None:
    """Ask whether the data in volumes may go; what another checkout made is asked apart.

    There --yes is not enough: every checkout has the same name for its project at first. `others`
    are those checkouts, by what is shown of the volumes.
    """
    if not others:
        tell.confirm(question, shown, yes=yes)
        return
    told = [f"{name}: made by the checkout at {other}" for name, other in others.items()]
    tell.confirm(
        f"{question} It is data of another checkout.",
        [*(name for name in shown if name not in others), *told],
        yes=False,
        otherwise="inv ps --all shows the stacks; in that checkout the same command is right",
    )


def in_containers(space: Workspace, names: tuple[str, ...], say: Say) -> tuple[str, ...]:
    """Return these services without one that runs as a process of this machine, which is told."""
    process = on_host.read(space.cache)
    if process is None or on_host.SERVICE not in names:
        return names
    say(
        f"{on_host.SERVICE} runs on this machine (pid {process.pid}), and its container stays"
        " stopped; inv api.container brings that back"
    )
    return tuple(name for name in names if name != on_host.SERVICE)


def require_created(space: Workspace, names: tuple[str, ...]) -> None:
    """Raise ConfigError when one of these services has no container yet."""
    for name in uncreated(space, names):
        raise ConfigError(f"{name} has no container yet", next_step=f"inv up --service {name}")


def uncreated(space: Workspace, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of these services that have no container yet."""
    created = {container.service for container in containers(space.api, space.stack.project)}
    return tuple(name for name in space.stack.here(names) if name not in created)


def findings(space: Workspace, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Ask all that can be known to be wrong before a container is touched, and judge it."""
    services = [space.stack.service(name) for name in names]
    return preflight.check(services, conditions(space, names))


def conditions(space: Workspace, names: tuple[str, ...]) -> preflight.Conditions:
    """Ask who holds ports and names, and the machine of the engine where it can be asked."""
    with remembered(*_ahead(space)):
        return _conditions(space, names)


def _ahead(space: Workspace) -> Iterator[Question]:
    """Yield what an engine far away and its machine are asked in any case."""
    if not space.api.remote or space.settings.swarm:
        return
    from scripts.start import far

    yield partial(far.asked_there, space)
    yield partial(space.api.get, "/containers/json", all=True)
    yield partial(publishers, space.api)


def _conditions(space: Workspace, names: tuple[str, ...]) -> preflight.Conditions:
    existing = containers(space.api, space.stack.project)
    foreign = strangers(space.api, space.stack, names)
    running = any(container.state is State.RUNNING for container in existing)
    paused = tuple(
        container.service
        for container in existing
        if container.state is State.PAUSED and container.service in names
    )
    conditions = preflight.Conditions(strangers=foreign, paused=paused, running=running)
    if not space.engine.answers_here or space.settings.swarm:
        return conditions
    own = on_host.read(space.cache)
    ours = set[int | None]() if own is None else {own.port, own.debug_port}
    held, host = holders_here(space, space.stack, names), Host()
    if space.engine.remote:
        from scripts.start import far

        there = far.look(
            space,
            published(space.stack, names),
            publishers(space.api),
            {f"container {one.name}" for one in existing},
        )
        held, host = {**there.holders, **held}, there.host
    else:
        folder = (space.api.get("/info") or {}).get("DockerRootDir") or space.settings.root
        host = resources.look(Path(folder))
    return replace(
        conditions,
        host=host,
        holders={port: one for port, one in held.items() if port not in ours},
        variables=space.settings.port_variables(),
    )


def blocked(space: Workspace) -> bool:
    """Say whether a port of what runs on another machine cannot be had on this one."""
    if not space.engine.remote:
        return False
    from scripts.start import far

    return far.blocked(space)


def published(stack: Stack, names: tuple[str, ...]) -> tuple[tuple[str, Port], ...]:
    """Return the ports that these services publish here, each with its service."""
    return tuple((name, port) for name in stack.here(names) for port in stack.service(name).ports)


def holders_here(
    space: Workspace, stack: Stack, names: tuple[str, ...]
) -> dict[int, tuple[str, str]]:
    """Return the ports of these services that somebody else holds here: service, and who it is."""
    if space.engine.remote:
        from scripts.engine.remote import link
        from scripts.start import far

        found = link.now(space.settings.root, space.engine.remote)
        return far.holders_here([found.state] if found else [], published(stack, names))
    return holders(space.api, stack.project, published(stack, names))


def holders(
    api: Api, project: str, wanted: Iterable[tuple[str, Port]]
) -> dict[int, tuple[str, str]]:
    """Like `holders_here`, for an engine on this machine.

    What our own running containers publish is no conflict.
    """
    busy = taken_among(wanted)
    known = publishers(api) if busy else {}
    own = containers(api, project) if busy else ()
    ours = {f"container {container.name}" for container in own}
    return {
        port.published: (name, known.get(port.published) or owner(port.published))
        for name, port in busy
        if known.get(port.published) not in ours
    }


def strangers(api: Api, stack: Stack, names: tuple[str, ...]) -> dict[str, tuple[str, str]]:
    """Return the services whose container name another project has: that name, and the project."""
    services = {stack.service(name).container: name for name in stack.here(names)}
    holders = {}
    for row in api.get("/containers/json", all=True) or ():
        project = (row.get("Labels") or {}).get(PROJECT_LABEL, "")
        for name in (word.lstrip("/") for word in row.get("Names") or ()):
            if name in services and project != stack.project:
                holders[services[name]] = (name, project)
    return holders


def publishers(api: Api) -> Mapping[int, str]:
    """Return the containers of this engine by the ports that they publish."""
    return {
        port["PublicPort"]: f"container {row['Names'][0].lstrip('/')}"
        for row in api.get("/containers/json") or ()
        for port in row.get("Ports") or ()
        if port.get("PublicPort")
    }

"""`inv up` and `inv restart`: from what is wanted to all of it answering."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from scripts.config import selection
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, ExitCode
from scripts.core.files import held, holder
from scripts.core.inventory import ImageStatus
from scripts.core.progress import phase
from scripts.data import journal, snapshots, volumes
from scripts.engine import memory
from scripts.engine.containers import containers, existing, made
from scripts.images import drift
from scripts.images.jobs import Jobs
from scripts.start import elsewhere, guards, scheduler, sources, starter
from scripts.start.history import created, parts
from scripts.start.history.recorder import Recorder
from scripts.start.prepare import for_builds
from scripts.start.starter import Starter
from scripts.watch.observer import Observer

LATE = "inv ps shows how they are; inv up starts them"
"""What to do when waiting took too long: whoever was to start them may not have."""


class Reporter(starter.Reporter, Protocol):
    """Who is told, and what."""

    def step(self, name: str, line: str) -> None: ...

    def board(self, names: Sequence[str]) -> AbstractContextManager[None]: ...

    def state(self, name: str, line: str) -> None: ...

    def confirm(self, question: str, names: Sequence[str], *, yes: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be started, as it was typed."""

    services: Sequence[str] = ()
    """Names of services or containers; none means all."""
    timeout: float = 300.0
    rebuild: bool = False
    yes: bool = False
    """What a checkout that was moved left behind is taken over without asking."""
    began: float = 0.0
    """When the command began, seconds since 1970."""


InSwarm = Callable[[Starter, Wanted, Jobs, Reporter], ExitCode]
"""Brings a stack up that is a Swarm's."""


def up(checkout: Checkout, wanted: Wanted, tell: Reporter, in_swarm: InSwarm) -> ExitCode:
    """Bring services and all that they need to where they answer.

    Checks first and makes what is missing: `.env`, an engine, images, containers.
    """
    recorder = Recorder(wanted.began)
    noted = replace(checkout, note=recorder.note)
    with recorder.whole(), Jobs(tell.step, tell.state, recorder.note) as jobs:
        space = for_builds(noted, jobs, named=wanted.services, known=recorder.within)
        start = Starter(space=space, tell=tell, recorder=recorder, timeout=wanted.timeout)
        if space.settings.swarm:
            return in_swarm(start, wanted, jobs, tell)
        return _up(start, wanted, jobs, tell)


def _up(start: Starter, wanted: Wanted, jobs: Jobs, tell: Reporter) -> ExitCode:
    """Start from what is there; where nothing changed, images and containers are not touched."""
    space = start.space
    names = space.stack.closure(selection.services(space.stack, wanted.services))
    names = guards.in_containers(space, names, tell.say)
    with held(space.cache, "up"):
        start.recorder.of(space.cache, space.stack, names)
        with memory.remembered(*_ahead(start, names)):  # until something is changed
            guards.require_machine(space)
            if gone := guards.left_by(space):
                tell.confirm(take_over(space.stack.project, gone), (), yes=wanted.yes)
                memory.forget()  # it may have taken a while
            statuses: Sequence[ImageStatus] = start.statuses(names)
            # what an interrupted command left changes what runs
            folder = snapshots.folder_of(space.settings.root, space.stack.project)
            changed = bool(gone) or wanted.rebuild or journal.read(folder) is not None
            changed = changed or not created.unchanged(space, statuses) or guards.blocked(space)
            drifted = drift.drifted(space.settings.memos, statuses)
            beyond = guards.findings(space, names) if changed else ()
            away = elsewhere.findings(space.stack, names) if space.settings.elsewhere else ()
            if code := start.preflight((*drifted, *beyond, *away)):
                return code
        if changed:
            from scripts.images import supply

            statuses = supply.supply(space, statuses, jobs, tell, rebuild=wanted.rebuild)
        jobs.stop()
        if gone:
            with phase(jobs.note, "remove"):
                space.compose.remove(
                    space.stack.project, made(space.api, space.stack.project), tell.say
                )
        if code := start.finish_interrupted(anew=True):
            return code
        if changed:
            return _made_anew(start, names, statuses)
        sources.supply(space, names, tell.say, anew=False)
        return start.start(statuses)


def _ahead(start: Starter, names: Sequence[str]) -> Iterator[memory.Question]:
    """Yield what an engine far away is asked in any case before a start."""
    space, api = start.space, start.space.api
    if not api.remote:
        return
    yield partial(volumes.machines, api, space.stack.project)
    yield partial(containers, api, space.stack.project)
    yield partial(start.statuses, names)
    yield partial(created.rows, space)
    yield partial(existing, api)
    yield partial(api.get, "/info")


def _made_anew(start: Starter, names: Sequence[str], images: Sequence[ImageStatus]) -> ExitCode:
    """Have Compose make what changed, and start it; not on data of which a part is missing.

    `images` are those of these services, as they are now.
    """
    if code := start.preflight(tuple(parts.incomplete(start.space, names))):
        return code
    start.create(names)
    return start.start(images, whole=names)


def take_over(project: str, gone: str) -> str:
    """Return the question about containers of a checkout that is not there any more."""
    return (
        f"The containers of {project} were made by the checkout at {gone}, which is not there any"
        " more. Was it moved here, so that its containers go and are made anew? The data stays."
    )


def restart(space: Workspace, wanted: Wanted, tell: Reporter) -> ExitCode:
    """Stop and start services, and wait until they and all that they need answer.

    Raises ConfigError for one that has no container. What runs on this machine goes on.
    """
    recorder = Recorder(wanted.began)
    start = Starter(space=space, tell=tell, recorder=recorder, timeout=wanted.timeout)
    chosen = selection.here(space.stack, wanted.services)
    names = guards.in_containers(space, chosen, tell.say)
    if chosen and not names:
        raise ConfigError(
            f"{chosen[0]} is in no container now",
            next_step="inv reload starts it anew where it is; inv api.container brings it back",
        )
    with held(space.cache, "restart"), recorder.whole():
        recorder.of(space.cache, space.stack, names)
        guards.require_own(space)
        if code := start.finish_interrupted(anew=True):
            return code
        guards.require_created(space, names)
        with phase(recorder.note, "stop"):
            if space.settings.swarm:
                start.data_context().stop(names)
            else:
                space.compose.change("stop", *names)
        names = space.stack.closure(names)
        return _made_anew(start, names, start.statuses(names))


def wait(space: Workspace, wanted: Wanted, tell: Reporter) -> ExitCode:
    """Wait until services and all that they need answer, whoever starts them; start nothing.

    What has no container yet is waited for; what is broken for good, or stopped meanwhile, is not.
    """
    names = space.stack.closure(selection.services(space.stack, wanted.services))
    tell.say(f"waiting for {', '.join(names)}, {wanted.timeout:g} s at most")
    observer = Observer(space.api, space.stack, live=True, cache=space.cache)
    with closing(observer):
        busy = partial(holder, space.cache)
        onlooker = scheduler.Onlooker(space.stack, names, observer, busy)
        events = scheduler.course(onlooker, wanted.timeout)
        return tell.follow(names, events, late=LATE)

"""Asks all that can be known about a stack, whatever state it is in; a failure is an answer too.

Each question has its own time limit. Processes are started first, from one thread; what goes over
sockets is asked all at once.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from scripts.config import workspace
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import StackError
from scripts.core.inventory import ImageStatus
from scripts.core.stack import LAST_PORT, Port, Stack
from scripts.data import journal, snapshots
from scripts.diagnosis.preflight import Conditions
from scripts.doctor import ask_models, ask_services, ask_settings, remote_host
from scripts.doctor.facts import DataFacts, EngineFacts, Facts, Problem
from scripts.engine.api import Api
from scripts.engine.discovery import check_versions, discover
from scripts.engine.private import programs
from scripts.images import availability
from scripts.machine import ports, resources
from scripts.machine.system import install_hint, obstacle, this_system
from scripts.start import guards

ASKED_OF_ENGINE = ("names", "images", "services", "logins")
PATIENCE = 12.0
"""Seconds for all that is asked over sockets; a model's endpoint alone may take 10."""

T = TypeVar("T")


class Questions:
    """Questions that are open at the same time, each about an area."""

    def __init__(self) -> None:
        """Start without any."""
        self.unknown: dict[str, str] = {}
        self._pool = ThreadPoolExecutor(max_workers=16)
        self._open: list[Future[Any]] = []

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Put a question."""
        future = self._pool.submit(question)
        self._open.append(future)
        return future

    def wait(self) -> None:
        """Wait until all are answered, or time is up."""
        wait(self._open, timeout=PATIENCE)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def answer(self, area: str, future: Future[T] | None) -> T | None:
        """Return the answer; None and a line in `unknown` when there was none in time."""
        if future is None:
            return None
        try:
            return future.result(timeout=0)
        except TimeoutError:
            self.unknown[area] = f"no answer within {PATIENCE:.0f} s"
        except (StackError, OSError) as error:
            self.unknown[area] = str(error)
        return None


def ask(checkout: Checkout) -> Facts:
    """Return everything that can be known; raises only for a checkout without `.env.example`."""
    settings, written = ask_settings.ask(checkout.root, checkout.environ)
    engine = _engine(checkout)
    facts = Facts(settings=written, engine=engine, image_source=settings.get("IMAGE_SOURCE"))
    facts = replace(facts, proxies=ask_models.proxies(checkout.environ), data=_data(settings))
    space, stack = None, None
    try:
        usable, over = ask_settings.usable(settings, written)
        source = settings.source
        if engine.found is not None and engine.problem is None:
            there = replace(engine.found, env={**engine.found.env, **over})
            space = workspace.resolved(checkout, usable, there, source)
            stack = space.stack
        elif (env := programs.found(checkout)) is not None:
            stack = workspace.described(usable, {**env, **over}, checkout.runner, source)
        else:
            facts = replace(facts, unknown={"compose": "Docker Compose is not here yet"})
    except StackError as error:
        facts = replace(facts, stack_problem=Problem.of(error))
    return _asked(settings, replace(facts, stack=stack), space)


def _asked(settings: Settings, facts: Facts, space: Workspace | None) -> Facts:
    """Add what is asked over sockets."""
    questions = Questions()
    questions.unknown |= facts.unknown
    pairs = _wanted(settings, facts.stack)
    endpoints = [questions.ask(question) for question in ask_models.endpoints(settings)]
    if space is None:
        machine = questions.ask(lambda: _here(settings, pairs)) if facts.engine.absent else None
        usable = facts.engine.found is not None and facts.engine.problem is None
        why = "the compose file is broken" if usable else "no engine to ask"
        unasked = ASKED_OF_ENGINE if machine else (*ASKED_OF_ENGINE, "machine", "ports")
        questions.unknown |= dict.fromkeys(unasked, why)
        questions.wait()
    else:
        machine = questions.ask(partial(_machine, space))
        own = questions.ask(partial(_foreign, space))
        here = questions.ask(partial(_images, space))
        registries = questions.ask(partial(_registries, space))
        services = questions.ask(partial(ask_services.ask, space))
        questions.wait()
        looked = questions.answer("services", services)
        facts = replace(
            facts,
            foreign=questions.answer("names", own),
            images=questions.answer("images", here),
            registries=questions.answer("images", registries) or {},
            look=looked.look if looked else None,
            sick=looked.sick if looked else (),
            logins=looked.logins if looked else (),
        )
        if not space.engine.local:
            questions.unknown["ports"] = "the engine is on another machine"
    models = [questions.answer("models", endpoint) for endpoint in endpoints]
    return replace(
        facts,
        machine=questions.answer("machine", machine),
        endpoints=tuple(endpoint for endpoint in models if endpoint is not None),
        ports_wanted=len(pairs),
        unknown=questions.unknown,
    )


def _here(settings: Settings, pairs: tuple[tuple[str, Port], ...]) -> Conditions:
    """Return the facts of this machine, where a private engine would be brought."""
    return Conditions(
        host=resources.look(settings.root),
        holders=ports.processes(pairs),
        variables=settings.port_variables(),
    )


def _engine(checkout: Checkout) -> EngineFacts:
    system = this_system()
    why = obstacle(system)
    try:
        engine = discover(checkout)
    except StackError as error:
        return EngineFacts(problem=Problem.of(error), can_bring=not why)
    if engine is None:
        cause = f"no engine is running; {why}"
        problem = Problem(cause=cause, next_step=install_hint(system)) if why else None
        return EngineFacts(absent=True, problem=problem, can_bring=not why)
    try:
        version = check_versions(engine, checkout.runner)
        answer = Api.of(engine).within(PATIENCE).get("/version") or {}
    except StackError as error:
        return EngineFacts(found=engine, problem=Problem.of(error), can_bring=not why)
    arch = str(answer.get("Arch", ""))
    return EngineFacts(found=engine, compose=version, arch=arch, can_bring=not why)


def _data(settings: Settings) -> DataFacts:
    """Return what is known of the data beside the volumes."""
    folder = snapshots.folder_of(settings.root, settings.get("COMPOSE_PROJECT_NAME"))
    kept = snapshots.listed(folder)
    unfinished, problem = None, None
    try:
        unfinished = journal.read(folder)
    except StackError as error:
        problem = Problem.of(error)
    return DataFacts(
        snapshots=len(kept),
        damaged=sum(snapshot.manifest is None for snapshot in kept),
        size=sum(snapshot.size for snapshot in kept),
        unfinished=unfinished,
        problem=problem,
    )


def _wanted(settings: Settings, stack: Stack | None) -> tuple[tuple[str, Port], ...]:
    """Return the ports that the stack publishes; without its file those that the settings name."""
    if stack is not None:
        return guards.published(stack, stack.names())
    address = settings.get("BIND_ADDRESS")
    named = {
        name: settings.get(name) for name in sorted(settings.defaults) if name.endswith("_PORT")
    }
    return tuple(
        (name, Port(host=address, published=int(value), target=0))
        for name, value in named.items()
        if value.isdigit() and int(value) <= LAST_PORT
    )


def _machine(space: Workspace) -> Conditions:
    conditions = guards.conditions(space, space.stack.names())
    if space.engine.local:
        return conditions
    images = [service.image for service in space.stack.services]
    there = remote_host.look(space.api, space.stack.project, images)
    return replace(conditions, host=there) if there else conditions


def _foreign(space: Workspace) -> Problem | None:
    try:
        guards.require_own(space)
    except StackError as error:
        return Problem.of(error)
    return None


def _images(space: Workspace) -> tuple[ImageStatus, ...]:
    return tuple(availability.status(space.api, service) for service in space.stack.services)


def _registries(space: Workspace) -> Mapping[str, str]:
    """Return why registries cannot be used that a start would have to ask."""
    absent = [image.image for image in _images(space) if not image.present and not image.built_here]
    if not absent:
        return {}
    return availability.unreachable(space.api, absent)

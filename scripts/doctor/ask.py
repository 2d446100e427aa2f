"""Asks all that can be known about a stack, whatever state it is in; a failure is an answer too.

Each question has its own time limit. Processes are started first, from one thread; what goes over
sockets is asked all at once.
"""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from scripts.config import workspace
from scripts.config.rules import env as settings_rules
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout
from scripts.core.errors import EngineError, StackError
from scripts.core.inventory import Engine, ImageStatus
from scripts.core.stack import Port, Stack
from scripts.data import journal, snapshots
from scripts.diagnosis.preflight import Conditions
from scripts.doctor import ask_models, ask_services, ask_settings, remote_host
from scripts.doctor.facts import DataFacts, EngineFacts, Facts
from scripts.engine.api import Api
from scripts.engine.discovery import check_versions, discover
from scripts.engine.private import programs
from scripts.engine.remote.address import VARIABLE
from scripts.engine.swarm.nodes import Node
from scripts.images import availability
from scripts.machine import ports, resources
from scripts.machine.system import install_hint, obstacle, packages_possible, this_system
from scripts.start import guards

ASKED_OF_ENGINE = ("names", "images", "services", "logins", "memories")
LIMITS = {"MemoryLimit": "memory", "PidsLimit": "processes"}
"""What an engine says that it can limit, in its own words and ours."""
PATIENCE = 12.0
"""Seconds for all that is asked over sockets; a model's endpoint alone may take 10."""

T = TypeVar("T")


class Questions:
    """Questions that are open at the same time, each about an area."""

    def __init__(self, unknown: Mapping[str, str]) -> None:
        """Start without any; `unknown` says why areas cannot be asked about at all."""
        self.unknown = dict(unknown)
        self._open: list[Future[Any]] = []

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """Put a question in a thread that nobody has to wait for, not even at the end of Python."""
        future: Future[T] = Future()

        def work() -> None:
            try:
                future.set_result(question())
            except Exception as error:  # noqa: BLE001 - whoever asks for the result gets it
                future.set_exception(error)

        self._open.append(future)
        Thread(target=work, daemon=True).start()
        return future

    def wait(self) -> None:
        """Wait until all are answered, or time is up."""
        wait(self._open, timeout=PATIENCE)

    def answer(self, area: str, future: Future[T]) -> T | None:
        """Return the answer; None and a line in `unknown` when there was none in time."""
        try:
            return future.result(timeout=0)
        except TimeoutError:
            self.unknown[area] = f"no answer within {PATIENCE:.0f} s"
        except (StackError, OSError) as error:
            self.unknown[area] = str(error)
        return None


def ask(checkout: Checkout) -> Facts:
    """Return everything that can be known; raises only for a checkout without `.env.example`."""
    settings, file = ask_settings.ask(checkout.root, checkout.environ)
    usable, over = settings_rules.sound(settings)
    facts = Facts(
        settings=file,
        engine=_engine(checkout, usable),
        image_source=usable.get("IMAGE_SOURCE"),
        proxies=ask_models.proxies(checkout.environ, file.text),
        data=_data(usable),
        memos=usable.memos,
    )
    space, stack = None, None
    try:
        if engine := facts.engine.usable:
            engine = replace(engine, env={**engine.env, **over})
            space = workspace.resolved(checkout, usable, engine, usable.source, keep=not over)
            stack = space.stack.only(workspace.present(space, ()))
            space = replace(space, stack=stack)
            if usable.swarm:
                from scripts.swarm import deploy

                facts = replace(facts, losses=deploy.stack(space, stack.names(), {}).dropped)
        elif (env := programs.found(checkout)) is not None:
            env = {**env, **over}
            stack = workspace.described(usable, env, checkout.runner, usable.source)
            stack = stack.only(stack.wanted())
        else:
            facts = replace(facts, unknown={"compose": "Docker Compose is not here yet"})
    except StackError as error:
        facts = replace(facts, stack_problem=error)
    facts, questions = replace(facts, stack=stack), Questions(facts.unknown)
    pairs = _wanted(usable, stack)
    wrong = {problem.name for problem in file.problems}
    endpoints = [questions.ask(one) for one in ask_models.endpoints(settings, wrong)]
    if space is None:
        facts = _without_stack(questions, facts, partial(_here, usable, pairs))
    else:
        facts = _of_stack(questions, facts, space)
    models = [questions.answer("models", endpoint) for endpoint in endpoints]
    return replace(
        facts,
        endpoints=tuple(endpoint for endpoint in models if endpoint is not None),
        ports_wanted=len(pairs),
        unknown=questions.unknown,
    )


def _without_stack(questions: Questions, facts: Facts, here: Callable[[], Conditions]) -> Facts:
    """Add what is known of this machine, where a private engine would be brought."""
    machine = questions.ask(here) if facts.engine.absent else None
    why = "the compose file is broken" if facts.engine.usable else "no engine to ask"
    unasked = ASKED_OF_ENGINE if machine else (*ASKED_OF_ENGINE, "machine", "ports")
    questions.unknown |= dict.fromkeys(unasked, why)
    questions.wait()
    return replace(facts, machine=questions.answer("machine", machine)) if machine else facts


def _of_stack(questions: Questions, facts: Facts, space: Workspace) -> Facts:
    """Add what engine, registries and services answer."""
    machine = questions.ask(partial(_machine, space))
    own = questions.ask(partial(_foreign, space))
    here = questions.ask(partial(_images, space))
    registries = questions.ask(partial(_registries, space))
    services = questions.ask(partial(ask_services.ask, space))
    memories = questions.ask(partial(ask_services.memories, space))
    nodes = questions.ask(partial(_nodes, space)) if space.settings.swarm else None
    questions.wait()
    if space.settings.swarm:
        questions.unknown["ports"] = "each is its node's own"
    elif not space.engine.answers_here:
        questions.unknown["ports"] = "the engine is on another machine"
    if nodes is not None and (found := questions.answer("machine", nodes)):
        facts = replace(facts, nodes=found[0], unasked=found[1])
    told = questions.answer("services", services)
    if told is not None:
        facts = replace(
            facts,
            look=told.look,
            sick=told.sick,
            logins=told.logins,
            mends=told.mends,
            reader=told.reader,
            away=told.away,
        )
    return replace(
        facts,
        machine=questions.answer("machine", machine),
        foreign=questions.answer("names", own),
        images=questions.answer("images", here),
        registries=questions.answer("images", registries) or {},
        memories=questions.answer("memories", memories),
    )


def _here(settings: Settings, pairs: tuple[tuple[str, Port], ...]) -> Conditions:
    return Conditions(
        host=resources.look(settings.root),
        holders=ports.processes(pairs),
        variables=settings.port_variables(),
    )


def _engine(checkout: Checkout, settings: Settings) -> EngineFacts:
    system = this_system()
    why = obstacle(system)
    facts = EngineFacts(can_build=packages_possible())
    try:
        engine = discover(checkout, settings.get(VARIABLE))
        if engine is None:
            cause, step = f"no engine is running; {why}", install_hint(system)
            problem = EngineError(cause, next_step=step) if why else None
            return replace(facts, absent=True, problem=problem)
        facts = replace(facts, found=engine)
        version = check_versions(engine, checkout.runner)
        api = Api.of(engine).within(PATIENCE)
        answer, info = (api.get(f"/{name}") or {} for name in ("version", "info"))
    except StackError as error:
        return replace(facts, problem=error)
    return replace(
        facts,
        compose=version,
        arch=str(answer.get("Arch", "")),
        unlimited=tuple(what for name, what in LIMITS.items() if info.get(name) is False),
        warnings=tuple(map(str, info.get("Warnings") or ())),
        link=_link(checkout.root, engine),
    )


def _link(root: Path, engine: Engine) -> str:
    """Say how the link to a remote engine is; empty for an engine that needs none."""
    if not engine.remote:
        return ""
    from scripts.engine.remote import link

    return link.told(link.seen(root, engine.remote), time.time_ns())


def _data(settings: Settings) -> DataFacts:
    """Return what is known of the data beside the volumes."""
    folder = snapshots.folder_of(settings.root, settings.get("COMPOSE_PROJECT_NAME"))
    kept = snapshots.listed(folder)
    unfinished, problem = None, None
    try:
        unfinished = journal.read(folder)
    except StackError as error:
        problem = error
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
    return tuple(
        (name, Port(host=address, published=port, target=0))
        for port, name in settings.port_variables().items()
    )


def _machine(space: Workspace) -> Conditions:
    conditions = guards.conditions(space, space.stack.names())
    if space.engine.answers_here or space.settings.swarm:
        return conditions
    images = [service.image for service in space.stack.services]
    there = remote_host.look(space.api, space.stack.project, images)
    return replace(conditions, host=there) if there else conditions


def _nodes(space: Workspace) -> tuple[tuple[Node, ...], frozenset[str]]:
    """Return the nodes of the Swarm, and the names of those whose engine cannot be asked."""
    engines = space.cluster.engines()
    found = tuple(space.cluster.known().nodes.values())
    return found, frozenset(one.name for one in found if one.id not in engines)


def _foreign(space: Workspace) -> StackError | None:
    try:
        guards.require_own(space)
    except StackError as error:
        return error
    return None


def _images(space: Workspace) -> tuple[ImageStatus, ...]:
    here = map(space.stack.service, space.stack.here(space.stack.names()))
    return tuple(availability.statuses(space.api, here))


def _registries(space: Workspace) -> Mapping[str, str]:
    """Return why registries cannot be used that a start would have to ask."""
    absent = [image.image for image in _images(space) if not image.present and not image.built_here]
    return availability.unreachable(space.api, absent) if absent else {}

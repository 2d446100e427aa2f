"""Asks the services that run: what the diagnosis says of them, whether logins are real, mends."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from scripts.config.workspace import Workspace
from scripts.core.errors import StackError
from scripts.core.finding import Finding
from scripts.core.foreign import documents, records
from scripts.core.look import Away, Look, State
from scripts.core.stack import MEMOS, Stack
from scripts.diagnosis.rules import diagnose, troubled
from scripts.doctor.facts import Login, ReaderCounts
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.watch import early, mends, on_host, probes
from scripts.watch.calls import elsewhere, health_check
from scripts.watch.memories.halves import Store
from scripts.watch.memories.stores import Stores
from scripts.watch.observer import Observer
from scripts.watch.published import running

DATABASE = 10.0
"""Seconds for one answer of a database: this command does not end before it has come."""
_HEALTH = ("curl", "-fsS", "-m", "2", "http://127.0.0.1:8080/healthz")
"""Answered by docker/models/memos_models/server.py, within its container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What services that run have told."""

    look: Look
    sick: tuple[Finding, ...]
    logins: tuple[Login, ...]
    mends: str
    reader: ReaderCounts | None
    away: tuple[Away, ...] = ()


def ask(space: Workspace) -> Answers:
    """Look once; the right password is tried before the wrong one, as servers count failures."""
    stack = space.stack
    observer = Observer(space.api, stack, cache=space.cache)
    try:
        look = observer.look()
        in_trouble = [service.name for service in stack.services if troubled(service, look)]
        look = observer.with_logs(look, in_trouble)
    finally:
        observer.close()
    sick = diagnose(stack, stack.names(), look)
    if space.settings.reloads:
        from scripts.watch.reload import asking

        broken = {finding.service for finding in sick if finding.fatal}
        sick += tuple(one for one in asking.told(space, look) if one.service not in broken)
    return Answers(
        look=look,
        sick=(*sick, *early.found(space.api, stack, look)),
        logins=_logins(stack, look),
        mends=mends.told(space.api, look),
        reader=_reader(space.api, look),
        away=_away(stack, space.api, look),
    )


def _away(stack: Stack, api: Api, look: Look) -> tuple[Away, ...]:
    """Ask what runs elsewhere; also from the API's container, where names and routes differ."""
    container = look.container(MEMOS)
    inside = container if container is not None and container.state is State.RUNNING else None
    if inside is not None and inside.host is not None:
        inside = None  # it runs on this machine
    readings = {one.service: one for one in look.readings}
    away = [one for one in stack.services if one.elsewhere]
    with ThreadPoolExecutor(max_workers=len(away) or 1) as pool:
        asked = (
            pool.submit(elsewhere.ask, one, api, inside)
            for one in away
            if one.name in readings and readings[one.name].ok
        )
        return tuple(one.result() for one in [*asked])


def _reader(api: Api, look: Look) -> ReaderCounts | None:
    """Return what the stand-in for a chat model has met, as the service itself counts it."""
    container = look.container("models")
    if container is None or container.state is not State.RUNNING:
        return None
    try:
        _, said = health_check.run(api.within(health_check.LIMIT), container, _HEALTH)
        counts = documents.parsed(said)["reader"]
        known = {name: counts[name] for name in ("answered", "refused")}
        return records.made(ReaderCounts, known)
    except (StackError, ValueError, LookupError, TypeError):
        return None  # an image of before, or one that just stops


def memories(space: Workspace) -> Store:
    """Return what the stores hold; errors as `Stores.look` raises them."""
    there = on_host.seen(space.cache, containers(space.api, space.stack.project))
    stack = running(space.stack, there)
    return Stores.of(stack, space.settings.get, timeout=DATABASE).look()


def _logins(stack: Stack, look: Look) -> tuple[Login, ...]:
    tries = []
    with ThreadPoolExecutor(max_workers=len(stack.services) or 1) as pool:
        for service in stack.services:
            container = look.container(service.name)
            reached = service.at(container.address) if container is not None else service
            right, probe = look.reading(service.name), next(iter(reached.probes), None)
            if probe is None or probe.auth is None or right is None or not right.ok:
                continue
            # the same call, with a password that nobody has
            auth = replace(probe.auth, password=secrets.token_hex(8))
            wrong = pool.submit(probes.read, replace(service, probes=(replace(probe, auth=auth),)))
            tries.append((service.name, auth.user, right, wrong))
    return tuple(
        Login(service=name, user=user, right=right, wrong=wrong.result())
        for name, user, right, wrong in tries
    )

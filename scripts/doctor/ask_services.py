"""Asks the services that run: what the diagnosis says of them, and whether logins are real."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from scripts.config.workspace import Workspace
from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.diagnosis.rules import diagnose, troubled
from scripts.doctor.facts import Login
from scripts.watch import probes
from scripts.watch.observer import Observer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """One look at a stack, and what it means."""

    look: Look
    sick: tuple[Finding, ...]
    logins: tuple[Login, ...]


def ask(space: Workspace) -> Services:
    """Look once; the right password is tried before the wrong one, as servers count failures."""
    stack = space.stack
    observer = Observer(space.api, stack)
    try:
        look = observer.look()
        in_trouble = [service.name for service in stack.services if troubled(service, look)]
        look = observer.with_logs(look, in_trouble)
    finally:
        observer.close()
    return Services(
        look=look,
        sick=diagnose(stack, stack.names(), look),
        logins=_logins(space, look),
    )


def _logins(space: Workspace, look: Look) -> tuple[Login, ...]:
    with_login = [
        (service, probe, probe.auth)
        for service in space.stack.services
        for probe in service.probes[:1]
        if probe.auth is not None
    ]
    tries = []
    with ThreadPoolExecutor(max_workers=len(with_login) or 1) as pool:
        for service, probe, auth in with_login:
            right = look.reading(service.name)
            if right is not None and right.ok:
                # the same call, with a password that nobody has
                wrong = replace(probe, auth=replace(auth, password=secrets.token_hex(8)))
                wrong_reading = pool.submit(probes.read, replace(service, probes=(wrong,)))
                tries.append((service.name, auth.user, right, wrong_reading))
    return tuple(
        Login(service=name, user=user, right=right, wrong=wrong_reading.result())
        for name, user, right, wrong_reading in tries
    )

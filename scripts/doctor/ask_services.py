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

    seen: Look
    sick: tuple[Finding, ...]
    logins: tuple[Login, ...]


def look(space: Workspace) -> Services:
    """Look once; the right password is tried before the wrong one, as servers count failures."""
    stack = space.stack
    observer = Observer(space.api, stack)
    try:
        seen = observer.look()
        in_trouble = [one.name for one in stack.services if troubled(one, seen)]
        seen = observer.with_logs(seen, in_trouble)
    finally:
        observer.close()
    return Services(
        seen=seen,
        sick=diagnose(stack, stack.names(), seen),
        logins=_logins(space, seen),
    )


def _logins(space: Workspace, seen: Look) -> tuple[Login, ...]:
    with_login = [
        (service, probe, probe.auth)
        for service in space.stack.services
        for probe in service.probes[:1]
        if probe.auth is not None
    ]
    found = []
    with ThreadPoolExecutor(max_workers=len(with_login) or 1) as pool:
        for service, probe, auth in with_login:
            right = seen.reading(service.name)
            if right is not None and right.ok:
                # the same call, with a password that nobody has
                wrong = replace(probe, auth=replace(auth, password=secrets.token_hex(8)))
                asked = pool.submit(probes.read, replace(service, probes=(wrong,)))
                found.append((service.name, auth.user, right, asked))
    return tuple(
        Login(service=name, user=user, right=right, wrong=asked.result())
        for name, user, right, asked in found
    )

"""Asks the services that run: what the diagnosis says of them, and whether logins are real."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scripts.config.workspace import Workspace
from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Stack
from scripts.diagnosis.rules import diagnose, troubled
from scripts.doctor.facts import Login
from scripts.watch import probes
from scripts.watch.observer import Observer


def ask(space: Workspace) -> tuple[Look, tuple[Finding, ...], tuple[Login, ...]]:
    """Look once; the right password is tried before the wrong one, as servers count failures."""
    stack = space.stack
    observer = Observer(space.api, stack)
    try:
        look = observer.look()
        in_trouble = [service.name for service in stack.services if troubled(service, look)]
        look = observer.with_logs(look, in_trouble)
    finally:
        observer.close()
    return look, diagnose(stack, stack.names(), look), _logins(stack, look)


def _logins(stack: Stack, look: Look) -> tuple[Login, ...]:
    tries = []
    with ThreadPoolExecutor(max_workers=len(stack.services) or 1) as pool:
        for service in stack.services:
            right, probe = look.reading(service.name), next(iter(service.probes), None)
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

"""What runs elsewhere is asked before anything starts here: it cannot be mended by waiting."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Service, Stack
from scripts.diagnosis import preflight
from scripts.diagnosis.rules import diagnose
from scripts.watch.calls import elsewhere


def findings(stack: Stack, names: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return what is wrong with those of these services that run elsewhere; all of it is fatal."""
    away = [one for one in map(stack.service, names) if one.elsewhere]
    if not away:
        return ()
    with ThreadPoolExecutor(max_workers=len(away)) as pool:
        readings = tuple(pool.map(elsewhere.read, away))
        look = Look(containers=tuple(map(elsewhere.container, away)), readings=readings)
        found = diagnose(stack, tuple(one.name for one in away), look)
        sick = {one.service for one in found}
        old = pool.map(_old, (one for one in away if one.name not in sick))
        return (*(replace(one, fatal=True) for one in found), *(o for some in old for o in some))


def _old(service: Service) -> list[Finding]:
    return [
        *preflight.too_old(
            service.name, elsewhere.version(service), service.version.get("least", "")
        )
    ]

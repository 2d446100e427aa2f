"""Errors that the API wrote in its first seconds: it answers all the same, and something is amiss.

A host that nobody has, for instance (https://github.com/MemTensor/MemOS/issues/829).
"""

from dataclasses import replace

from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Stack
from scripts.core.units import SECOND, nanoseconds
from scripts.diagnosis.readiness import answers
from scripts.engine.api import Api
from scripts.watch import inside
from scripts.watch.inside import Wanted
from scripts.watch.log_lines import level
from scripts.watch.on_host import SERVICE

FIRST = 30
"""Seconds from its start on: what comes later belongs to a call."""


def found(api: Api, stack: Stack, look: Look) -> tuple[Finding, ...]:
    """Return an advice when the API that answers wrote errors while it started."""
    container = look.container(SERVICE)
    if container is None or SERVICE not in stack.names():
        return ()
    service, began = stack.service(SERVICE), nanoseconds(container.started_at)
    if not began or not answers(service, look):
        return ()
    wanted = Wanted(since=began, until=began + FIRST * SECOND)
    lines = tuple(text for _, text in inside.log(api, container, wanted))
    # of edits is told elsewhere, as long as they are wrong
    errors = [
        text for text in lines if level(text) == "error" and not text.startswith("memos: reload: ")
    ]
    if not errors:
        return ()
    from scripts.diagnosis.causes import calls
    from scripts.diagnosis.failure import Cause, Failure

    failure = Failure.of(service, container, replace(look, logs={SERVICE: lines}))
    if known := calls.explained(failure):
        return (replace(known, fatal=False),)
    cause = f"it answers, and wrote {len(errors)} errors in its first {FIRST} s; this is the first"
    step = f"inv logs --service {SERVICE} --level error"
    return (failure.finding(Cause("api-errors", cause, step, fatal=False), errors[0]),)

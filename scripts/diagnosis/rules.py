"""Pure rules: what a look means. One function a rule; a rule sees one service that was started.

What waits for another service is that one's victim.
"""

import re
from dataclasses import replace

from scripts.core.finding import Finding, Verdict
from scripts.core.look import GONE, Container, Health, Look, State
from scripts.core.stack import Service, Stack
from scripts.core.texts import telling
from scripts.diagnosis.failure import CRASHES, Cause, Failure, Signature
from scripts.diagnosis.readiness import answers, failing

CAUSED_BY_NEIGHBOURS = frozenset({"crash-loop", "halted", "unhealthy"})
"""Codes of what a service may do only because one that it needs is not ready."""
TELLING = ("fatal", "panic", "error", "exception", "unrecognized", "denied", "refused", "invalid")
"""Words of the log line that matters, the strongest first."""
KEPT = "it rejects the stack's login; its volume was made with another setting"
FROM_VARIABLES = "it rejects the stack's login, which it takes from its variables at every start"
SAME_VARIABLES = "inv config shows what it is given; .env must say the same; then: inv up"
"""Of an S3 store: MinIO keeps no login in its volume (minio, cmd/common-main.go)."""
SETTLED = frozenset({Health.HEALTHY, Health.NONE})
"""While a server loads its logins it may reject all of them."""


def elsewhere(failure: Failure) -> Finding | None:
    """It runs elsewhere, where nothing of it can be mended from here."""
    address, reading = failure.container.elsewhere, failure.look.reading(failure.name)
    if not address or reading is None or not failure.failing:
        return None
    name = failure.name.upper()
    if not reading.final:
        step = f"the server there, or EXTERNAL_{name}_URL in .env; inv doctor asks again"
        told = f"it runs elsewhere ({address}), and does not answer as it should"
        cause = Cause("elsewhere-unready", told, step, fatal=False)
    elif "login" in reading.detail:
        told = f"it runs elsewhere ({address}), and rejects the login of .env"
        cause = Cause(
            "login-rejected", told, f"mend the login of {failure.name} in .env, then: inv up"
        )
    else:
        told = f"it runs elsewhere ({address}), and holds data of another kind"
        step = "the settings that made it, in .env; or an address of your own; then: inv up"
        cause = Cause("data-mismatch", told, step)
    return failure.finding(cause, reading.detail)


def out_of_memory(failure: Failure) -> Finding | None:
    """The kernel killed it at its memory limit."""
    if not failure.container.oom_killed or not failure.failing:
        return None
    cause = f"killed at its memory limit of {failure.service.memory // 2**20} MiB"
    step = f"raise {failure.name.upper()}_MEMORY in .env, then: {failure.up}"
    return failure.finding(Cause("out-of-memory", cause, step), "")


def recognised(failure: Failure) -> Finding | None:
    """What was said of it is a known cause."""
    if not failure.failing:
        return None
    from scripts.diagnosis.causes import catalogue

    return catalogue.recognised(failure)


def crash_loop(failure: Failure) -> Finding | None:
    """It ends again and again."""
    container = failure.container
    if container.oom_killed or container.restarts < CRASHES or not failure.failing:
        return None
    end = "" if container.state is State.RUNNING else f", exit code {container.exit_code}"
    cause, step = (
        f"it crashed {container.restarts} times{end}",
        f"inv logs --service {failure.name}",
    )
    return failure.finding(Cause("crash-loop", cause, step), _log_line(failure))


def ended(failure: Failure) -> Finding | None:
    """It is not running, and nobody will start it again."""
    container = failure.container
    if container.oom_killed or container.state not in GONE or not failure.failing:
        return None
    step = f"inv logs --service {failure.name}, then: {failure.up}"
    cause = Cause("ended", f"it ended, exit code {container.exit_code}", step)
    if container.kept and not container.error:
        # whatever code it left: Attu's and Milvus' after a stop is 1
        told = f"somebody stopped it (exit code {container.exit_code})"
        cause = Cause("stopped", told, failure.up)
    return failure.finding(cause, container.error or _log_line(failure))


def refused(failure: Failure) -> Finding | None:
    """The engine refused to start it, and left it as it was."""
    error = failure.container.error
    if failure.container.state is State.RUNNING or not error:
        return None
    step = "inv down, then: inv up (containers and network are made anew, the data stays)"
    return failure.finding(Cause("start-refused", "the engine could not start it", step), error)


def paused(failure: Failure) -> Finding | None:
    """Somebody paused it."""
    if failure.container.state is not State.PAUSED:
        return None
    step = f"inv restart --service {failure.name}"
    return failure.finding(Cause("paused", "it is paused", step), "")


def rejected(failure: Failure) -> Finding | None:
    """It answers, and waiting will not make the answer a better one."""
    reading = failure.look.reading(failure.name)
    if reading is None or not reading.final or failure.container.health not in SETTLED:
        return None
    former = f"put the former value back into .env, then: {failure.up}"
    mismatch = "it holds data of another kind; its volume was made with another setting"
    # without words of its own no next step may delete its data
    cause = Cause("data-mismatch", mismatch, former, resets=bool(reading.detail.strip()))
    if "login" in reading.detail:
        kinds = {probe.auth.kind for probe in failure.service.probes if probe.auth is not None}
        cause = Cause(
            "login-rejected",
            *((FROM_VARIABLES, SAME_VARIABLES) if "s3" in kinds else (KEPT, former)),
        )
    return failure.finding(cause, reading.detail)


def halted(failure: Failure) -> Finding | None:
    """A debugger may attach to it: who stands at a breakpoint answers nothing, and is well."""
    container, reading = failure.container, failure.look.reading(failure.name)
    started = container.state is State.RUNNING and container.health is not Health.STARTING
    if not container.debugger or not started or not failure.failing:
        return None
    if reading is not None and re.match(r"5\d\d: ", reading.detail):
        return None  # it answers
    step = f"let it go on in the editor; where none is attached: inv logs --service {failure.name}"
    told = f"it does not answer: a debugger ({container.debugger}) may hold it at a breakpoint"
    said = reading.detail if reading is not None else container.health_output
    return failure.finding(Cause("halted", told, step, fatal=False), said)


def unhealthy(failure: Failure) -> Finding | None:
    """The engine's check fails; final only where no probe of ours says more.

    The engine also says unhealthy of what was just unpaused, until its next check: then the last
    check has not failed.
    """
    container = failure.container
    unwell = container.state is State.RUNNING and container.health is Health.UNHEALTHY
    if not unwell or not container.health_output:
        return None
    reading, asked = failure.look.reading(failure.name), bool(failure.service.probes)
    if not asked and reading is not None and reading.ok:
        return None  # that was before the machine slept, for instance
    # where we can run the check ourselves, its last result is not the end
    fatal = not asked and (reading is not None or not container.check)
    step = f"inv logs --service {failure.name}"
    cause = Cause("unhealthy", "its health check fails", step, fatal=fatal)
    return failure.finding(cause, container.health_output)


RULES: tuple[Signature, ...] = (
    elsewhere,
    out_of_memory,
    recognised,
    refused,
    crash_loop,
    ended,
    paused,
    rejected,
    halted,
    unhealthy,
)


def troubled(service: Service, look: Look) -> bool:
    """Say whether a service's log may say what is wrong.

    It fell over, its check fails, or it answers that it has failed: an answer is quoted in short.
    """
    container, reading = look.container(service.name), look.reading(service.name)
    if container is None or not failing(service, container, look):
        return False
    if reading is not None and re.match(r"5\d\d: ", reading.detail):
        return True
    fell = container.state is not State.RUNNING or container.restarts > 0
    on_host = container.host is not None
    # no check of the engine's tells of a process
    return fell or container.health is Health.UNHEALTHY or container.oom_killed or on_host


def diagnose(stack: Stack, names: tuple[str, ...], look: Look) -> tuple[Finding, ...]:
    """The findings about these services, one for each: root causes first, with their victims.

    Of several rules that find something about a service the first knows most.
    """
    diagnosis = []
    for name in names:
        service, container = stack.service(name), look.container(name)
        if container is None or _well(service, container, look):
            continue
        alone = all(answers(stack.service(need), look) for need in service.needs)
        failure = Failure.of(service, container, look)
        findings = filter(None, (rule(failure) for rule in RULES))
        # who lacks a neighbour may fall again and again until that one is there
        telling = (
            finding for finding in findings if alone or finding.code not in CAUSED_BY_NEIGHBOURS
        )
        if (first := next(telling, None)) is not None:
            diagnosis.append(replace(first, victims=_victims(stack, names, look, first)))
    return tuple(diagnosis)


def _well(service: Service, container: Container, look: Look) -> bool:
    """Say whether no rule has anything to say of a service; of most, most of the time."""
    told = container.error or container.health is Health.UNHEALTHY
    return not told and answers(service, look)


def _victims(stack: Stack, names: tuple[str, ...], look: Look, finding: Finding) -> tuple[str, ...]:
    """Return who needs a broken service, directly or not, and is not ready."""
    return tuple(
        name
        for name in names
        if finding.fatal
        and name != finding.service
        and finding.service in stack.closure((name,))
        and not answers(stack.service(name), look)
    )


def verdict(
    stack: Stack, names: tuple[str, ...], look: Look, findings: tuple[Finding, ...]
) -> Verdict:
    """Say whether all these services are ready, whether one is finally broken, or neither yet."""
    if any(finding.fatal for finding in findings):
        return Verdict.BROKEN
    if all(answers(stack.service(name), look) for name in names):
        return Verdict.READY
    return Verdict.STARTING


def _log_line(failure: Failure) -> str:
    return telling(failure.log, *(f"(?i){word}" for word in TELLING))

"""Pure rules: what a look means. One function a rule; a rule sees the stack and one snapshot.

A rule speaks of services that were started; what waits for another service is that one's victim.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from scripts.core.finding import Finding, Verdict
from scripts.core.look import GONE, Container, Health, Look, State
from scripts.core.stack import Service, Stack
from scripts.core.texts import telling
from scripts.diagnosis.causes.catalogue import recognised
from scripts.diagnosis.evidence import masked
from scripts.diagnosis.failure import CRASHES
from scripts.diagnosis.readiness import answers, failing

EXIT_CODES = {
    132: "illegal instruction: the CPU lacks a feature such as AVX",
    134: "it aborted",
    137: "it was killed",
    139: "segmentation fault",
    143: "it was asked to stop",
}
"""What exit codes of containers mean (128 + signal)."""
CAUSED_BY_NEIGHBOURS = frozenset({"crash-loop", "unhealthy"})
"""Codes of what a service may do only because one that it needs is not ready."""
TELLING = ("fatal", "panic", "error", "exception", "unrecognized", "denied", "refused", "invalid")
"""Words of the log line that matters, the strongest first."""

Rule = Callable[[Service, Container, Look], Iterator[Finding]]


def out_of_memory(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """The kernel killed it at its memory limit."""
    if container.oom_killed and failing(service, container, look):
        variable = f"{service.name.upper()}_MEMORY"
        yield Finding(
            code="out-of-memory",
            service=service.name,
            cause=f"killed at its memory limit of {service.memory // 2**20} MiB",
            next_step=f"raise {variable} in .env, then: inv up --service {service.name}",
        )


def crash_loop(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """It ends again and again."""
    many = not container.oom_killed and container.restarts >= CRASHES
    if many and failing(service, container, look):
        yield Finding(
            code="crash-loop",
            service=service.name,
            cause=f"it crashed {container.restarts} times"
            + ("" if container.state is State.RUNNING else f", {_exit(container)}"),
            evidence=_log_line(service, look),
            next_step=f"inv logs --service {service.name}",
        )


def ended(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """It is not running, and nobody will start it again."""
    finished = service.one_shot and container.exit_code == 0
    if not container.oom_killed and container.state in GONE and not finished:
        yield Finding(
            code="ended",
            service=service.name,
            cause=f"it ended, {_exit(container)}",
            evidence=container.error or _log_line(service, look),
            next_step=f"inv logs --service {service.name}, then: inv up --service {service.name}",
        )


def refused(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """The engine refused to start it, and left it as it was."""
    del look
    if container.state is not State.RUNNING and container.error:
        yield Finding(
            code="start-refused",
            service=service.name,
            cause="the engine could not start it",
            evidence=container.error,
            next_step=f"inv up --service {service.name}",
        )


def paused(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """Somebody paused it."""
    del look
    if container.state is State.PAUSED:
        yield Finding(
            code="paused",
            service=service.name,
            cause="it is paused",
            next_step=f"inv restart --service {service.name}",
        )


def rejected(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """It answers, and waiting will not make the answer a better one."""
    reading = look.reading(service.name)
    # while a server loads its logins it may reject all of them
    settled = container.health in {Health.HEALTHY, Health.NONE}
    if reading is not None and reading.final and settled:
        login = "login" in reading.detail
        cause = "it rejects the stack's login" if login else "it holds data of another kind"
        yield Finding(
            code="login-rejected" if login else "data-mismatch",
            service=service.name,
            cause=f"{cause}; its volume was made with another setting",
            evidence=reading.detail,
            next_step="put the former value back into .env, or: inv reset --service "
            f"{service.name}",
        )


def unhealthy(service: Service, container: Container, look: Look) -> Iterator[Finding]:
    """The engine's check fails; final only where no probe of ours says more.

    The engine also says unhealthy of what was just unpaused, until its next check: then the last
    check has not failed.
    """
    del look
    if (
        container.state is State.RUNNING
        and container.health is Health.UNHEALTHY
        and container.health_output
    ):
        yield Finding(
            code="unhealthy",
            service=service.name,
            cause="its health check fails",
            evidence=container.health_output,
            next_step=f"inv logs --service {service.name}",
            fatal=not service.probes,
        )


RULES: tuple[Rule, ...] = (
    out_of_memory,
    recognised,
    refused,
    crash_loop,
    ended,
    paused,
    rejected,
    unhealthy,
)


def troubled(service: Service, look: Look) -> bool:
    """Say whether a service's log may say what is wrong: it fell over, or its check fails."""
    container = look.container(service.name)
    if container is None or not failing(service, container, look):
        return False
    fell = container.state is not State.RUNNING or container.restarts > 0
    return fell or container.health is Health.UNHEALTHY or container.oom_killed


def diagnose(stack: Stack, names: tuple[str, ...], look: Look) -> tuple[Finding, ...]:
    """The findings about these services, one for each: root causes first, with their victims.

    Of several rules that find something about a service the first knows most.
    """
    diagnosis = []
    for name in names:
        service, container = stack.service(name), look.container(name)
        if container is None:
            continue
        alone = all(answers(stack.service(need), look) for need in service.needs)
        findings = (finding for rule in RULES for finding in rule(service, container, look))
        # who lacks a neighbour may fall again and again until that one is there
        telling = (
            finding for finding in findings if alone or finding.code not in CAUSED_BY_NEIGHBOURS
        )
        if (first := next(telling, None)) is not None:
            victims = _victims(stack, names, look, first)
            evidence = masked(first.evidence, service)
            diagnosis.append(replace(first, victims=victims, evidence=evidence))
    return tuple(diagnosis)


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


def _exit(container: Container) -> str:
    meaning = EXIT_CODES.get(container.exit_code)
    return f"exit code {container.exit_code}" + (f" ({meaning})" if meaning else "")


def _log_line(service: Service, look: Look) -> str:
    return telling(look.logs.get(service.name, ()), *(f"(?i){word}" for word in TELLING))

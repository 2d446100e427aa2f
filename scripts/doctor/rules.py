"""Pure: judges what a checkup found out, one function a rule."""

from collections.abc import Iterator
from dataclasses import replace

from scripts.core.finding import Finding
from scripts.core.inventory import ImageSource
from scripts.core.look import GONE, State
from scripts.diagnosis import preflight
from scripts.diagnosis.readiness import answers
from scripts.doctor import details, env_lines
from scripts.doctor.facts import Facts, Problem
from scripts.engine.versions import COMPOSE_BUGS, ENGINE_BUGS, Bug, bugs

FEWEST_CPUS = 2
"""What the time limits of this workspace were measured with."""
RESTARTABLE = frozenset({"ended", "start-refused"})
"""Codes of a container that `inv up` simply starts again."""
REJECTED = frozenset({401, 403})
FIRST_OTHER, NOT_FOUND, NOT_ALLOWED = 300, 404, 405


def env_file(facts: Facts) -> Iterator[Finding]:
    """The settings' file, line by line."""
    yield from env_lines.judge(facts.settings)


def engine_answers(facts: Facts) -> Iterator[Finding]:
    """An engine that is there, answers, and is new enough, with a Compose that is."""
    if facts.engine.problem:
        code = "engine-absent" if facts.engine.absent else "engine-unusable"
        yield _fatal(code, facts.engine.problem)
    elif facts.engine.absent:
        yield _advice("engine-absent", "no engine is running", "inv up brings a private one")


def known_bugs(facts: Facts) -> Iterator[Finding]:
    """What is known to be wrong in these versions; `inv` goes round all of it."""
    engine = facts.engine
    if engine.found is not None:
        yield from _bugs("engine-bugs", "Engine", engine.found.version, ENGINE_BUGS)
    yield from _bugs("compose-bugs", "Compose", engine.compose, COMPOSE_BUGS)


def _bugs(code: str, name: str, version: str, table: tuple[Bug, ...]) -> Iterator[Finding]:
    known = bugs(version, table)
    if known:
        cause = f"{name} {version} has known bugs; inv goes round them, plain docker compose not"
        evidence = "; ".join(f"{bug.text} ({bug.link})" for bug in known)
        step = "inv up instead of docker compose up, or a newer version"
        yield replace(_advice(code, cause, step), evidence=evidence)


def compose_file(facts: Facts) -> Iterator[Finding]:
    """The compose file with these settings."""
    if facts.stack_problem:
        yield _fatal("compose-file", facts.stack_problem)


def machine(facts: Facts) -> Iterator[Finding]:
    """Memory, processor and disk where the engine is."""
    yield from (
        finding for finding in _preflight(facts) if finding.code not in {"port-taken", "name-taken"}
    )
    if facts.machine and 0 < facts.machine.host.cpus < FEWEST_CPUS:
        yield _advice(
            "cpu-count",
            f"there is 1 processor, wanted {FEWEST_CPUS}: the start takes longer",
            "inv up --timeout 900, or start less: inv up --service neo4j",
        )


def ports(facts: Facts) -> Iterator[Finding]:
    """Somebody else holds a port that the stack wants."""
    yield from (finding for finding in _preflight(facts) if finding.code == "port-taken")


def names(facts: Facts) -> Iterator[Finding]:
    """Another project has a container's name, or another checkout this project's containers."""
    if facts.foreign:
        yield _fatal("other-checkout", facts.foreign)
    yield from (finding for finding in _preflight(facts) if finding.code == "name-taken")


def _preflight(facts: Facts) -> tuple[Finding, ...]:
    services = facts.stack.services if facts.stack else ()
    return preflight.check(services, facts.machine) if facts.machine else ()


def images_absent(facts: Facts) -> Iterator[Finding]:
    """Images that a start has to get first, and registries that would not give them."""
    absent = [image.service for image in facts.images or () if not image.present]
    if absent:
        cause = f"{len(absent)} images are not here yet: {', '.join(absent)}"
        yield _advice("images-missing", cause, "inv up gets them")
    # `up` falls back to packages only while no source is chosen
    fatal = facts.image_source == ImageSource.REGISTRY or not facts.engine.can_bring
    for registry, reason in facts.registries.items():
        step = "set IMAGE_REGISTRY in .env to a mirror that you can reach"
        finding = _advice("registry", f"the registry {registry} cannot be used", step)
        yield replace(finding, evidence=reason, fatal=fatal)


def architecture(facts: Facts) -> Iterator[Finding]:
    """An image for another processor runs slowly in an emulation, or not at all."""
    wanted = facts.engine.arch
    for image in facts.images or ():
        if wanted and image.architecture not in {"", wanted}:
            get = "inv images.build" if image.built_here else "inv images.pull"
            cause = f"its image {image.image} is for {image.architecture}, the engine is {wanted}"
            step = f"docker image rm {image.image}, then: {get} --service {image.service}"
            yield replace(_advice("architecture", cause, step), service=image.service)


def sick_services(facts: Facts) -> Iterator[Finding]:
    """What the diagnosis says; what has merely stopped does not stop `inv up`."""
    for finding in facts.sick:
        starts = finding.code in RESTARTABLE
        yield (
            replace(finding, fatal=False, next_step="inv up starts it again") if starts else finding
        )


def unready_services(facts: Facts) -> Iterator[Finding]:
    """It runs and is not ready, and no rule says why."""
    explained = {finding.service for finding in facts.sick} | {
        victim for finding in facts.sick for victim in finding.victims
    }
    if facts.stack is None or facts.look is None:
        return
    for service in facts.stack.services:
        container, reading = facts.look.container(service.name), facts.look.reading(service.name)
        idle = container is None or container.state in {State.CREATED, *GONE}
        if not idle and service.name not in explained and not answers(service, facts.look):
            step = f"inv up --service {service.name} waits for it and says why not"
            finding = _advice("not-ready", "it runs, and is not ready", step)
            evidence = reading.detail if reading else ""
            yield replace(finding, service=service.name, evidence=evidence)


def authorization(facts: Facts) -> Iterator[Finding]:
    """A wrong password must be rejected."""
    for login in facts.logins:
        if login.right.ok and login.wrong.ok:
            yield Finding(
                code="authorization-off",
                service=login.service,
                cause=f"authorization is off: it takes any password for {login.user}",
                evidence=f"with a wrong one: {login.wrong.detail}",
                next_step=f"inv config shows its settings; then: inv restart --service "
                f"{login.service}",
            )


def data_state(facts: Facts) -> Iterator[Finding]:
    """A data command that was interrupted, and a journal that cannot be read."""
    data = facts.data
    if data is None:
        return
    if data.problem is not None:
        code, step = "data-journal", data.problem.next_step
        yield Finding(code=code, cause=data.problem.cause, next_step=step)
    if data.unfinished is not None:
        yield Finding(
            code="data-unfinished",
            cause=f"inv {data.unfinished.command} was interrupted ({data.unfinished.phase})",
            evidence=f"begun {data.unfinished.since}",
            next_step="inv up finishes it",
            fatal=False,
        )
    if data.damaged:
        yield Finding(
            code="snapshot-damaged",
            cause=f"{data.damaged} of {data.snapshots} snapshots cannot be read",
            next_step="inv snapshot.list says which and why",
            fatal=False,
        )


def model_endpoints(facts: Facts) -> Iterator[Finding]:
    """The user's models: there, with this key, and with vectors of the size that is wanted."""
    for endpoint in facts.endpoints:
        name, key = endpoint.variable, endpoint.variable.replace("_BASE", "_KEY")
        at = f"{name} ({endpoint.host})"
        fine = 0 < endpoint.status < FIRST_OTHER or (
            not endpoint.wanted
            and endpoint.status in {NOT_FOUND, NOT_ALLOWED}  # not all list their models
        )
        if endpoint.status in REJECTED:
            yield _advice(
                "model-key", f"{at} answers {endpoint.status} to {key}", f"mend {key} in .env"
            )
        elif not fine or endpoint.problem:
            why = endpoint.problem or f"it answers {endpoint.status}"
            yield _advice("model-endpoint", f"{at} is of no use: {why}", f"mend {name} in .env")
        elif endpoint.wanted and endpoint.length != endpoint.wanted:
            yield _advice(
                "model-dimension",
                f"{at} gives vectors of {endpoint.length} numbers, and {endpoint.wanted} are"
                " wanted: MemOS would lose memories without a word",
                f"EMBEDDING_DIMENSION={endpoint.length} in .env, then: inv up",
            )
        if endpoint.loopback:
            yield _advice(
                "model-loopback",
                f"{at} is this machine; inside a container it means the container",
                f"an address of this machine that containers reach, as {name} in .env",
            )


def proxies(facts: Facts) -> Iterator[Finding]:
    """A proxy that stands between programs and this machine."""
    named = facts.proxies
    if named.hosts and not named.exempt:
        cause = f"{details.proxies(facts)}, and NO_PROXY lacks 127.0.0.1"
        step = "export NO_PROXY=127.0.0.1,localhost and what else is near"
        yield _advice("proxy", cause, step)


def _fatal(code: str, problem: Problem) -> Finding:
    return Finding(code=code, cause=problem.cause, next_step=problem.next_step)


def _advice(code: str, cause: str, next_step: str) -> Finding:
    return Finding(code=code, cause=cause, next_step=next_step, fatal=False)

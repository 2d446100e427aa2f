"""Pure: judges what a checkup found out, one function a rule."""

import math
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import urlsplit

from scripts.core import units
from scripts.core.errors import StackError
from scripts.core.finding import Finding, advice, fatal
from scripts.core.inventory import ImageSource
from scripts.core.look import GONE, State
from scripts.core.stack import REFUSED_BY_BROWSERS
from scripts.diagnosis import preflight
from scripts.diagnosis.failure import Failure, proxied
from scripts.diagnosis.readiness import answers
from scripts.doctor import details, env_lines
from scripts.doctor.facts import Facts
from scripts.engine.versions import COMPOSE_BUGS, ENGINE_BUGS, Bug, bugs, numbers
from scripts.images import drift
from scripts.watch.memories import halves

CLOSED = (28, 0)
"""The first Engine that drops what another host sends to its containers by a route."""
FEWEST_CPUS = 2
"""What the time limits of this workspace were measured with."""
RESTARTABLE = frozenset({"ended", "start-refused"})
"""Codes of a container that `inv up` simply starts again."""
REJECTED = frozenset({401, 403})
FIRST_OTHER = 300
FALLS_BACK = frozenset({"background work", "comparing preferences", "checking memories", "skills"})
"""Calls of MemOS' own, without a model done in a simpler way; nobody made them."""
BYTES_OF_NUMBER, BESIDE_VECTORS = 4, 1.5
"""https://qdrant.tech/documentation/guides/capacity-planning/"""
INSTEAD = {
    "feedback": "feedback answers success and keeps nothing",
    "fine search": "a fine search finds what a fast one does",
    "suggestions": "suggestions are an error, or none",
}
"""What MemOS does without a model, tried on 2.0.6, 2.0.7 and 2.0.33."""


def env_file(facts: Facts) -> Iterator[Finding]:
    """The settings' file, line by line."""
    yield from env_lines.judge(facts.settings)


def engine_answers(facts: Facts) -> Iterator[Finding]:
    """An engine that is there, answers, and is new enough, with a Compose that is."""
    absent = facts.engine.absent
    if facts.engine.problem:
        yield _told("engine-absent" if absent else "engine-unusable", facts.engine.problem)
    elif absent:
        yield advice("engine-absent", "no engine is running", "inv up brings a private one")


def neighbours(facts: Facts) -> Iterator[Finding]:
    """An engine that lets in other hosts of the network; the private one is kept from it."""
    found = facts.engine.usable
    if found and found.local and not found.private and () < numbers(found.version) < CLOSED:
        cause = f"Engine {found.version} lets other hosts of the same network reach the containers"
        evidence = "ports on 127.0.0.1 too: https://github.com/moby/moby/issues/45610"
        step = f"Engine {CLOSED[0]} or later, or a network whose hosts you trust"
        yield advice("engine-neighbours", cause, step, evidence=evidence)


def limits(facts: Facts) -> Iterator[Finding]:
    """An engine without control groups, as a rootless one on cgroup v1: no limits, no numbers."""
    if missing := facts.engine.unlimited:
        cause = f"the engine limits no {' and no '.join(missing)}"
        if "memory" in missing:
            cause += ": a service that grows takes what there is, and inv ps has no numbers"
        step = "boot with cgroup v2 (https://docs.docker.com/engine/security/rootless), or go on"
        said = "; ".join(facts.engine.warnings)
        yield advice("engine-unlimited", cause, step, evidence=said)


def known_bugs(facts: Facts) -> Iterator[Finding]:
    """What is known to be wrong in these versions; `inv` goes round all of it."""
    engine = facts.engine
    if engine.usable is not None:
        yield from _bugs("engine-bugs", "Engine", engine.usable.version, ENGINE_BUGS)
    yield from _bugs("compose-bugs", "Compose", engine.compose, COMPOSE_BUGS)


def _bugs(code: str, name: str, version: str, table: tuple[Bug, ...]) -> Iterator[Finding]:
    known = bugs(version, table)
    if known:
        cause = f"{name} {version} has known bugs; inv goes round them, plain docker compose not"
        evidence = "; ".join(f"{bug.text} ({bug.link})" for bug in known)
        step = "inv up instead of docker compose up, or a newer version"
        yield advice(code, cause, step, evidence=evidence)


def compose_file(facts: Facts) -> Iterator[Finding]:
    """The compose file with these settings."""
    if facts.stack_problem:
        yield _told("compose-file", facts.stack_problem)
    for loss in facts.losses:
        yield advice("not-in-swarm", loss, "inv config shows what the Swarm is given")


def machine(facts: Facts) -> Iterator[Finding]:
    """Memory, processor and disk where the engine is."""
    yield from _preflight(facts, "paused", "cpu-flags", "memory", "disk")
    if facts.machine and 0 < facts.machine.host.cpus < FEWEST_CPUS:
        cause = f"there is 1 processor, wanted {FEWEST_CPUS}: the start takes longer"
        step = "inv up --timeout 900, or start less: inv up --service neo4j"
        yield advice("cpu-count", cause, step)


def nodes(facts: Facts) -> Iterator[Finding]:
    """The machines of a Swarm: whether each is there, gets tasks, and can be asked."""
    for node in facts.nodes:
        if node.problem == "down":
            cause = f"node {node.name} is down; what ran there, and its data, waits for it"
            yield fatal("node-down", cause, f"start {node.name} and its engine; docker node ls")
        elif node.problem:
            cause = f"node {node.name} is {node.problem}, and gets no new tasks"
            step = f"docker node update --availability active {node.name}"
            yield advice("node-aside", cause, step)
        elif node.name in facts.unasked:
            cause = (
                f"of node {node.name} only what the manager knows is known: neither what services"
                " use there, nor their data can be saved"
            )
            yield advice("node-unasked", cause, f"NODES={node.name}=USER@HOST in .env")


def ports(facts: Facts) -> Iterator[Finding]:
    """Somebody else holds a port that the stack wants, or no browser opens it."""
    yield from _preflight(facts, "port-taken")
    for service in facts.stack.services if facts.stack else ():
        for link in service.links:
            if (port := urlsplit(link.url).port) in REFUSED_BY_BROWSERS:
                cause = f"{link.label} is at port {port}, which browsers refuse to open"
                yield advice("port-unsafe", cause, "another port in .env", service=service.name)


def names(facts: Facts) -> Iterator[Finding]:
    """Another project has a container's name, or another checkout this project's containers."""
    if (problem := facts.foreign) and problem.code == preflight.MOVED:
        yield advice(preflight.MOVED, str(problem), problem.next_step)
    elif problem:
        yield _told("other-checkout", problem)
    yield from _preflight(facts, "name-taken")


def _preflight(facts: Facts, *codes: str) -> Iterator[Finding]:
    services = facts.stack.services if facts.stack else ()
    findings = preflight.check(services, facts.machine) if facts.machine else ()
    return (finding for finding in findings if finding.code in codes)


def images_absent(facts: Facts) -> Iterator[Finding]:
    """Images that a start has to get first, and registries that would not give them."""
    absent = [image.service for image in facts.images or () if not image.present]
    if absent:
        cause = f"{len(absent)} images are not here yet: {', '.join(absent)}"
        yield advice("images-missing", cause, "inv up gets them")
    # `up` falls back to packages only while no source is chosen
    needed = facts.image_source == ImageSource.REGISTRY or not facts.engine.can_build
    weighed = fatal if needed else advice
    step = "set IMAGE_REGISTRY in .env to a mirror that you can reach"
    for registry, reason in facts.registries.items():
        yield weighed("registry", f"the registry {registry} cannot be used", step, evidence=reason)


def packages(facts: Facts) -> Iterator[Finding]:
    """A checkout wants other packages than the image holds that was built for it."""
    if facts.memos is not None:
        yield from drift.drifted(facts.memos, facts.images or ())


def architecture(facts: Facts) -> Iterator[Finding]:
    """An image for another processor runs slowly in an emulation, or not at all."""
    wanted = facts.engine.arch
    for image in facts.images or ():
        if wanted and image.architecture not in {"", wanted}:
            get = "inv images.build" if image.built_here else "inv images.pull"
            cause = f"its image {image.image} is for {image.architecture}, the engine is {wanted}"
            step = f"docker image rm {image.image}, then: {get} --service {image.service}"
            yield advice("architecture", cause, step, service=image.service)


def sick_services(facts: Facts) -> Iterator[Finding]:
    """What the diagnosis says; what has merely stopped does not stop `inv up`."""
    for finding in facts.sick:
        if finding.code in RESTARTABLE:
            yield replace(finding, fatal=False, next_step="inv up starts it again")
        else:
            yield finding


def unready_services(facts: Facts) -> Iterator[Finding]:
    """It runs and is not ready, and no rule says why."""
    explained = {name for finding in facts.sick for name in (finding.service, *finding.victims)}
    if facts.stack is None or facts.look is None:
        return
    for service in facts.stack.services:
        container, reading = facts.look.container(service.name), facts.look.reading(service.name)
        idle = container is None or container.state in {State.CREATED, *GONE}
        if not idle and service.name not in explained and not answers(service, facts.look):
            step = f"inv up --service {service.name} waits for it and says why not"
            cause, evidence = "it runs, and is not ready", reading.detail if reading else ""
            yield advice("not-ready", cause, step, service=service.name, evidence=evidence)


def elsewhere(facts: Facts) -> Iterator[Finding]:
    """What runs elsewhere is new enough, and the API gets there too."""
    for one in facts.away:
        yield from preflight.too_old(one.service, one.version, one.least)
        if one.inside:
            cause = (
                f"it runs elsewhere ({one.address}) and answers from here, but not from the"
                " container of the API: names and routes differ there"
            )
            step = "an address in .env that leads there from both, then: inv up"
            yield fatal(
                "elsewhere-unreachable", cause, step, service=one.service, evidence=one.inside
            )


def debugger(facts: Facts) -> Iterator[Finding]:
    """Whoever reaches a debugger does in the service what he likes."""
    for container in facts.look.containers if facts.look else ():
        if container.debugger and container.state is State.RUNNING:
            cause = f"a debugger may attach to it at {container.debugger}, without any login"
            step = "docs/debugger.md says how; without it: MEMOS_DEBUG=no in .env, then: inv up"
            yield advice("debugger", cause, step, service=container.service)


def authorization(facts: Facts) -> Iterator[Finding]:
    """A wrong password must be rejected."""
    for login in facts.logins:
        if login.right.ok and login.wrong.ok:
            cause = f"authorization is off: it takes any password for {login.user}"
            step = f"inv config shows its settings; then: inv restart --service {login.service}"
            if address := facts.stack.service(login.service).elsewhere if facts.stack else "":
                step = f"whoever runs it ({address}) switches its authorization on"
            evidence = f"with a wrong one: {login.wrong.detail}"
            yield (advice if address else fatal)(
                "authorization-off", cause, step, service=login.service, evidence=evidence
            )


def data_state(facts: Facts) -> Iterator[Finding]:
    """A data command that was interrupted, and a journal that cannot be read."""
    data = facts.data
    if data is None:
        return
    if data.problem is not None:
        yield _told("data-journal", data.problem)
    if entry := data.unfinished:
        cause = f"inv {entry.command} was interrupted ({entry.phase})"
        step, evidence = "inv up finishes it", f"begun {entry.since}"
        yield advice("data-unfinished", cause, step, evidence=evidence)
    if data.damaged:
        cause = f"{data.damaged} of {data.snapshots} snapshots cannot be read"
        yield advice("snapshot-damaged", cause, "inv snapshot.list says which and why")


def memories(facts: Facts) -> Iterator[Finding]:
    """Memories that lack their vector, and vectors that lack their memory."""
    if facts.memories is not None:
        yield from halves.findings(facts.memories)


def room_for_vectors(facts: Facts) -> Iterator[Finding]:
    """Vectors that a store has the memory for; without it a search reads the disk, or it is killed.

    The factor is Qdrant's own, for what it keeps beside them.
    """
    if facts.memories is None or facts.stack is None:
        return
    count = sum(facts.memories.paired.values()) + len(facts.memories.loose)
    for service in facts.stack.services:
        size = next((one.size for one in service.probes if one.kind == "vectors"), 0)
        wanted = count * size * BYTES_OF_NUMBER * BESIDE_VECTORS
        if 0 < service.memory < wanted:
            cause = (
                f"{count:,} vectors of {size} numbers want {units.size(wanted)} of memory, and"
                f" {service.name} may have {units.size(service.memory)}"
            )
            variable = f"{service.name.upper()}_MEMORY"
            step = f"{variable}={math.ceil(wanted / preflight.GIB)}g in .env, then: inv up"
            yield advice("vectors-memory", cause, step, service=service.name)


def model_endpoints(facts: Facts) -> Iterator[Finding]:
    """The user's models: there, with this key, and with vectors of the size that is wanted."""
    for endpoint in facts.endpoints:
        name, key = endpoint.variable, endpoint.variable.replace("_BASE", "_KEY")
        at = f"{name} ({endpoint.host})"
        fine = 0 < endpoint.status < FIRST_OTHER
        if endpoint.status in REJECTED:
            cause = f"{at} answers {endpoint.status} to {key}"
            yield advice("model-key", cause, f"mend {key} in .env")
        elif not fine or endpoint.problem:
            why = endpoint.problem or f"it answers {endpoint.status}"
            model = f", asked for the model {endpoint.model}" if endpoint.model else ""
            cause = f"{at} is of no use: {why}{model}"
            yield advice(
                "model-endpoint", cause, f"mend {name} and its model in .env, then: inv up"
            )
        elif endpoint.wanted and endpoint.length != endpoint.wanted:
            cause = (
                f"{at} gives vectors of {endpoint.length} numbers, and {endpoint.wanted} are"
                " wanted: MemOS would lose memories without a word"
            )
            step = f"EMBEDDING_DIMENSION={endpoint.length} in .env, then: inv up"
            yield advice("model-dimension", cause, step)
        if endpoint.loopback:
            cause = f"{at} is this machine; inside a container it means the container"
            step = f"an address of this machine that containers reach, as {name} in .env"
            yield advice("model-loopback", cause, step)


def chat_model_needed(facts: Facts) -> Iterator[Finding]:
    """Calls that the stand-in for a chat model had to refuse."""
    refused = dict(facts.reader.refused) if facts.reader else {}
    missed = {call: count for call, count in refused.items() if call not in FALLS_BACK}
    if missed:
        named = ", ".join(f"{call} ({count})" for call, count in sorted(missed.items()))
        cause = f"prompts were refused that take a chat model of your own: {named}"
        rules = "the reader stand-in has rules for MemOS' extraction prompts, and no model"
        evidence = "; ".join(
            (rules, *(INSTEAD[call] for call in sorted(missed) if call in INSTEAD))
        )
        step = "OPENAI_API_BASE and MEMRADER_API_BASE, their keys and models in .env, then: inv up"
        yield advice("chat-model-needed", cause, step, service="models", evidence=evidence)


def proxies(facts: Facts) -> Iterator[Finding]:
    """A proxy that stands between programs and this machine, or between two containers."""
    named = facts.proxies
    if named.hosts and not named.exempt:
        cause = f"{details.proxies(facts)}, and NO_PROXY lacks 127.0.0.1"
        step = "export NO_PROXY=127.0.0.1,localhost and what else is near"
        yield advice("proxy", cause, step)
    for service in facts.stack.services if facts.stack and facts.look else ():
        container = facts.look.container(service.name) if facts.look else None
        told = any((one.service, one.code) == (service.name, "proxy") for one in facts.sick)
        if facts.look and container and not told:
            failure = Failure.of(service, container, facts.look)
            if need := next(filter(failure.by_proxy, service.needs), ""):
                yield failure.finding(proxied(failure, need, fatal=False), container.proxy)


def _told(code: str, error: StackError) -> Finding:
    return fatal(code, str(error), error.next_step)

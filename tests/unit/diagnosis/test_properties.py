"""Whatever is seen: diagnosis never fails, tells causes before victims, and keeps secrets."""

import ast
import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.config import compose
from scripts.core.finding import Finding
from scripts.core.look import Container, Health, Look, Reading, State
from scripts.core.stack import Stack, by_need
from scripts.data import plan
from scripts.diagnosis import rules as diagnosis
from scripts.diagnosis.causes.catalogue import recognised
from scripts.diagnosis.evidence import masked
from scripts.diagnosis.failure import Failure
from scripts.diagnosis.readiness import answers
from tests.kit.builders import container, reading, service, stack
from tests.kit.places import ROOT
from tests.kit.recorded import LOGIN, LOGS, SECRET

SERVICES = (
    service("etcd", probed=False, data_group="milvus"),
    replace(service("minio", data_group="milvus"), probes=(LOGIN,)),
    replace(service("milvus", "etcd", "minio", data_group="milvus"), probes=(LOGIN,)),
    replace(service("neo4j", memory=2**30, data_group="neo4j"), probes=(LOGIN,)),
    replace(service("memos", "neo4j", "milvus"), probes=(LOGIN,)),
)
NAMES = tuple(one.name for one in SERVICES)
CONFIG = LOGS.parent / "config"
RECORDED = sorted(
    {line for path in LOGS.glob("*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
)
LINES = st.one_of(
    st.sampled_from(RECORDED),
    st.sampled_from(
        [
            f"Invalid value for NEO4J_AUTH: 'neo4j/{SECRET}'",
            f"{SECRET} no space left on device {SECRET}",
            f"panic: {SECRET}",
            f"ERROR cannot start on x: {SECRET}",
            "x" * 290 + f"permission denied: '/{SECRET}'",
        ]
    ),
    st.text(max_size=60),
)


def stacks() -> st.SearchStrategy[Stack]:
    """Return the stack, whatever the order in which its file has the services."""
    return st.permutations(SERVICES).map(lambda services: stack(*by_need(services)))


@st.composite
def looks(draw: st.DrawFn) -> Look:
    """Return any look at the stack: what cannot be is in it too."""
    containers = tuple(
        Container(
            id=name,
            service=name,
            name=f"{name}-1",
            state=draw(st.sampled_from(State)),
            health=draw(st.sampled_from(Health)),
            exit_code=draw(st.sampled_from([0, 1, 2, 132, 134, 137, 139, 143, 255])),
            restarts=draw(st.integers(0, 5)),
            oom_killed=draw(st.booleans()),
            error=draw(st.one_of(st.just(""), LINES)),
            health_output=draw(st.one_of(st.just(""), LINES)),
        )
        for name in draw(st.sets(st.sampled_from(NAMES)))
    )
    readings = tuple(
        Reading(service=name, ok=draw(st.booleans()), detail=draw(LINES), final=draw(st.booleans()))
        for name in draw(st.sets(st.sampled_from(NAMES)))
    )
    logs = draw(st.dictionaries(st.sampled_from(NAMES), st.lists(LINES, max_size=8).map(tuple)))
    return Look(containers=containers, readings=readings, logs=logs)


def findings(stack: Stack, seen: Look) -> tuple[Finding, ...]:
    """Return all findings of a look."""
    return diagnosis.diagnose(stack, stack.names(), seen)


@given(stacks(), looks())
def test_a_cause_comes_before_its_victims(stack: Stack, seen: Look) -> None:
    """Who needs a broken service, directly or not, is told after it."""
    order = [finding.service for finding in findings(stack, seen)]

    for place, name in enumerate(order):
        assert not (set(stack.closure((name,))) - {name}) & set(order[place + 1 :])


def test_root_causes_come_first_on_the_real_file() -> None:
    """`minio` stands after `memos` in the alphabet, in which Compose prints services."""
    text = (CONFIG / "registry.yml").read_text(encoding="utf-8")
    real = compose.parse(compose.document(text), CONFIG)
    names = tuple(name for name in real.names() if name != "models")
    line = "MilvusException: Fail connecting to server on milvus-standalone:19530"
    seen = Look(
        containers=tuple(
            container(name, "exited" if name == "minio" else "running") for name in names
        ),
        readings=(reading("memos", "refused", ok=False), reading("milvus", "refused", ok=False)),
        logs={"memos": (line,)},
    )

    told = diagnosis.diagnose(real, names, seen)

    assert [one.service for one in told] == ["minio", "memos"]
    assert told[0].victims == ("milvus", "attu", "memos")
    assert plan.member(real, "milvus") == "milvus"


@given(stacks(), looks())
def test_a_victim_needs_the_one_that_it_is_told_of(stack: Stack, seen: Look) -> None:
    """Nobody is the victim of itself or of a stranger, nor when it is ready."""
    for finding in findings(stack, seen):
        for victim in finding.victims:
            assert victim != finding.service
            assert finding.service in stack.closure((victim,))
            assert not answers(stack.service(victim), seen)


@given(stacks(), looks())
def test_every_finding_can_be_acted_upon(stack: Stack, seen: Look) -> None:
    """It has a code, a cause and a next step, and belongs to a service that is there."""
    for finding in findings(stack, seen):
        assert finding.code
        assert finding.cause
        assert finding.next_step
        assert seen.container(finding.service) is not None


DELETES = re.compile(
    r"inv reset|--volumes|volume (?:rm|prune)|system prune|snapshot\.(?:delete|prune)|\brm -r"
)


@settings(max_examples=500)
@given(stacks(), looks())
def test_only_who_says_so_himself_may_lose_his_data(stack: Stack, seen: Look) -> None:
    """No next step deletes what a neighbour's words, or a guess, are about."""
    for finding in findings(stack, seen):
        deleted = DELETES.findall(finding.next_step)
        one, container = stack.service(finding.service), seen.container(finding.service)
        assert container is not None
        own = list(Failure.of(one, container, seen).lines)
        if (answer := seen.reading(finding.service)) is not None:
            own.append(answer.detail)  # also one that tells nothing
        if deleted:
            assert deleted == ["inv reset"]
            assert f"inv reset --service {finding.service} (" in finding.next_step
            assert one.data_group
            assert finding.evidence
            assert finding.evidence.strip("…")[:20] in masked(" ".join(own), one)


SOURCES = sorted((ROOT / "scripts").rglob("*.py"))
MAY_DELETE = {
    "diagnosis/failure.py": 1,  # where the service says so itself
    "diagnosis/preflight.py": 1,  # after what is left was saved
    "data/operations.py": 1,  # after both were saved
    "config/selection.py": 1,  # how reset is typed, to who types it
}
"""Next steps that may delete data, by file."""


def test_no_other_next_step_deletes_data() -> None:
    """Whatever is advised elsewhere can be typed without a second thought."""
    for path in SOURCES:
        steps = [
            ast.unparse(one.value)
            for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(one, ast.keyword) and one.arg == "next_step"
        ]
        steps += [
            ast.unparse(one.args[2])
            for one in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(one, ast.Call)
            and getattr(one.func, "id", "") in {"Cause", "fatal", "advice"}
            and len(one.args) > 2
        ]
        deleting = [step for step in steps if DELETES.search(step)]
        allowed = MAY_DELETE.get(path.relative_to(ROOT / "scripts").as_posix(), 0)
        assert len(deleting) <= allowed, (path, deleting)


@given(stacks(), looks())
def test_what_is_recognised_holds_no_secret(stack: Stack, seen: Look) -> None:
    """Whatever a program prints of its own password."""
    for one in stack.services:
        container = seen.container(one.name)
        if container is not None and one.probes:
            assert SECRET not in repr(recognised(Failure.of(one, container, seen)))

"""Recorded and quoted logs, and a service that fails with one, for tests of diagnosis."""

from dataclasses import dataclass, field, replace
from typing import Any

from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Auth, Probe, Service
from scripts.diagnosis.causes.catalogue import recognised
from scripts.diagnosis.failure import Failure
from tests.kit.builders import container, reading, service
from tests.kit.places import TESTS_DATA

LOGS = TESTS_DATA / "logs"
SECRET = "correct-horse-battery"
NEIGHBOURS = ("db-etcd", "db-minio", "db-qdrant", "db-neo4j", "db-milvus")
LOGIN = Probe(kind="http", port=1, auth=Auth(kind="basic", user="neo4j", password=SECRET))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault: what is seen of it, and what must be told."""

    log: str = ""
    """The name of a recorded log."""
    said: str = ""
    """What is said after it, in one line or several."""
    state: str = "restarting"
    facts: dict[str, Any] = field(default_factory=dict)
    """More about the container."""
    answer: str = "connection refused"
    alone: bool = False
    """It needs nobody, so what it says is its own word; else it may be what a neighbour told it."""
    steady: tuple[str, ...] = ()
    """Neighbours that have been ready for a while."""
    absent: tuple[str, ...] = ()
    """Neighbours whose containers somebody removed."""
    wanted: tuple[str, str, str] = ("", "", "")
    """The code, and a part of the cause (the wrong value, or who is meant) and of the next step."""
    fatal: bool = True
    evidence: str = ""
    """A part of it; without one, the whole last line of what is said."""


def recorded(name: str) -> tuple[str, ...]:
    """Return the lines of a recorded log."""
    return tuple((LOGS / f"{name}.txt").read_text(encoding="utf-8").splitlines())


def sick(case: Case, name: str = "some-name") -> tuple[Service, Look]:
    """Return a service of that name and a look in which the fault is seen."""
    neighbours = () if case.alone else NEIGHBOURS
    facts: dict[str, Any] = {"image": "example/image:1", "memory": 2**30, "data_group": "its-data"}
    one = replace(service(name, *neighbours, **facts), probes=(LOGIN,))
    others = (container(need, health="healthy") for need in neighbours if need not in case.absent)
    seen = Look(
        containers=(container(name, case.state, **case.facts), *others),
        readings=(reading(name, case.answer, ok=False),),
        steady=frozenset(case.steady),
        logs={name: (*(recorded(case.log) if case.log else ()), *case.said.splitlines())[-40:]},
    )
    return one, seen


def told(case: Case, name: str = "some-name") -> list[Finding]:
    """Return what is recognised in a fault."""
    one, seen = sick(case, name)
    finding = recognised(Failure.of(one, seen.containers[0], seen))
    return [finding] if finding is not None else []


def check(case: Case) -> None:
    """Hold one finding against what must be told, whatever the service is called."""
    code, cause, step = case.wanted
    for name in ("some-name", "x"):
        (finding,) = told(case, name)
        assert (finding.code, finding.fatal, finding.service) == (code, case.fatal, name)
        assert cause in finding.cause
        assert (case.evidence or case.said.splitlines()[-1]) in finding.evidence
        assert step in finding.next_step

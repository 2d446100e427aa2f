"""What is known before a start is judged at once, each finding with what to do."""

from dataclasses import replace

import pytest

from scripts.core.finding import Finding
from scripts.core.inventory import Host
from scripts.diagnosis.preflight import GIB, Conditions, check
from tests.kit.builders import service

GOOD = Host(
    memory=16 * GIB,
    cpu_flags=frozenset({"avx", "sse4_2", "fpu"}),
    disk="/srv/memos",
    disk_free=90 * GIB,
)
PICKY = service("milvus", cpu_flags=("avx", "sse4_2"))
PLAIN = service("neo4j")


def findings(facts: Conditions) -> tuple[Finding, ...]:
    """Return the findings about starting a service that wants a good processor, and another."""
    return check([PICKY, PLAIN], facts)


@pytest.mark.parametrize("facts", [Conditions(host=GOOD), Conditions()])
def test_a_good_or_unknown_machine_has_no_findings(facts: Conditions) -> None:
    """What is not known, as with an engine elsewhere, is not judged."""
    assert findings(facts) == ()


def test_every_taken_port_is_found_with_its_holder() -> None:
    """All ports are told at once, the lowest first, each with service, holder and next step."""
    holders = {7687: ("neo4j", "java (pid 7)"), 3000: ("attu", "container x")}
    found = findings(Conditions(holders=holders))

    assert [(one.code, one.service, one.fatal) for one in found] == [
        ("port-taken", "attu", True),
        ("port-taken", "neo4j", True),
    ]
    assert found[1].cause == "port 7687 is taken by java (pid 7)"
    assert "give neo4j another port in .env" in found[1].next_step


@pytest.mark.parametrize(
    ("project", "owner"), [("memos-old", "project 'memos-old'"), ("", "no Compose project")]
)
def test_a_container_name_that_another_project_has_is_found(project: str, owner: str) -> None:
    """Compose would only say that the name is in use, after it had made half of the others."""
    (found,) = findings(Conditions(strangers={"neo4j": ("neo4j-docker", project)}))

    assert (found.code, found.service, found.fatal) == ("name-taken", "neo4j", True)
    assert found.cause == f"there is a container neo4j-docker already, and it belongs to {owner}"
    assert found.next_step.startswith("inv ps --all shows the stacks and their settings; ")
    assert "CONTAINER_PREFIX in .env, and ports of its own" in found.next_step
    assert "rm" not in found.next_step.split()  # it may be this stack's own, under another name


def test_a_processor_without_avx_cannot_run_what_wants_it() -> None:
    """The service and the missing flags are named; what does not want them can be started."""
    weak = Conditions(host=Host(cpu_flags=frozenset({"sse4_2", "fpu"})))
    (found,) = findings(weak)

    assert (found.code, found.service, found.fatal) == ("cpu-flags", "milvus", True)
    assert found.cause == "the processor lacks avx"
    assert "inv up --service" in found.next_step
    assert check([PLAIN], weak) == ()


def test_a_processor_without_what_is_wished_for_is_told_and_tried() -> None:
    """Some releases of Milvus ended without AVX2; whether this one does only a start tells."""
    wishing = replace(PICKY, cpu_wishes=("avx2",))
    host = Host(cpu_flags=frozenset({"avx", "sse4_2"}))
    (found,) = check([wishing], Conditions(host=host))

    assert (found.code, found.service, found.fatal) == ("cpu-flags", "milvus", False)
    assert "lacks avx2; releases of it ended with exit code 132" in found.cause


@pytest.mark.parametrize(
    ("host", "code", "fatal", "cause"),
    [
        (Host(memory=2 * GIB), "memory", False, "2.0 GiB of memory are free, the stack wants 3"),
        (Host(disk_free=3 * GIB), "disk", False, "3.0 GiB are free under /srv/memos, wanted 5"),
        (Host(disk_free=GIB // 2), "disk", True, "0.5 GiB are free under /srv/memos, wanted 5"),
    ],
)
def test_little_room_is_told_and_fatal_only_when_there_is_almost_none(
    host: Host, code: str, fatal: object, cause: str
) -> None:
    """What is free and what is wanted are in the message; slow is not broken."""
    (found,) = findings(Conditions(host=replace(host, disk="/srv/memos")))

    assert (found.code, found.fatal) == (code, fatal)
    assert cause in found.cause
    assert "inv up" in found.next_step


def test_a_stack_that_runs_has_its_memory_already() -> None:
    """What is free beside it does not say whether it fits; the disk is judged all the same."""
    found = findings(Conditions(host=Host(memory=GIB, disk_free=3 * GIB), running=True))

    assert [one.code for one in found] == ["disk"]


def test_all_findings_come_at_once() -> None:
    """Who mends one need not start again to learn of the next."""
    found = findings(
        Conditions(
            host=Host(memory=GIB, cpu_flags=frozenset({"fpu"}), disk_free=GIB),
            holders={7687: ("neo4j", "java (pid 7)")},
            strangers={"neo4j": ("neo4j-docker", "")},
        )
    )

    assert [one.code for one in found] == [
        *("port-taken", "name-taken", "cpu-flags", "memory", "disk")
    ]


def test_a_paused_container_is_found_with_what_wakes_it() -> None:
    """Compose would refuse to go on, in words that name no next step."""
    (found,) = check([], Conditions(paused=("db",)))

    assert (found.code, found.service, found.fatal) == ("paused", "db", True)
    assert found.next_step == "inv restart --service db"

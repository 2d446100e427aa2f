"""What is known before a start is judged at once, each finding with what to do."""

from pathlib import Path

import pytest

from scripts.host import Host
from scripts.model import Container, Finding
from scripts.preflight import GIB, check, foreign

GOOD = Host(
    memory=16 * GIB, cpus=8, cpu_flags=frozenset({"avx", "sse4_2", "fpu"}), disk_free=90 * GIB
)
FOLDER = Path("/work/memos")


def findings(
    host: Host = GOOD,
    names: tuple[str, ...] = ("milvus", "neo4j"),
    holders: dict[int, tuple[str, str]] | None = None,
) -> tuple[Finding, ...]:
    """Give the findings about a good machine with one fact changed."""
    return check(names, host=host, holders=holders or {}, folder=FOLDER)


@pytest.mark.parametrize("host", [GOOD, Host()])
def test_a_good_or_unknown_machine_has_no_findings(host: Host) -> None:
    """What is not known, as with an engine elsewhere, is not judged."""
    assert findings(host) == ()


def test_every_taken_port_is_found_with_its_holder() -> None:
    """All ports are told at once, the lowest first, each with service, holder and next step."""
    found = findings(holders={7687: ("neo4j", "java (pid 7)"), 3000: ("attu", "container x")})

    assert [(one.code, one.service, one.fatal) for one in found] == [
        ("port-taken", "attu", True),
        ("port-taken", "neo4j", True),
    ]
    assert found[1].cause == "port 7687 is taken by java (pid 7)"
    assert "another port for neo4j in .env" in found[1].next_step


def test_a_processor_without_avx_cannot_run_milvus() -> None:
    """The missing flags are named, and what can be started without them."""
    (found,) = findings(Host(cpu_flags=frozenset({"sse4_2", "fpu"})))

    assert (found.code, found.service, found.fatal) == ("cpu-flags", "milvus", True)
    assert "lacks avx, which Milvus needs" in found.cause
    assert found.next_step.startswith("inv up --service neo4j --service qdrant")


def test_a_processor_without_avx_can_start_what_is_not_milvus() -> None:
    """The next step of the finding above works: only what is to be started is judged."""
    assert findings(Host(cpu_flags=frozenset({"fpu"})), names=("neo4j", "qdrant")) == ()


@pytest.mark.parametrize(
    ("host", "code", "fatal", "cause"),
    [
        (Host(memory=2 * GIB), "memory", False, "2.0 GiB of memory are free, the stack wants 3"),
        (Host(disk_free=3 * GIB), "disk", False, "3.0 GiB are free under /work/memos, wanted 5"),
        (Host(disk_free=GIB // 2), "disk", True, "0.5 GiB are free under /work/memos, wanted 5"),
    ],
)
def test_little_room_is_told_and_fatal_only_when_there_is_almost_none(
    host: Host, code: str, fatal: object, cause: str
) -> None:
    """What is free and what is wanted are in the message; slow is not broken."""
    (found,) = findings(host)

    assert (found.code, found.fatal) == (code, fatal)
    assert cause in found.cause
    assert "inv up" in found.next_step


@pytest.mark.parametrize(
    ("folder", "other"), [("/a/docker", True), (str(FOLDER), False), ("", False)]
)
def test_a_container_of_another_checkout_is_foreign(folder: str, other: object) -> None:
    """The folder that Compose wrote on a container decides; one without it is nobody's."""
    container = Container(id="1", service="s", name="n", state="running", working_dir=folder)

    assert (foreign((container,), FOLDER) is container) is other

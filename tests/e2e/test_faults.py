"""A sample of real faults: the right service, cause, next step and exit code; and it mends them."""

from typing import Any

import pytest
import requests
from checkout import Checkout

pytestmark = pytest.mark.docker


def change(stack: Checkout, **values: str) -> None:
    """Change variables in the stack's file; one that is not there is added."""
    lines = [
        line
        for line in stack.env_file.read_text().splitlines()
        if line.partition("=")[0] not in values
    ]
    lines += [f"{name}={value}" for name, value in values.items()]
    stack.env_file.write_text("\n".join(lines) + "\n")


def up(stack: Checkout, *services: str) -> tuple[int, list[dict[str, Any]]]:
    """Start these services; give the exit code and the findings."""
    words = [word for name in services for word in ("--service", name)]
    ran = stack.inv("up", *words, "--format", "json", check=False)
    assert "Traceback" not in ran.stderr
    return ran.exit_code, [one["finding"] for one in ran.lines if one["event"] == "finding"]


def told(stack: Checkout, *services: str) -> dict[str, Any]:
    """Start these services, which must fail with exactly one fatal finding; give it."""
    code, findings = up(stack, *services)
    fatal = [finding for finding in findings if finding["fatal"]]
    assert (code, len(fatal)) == (5, 1), findings
    return fatal[0]


def test_a_volume_with_another_password_is_told_and_the_old_one_mends_it(other: Checkout) -> None:
    """Neo4j keeps the password of its volume: the finding says so, and what to put back."""
    assert up(other, "neo4j")[0] == 0
    former = other.values()["NEO4J_PASSWORD"]
    change(other, NEO4J_PASSWORD="another-password")  # noqa: S106 - a wrong one, for the test
    finding = told(other, "neo4j")
    assert (finding["service"], finding["code"]) == ("neo4j", "login-rejected")
    assert "former value" in finding["next_step"]
    assert "another-password" not in str(finding)
    change(other, NEO4J_PASSWORD=former)
    assert up(other, "neo4j") == (0, [])


def test_a_heap_larger_than_the_memory_limit_is_told(other: Checkout) -> None:
    """The next step names the variable; with the defaults it starts."""
    change(other, NEO4J_PAGECACHE="512m", NEO4J_HEAP="9g", NEO4J_MEMORY="600m")
    finding = told(other, "neo4j")
    assert finding["service"] == "neo4j"
    assert "NEO4J_" in finding["next_step"]
    change(other, NEO4J_HEAP="512m", NEO4J_PAGECACHE="256m", NEO4J_MEMORY="2g")
    assert up(other, "neo4j") == (0, [])


def test_vectors_of_another_size_stop_the_start_before_memos(other: Checkout) -> None:
    """MemOS would lose vectors without a word; it is not even started."""
    assert up(other, "qdrant")[0] == 0
    url = other.url("QDRANT_HTTP_PORT", "/collections/neo4j_vec_db")
    body = {"vectors": {"size": 8, "distance": "Cosine"}}
    assert requests.put(url, json=body, timeout=10).ok
    finding = told(other, "qdrant")
    assert (finding["service"], finding["code"]) == ("qdrant", "data-mismatch")
    assert "8 numbers, wanted 384" in finding["evidence"]
    assert requests.delete(url, timeout=10).ok
    assert up(other, "qdrant") == (0, [])


def test_a_paused_service_is_told_before_anything_is_touched(running: Checkout) -> None:
    """etcd is the cause, nobody else; what is printed wakes it."""
    name = running.values()["CONTAINER_PREFIX"] + "milvus-etcd"
    running.docker("pause", name)
    finding = told(running)
    assert (finding["service"], finding["code"]) == ("etcd", "paused")
    assert finding["next_step"] == "inv restart --service etcd"
    running.inv("restart", "--service", "etcd")
    assert up(running) == (0, [])


def test_a_crash_that_heals_is_no_failure(running: Checkout) -> None:
    """A killed container comes back by itself: the start waits for it and ends well."""
    name = running.values()["CONTAINER_PREFIX"] + "qdrant-docker"
    pid = running.docker("inspect", "--format={{.State.Pid}}", name).stdout.strip()
    running.run(["kill", "-KILL", pid])
    assert up(running) == (0, [])

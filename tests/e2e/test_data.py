"""What becomes of data and of passwords."""

import os
import pty
import subprocess
import sys
import uuid
from dataclasses import replace

import pytest
import requests
import yaml

from scripts.config import compose
from scripts.watch import probes
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import recall, remember
from tests.kit.places import ROOT

pytestmark = pytest.mark.docker


def test_a_memory_survives_down_and_up(running: Checkout) -> None:
    """`down` keeps the data: the API gives the memory back after the next `up`."""
    cube = f"kept-{uuid.uuid4().hex[:8]}"
    remember(running, cube, "The red door opens at noon.")
    running.inv("down")
    assert running.docker("ps", "--all", "--format={{.Names}}").stdout.count("memos-e2e-") == 0
    running.inv("up")
    assert "The red door opens at noon." in recall(running, cube)


def test_qdrant_keeps_what_it_acknowledged_through_kill_9(running: Checkout) -> None:
    """A killed vector store has every memory again when it is back."""
    cube = f"killed-{uuid.uuid4().hex[:8]}"
    remember(running, cube, "The blue boat leaves at dawn.")
    body = {"filter": {"must": [{"key": "user_name", "match": {"value": cube}}]}}
    url = running.url("QDRANT_HTTP_PORT", "/collections/neo4j_vec_db/points/count")
    before = requests.post(url, json=body, timeout=10).json()["result"]["count"]
    running.docker("kill", "--signal", "KILL", "memos-e2e-qdrant-docker")
    running.inv("up")
    assert requests.post(url, json=body, timeout=10).json()["result"]["count"] == before > 0


def test_down_with_volumes_asks_a_terminal_and_takes_no_for_an_answer(running: Checkout) -> None:
    """Without `y` nothing is touched, and the exit code is 7."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.commands.program", "down", "--volumes"],
        cwd=running.root,
        env=running.environ,
        stdin=theirs,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.write(ours, b"n\n")
        assert process.stderr is not None
        asked = process.stderr.read()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 7
    assert "memos-e2e_neo4j_data" in asked
    assert running.inv("ps", "--format", "json").document["services"][0]["ready"]


def test_down_with_volumes_deletes_nothing_unasked(running: Checkout) -> None:
    """Where nobody can be asked it is exit code 7, and all goes on running."""
    before = running.left()
    refused = running.inv("down", "--volumes", check=False)
    assert refused.exit_code == 7
    assert "--yes" in refused.stderr
    assert running.left() == before


def test_down_with_volumes_and_yes_removes_all(other: Checkout) -> None:
    """Containers, networks and volumes are gone."""
    other.inv("up", "--service", "neo4j", "--service", "qdrant")
    made = " ".join(other.left())
    assert "neo4j_data" in made
    assert "qdrant_data" in made
    other.inv("down", "--volumes", "--yes")
    assert other.left() == []


def test_down_removes_what_is_left_when_a_needed_container_was_removed_by_hand(
    other: Checkout,
) -> None:
    """Compose alone gives up then; the data is kept."""
    other.inv("up", "--service", "milvus")
    other.docker("rm", "--force", next(name for name in other.left() if name.endswith("etcd")))
    other.inv("down")
    assert [name for name in other.left() if "_data" not in name and "_logs" not in name] == []
    assert any("etcd_data" in name for name in other.left())


def asked(stack: Checkout, service: str, password: str) -> bool:
    """Put a service's own probe with another password; say whether it was let in."""
    document = yaml.safe_load(stack.resolved())
    probe = compose.parse(document, ROOT / "docker").service(service).probes[0]
    assert probe.auth is not None
    answer = probes.call(replace(probe, auth=replace(probe.auth, password=password)), timeout=10)
    assert answer[0] in {200, 401, 403}
    # Milvus 2.5 rejects with status 200 and a code
    return answer[0] == 200 and (not isinstance(answer[1], dict) or "message" not in answer[1])


@pytest.mark.parametrize(
    ("service", "variable", "default"),
    [
        ("neo4j", "NEO4J_PASSWORD", "neo4j"),
        ("milvus", "MILVUS_PASSWORD", "Milvus"),
        ("minio", "MINIO_ROOT_PASSWORD", "another-one"),
    ],
)
def test_a_wrong_password_is_rejected(
    running: Checkout, service: str, variable: str, default: str
) -> None:
    """The password of `.env` is let in, the vendor's default and a wrong one are not."""
    right = running.values()[variable]
    words = (right, default, "wrong-one")
    assert [asked(running, service, word) for word in words] == [True, False, False]


def test_the_object_store_rejects_what_is_not_signed(running: Checkout) -> None:
    """A request without any login is refused."""
    assert requests.get(running.url("MINIO_API_PORT", "/"), timeout=10).status_code == 403


def test_other_passwords_than_the_default_work_throughout(other: Checkout) -> None:
    """Passwords from `.env` reach every service, the probes and the smoke test."""
    text = other.env_file.read_text()
    for name in ("NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_ROOT_PASSWORD"):
        text = text.replace(f"{name}={other.values()[name]}", f"{name}=another-{name.lower()}")
    other.env_file.write_text(text)
    other.inv("up")
    assert "no trace of it left" in other.inv("smoke").stdout
    assert asked(other, "milvus", "another-milvus_password")
    assert not asked(other, "milvus", "12345678")

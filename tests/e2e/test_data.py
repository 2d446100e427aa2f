"""What becomes of data and of passwords."""

import os
import pty
import subprocess
import sys
import uuid

import pytest
import requests

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import remember
from tests.e2e.kit.official import row
from tests.e2e.kit.stores import asked

pytestmark = pytest.mark.docker


@row("qdrant", "what it acknowledged survives `kill -9`")
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


def test_down_removes_what_is_left_when_a_needed_container_was_removed_by_hand(
    other: Checkout,
) -> None:
    """Compose alone gives up then; the data is kept, until its volumes are to go as well."""
    other.inv("up", "--service", "milvus")
    other.docker("rm", "--force", next(name for name in other.left() if name.endswith("etcd")))
    other.inv("down")
    assert [name for name in other.left() if "_data" not in name and "_logs" not in name] == []
    assert any("etcd_data" in name for name in other.left())
    other.inv("down", "--volumes", "--yes")
    assert other.left() == []


@row("all", "a wrong password is rejected")
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

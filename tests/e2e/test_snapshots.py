"""Save, reset and restore on real data; killed at three moments too."""

import re
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.memories import recall, remember
from tests.e2e.kit.official import row
from tests.e2e.kit.records import Records, expected, nodes, ties
from tests.e2e.machines.kills import Kills, moments

pytestmark = pytest.mark.docker

SEED = 20260131
TEXTS = ("The green key hangs by the stairs.", "Ada waters the ferns.", "Trains leave at nine.")


def memories(stack: Checkout, cube: str) -> list[str]:
    """Return the memories of a cube as the API gives them."""
    return sorted(
        found for found in re.findall(r'"memory": ?"([^"]*)"', recall(stack, cube)) if found
    )


def vectors(stack: Checkout, cube: str) -> dict[str, list[float]]:
    """Return the vectors of a cube's memories by the ids of their nodes.

    Not by a search through the API: that of MemOS 2.0.6 finds nothing
    (https://github.com/MemTensor/MemOS/issues/1093).
    """
    url = stack.url("QDRANT_HTTP_PORT", "/collections/neo4j_vec_db/points/scroll")
    wanted = {"must": [{"key": "user_name", "match": {"value": cube}}]}
    body = {"filter": wanted, "limit": 100, "with_vector": True}
    answer = requests.post(url, json=body, timeout=60).json()
    return {one["id"]: one["vector"] for one in answer["result"]["points"]}


@row("all", "10,000 records in each store are the same after a snapshot, a reset and a restore")
def test_every_record_is_back_after_save_reset_and_restore(running: Checkout) -> None:
    """Vectors, nodes, relations, points and memories, compared one by one."""
    records, cube = Records(running), f"kept-{uuid.uuid4().hex[:8]}"
    records.put()
    for text in TEXTS:
        remember(running, cube, text)
    known = memories(running, cube)
    assert all(any(text in one for one in known) for text in TEXTS)
    pointed = vectors(running, cube)
    assert len(pointed) >= len(TEXTS)
    running.inv("snapshot.save", "--name", "all-of-it")

    running.inv("reset", "--service", "milvus", "--yes")
    assert records.milvus(0) == {}
    assert records.qdrant() == expected()
    assert records.neo4j() == (nodes(), ties())
    running.inv("reset", "--all", "--yes", "--no-snapshot")
    assert (records.qdrant(), records.neo4j()) == ({}, ({}, set()))
    assert memories(running, cube) == []

    running.inv("snapshot.restore", "all-of-it", "--yes")
    assert records.milvus() == expected()
    assert records.qdrant() == expected()
    assert records.neo4j() == (nodes(), ties())
    assert memories(running, cube) == known
    assert vectors(running, cube) == pointed
    assert "no trace of it left" in running.inv("smoke").stdout


def test_ctrl_c_in_a_save_brings_back_what_was_stopped(running: Checkout) -> None:
    """130, every service answers, and no half a file is left."""
    with running.started("snapshot.save", "--name", "never") as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("save "):
                process.send_signal(signal.SIGINT)
                break
        rest = process.stdout.read()
        assert process.wait() == 130, rest
    rows = running.inv("ps", "--format", "json").document["services"]
    assert all(row["ready"] for row in rows)
    folder = running.root / "snapshots" / running.project
    assert not list(folder.glob("never*"))
    assert not (folder / "journal.json").exists()


@pytest.fixture(scope="module")
def kills(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kills]:
    """A small stack of its own whose data is known."""
    del engine
    with made(tmp_path_factory.mktemp("kills"), "memos-e2e-kills") as stack:
        one = Kills(stack)
        one.prepare()
        yield one


@pytest.mark.parametrize("command", ["save", "reset", "restore"])
def test_a_killed_command_loses_nothing(kills: Kills, command: str) -> None:
    """One moment of each; `nox -s kills` tries thirty."""
    (moment,) = (one for one in moments(SEED, 3) if str(one) == f"{command}:1")
    assert kills.strike(moment)


def test_a_snapshot_of_a_stack_that_is_down_leaves_it_down(kills: Kills) -> None:
    """No container is made or started; the data is that of the snapshot."""
    stack = kills.stack
    kills.fill()
    stack.inv("down")
    stack.inv(*kills.words("save"), "--name", "while-down")
    stack.inv("reset", "--service", "qdrant", "--yes")
    stack.inv("snapshot.restore", "while-down", "--yes")
    label = f"label=com.docker.compose.project={stack.project}"
    assert not stack.docker("ps", "--all", "--quiet", "--filter", label).stdout

    stack.inv(*kills.up)
    assert kills.points() == {kills.generation}


def test_the_folder_of_snapshots_is_the_stacks_own(running: Checkout) -> None:
    """Two stacks of one checkout never see each other's."""
    running.inv("snapshot.save", "--service", "qdrant", "--name", "mine")
    assert Path(running.root / "snapshots" / running.project / "mine.tar.zst").is_file()

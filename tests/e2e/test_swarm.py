"""Several machines: a stack on a Swarm is seen and handled as one on this machine."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.machines.swarm_lab import Inside, Lab, swarm

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="it takes root, and iproute2"
    ),
]
SERVICES = ("qdrant", "minio")
"""Small ones with data and ports; the first comes to another machine than the manager's."""
NAMED = tuple(word for name in SERVICES for word in ("--service", name))
LONG = 120.0
"""Seconds that a look is repeated at most."""
POINTS = "/collections/kept"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Three machines, and ssh from the manager to the others."""
    with swarm(beat=1) as lab:
        yield lab


@pytest.fixture(scope="module")
def stack(engine: Checkout, lab: Lab) -> Iterator[Inside]:
    """Two small services, of which all is ready; their snapshots go at the end."""
    stack = lab.checkout("memos-e2e-swarm")
    lab.bring(engine, stack, *SERVICES)
    stack.inv("up", *NAMED)
    yield stack
    shutil.rmtree(stack.root / "snapshots" / stack.project, ignore_errors=True)


def keep(stack: Inside, number: int) -> None:
    """Have the vector store hold one point, of this number."""
    vectors = {"vectors": {"size": 4, "distance": "Dot"}}
    stack.call("qdrant", 6333, POINTS, method="DELETE")
    stack.call("qdrant", 6333, POINTS, vectors, method="PUT")
    points = {"points": [{"id": number, "vector": [1, 0, 0, 0]}]}
    stack.call("qdrant", 6333, f"{POINTS}/points?wait=true", points, method="PUT")


def kept(stack: Inside) -> list[int]:
    """Return the numbers of the points that the vector store holds."""
    answer = json.loads(stack.call("qdrant", 6333, f"{POINTS}/points/scroll", {"limit": 9}))
    return [point["id"] for point in answer["result"]["points"]]


def until(stack: Inside, service: str, **wanted: object) -> dict[str, Any]:
    """Look until a service is so, or time is up; give it as it is then."""
    row: dict[str, Any] = {}
    for row in poll(lambda: stack.services()[service], timeout=LONG, interval=0.5):
        if all(row[name] == value for name, value in wanted.items()):
            break
    return row


def test_each_service_is_seen_on_its_node(stack: Inside, lab: Lab) -> None:
    """With what the engine of the node tells of it, and answers that it gave to probes of ours."""
    rows = {name: stack.services()[name] for name in SERVICES}

    assert all(row["ready"] and row["answer"] for row in rows.values()), rows
    nodes = {name: row["node"] for name, row in rows.items()}
    assert nodes["minio"] == lab.machines[0].node.name != nodes["qdrant"]
    assert all(row["memory_bytes"] for row in rows.values())
    assert "qdrant" in stack.inv("logs", "--tail", "5").stdout
    assert f" on {nodes['qdrant']}" in stack.inv("ps").stdout


def test_ports_that_nobody_publishes_answer_here(stack: Inside, lab: Lab) -> None:
    """Those of the manager by a link without ssh; on no other machine of the network."""
    for name, row in stack.services().items():
        for port in row["ports"] if name in SERVICES else ():
            here, there = f"127.0.0.1:{port['published']}", lab.address(row["node"])
            assert port["host"] == "127.0.0.1"
            assert stack.connects(here)
            assert not any(
                stack.connects(f"{there}:{number}")
                for number in (port["published"], port["target"])
            )


def test_without_ways_to_the_nodes_the_manager_tells(stack: Inside) -> None:
    """State and health; what takes a node itself says so before it stops anything."""
    blind = stack.varied(stack.env_file.with_name("blind.env"), NODES="")
    before = stack.services()
    rows = blind.services()

    assert all(rows[name]["ready"] and rows[name]["node"] for name in SERVICES)
    refused = blind.inv("snapshot.save", "--service", "qdrant", check=False)
    assert refused.exit_code == 4
    assert "NODES" in refused.stderr
    assert stack.services()["qdrant"]["ready_since"] == before["qdrant"]["ready_since"]


def test_a_node_that_dies_is_told_and_keeps_its_data(stack: Inside, lab: Lab) -> None:
    """All that ran there comes back with it by itself."""
    keep(stack, 1)
    node = stack.services()["qdrant"]["node"]
    lab.machine(node).kill()

    lost = until(stack, "qdrant", state="created")
    assert [one["code"] for one in lost["findings"]] == ["node-down"]
    assert node in lost["findings"][0]["cause"]
    other = next(name for name in SERVICES if name != "qdrant")
    assert stack.services()[other]["ready"]
    doctor = stack.inv("doctor", check=False)
    assert doctor.exit_code == 5
    assert f"node {node} is down" in doctor.stdout

    lab.start(node)
    assert until(stack, "qdrant", ready=True)["ready"]
    assert kept(stack) == [1]


def test_data_on_a_node_is_saved_and_restored(stack: Inside) -> None:
    """By a helper there; what ran runs again."""
    keep(stack, 2)
    stack.inv("snapshot.save", *NAMED, "--name", "two")
    keep(stack, 3)
    stack.inv("snapshot.restore", "two", "--yes")

    assert kept(stack) == [2]
    assert stack.services()["minio"]["ready"]


def test_a_service_is_restarted_and_stopped(stack: Inside) -> None:
    """A Swarm starts anew what only ends: so none is wanted, and then one."""
    began = time.monotonic()
    stack.inv("restart", "--service", "qdrant")
    after = stack.services()["qdrant"]
    assert after["ready"]
    assert after["uptime_seconds"] < time.monotonic() - began

    stack.inv("down", "--service", "qdrant")
    assert stack.services()["qdrant"]["state"] == "exited"
    stack.inv("up", *NAMED)
    assert stack.services()["qdrant"]["ready"]


def test_nothing_is_left_on_any_node(stack: Inside, lab: Lab) -> None:
    """The data only where it is not to go."""
    stack.inv("down")
    assert {name.startswith("memos-e2e-swarm_") for name in lab.left()} == {True}
    stack.inv("up", "--service", "qdrant")
    assert kept(stack) == [2]

    stack.inv("down", "--volumes", "--yes")
    assert lab.left() == []

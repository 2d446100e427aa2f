"""What containers use, as an engine measures it (fields of Engine 26.1.5), over a real socket."""

from copy import deepcopy
from typing import Any

import pytest

from scripts.core.look import Look, Usage
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.watch.measuring import measured, usage
from tests.kit.fake_engine import RECORDED, FakeEngine

NAMES = ("memos", "etcd", "minio")


def stats(memory: dict[str, Any], cpu: int = 1_500_000_000) -> dict[str, Any]:
    """Return the engine's statistics, asked for once."""
    return {
        "read": "2026-11-23T02:00:00.000000001Z",
        "preread": "0001-01-01T00:00:00Z",
        "pids_stats": {"current": 7},
        "cpu_stats": {"cpu_usage": {"total_usage": cpu}, "online_cpus": 2},
        "precpu_stats": {"cpu_usage": {"total_usage": 0}},
        "memory_stats": memory,
    }


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine with the recorded containers, each using as much as the next."""
    found = FakeEngine(deepcopy({"containers": RECORDED["inspected"]}))
    found.state["stats"] = {
        name: stats({"usage": 100, "stats": {"inactive_file": 30}})
        for name in found.state["containers"]
    }
    return found


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        ({"usage": 100, "stats": {"inactive_file": 30, "cache": 50}}, 70),
        ({"usage": 100, "stats": {"total_inactive_file": 40, "inactive_file": 30}}, 60),
        ({"usage": 100, "stats": {"inactive_file": 100}}, 100),
        ({"usage": 100}, 100),
    ],
)
def test_memory_is_counted_as_docker_stats_does(memory: dict[str, Any], expected: int) -> None:
    """Without what the kernel can drop, by the names of cgroup v2 and v1."""
    assert usage(stats(memory)) == Usage(
        memory=expected, cpu=1_500_000_000, read_at=1795399200 * 10**9 + 1
    )


@pytest.mark.parametrize(
    "found",
    [
        {},
        stats({}),
        stats({"usage": 1}, cpu=0),
        {**stats({"usage": 2**31}, cpu=94_076_598_874_543), "pids_stats": {}},
        {**stats({"usage": 1}), "read": "0001-01-01T00:00:00Z"},
    ],
)
def test_of_a_container_that_has_ended_or_no_group_nothing_is_known(found: dict[str, Any]) -> None:
    """The engine answers all the same, with empty fields, or the machine's numbers (rootless)."""
    assert usage(found) is None


def test_only_what_runs_is_asked_and_only_once(engine: FakeEngine, api: Api) -> None:
    """One-shot: the engine takes no second measurement for a percentage."""
    first, *others = engine.state["containers"]
    engine.state["containers"][first]["State"]["Status"] = "exited"
    del engine.state["stats"][others[0]]
    seen = Look(containers=containers(api, "memos-dev"))
    ended = next(one.service for one in seen.containers if one.id == first)
    gone = next(one.service for one in seen.containers if one.id == others[0])

    assert set(measured(api, seen, NAMES).usage) == {*NAMES} - {ended, gone}
    asked = [call for call in engine.calls if "/stats" in call]
    assert sorted(asked) == sorted(
        f"GET /v1.44/containers/{one}/stats?stream=false&one-shot=true" for one in others
    )


def test_nobody_named_is_nobody_asked(engine: FakeEngine, api: Api) -> None:
    """`ps --service` looks at more than it shows."""
    assert measured(api, Look(containers=containers(api, "memos-dev")), ()).usage == {}
    assert not any("/stats" in call for call in engine.calls)

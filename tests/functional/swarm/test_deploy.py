"""What is asked of a manager, and what it is given."""

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import EngineError, RefusedError
from scripts.core.files import Json
from scripts.engine.api import Api
from scripts.engine.remote import doors
from scripts.engine.swarm import cluster, nodes, tasks
from scripts.swarm import deploy
from tests.kit import builders, swarms
from tests.kit.fake_engine import FakeEngine
from tests.kit.fakes import FakeRunner

MANAGER = {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "node-one"}


@pytest.mark.parametrize(
    ("swarm", "more", "told", "step"),
    [
        ({"LocalNodeState": "inactive"}, {}, "is in no Swarm", "docker swarm init"),
        (
            {"LocalNodeState": "inactive"},
            {"LiveRestoreEnabled": True},
            "has live-restore, which goes with no Swarm",
            "take it out of /etc/docker/daemon.json",
        ),
        ({"LocalNodeState": "active"}, {}, "is a worker of its Swarm", "REMOTE=USER@HOST"),
        ({"LocalNodeState": "locked"}, {}, "is a manager of a Swarm that is locked", "unlock"),
        (
            {"LocalNodeState": "error", "Error": "no leader"},
            {},
            "is in no Swarm, and DEPLOY=swarm wants a manager (no leader)",
            "docker swarm init",
        ),
    ],
)
def test_an_engine_that_is_no_manager_is_refused(
    engine: FakeEngine,
    api: Api,
    swarm: dict[str, Any],
    more: dict[str, Any],
    told: str,
    step: str,
) -> None:
    """With what makes it one."""
    engine.state["info"] = {"Swarm": swarm, **more}

    with pytest.raises(EngineError, match=r"the engine at unix://") as error:
        cluster.require_manager(api)

    assert told in str(error.value)
    assert step in error.value.next_step


def test_a_manager_is_a_manager(engine: FakeEngine, api: Api) -> None:
    """Also with a word of Docker's about something else."""
    engine.state["info"] = {"Swarm": {**MANAGER, "Error": "a word"}}

    cluster.require_manager(api)


def test_nodes_are_marked_by_the_data_that_they_hold(engine: FakeEngine, api: Api) -> None:
    """Nothing else about a node changes, and one without a change is left alone."""
    engine.state["swarm"] = {
        "nodes": [
            {**swarms.node("one", Labels={"role": "store"}), "Version": {"Index": 4}},
            {**swarms.node("two"), "Version": {"Index": 5}},
        ]
    }
    homes = {"neo4j": {"node-one"}, "milvus": {"node-one"}}

    deploy.mark(api, "test", homes)
    deploy.mark(api, "test", homes)

    updates = [one for one in engine.requests if one.method == "POST"]
    assert [one.path for one in updates] == ["/v1.44/nodes/node-one/update?version=4"]
    known = tuple(map(nodes.node, engine.state["swarm"]["nodes"]))
    assert known[0].labels["role"] == "store"
    assert json.loads(updates[0].body)["Availability"] == "active"
    assert deploy.marked(known, "test") == {"neo4j": {"node-one"}, "milvus": {"node-one"}}
    assert deploy.marked(known, "other") == {}

    deploy.mark(api, "test", {"neo4j": {"node-two"}, "milvus": set()})

    known = tuple(map(nodes.node, engine.state["swarm"]["nodes"]))
    assert deploy.marked(known, "test") == {"neo4j": {"node-two"}}
    assert known[0].labels == {"role": "store"}


class Contended(Api):
    """A manager whose nodes somebody else changes just before, as often as `conflicts` says."""

    conflicts = 0

    def post(self, path: str, body: object = None, **query: object) -> Json:
        """Refuse, or post."""
        self.conflicts -= 1
        if self.conflicts >= 0:
            raise RefusedError("rpc error: update out of sequence", next_step="")
        return super().post(path, body, **query)


def test_a_mark_that_another_change_came_before_is_made_again(engine: FakeEngine, api: Api) -> None:
    """But not for ever."""
    engine.state["swarm"] = {"nodes": [{**swarms.node("one"), "Version": {"Index": 4}}]}
    manager = Contended(api.endpoint)

    manager.conflicts = 2
    deploy.mark(manager, "test", {"neo4j": {"node-one"}})
    known = tuple(map(nodes.node, engine.state["swarm"]["nodes"]))
    assert deploy.marked(known, "test") == {"neo4j": {"node-one"}}

    manager.conflicts = 99
    with pytest.raises(RefusedError, match="out of sequence"):
        deploy.mark(manager, "test", {})


def runs(*services: dict[str, Any], tasks_of: list[dict[str, Any]]) -> list[tasks.Run]:
    """Return what a manager knows of the stack `test`."""
    known = tasks.Known(nodes={}, services=services, tasks=tasks_of, lost={})
    return deploy.own(known, "test")


def test_services_of_other_stacks_are_none_of_ours() -> None:
    """A Swarm has one list for all."""
    mine, other = swarms.service("web", constraints=["node.id==n1"]), swarms.service("web")
    labels = other["Spec"]["TaskTemplate"]["ContainerSpec"]["Labels"]
    labels[swarms.PROJECT] = "another"

    assert deploy.pins(runs(mine, other, tasks_of=[])) == {"web": "n1"}


def test_a_change_is_carried_out_once_the_newest_task_is_made_so() -> None:
    """Until then the one before it passes for it."""
    web = swarms.service("web")
    old = swarms.task(deepcopy(web), 1, "running", on="one")
    web["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] = "example/web:2"
    new = swarms.task(deepcopy(web), 2, "pending")
    web["Spec"]["TaskTemplate"]["Runtime"] = "container"  # tasks do not say so

    assert not deploy.is_settled(runs(web, tasks_of=[old]), ["web"])
    assert not deploy.is_settled(runs(web, tasks_of=[]), ["web"])
    assert deploy.is_settled(runs(web, tasks_of=[new, old]), ["web"])
    assert not deploy.is_settled(runs(web, tasks_of=[new]), ["web", "db"])


def test_a_stack_is_given_on_stdin(tmp_path: Path) -> None:
    """It holds passwords, which no list of processes may show; what is in files is looked at.

    What a link is to bring of it is noted, beside that of services which are not deployed now.
    """
    (tmp_path / "note").write_text("contents")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "README.md").touch()
    document = {
        "name": "test",
        "services": {
            "web": {
                "image": "example/web:1",
                "environment": {"PASSWORD": "hunter2"},
                "volumes": [{"type": "bind", "source": str(tmp_path / "src"), "target": "/src"}],
                "configs": [{"source": "note"}],
                "ports": [{"host_ip": "127.0.0.1", "published": "8000", "target": 80}],
            }
        },
        "configs": {
            "note": {"file": str(tmp_path / "note")},
            "unused": {"file": str(tmp_path / "absent")},
        },
    }
    runner = FakeRunner().answer("docker stack deploy")
    space = builders.workspace(builders.stack())
    space = replace(
        space,
        compose=replace(space.compose, runner=runner),
        settings=replace(space.settings, root=tmp_path),
    )
    doors.declare(space.cache, {"db": "5432:5432"})
    stack = deploy.of_document(document, {"web": "n1"})

    deploy.deploy(space, stack)

    (call,) = runner.calls
    assert " ".join(call.argv) == (
        "docker stack deploy --compose-file - --resolve-image never test"
    )
    given = json.loads(call.stdin)
    assert given["services"]["web"]["environment"] == {"PASSWORD": "hunter2"}
    assert given["services"]["web"]["deploy"]["placement"] == {"constraints": ["node.id==n1"]}
    assert "volumes" not in given["services"]["web"]
    assert given["configs"]["note"]["name"].startswith("test_note_")
    assert doors.declared(space.cache) == {"db": "5432:5432", "web": "8000:80"}


def test_a_manager_that_refuses_says_why() -> None:
    """In its own words, whose causes are known elsewhere."""
    runner = FakeRunner().answer("docker stack rm", stderr="it has no leader\n", exit_code=1)
    space = builders.workspace(builders.stack())
    space = replace(space, compose=replace(space.compose, runner=runner))

    with pytest.raises(RefusedError, match="docker stack rm failed: it has no leader") as error:
        deploy.remove(space)

    assert error.value.said == "it has no leader"

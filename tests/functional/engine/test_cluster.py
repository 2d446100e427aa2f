"""A Swarm in the place of one engine, over the sockets of two engines."""

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import ConfigError, EngineError, RefusedError
from scripts.core.look import Health, State
from scripts.engine.containers import containers, existing
from scripts.engine.swarm.cluster import Cluster, Memory
from scripts.engine.throwaway import Helper
from tests.kit import swarms
from tests.kit.fake_engine import FakeEngine
from tests.kit.servers import Answer, Request, unix
from tests.kit.swarms import service, task

WEB, STORE = service("web"), service("store", volume="test_store")


class FakeManager(FakeEngine):
    """The engine of node one, with what it tells of the Swarm."""

    def __init__(self, services: list[dict[str, Any]], tasks: list[dict[str, Any]]) -> None:
        """Tell of these services and tasks, on the nodes of the kit."""
        super().__init__({"info": {"ID": "e", "Swarm": {"NodeID": "node-one"}}})
        self.services = {one["ID"]: one for one in services}
        self.tasks = tasks
        self.obeys = True
        self.meanwhile: list[Callable[[], None]] = []
        """What happens while it answers about services, each once."""
        self.conflicts = 0
        """How often somebody else changes a service just before."""
        self.nodes = [swarms.node(name) for name in swarms.MEMBERS]

    def respond(self, request: Request) -> Answer:
        """Answer about the Swarm, or as any engine."""
        words = request.path.partition("?")[0].strip("/").split("/")[1:]
        told = {"nodes": self.nodes, "tasks": self.tasks, "services": [*self.services.values()]}
        match words:
            case [what] if what in told:
                found = deepcopy(told[what])
                while what == "services" and self.meanwhile:
                    self.meanwhile.pop()()
                return 200, found
            case ["tasks", name, "logs"]:
                return 200, f"log of {name}".encode()
            case ["services", name, "update"] if self.conflicts:
                self.conflicts -= 1
                return 500, {"message": "rpc error: code = Unknown desc = update out of sequence"}
            case ["services", name, *update]:
                return 200, self._changed_service(name, request) if update else self.services[name]
            case _:
                return super().respond(request)

    def _changed_service(self, name: str, request: Request) -> dict[str, Any]:
        """Take a new description, of which nothing matters but that no task may be wanted."""
        self.services[name]["Spec"] = json.loads(request.body)
        if self.obeys:  # tasks that nobody wants are removed
            self.tasks[:] = [one for one in self.tasks if one["ServiceID"] != name]
        return {}


@pytest.fixture
def manager() -> FakeManager:
    """Node one has the store, node two runs the API."""
    return FakeManager(
        deepcopy([WEB, STORE]),
        [task(WEB, 2, "running", on="two"), task(STORE, 1, "running", on="one")],
    )


@pytest.fixture
def worker() -> FakeEngine:
    """Node two, with what an earlier task left there."""
    return FakeEngine({"info": {"ID": "w", "Swarm": {"NodeID": "node-two"}}})


@pytest.fixture
def swarm(manager: FakeManager, worker: FakeEngine, tmp_path: Path) -> Iterator[Cluster]:
    """A way to both."""
    manager.state["containers"]["store-1"] = swarms.container("store-1", STORE)
    worker.state["containers"] |= {
        "web-2": swarms.container("web-2", WEB),
        "web-1": swarms.container("web-1", WEB, Status="exited"),
    }
    with (
        unix(manager.respond, tmp_path / "one") as one,
        unix(worker.respond, tmp_path / "two") as two,
    ):
        yield Cluster(one, timeout=5.0, ways={"two": two}, project="test")


def test_containers_are_those_of_all_nodes(swarm: Cluster) -> None:
    """Each with its node; what earlier tasks have left is none of them."""
    found = {one.service: one for one in containers(swarm, "test")}

    assert {name: (one.id, one.node) for name, one in found.items()} == {
        "web": ("web-2", "two"),
        "store": ("store-1", "one"),
    }
    assert {one.health for one in found.values()} == {Health.HEALTHY}
    assert containers(swarm, "another") == ()


def test_without_a_way_to_a_node_the_manager_tells(swarm: Cluster) -> None:
    """State and health, and the log; neither use nor what would run in there."""
    blind = Cluster(swarm.endpoint, timeout=5.0)
    (web,) = containers(blind, "test", "web")

    assert (web.state, web.health, web.node) == (State.RUNNING, Health.HEALTHY, "two")
    assert web.check == ()
    assert blind.get(f"/containers/{web.id}/stats") is None
    assert blind.raw(f"/containers/{web.id}/logs", stdout=True) == b"log of service-web.2"
    with pytest.raises(RefusedError) as refused:
        blind.raw(f"/containers/{web.id}/archive", path="/x")
    assert "NODES" in refused.value.next_step


def test_a_call_goes_to_the_node_that_it_is_about(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """Also by who has not listed them before."""
    worker.state["stats"]["web-2"] = {"read": "now"}

    assert swarm.get("/containers/web-2/stats") == {"read": "now"}
    assert not any("stats" in call for call in manager.calls)
    swarm.post("/containers/web-2/exec", {})
    assert "POST /v1.44/containers/web-2/exec" in worker.calls
    assert swarm.at("/exec/web-2/json").endpoint == swarm.ways["two"]
    assert swarm.at("/version").endpoint == swarm.endpoint


def test_an_engine_that_stops_answering_leaves_its_containers_unknown(
    swarm: Cluster, tmp_path: Path
) -> None:
    """The manager has not noticed yet; the others are seen as before."""
    (tmp_path / "two").unlink()

    found = {one.service: one for one in containers(swarm, "test")}

    assert found["store"].state is State.RUNNING
    assert found["web"].state is State.UNKNOWN
    assert "node two does not answer" in found["web"].error


def test_to_stop_one_is_to_want_none(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """A Swarm starts anew whatever ends; it is shown as one that ended, and can be started."""
    swarm.post("/containers/web-2/stop")
    worker.state["containers"].clear()

    assert manager.services["service-web"]["Spec"]["Mode"] == {"Replicated": {"Replicas": 0}}
    (web,) = containers(swarm, "test", "web")
    assert web.state is State.EXITED

    swarm.post(f"/containers/{web.id}/start")
    assert manager.services["service-web"]["Spec"]["Mode"] == {"Replicated": {"Replicas": 1}}


def test_a_container_whose_task_is_gone_is_started_by_its_swarm(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """It was looked at before the manager forgot the task, and is still on its node."""
    swarm.post("/containers/web-2/stop")
    assert manager.tasks == [task(STORE, 1, "running", on="one")]
    assert "web-2" in worker.state["containers"]

    swarm.post("/containers/web-2/start")

    assert manager.services["service-web"]["Spec"]["Mode"] == {"Replicated": {"Replicas": 1}}


def test_what_was_asked_before_a_change_is_not_remembered_after_it(
    swarm: Cluster, manager: FakeManager
) -> None:
    """A look in another thread would take for stopped what has just been started."""

    def change() -> None:
        manager.services["service-web"]["Spec"]["Mode"] = {"Replicated": {"Replicas": 3}}
        swarm.memory.forget()

    manager.meanwhile.append(change)

    def wanted() -> int:
        (web,) = [one for one in swarm.known().services if one["ID"] == "service-web"]
        return int(web["Spec"]["Mode"]["Replicated"]["Replicas"])

    assert (wanted(), wanted()) == (1, 3)


def test_one_that_does_not_stop_is_told(swarm: Cluster, manager: FakeManager) -> None:
    """After the time that the call has."""
    manager.obeys = False

    with pytest.raises(EngineError) as error:
        swarm.within(0.5).post("/containers/web-2/stop")
    assert "web did not stop" in str(error.value)


def test_what_runs_is_started_by_the_swarm_alone(swarm: Cluster, manager: FakeManager) -> None:
    """A start of one that is wanted already changes nothing."""
    swarm.post("/containers/web-2/restart")

    assert not any("update" in call for call in manager.calls)


def test_volumes_are_those_of_all_nodes(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """Where each is decides where it is worked on."""
    manager.state["volumes"], worker.state["volumes"] = ["test_store"], ["other"]

    assert existing(swarm) == {"test_store", "other"}


def test_data_that_cannot_be_reached_is_told_before_anything_is_done(
    swarm: Cluster, manager: FakeManager
) -> None:
    """It would look as if there was none."""
    manager.tasks = [task(STORE, 1, "running", on="two")]

    with pytest.raises(RefusedError) as refused:
        existing(Cluster(swarm.endpoint, timeout=5.0, project="test"))
    assert "store lies on node two" in str(refused.value)
    assert refused.value.next_step.startswith("NODES=two=USER@HOST")


def test_a_helper_runs_where_its_volume_is(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """One that has volumes of several nodes cannot be."""
    manager.state["volumes"], worker.state["volumes"] = ["test_store"], ["other"]
    worker.answer("/v1.44/containers/create", {"Id": "helper"}, 201)

    def mounts(*names: str) -> dict[str, Any]:
        return {"HostConfig": {"Mounts": [{"Type": "volume", "Source": one} for one in names]}}

    assert swarm.post("/containers/create", mounts("other")) == {"Id": "helper"}
    assert swarm.at("/containers/helper/attach").endpoint == swarm.ways["two"]
    with pytest.raises(RefusedError, match="several nodes: one, two"):
        swarm.post("/containers/create", mounts("other", "test_store"))


def test_a_new_volume_is_made_where_its_service_may_run(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """Where several nodes would do, it is not guessed."""
    with pytest.raises(RefusedError, match="which node is to hold the volume test_store"):
        swarm.post("/volumes/create", {"Name": "test_store"})
    placement = manager.services["service-store"]["Spec"]["TaskTemplate"]["Placement"]
    placement["Constraints"] = ["node.id==node-two"]

    swarm.post("/volumes/create", {"Name": "test_store", "Labels": {}})

    assert (manager.state["volumes"], worker.state["volumes"]) == ([], ["test_store"])


def test_a_volume_goes_with_what_ended_tasks_have_left(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """Their containers hold it as long as they are there."""
    worker.state["containers"]["web-1"]["mounts"] = ["old"]
    worker.state["volumes"] = ["old"]
    worker.answer("/v1.44/containers/web-1", None, 204)

    swarm.delete("/volumes/old")

    assert worker.calls[-2:] == [
        "DELETE /v1.44/containers/web-1?force=true",
        "DELETE /v1.44/volumes/old",
    ]
    assert not any("DELETE" in call for call in manager.calls)


def test_a_node_that_nobody_has_is_told(swarm: Cluster) -> None:
    """NODES has a mistake."""
    with pytest.raises(ConfigError) as wrong:
        containers(Cluster(swarm.endpoint, ways={"tow": "unix:///x"}), "test")
    assert "NODES names tow, and the Swarm has one, two" in str(wrong.value)


def test_data_of_several_nodes_is_worked_on_at_each(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """By a helper of an image that is there; outside of a Swarm one has all."""
    manager.state["volumes"], worker.state["volumes"] = ["test_store"], ["other"]
    names = {"store": "test_store", "other": "other"}
    helper = Helper(swarm, "test", "some", names, images={"other": "its-own"})

    one, two = helper.apart()

    assert (one.api.endpoint, one.image, one.volumes) == (
        swarm.endpoint,
        "some",
        {"store": "test_store"},
    )
    assert (two.api.endpoint, two.image, two.volumes) == (
        swarm.ways["two"],
        "its-own",
        {"other": "other"},
    )
    assert [one.volumes for one in Helper(swarm.manager, "test", "some", names).apart()] == [names]


def test_what_ssh_brings_here_answers_here(swarm: Cluster) -> None:
    """A node that ssh leads to has its ports on this machine; the others at their addresses."""
    ways = {"two": "ssh://me@two"}
    over = Cluster(swarm.endpoint, timeout=5.0, ways=ways, forward=lambda _: swarm.ways["two"])

    found = {one.service: one.address for one in containers(over, "test")}

    assert found == {"web": "", "store": "192.0.2.1"}
    over.remote = "me@one"
    assert {one.address for one in containers(over, "test")} == {""}


def test_ports_for_the_managers_machine_alone_answer_here(
    swarm: Cluster, manager: FakeManager
) -> None:
    """By a link, where one can be had; nobody asks for one where there are no such ports."""
    links = iter([True, False])
    here = replace(swarm, brought=lambda: next(links), memory=Memory())
    assert {one.address for one in containers(here, "test")} == {"192.0.2.1", "192.0.2.2"}

    spec = manager.services["service-store"]["Spec"]["TaskTemplate"]["ContainerSpec"]
    spec["Labels"]["dev.memos.ports"] = "6333:6333"

    def store() -> str:
        here.memory.answers.clear()
        return next(one.address for one in containers(here, "test") if one.service == "store")

    assert (store(), store()) == ("", "192.0.2.1")


def test_a_node_that_ssh_does_not_reach_holds_up_nobody(swarm: Cluster) -> None:
    """It is asked again after a while; what runs there is not known meanwhile."""
    asked = []

    def refuse(address: str) -> str:
        asked.append(address)
        raise EngineError("no route to host", next_step="inv remote")

    over = Cluster(swarm.endpoint, timeout=5.0, ways={"two": "ssh://me@two"}, forward=refuse)

    found = {one.service: one for one in containers(over, "test")}
    assert found["store"].state is State.RUNNING
    assert found["web"].error.endswith("no route to host")
    assert asked == ["ssh://me@two"]


def test_a_change_that_another_one_came_before_is_made_again(
    swarm: Cluster, manager: FakeManager
) -> None:
    """As the Swarm changes services, too; but not for ever."""
    manager.conflicts = 2
    swarm.post("/containers/web-2/stop")
    assert manager.services["service-web"]["Spec"]["Mode"] == {"Replicated": {"Replicas": 0}}

    manager.conflicts = 99
    with pytest.raises(RefusedError, match="out of sequence"):
        swarm.post("/containers/store-1/stop")


def test_logs_are_followed_where_they_are(swarm: Cluster, worker: FakeEngine) -> None:
    """At the node, or through the manager; what happens in all of a Swarm nobody tells."""
    worker.live["web-2"].put(b"written at the node")
    worker.live["web-2"].put(b"")
    path = "/containers/web-2/logs"
    assert b"".join(swarm.stream(path, endless=True, follow=True)) == b"written at the node"

    blind = Cluster(swarm.endpoint, timeout=5.0)
    (web,) = containers(blind, "test", "web")
    told = blind.stream(f"/containers/{web.id}/logs", endless=True)
    assert b"".join(told) == b"log of service-web.2"
    with pytest.raises(EngineError, match="nobody tells"):
        list(swarm.stream("/events"))


def test_restarts_that_nodes_remember_are_those_of_all(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """Each engine knows of its own containers."""
    manager.state["events"] = [{"timeNano": 2}]
    worker.state["events"] = [{"timeNano": 3}]

    told = swarm.raw("/events", since="0.000000001", until="0.000000009")

    assert set(told.splitlines()) == {b'{"timeNano": 2}', b'{"timeNano": 3}'}


def test_a_new_volume_of_a_group_is_made_where_its_data_is(
    swarm: Cluster, manager: FakeManager, worker: FakeEngine
) -> None:
    """By the mark of the node, also for a service that was never deployed."""
    manager.nodes[1]["Spec"]["Labels"] = {"dev.memos.data.test.milvus": "here"}

    swarm.post("/volumes/create", {"Name": "new", "Labels": {"dev.memos.data": "test.milvus"}})

    assert (manager.state["volumes"], worker.state["volumes"]) == ([], ["new"])


def test_data_that_a_mark_tells_of_is_not_taken_for_none(
    swarm: Cluster, manager: FakeManager, tmp_path: Path
) -> None:
    """Once nothing is deployed only the mark of its node says that there is data."""
    manager.services.clear()
    manager.tasks.clear()
    manager.nodes[1]["Spec"]["Labels"] = {"dev.memos.data.test.neo4j": "here"}

    with pytest.raises(RefusedError, match="the data of neo4j lies on node two, whose engine"):
        existing(Cluster(swarm.endpoint, timeout=5.0, project="test"))
    (tmp_path / "two").unlink()
    with pytest.raises(RefusedError, match="the data of neo4j lies on node two, whose engine"):
        existing(swarm)


def test_data_of_another_project_holds_up_nobody(swarm: Cluster, manager: FakeManager) -> None:
    """It need not be within reach."""
    manager.tasks = [task(STORE, 1, "running", on="two")]
    manager.nodes[1]["Spec"]["Labels"] = {"dev.memos.data.test.neo4j": "here"}
    manager.state["volumes"] = ["mine"]

    assert existing(Cluster(swarm.endpoint, timeout=5.0, project="mine")) == {"mine"}


def test_a_volume_of_a_node_that_fell_silent_is_not_deleted_in_silence(
    swarm: Cluster, worker: FakeEngine, tmp_path: Path
) -> None:
    """Who deletes would believe that it is gone."""
    worker.state["volumes"] = ["test_store"]
    assert existing(swarm) == {"test_store"}
    (tmp_path / "two").unlink()

    for _ in range(2):  # also once it is known to be silent
        with pytest.raises(RefusedError, match="node two may have the volume test_store"):
            swarm.delete("/volumes/test_store")


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ("node-one", "the engine there is the node one (node-one; two is node-two)"),
        ("", "the engine there is no node of this Swarm (it has no id; two is node-two)"),
    ],
)
def test_an_engine_that_is_not_that_of_its_node_is_refused(
    swarm: Cluster, worker: FakeEngine, there: str, told: str
) -> None:
    """Data of another machine would be deleted, or restored over."""
    worker.state["info"] = {"Swarm": {"NodeID": there}}

    with pytest.raises(ConfigError, match="NODES has two=unix://") as wrong:
        existing(swarm)
    assert told in str(wrong.value)


def test_an_engine_is_asked_once_which_node_it_is(swarm: Cluster, worker: FakeEngine) -> None:
    """That does not change."""
    existing(swarm)
    existing(swarm)

    assert worker.calls.count("GET /v1.44/info") == 1


def test_a_name_that_several_nodes_have_leads_to_none(swarm: Cluster, manager: FakeManager) -> None:
    """Either could be meant."""
    manager.nodes.append({**swarms.node("two"), "ID": "node-three"})

    with pytest.raises(ConfigError, match="several nodes of the Swarm are called so"):
        existing(swarm)

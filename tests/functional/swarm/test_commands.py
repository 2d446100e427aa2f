"""Commands with DEPLOY=swarm, and what cannot be done there."""

import json
import signal
import subprocess
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
import yaml

from scripts.engine.remote import state as states
from scripts.engine.remote.address import parse
from scripts.engine.remote.state import Phase, State
from scripts.machine import processes, resources
from scripts.swarm import down
from tests.kit import swarms
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import FOLDER, FakeEngine
from tests.kit.servers import unix

PASSWORDS = "".join(
    f"{name}=of-my-own\n" for name in ("NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_ROOT_PASSWORD")
)
INFO = {
    "ID": "an-engine",
    "Swarm": {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "node-one"},
}
NO_PRIVILEGES = "security_opt no-new-privileges:true is not known to a Swarm"


@pytest.fixture
def swarm(at: Checkout) -> Checkout:
    """A stack of a Swarm with one node, where all of it runs."""
    at.env_file.write_text(
        f"IMAGE_SOURCE=registry\nDEPLOY=swarm\nCOMPOSE_PROJECT_NAME=test\n{PASSWORDS}"
    )
    at.config["name"] = "test"
    at.state["info"] = INFO
    services = [swarms.service(name, volume=f"test_{name}") for name in at.config["services"]]
    for one in services:
        labels_of(one)[FOLDER] = str(at.root / "docker")
    at.state["swarm"] = {
        "nodes": [{**swarms.node("one"), "Version": {"Index": 1}}],
        "services": services,
        "tasks": [swarms.task(one, 1, "running", on="one") for one in services],
    }
    at.state["containers"] = {
        f"{name}-1": swarms.container(f"{name}-1", service)
        for name, service in zip(at.config["services"], services, strict=True)
    }
    at.answer("stack deploy", f"cat >{at.folder}/stack.json")
    return at


def labels_of(service: dict[str, Any]) -> dict[str, str]:
    """Return what the containers of a service get."""
    labels: dict[str, str] = service["Spec"]["TaskTemplate"]["ContainerSpec"]["Labels"]
    return labels


def of_another(at: Checkout, *, there: bool = True) -> str:
    """Have another checkout deploy the stack; give where that is."""
    folder = at.folder / "another" / "docker"
    if there:
        folder.mkdir(parents=True)
        (folder.parent / "tasks.py").touch()
    for one in at.state["swarm"]["services"]:
        labels_of(one)[FOLDER] = str(folder)
    for container in at.state["containers"].values():
        container["Config"]["Labels"][FOLDER] = str(folder)
    return str(folder.parent)


def deployed(at: Checkout) -> dict[str, Any]:
    """Return the stack that the manager was given."""
    found: dict[str, Any] = json.loads((at.folder / "stack.json").read_text())
    return found


def test_up_deploys_once_and_waits_until_all_are_healthy(swarm: Checkout) -> None:
    """Each service on its node; Compose makes no container."""
    assert swarm.inv("up") == 0

    told = swarm.shown().err
    assert told.count(NO_PRIVILEGES) == 1
    assert all(name in told for name in swarm.config["services"])
    stack = deployed(swarm)
    assert {one["deploy"]["endpoint_mode"] for one in stack["services"].values()} == {"dnsrr"}
    places = [one["deploy"]["placement"]["constraints"] for one in stack["services"].values()]
    assert places == [["node.id==node-one"]] * len(swarm.config["services"])
    assert not any("create" in call for call in swarm.calls())


def test_a_task_that_is_being_replaced_is_no_container_of_compose(swarm: Checkout) -> None:
    """It runs on while the next one begins."""
    old = swarms.container("etcd-0", swarms.service("etcd"))
    swarm.state["containers"]["etcd-0"] = old

    assert swarm.inv("up") == 0


def test_a_part_of_a_stack_goes_alone(swarm: Checkout) -> None:
    """With all that it needs; what runs beside it is left as it is."""
    assert swarm.inv("up", "--service", "etcd") == 0

    assert list(deployed(swarm)["services"]) == ["etcd"]


def test_a_node_that_is_down_is_told_before_anything_is_deployed(swarm: Checkout) -> None:
    """The data is there, and another node would begin with nothing."""
    swarm.config["services"]["etcd"]["x-data-group"] = "milvus"
    label = {"dev.memos.data.test.milvus": "here"}
    away = {**swarms.node("two", "down", Labels=label), "Version": {"Index": 1}}
    swarm.state["swarm"]["nodes"].append(away)
    swarm.state["volumes"] = []

    assert swarm.inv("up", "--service", "etcd") == 5

    told = swarm.shown().err
    assert "the data of milvus is on node two, which is down" in told
    assert not (swarm.folder / "stack.json").exists()


def in_parts(at: Checkout) -> tuple[str, str]:
    """Have a data group of two volumes, of which the engine has the second; give their names."""
    services, volumes = at.config["services"], at.config["volumes"]
    services["milvus"]["volumes"] = [{"type": "volume", "source": "more", "target": "/data"}]
    volumes["more"] = {"name": "test_more"}
    for name in ("etcd", "milvus"):
        services[name]["x-data-group"] = "milvus"
    names = (volumes["etcd_data"]["name"], "test_more")
    at.state["volumes"] = [names[1]]
    at.state["made"] = {names[1]: {"CreatedAt": "2026-01-01T07:00:00Z"}}
    return names


def test_data_that_has_lost_a_part_is_told_before_anything_is_deployed(swarm: Checkout) -> None:
    """Against what it was ready with, as with plain Compose."""
    gone, kept = in_parts(swarm)
    file = swarm.root / "snapshots" / "test" / "parts.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(dict.fromkeys((gone, kept), "2026-01-01T07:00:00Z")))

    assert swarm.inv("up") == 5

    told = swarm.shown().err
    assert f"the data of milvus is not whole: {gone} is gone, and {kept} stayed" in told
    assert not (swarm.folder / "stack.json").exists()


def test_the_parts_that_all_was_ready_with_are_remembered(swarm: Checkout) -> None:
    """Each by its node's engine, as the engines of others may not answer."""
    gone, kept = in_parts(swarm)
    swarm.state["volumes"].append(gone)
    swarm.state["made"][gone] = {"CreatedAt": "2026-01-01T07:00:00Z"}

    assert swarm.inv("up") == 0

    noted = json.loads((swarm.root / "snapshots" / "test" / "parts.json").read_text())
    assert noted.keys() == {gone, kept}


def test_a_node_that_lost_all_it_is_marked_for_is_told(swarm: Checkout) -> None:
    """An advice: perhaps it was taken away on purpose."""
    in_parts(swarm)
    label = {"dev.memos.data.test.milvus": "here"}
    swarm.state["swarm"]["nodes"] = [{**swarms.node("one", Labels=label), "Version": {"Index": 1}}]
    swarm.state["volumes"] = []

    assert swarm.inv("up") == 0

    told = swarm.shown().err
    assert "node one is marked as the one with the data of milvus, and has no volume of it" in told


def test_what_a_machine_lacks_is_told_before_anything_is_deployed(swarm: Checkout) -> None:
    """Of a node that cannot be asked the manager knows the memory."""
    small = {**swarms.node("two"), "Version": {"Index": 1}}
    small["Description"]["Resources"]["MemoryBytes"] = 2**28
    swarm.state["swarm"]["nodes"] = [small]

    swarm.inv("up")

    assert "node two: 0.2 GiB of memory are free, the stack wants 3 GiB" in swarm.shown().err


def test_an_engine_in_no_swarm_is_told(swarm: Checkout) -> None:
    """3, and how it becomes a manager."""
    swarm.state["info"] = {"ID": "an-engine", "Swarm": {"LocalNodeState": "inactive"}}

    assert swarm.inv("up") == 3

    assert "is in no Swarm, and DEPLOY=swarm wants a manager" in swarm.shown().err


@pytest.mark.parametrize("words", ["ps", "logs", "down"])
def test_who_looks_is_told_that_the_engine_is_no_manager(swarm: Checkout, words: str) -> None:
    """3, and how it becomes one."""
    swarm.state["info"] = {"Swarm": {"LocalNodeState": "inactive"}}
    swarm.state["refuse"] = {"nodes": "This node is not a swarm manager."}

    assert swarm.inv(words) == 3

    told = swarm.shown().err
    assert "is in no Swarm, and DEPLOY=swarm wants a manager" in told
    assert "swarm init" in told


def test_what_a_swarm_cannot_keep_is_told_by_its_key(swarm: Checkout) -> None:
    """2, before anything is deployed."""
    swarm.config["services"]["etcd"]["cpu_shares"] = 512

    assert swarm.inv("up") == 2

    told = swarm.shown().err
    assert "service etcd: cpu_shares: found 512, wanted no such key with DEPLOY=swarm" in told
    assert "DEPLOY= in .env" in told


def test_what_the_kernel_cannot_do_is_told(
    swarm: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A virtual address without IPVS leads nowhere, and nobody says so."""
    swarm.config["services"]["etcd"]["deploy"] = {"endpoint_mode": "vip"}
    monkeypatch.setattr(resources, "kernel", lambda: "CONFIG_INET_ESP=y\n")

    assert swarm.inv("up") == 5

    assert "the kernel of one has no IP_VS, without which endpoint_mode: vip" in swarm.shown().err
    assert not (swarm.folder / "stack.json").exists()


def test_default_passwords_are_refused(swarm: Checkout) -> None:
    """All at once, with the line that wants others."""
    swarm.env_file.write_text("IMAGE_SOURCE=registry\nDEPLOY=swarm\n")

    assert swarm.inv("up") == 2

    assert swarm.shown().err.count("is still the default, and DEPLOY is 'swarm'") == 3


def test_config_shows_what_a_swarm_is_given(swarm: Checkout) -> None:
    """With the secrets masked, and what is lost."""
    swarm.config["services"]["memos"]["environment"]["NEO4J_PASSWORD"] = "of-my-own"

    assert swarm.inv("config") == 0

    shown = swarm.shown()
    stack = yaml.safe_load(shown.out)
    assert stack["services"]["memos"]["deploy"]["endpoint_mode"] == "dnsrr"
    assert "of-my-own" not in shown.out
    assert shown.err.count(NO_PRIVILEGES) == 1


def test_the_doctor_says_what_is_lost(swarm: Checkout) -> None:
    """Once, and that it stops nothing."""
    swarm.inv("doctor")

    assert swarm.shown().out.count(NO_PRIVILEGES) == 1


def test_the_doctor_names_a_key_that_a_swarm_cannot_keep(swarm: Checkout) -> None:
    """As inv up would."""
    swarm.config["services"]["etcd"]["cpu_shares"] = 512

    assert swarm.inv("doctor") == 5

    assert "cpu_shares: found 512" in swarm.shown().out


def test_down_leaves_the_data(swarm: Checkout) -> None:
    """Services end in their order, then the stack is removed."""
    assert swarm.inv("down") == 0

    assert swarm.calls()[-1] == "stack rm test"
    assert "the data is kept, each on its node" in swarm.shown().err


@pytest.mark.parametrize("words", ["reset --service etcd --yes", "snapshot.save"])
def test_data_that_cannot_be_reached_is_told_before_anything_stops(
    swarm: Checkout, words: str
) -> None:
    """4, and the line that is wanted; a snapshot without it would pass for a whole one."""
    swarm.state["swarm"]["nodes"].append({**swarms.node("two"), "Version": {"Index": 1}})
    for one in swarm.state["swarm"]["tasks"]:
        one["NodeID"] = "node-two"

    assert swarm.inv(*words.split()) == 4

    told = swarm.shown().err
    assert "lies on node two, whose engine cannot be asked" in told
    assert "NODES=two=USER@HOST in .env" in told


def test_what_nothing_leads_to_cannot_be_tried(swarm: Checkout) -> None:
    """A port of a node listens on every address, so what is for one machine none publishes."""
    assert swarm.inv("smoke") == 2

    told = swarm.shown().err
    assert "no port of memos answers here: it is on node one, which publishes none" in told
    assert "NODES=one=USER@HOST in .env" in told
    assert "BIND_ADDRESS=0.0.0.0 and ALLOW_WITHOUT_LOGIN=yes" in told


def test_each_service_is_shown_with_its_node(swarm: Checkout) -> None:
    """In text and for programs."""
    assert swarm.inv("ps", "--format", "json") == 0
    rows = json.loads(swarm.shown().out)["services"]
    assert {row["node"] for row in rows} == {"one"}

    assert swarm.inv("ps") == 0
    assert "running, healthy on one" in swarm.shown().out


def test_a_node_that_is_down_is_told_by_doctor(swarm: Checkout) -> None:
    """With all others, and what cannot be asked."""
    nodes = swarm.state["swarm"]["nodes"]
    nodes.append({**swarms.node("two", "down"), "Version": {"Index": 1}})

    swarm.inv("doctor", "--format", "json")

    found = json.loads(swarm.shown().out)
    assert "node-down" in {one["code"] for one in found["findings"]}
    machine = next(row for row in found["areas"] if row["area"] == "machine")
    assert machine["detail"].startswith("a Swarm of one (8.0 GiB of memory), two")


def test_a_stack_of_a_swarm_is_not_started_by_compose(swarm: Checkout) -> None:
    """Both would write to the same data."""
    swarm.env_file.write_text("IMAGE_SOURCE=registry\nCOMPOSE_PROJECT_NAME=test\n")

    assert swarm.inv("up") == 2

    told = swarm.shown().err
    assert "runs in a Swarm" in told
    assert "DEPLOY=swarm inv down" in told


def test_a_stack_of_compose_is_not_started_by_a_swarm(swarm: Checkout) -> None:
    """For the same reason."""
    swarm.state["swarm"] |= {"services": [], "tasks": []}
    for one in swarm.state["containers"].values():
        del one["Config"]["Labels"]["com.docker.swarm.task.id"]

    assert swarm.inv("up") == 2

    told = swarm.shown().err
    assert "run with plain Compose here" in told
    assert "DEPLOY= inv down, then: inv up" in told


@pytest.fixture
def other(swarm: Checkout) -> Iterator[FakeEngine]:
    """A second node, which has nothing yet, and whose engine can be asked."""
    node = {**swarms.node("two"), "Version": {"Index": 1}}
    swarm.state["swarm"]["nodes"].append(node)
    found = FakeEngine({"info": {"ID": "other", "Swarm": {"NodeID": "node-two"}}})
    with unix(found.respond, swarm.folder / "two.sock") as endpoint:
        swarm.env_file.write_text(f"{swarm.env_file.read_text()}NODES=two={endpoint}\n")
        yield found


def test_images_go_to_the_nodes_that_need_them(swarm: Checkout, other: FakeEngine) -> None:
    """Only those of the services that run there."""
    assert swarm.inv("up") == 0

    pins = {
        name: one["deploy"]["placement"]["constraints"][0]
        for name, one in deployed(swarm)["services"].items()
    }
    there = [name for name, pin in pins.items() if pin == "node.id==node-two"]
    images = {swarm.config["services"][name]["image"] for name in there}
    assert images
    assert images == other.state["images"].keys()
    assert images != {one["image"] for one in swarm.config["services"].values()}


def test_the_manager_has_all_images_first(swarm: Checkout, other: FakeEngine) -> None:
    """Also one that another node has by chance: it is the one that gives them to the others."""
    image = swarm.config["services"]["etcd"]["image"]
    del swarm.state["images"][image]
    other.state["images"][image] = {}

    assert swarm.inv("up") == 0

    assert f"pull {image}" in swarm.calls()


def test_a_node_without_a_way_is_told(swarm: Checkout) -> None:
    """It may have the images, or pull them."""
    swarm.state["swarm"]["nodes"].append({**swarms.node("two"), "Version": {"Index": 1}})

    assert swarm.inv("up") == 0

    assert "NODES names no way to two, so that it has to have the images of" in swarm.shown().err
    assert swarm.inv("down") == 0
    assert "there is no way to two (NODES)" in swarm.shown().err


def test_down_deletes_data_of_all_nodes_after_asking(swarm: Checkout, other: FakeEngine) -> None:
    """And says which is where; what belongs to others stays."""
    swarm.answer(" config", f"cat {swarm.folder}/config.yml")
    other.state["volumes"] = ["memos-test_etcd_data", "somebody_elses"]

    assert swarm.inv("down", "--volumes", "--yes") == 0

    told = swarm.shown().err
    assert "memos-test_etcd_data on one" in told
    assert "memos-test_etcd_data on two" in told
    assert "the data was deleted" in told
    assert other.state["volumes"] == ["somebody_elses"]


def test_what_is_still_there_is_told(swarm: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    """6, when time is up."""
    monkeypatch.setattr(down, "GONE_TIMEOUT", 0.1)
    swarm.state["swarm"]["services"].append(swarms.service("other", replicas=0))
    swarm.state["swarm"]["services"][-1]["Spec"]["Labels"] = {}

    assert swarm.inv("down") == 6

    assert "still there after 0 s: test_other" in swarm.shown().err


@pytest.mark.parametrize("words", ["up --yes", "down", "down --volumes --yes"])
def test_a_stack_of_another_checkout_is_left_alone(swarm: Checkout, words: str) -> None:
    """2, before anything is deployed, stopped or deleted."""
    swarm.answer(" config", f"cat {swarm.folder}/config.yml")
    folder = of_another(swarm)

    assert swarm.inv(*words.split()) == 2

    assert f"belongs to the checkout at {folder}" in swarm.shown().err
    assert not any("stack" in call for call in swarm.calls())
    assert "memos-test_etcd_data" in swarm.state["volumes"]


def test_a_stack_of_a_checkout_that_is_gone_is_taken_over_after_asking(swarm: Checkout) -> None:
    """It may have been moved here."""
    folder = of_another(swarm, there=False)

    assert swarm.inv("down") == 7
    assert f"made by the checkout at {folder}, which is not there" in swarm.shown().err
    assert not any("stack" in call for call in swarm.calls())

    assert swarm.inv("up", "--yes") == 0
    assert deployed(swarm)


@pytest.mark.parametrize("words", ["up --yes", "down"])
def test_a_stack_that_no_checkout_deployed_is_left_alone(swarm: Checkout, words: str) -> None:
    """Somebody had another file for it, and the same name."""
    for one in swarm.state["swarm"]["services"]:
        labels_of(one).clear()
    swarm.state["containers"] = {}

    assert swarm.inv(*words.split()) == 2

    assert "a stack 'test' that no checkout has deployed (test_" in swarm.shown().err
    assert not any("stack" in call for call in swarm.calls())


def test_volumes_say_whose_they_are(swarm: Checkout) -> None:
    """As those that Compose mounts do."""
    assert swarm.inv("up") == 0

    volumes = deployed(swarm)["volumes"].values()
    assert {one["labels"]["dev.memos.checkout"] for one in volumes} == {str(swarm.root)}


def test_data_of_another_checkout_is_asked_apart(swarm: Checkout, other: FakeEngine) -> None:
    """On whatever node it is: --yes is not enough."""
    swarm.answer(" config", f"cat {swarm.folder}/config.yml")
    (swarm.folder / "another").mkdir()
    (swarm.folder / "another" / "tasks.py").touch()
    label = {"dev.memos.checkout": str(swarm.folder / "another")}
    other.state["volumes"] = ["memos-test_etcd_data"]
    other.state["made"] = {"memos-test_etcd_data": {"Labels": label}}

    assert swarm.inv("down", "--volumes", "--yes") == 7

    told = swarm.shown().err
    assert f"memos-test_etcd_data on two: made by the checkout at {swarm.folder}/another" in told
    assert not any("stack" in call for call in swarm.calls())
    assert other.state["volumes"] == ["memos-test_etcd_data"]


@pytest.mark.parametrize("words", ["snapshot.save", "reset --all --yes --no-snapshot"])
def test_data_on_a_node_without_a_way_is_no_data_less_after_down(
    swarm: Checkout, words: str
) -> None:
    """4, and nothing is written or deleted: it would be half of the data."""
    swarm.state["swarm"] |= {"services": [], "tasks": []}
    swarm.state["containers"] = {}
    label = {"dev.memos.data.test.neo4j": "here"}
    away = {**swarms.node("two", Labels=label), "Version": {"Index": 1}}
    swarm.state["swarm"]["nodes"].append(away)
    before = [*swarm.state["volumes"]]

    assert swarm.inv(*words.split()) == 4

    assert "the data of neo4j lies on node two" in swarm.shown().err
    assert swarm.state["volumes"] == before


def test_marks_of_a_group_that_is_not_started_stay(swarm: Checkout, other: FakeEngine) -> None:
    """That its data is on two nodes is told to who starts it."""
    for node in swarm.state["swarm"]["nodes"]:
        node["Spec"]["Labels"] = {"dev.memos.data.test.neo4j": "here"}

    assert swarm.inv("up", "--service", "etcd") == 0

    assert other.state["volumes"] == []
    labels = [node["Spec"]["Labels"] for node in swarm.state["swarm"]["nodes"]]
    assert [one.get("dev.memos.data.test.neo4j") for one in labels] == ["here", "here"]


def test_no_image_goes_to_a_node_of_another_processor(swarm: Checkout, other: FakeEngine) -> None:
    """2, with the node, before anything is deployed."""
    other.state["version"] = {**other.state["version"], "Arch": "arm64"}

    assert swarm.inv("up") == 2

    assert "node two: the engine is for arm64, and " in swarm.shown().err
    assert other.state["images"] == {}
    assert not (swarm.folder / "stack.json").exists()


def test_down_ends_the_links_to_the_nodes(swarm: Checkout) -> None:
    """Also one that is broken: it would try to come back for a while."""
    swarm.state["swarm"]["nodes"].append({**swarms.node("two", "down"), "Version": {"Index": 1}})
    swarm.state["swarm"] |= {"services": [], "tasks": []}  # the engine here removes none
    swarm.state["containers"].clear()
    with swarm.env_file.open("a") as env:
        env.write("NODES=two=me@two.example\n")
    address = parse("me@two.example")
    with subprocess.Popen(["sleep", "30"]) as holder:
        Thread(target=holder.wait).start()
        state = State(
            address=str(address),
            phase=Phase.BROKEN,
            since=0,
            root=str(swarm.root),
            pid=holder.pid,
            started=processes.birth(holder.pid),
        )
        states.write(states.folder(swarm.root, address), state)
        code = swarm.inv("down")
        holder.kill()

    told = swarm.shown().err
    assert (code, holder.returncode) == (0, -signal.SIGTERM), told
    assert "the link to ssh://me@two.example is closed" in told

"""Where services run: data stays on its node, and the same question has the same answer."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from scripts.core.stack import Place, Service
from scripts.engine.swarm.nodes import Node
from scripts.swarm.placement import Placement, placement
from tests.kit.builders import service, stack

GIB = 2**30
ONE, TWO, THREE = (Node(id=f"id-{name}", name=name, memory=8 * GIB) for name in ("a", "b", "c"))
NODES = (ONE, TWO, THREE)


def data(name: str, group: str, memory: int = 1, **place: Any) -> Service:
    """Return a service with data, and a limit in GiB."""
    return service(name, data_group=group, memory=memory * GIB, place=Place(**place))


def placed(
    *services: Service,
    nodes: Collection[Node] = NODES,
    held: Mapping[str, Collection[str]] | None = None,
    now: Mapping[str, str] | None = None,
) -> Placement:
    """Place services of a stack."""
    return placement(stack(*services), tuple(nodes), held or {}, now or {})


def told(found: Placement) -> list[tuple[str, str, bool]]:
    """Return the findings: code, service, whether it is the end."""
    return [(one.code, one.service, one.fatal) for one in found.findings]


ETCD, MILVUS = data("etcd", "milvus"), data("milvus", "milvus", 4)
NEO4J, API = data("neo4j", "neo4j", 2), service("memos", memory=2 * GIB)


def test_a_stack_is_spread_by_memory_and_groups_stay_together() -> None:
    """The largest first, each to where most is left, of equals the first by name."""
    found = placed(ETCD, MILVUS, NEO4J, API)

    assert found.nodes == {"etcd": "id-a", "milvus": "id-a", "neo4j": "id-c", "memos": "id-b"}
    assert found.chosen == {"milvus": "id-a", "neo4j": "id-c"}
    assert found.findings == ()


def test_the_order_of_the_nodes_says_nothing() -> None:
    """The manager lists them as it likes."""
    services = (ETCD, MILVUS, NEO4J, API)

    assert placed(*services) == placed(*services, nodes=NODES[::-1])


def test_data_is_used_where_it_is() -> None:
    """Also where another node has more memory; nothing is chosen then."""
    found = placed(ETCD, MILVUS, held={"milvus": {"id-c"}})

    assert found == Placement(nodes={"etcd": "id-c", "milvus": "id-c"}, chosen={})


def test_what_was_deployed_says_where_data_is() -> None:
    """Where nobody may look into the node itself."""
    assert placed(ETCD, MILVUS, now={"milvus": "id-b"}).nodes["etcd"] == "id-b"


def test_what_has_no_data_stays_while_it_can() -> None:
    """And goes elsewhere when its node is away."""
    assert placed(API, now={"memos": "id-c"}).nodes == {"memos": "id-c"}
    away = (ONE, TWO, replace(THREE, problem="down"))
    assert placed(API, nodes=away, now={"memos": "id-c"}).nodes == {"memos": "id-a"}


@pytest.mark.parametrize("problem", ["down", "drained"])
def test_data_on_a_node_that_is_away_is_told(problem: str) -> None:
    """Another node would begin with nothing, in silence."""
    away = (replace(ONE, problem=problem), TWO)
    found = placed(NEO4J, nodes=away, held={"neo4j": {"id-a"}})

    assert told(found) == [("node-away", "neo4j", True)]
    assert found.findings[0].cause == f"the data of neo4j is on node a, which is {problem}"
    assert found.findings[0].next_step == "bring a back, then: inv up"


def test_data_on_a_node_that_has_left_is_told() -> None:
    """By its id, as nobody knows its name any more."""
    found = placed(NEO4J, held={"neo4j": {"gone"}})

    assert told(found) == [("node-away", "neo4j", True)]
    assert "gone" in found.findings[0].cause


def test_data_on_two_nodes_is_nobodys_to_choose() -> None:
    """One of them is old, and we cannot know which."""
    found = placed(NEO4J, held={"neo4j": {"id-a"}}, now={"neo4j": "id-b"})

    assert told(found) == [("data-on-nodes", "neo4j", True)]
    assert found.findings[0].cause == "data of neo4j is on 2 nodes: a, b"


def test_a_place_wants_a_label() -> None:
    """Of its node."""
    store = replace(THREE, labels={"role": "store"})
    found = placed(data("neo4j", "neo4j", label="role=store"), nodes=(ONE, TWO, store))

    assert found.nodes == {"neo4j": "id-c"}


def test_a_label_that_no_node_has_is_told() -> None:
    """With the command that gives it."""
    found = placed(data("neo4j", "neo4j", label="role=store"), API)

    assert told(found) == [("no-node", "neo4j", True)]
    (finding,) = found.findings
    assert finding.cause == "no node has role=store, as x-place of neo4j wants"
    assert finding.next_step.startswith("docker node update --label-add role=store NODE")
    assert found.nodes.keys() == {"memos"}


def test_data_stays_though_its_place_wants_another_node() -> None:
    """It does not move by itself; that is worth a word."""
    found = placed(data("neo4j", "neo4j", label="role=store"), held={"neo4j": {"id-b"}})

    assert found.nodes == {"neo4j": "id-b"}
    assert told(found) == [("place-held", "neo4j", False)]


def test_no_node_at_all_is_told() -> None:
    """With what is the matter with each."""
    found = placed(API, nodes=(replace(ONE, problem="down"), replace(TWO, problem="drained")))

    assert told(found) == [("no-node", "memos", True)]
    assert found.findings[0].cause == "no node can run memos: a is down, b is drained"


def test_what_is_spread_has_nodes_of_its_own() -> None:
    """As long as there are."""
    large = replace(ONE, memory=64 * GIB)
    both = (data("one", "one", spread=True), data("two", "two", spread=True))

    assert placed(*both, nodes=(large, TWO)).nodes == {"one": "id-a", "two": "id-b"}
    assert placed(*both, nodes=(large,)).nodes == {"one": "id-a", "two": "id-a"}


def test_what_is_near_another_one_is_on_its_node() -> None:
    """Also over a third, and where that one's data is."""
    panel = service("attu", place=Place(near="milvus"))
    more = service("more", place=Place(near="attu"))
    found = placed(more, panel, ETCD, MILVUS, held={"milvus": {"id-b"}})

    assert set(found.nodes.values()) == {"id-b"}
    assert len(found.nodes) == 4


def test_near_one_that_is_not_started_means_nothing() -> None:
    """A part of a stack may be brought up alone."""
    assert placed(service("attu", place=Place(near="milvus"))).nodes == {"attu": "id-a"}

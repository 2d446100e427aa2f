"""The stores asked as real servers answer, well and ill."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from uuid import UUID

import pytest

from scripts.core.errors import BrokenError, ConfigError
from scripts.core.stack import Auth, Port, Probe, Stack
from scripts.watch.memories import stores as module
from scripts.watch.memories.stores import Stores
from tests.kit.builders import service, stack
from tests.kit.fake_stack import FakeStack
from tests.kit.servers import Answer, Request, closed_port, http, silent, tcp

CYPHER = "/db/neo4j/tx/commit"
POINTS = "/collections/neo4j_vec_db/points"
SCROLL = f"{POINTS}/scroll"
PASSWORD = "a-secret"


def nothing(_: str) -> str:
    """Return the value of a variable that is not set."""
    return ""


def number(one: int) -> str:
    """Return an id as MemOS makes them."""
    return str(UUID(int=one))


@pytest.fixture
def world() -> FakeStack:
    """Return two cubes: 0 to 24 are whole, 90 lacks its vector, 95 and 96 their node."""
    whole = {"a": range(20), "b": range(20, 25)}
    found = FakeStack()
    found.nodes = {cube: {number(n): f"text {n}" for n in some} for cube, some in whole.items()}
    found.points = {cube: {number(n): [1.0] for n in some} for cube, some in whole.items()}
    found.nodes["a"][number(90)] = "no vector"
    found.points["a"][number(95)] = [1.0]
    found.points["gone"] = {number(96): [1.0]}
    return found


@pytest.fixture
def port(world: FakeStack) -> Iterator[int]:
    """Serve it; give the port."""
    with http(world.respond) as found:
        yield found


@pytest.fixture
def stores(port: int) -> Stores:
    """Return both databases behind one port."""
    return Stores.of(stack_at(port), nothing)


def stack_at(port: int) -> Stack:
    """Return a stack whose databases are behind one port."""
    auth = Auth(kind="basic", user="neo4j", password=PASSWORD)
    return stack(
        *(
            replace(
                service(name, ports=(Port(host="127.0.0.1", published=port, target=target),)),
                probes=(Probe(kind="http", port=port, auth=auth),),
            )
            for name, target in {"neo4j": 7474, "qdrant": 6333}.items()
        )
    )


@pytest.mark.parametrize("page", [1, 7, 10_000])
def test_what_lacks_its_half_is_found_on_every_page(
    stores: Stores, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """However long the pages are: a vector's cube is what it remembers."""
    monkeypatch.setattr(module, "PAGE", page)
    monkeypatch.setattr(module, "NODES", page)

    store = stores.look()

    assert store.cubes == ("a", "b", "gone")
    assert {kind.cube: kind.nodes for kind in store.kinds} == {"a": 21, "b": 5}
    assert store.paired == {"a": 20, "b": 5}
    assert [(one.cube, one.id) for one in store.bare] == [("a", number(90))]
    assert {(one.cube, one.id) for one in store.loose} == {("a", number(95)), ("gone", number(96))}


def test_what_is_whole_by_now_lacks_nothing(world: FakeStack) -> None:
    """MemOS writes one half a moment before the other: it is asked again."""

    def respond_late(request: Request) -> Answer:
        answer = world.respond(request)
        if world.paths[-1] == SCROLL:
            world.points["a"][number(90)] = [1.0]
            world.nodes["a"][number(95)] = "just added"
        return answer

    with http(respond_late) as late:
        store = Stores.of(stack_at(late), nothing).look()

    assert [one.id for one in store.loose] == [number(96)]
    assert store.bare == ()


def test_a_database_that_hangs_is_not_waited_for_longer_than_asked() -> None:
    """Somebody has paused it; its port takes everything."""
    with tcp(silent) as hanging:
        stores = Stores.of(stack_at(hanging), nothing, timeout=0.2)
        with pytest.raises(BrokenError, match=r"does not answer at .*: no answer in time"):
            stores.look()


def test_a_vector_that_has_its_node_by_now_is_not_removed(world: FakeStack, stores: Stores) -> None:
    """Each is asked for once more, right before."""
    loose = [one.id for one in stores.look().loose]
    world.nodes["a"][number(95)] = "it was being added"

    assert stores.remove_loose(loose) == 1

    assert number(95) in world.points["a"]
    assert world.points["gone"] == {}
    assert len(world.points["a"]) == 21


def test_memories_of_a_cube_come_with_what_lacks_a_half_first(stores: Stores) -> None:
    """A limit holds for all of them together."""
    store = stores.look().only("a")

    rows = stores.memories(store, "a", 4)

    assert [row["lacks"] for row in rows] == ["node", "vector", "", ""]
    assert rows[0]["text"] == "what a vector remembers"
    assert rows[1]["text"] == "no vector"
    assert [len(stores.memories(store, "a", limit)) for limit in (0, 1, 2, 100)] == [0, 1, 2, 22]


def test_without_a_collection_there_are_no_vectors(world: FakeStack, stores: Stores) -> None:
    """MemOS makes it when it starts."""
    missing = (404, {"status": {"error": "Not found: Collection `neo4j_vec_db` doesn't exist!"}})
    world.faults = dict.fromkeys((SCROLL, POINTS), missing)

    store = stores.look()

    assert len(store.bare) == 26
    assert store.loose == ()


def test_what_others_left_in_the_databases_breaks_nothing(world: FakeStack, stores: Stores) -> None:
    """Names that are no text, nodes without id, points with numbers."""
    rows = [[None, 7, ["x"], 2, [None, number(1)], 1], ["a", None, None, 1, [5], 2]]
    data = [{"row": row, "meta": []} for row in rows]
    world.faults[CYPHER] = (200, {"results": [{"data": data}], "errors": []})
    page = {"points": [{"id": 5}, {"id": number(1)}], "next_page_offset": None}
    world.faults[SCROLL] = (200, {"result": page})
    world.faults[POINTS] = (200, {"result": [{"id": 5, "payload": None}]})

    store = stores.look()

    assert [(kind.cube, kind.type, kind.status) for kind in store.kinds] == [
        ("", "7", '["x"]'),
        ("a", "", ""),
    ]
    assert store.nameless == {"": 1, "a": 1}
    assert [one.id for one in store.loose] == [5]


def test_pages_that_do_not_end_are_told(
    world: FakeStack, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One who sends the same page for ever keeps nobody."""
    world.faults[SCROLL] = (200, {"result": {"points": [{"id": 5}], "next_page_offset": 5}})

    with pytest.raises(BrokenError, match="qdrant: it gives pages without end"):
        stores.look()

    monkeypatch.setattr(module, "NODES", 1)
    data = [{"row": ["a", "b", "c", 1, [number(1)], 7], "meta": []}]
    world.faults = {CYPHER: (200, {"results": [{"data": data}], "errors": []})}
    with pytest.raises(BrokenError, match="neo4j: it gives pages without end"):
        stores.look()


@pytest.mark.parametrize(
    ("fault", "told", "step"),
    [
        ((401, {}), "neo4j rejects the stack's login (401)", "put the former value back"),
        ((500, {"a": 1}), 'neo4j: answered 500: {"a": 1}', "inv logs --service neo4j"),
        ((200, "no JSON"), 'neo4j: answered 200: "no JSON"', "inv logs --service neo4j"),
        (
            (200, {"results": [], "errors": [{"message": "out of \x1b[2Jmemory"}]}),
            r"neo4j: out of \x1b[2Jmemory",
            "inv logs --service neo4j",
        ),
        ((200, {"status": "ok"}), "neo4j: its answer has another shape", "inv logs"),
    ],
    ids=["the login", "an error", "something else", "a statement", "another program"],
)
def test_a_database_that_does_not_answer_well_is_told(
    world: FakeStack, stores: Stores, fault: Answer, told: str, step: str
) -> None:
    """With the next step, and never the password."""
    world.faults[CYPHER] = fault

    with pytest.raises(BrokenError, match=re.escape(told)) as error:
        stores.look()

    assert step in error.value.next_step
    assert PASSWORD not in f"{error.value}{error.value.next_step}"


def test_a_database_that_is_not_there_is_told() -> None:
    """With what starts it."""
    port = closed_port()

    with pytest.raises(BrokenError, match=f"does not answer at 127.0.0.1:{port}") as error:
        Stores.of(stack_at(port), nothing).look()

    assert error.value.next_step == "inv up --service neo4j --service qdrant"
    with pytest.raises(BrokenError, match="no service publishes container port 7474"):
        Stores.of(stack(), nothing)


def embed(texts: Sequence[str]) -> list[list[float]]:
    """Return a vector for each text."""
    return [[float(len(text))] for text in texts]


def test_a_node_without_vector_gets_one_of_its_text(world: FakeStack, stores: Stores) -> None:
    """Also where two writers race: one that has a vector by now keeps that."""
    bare = stores.look().bare

    assert stores.give_vectors(bare, embed) == 1
    assert world.points["a"][number(90)] == [float(len("no vector"))]
    assert stores.look().bare == ()
    assert stores.give_vectors(bare, embed) == 0


def test_a_node_that_cannot_have_a_vector_is_left_alone(world: FakeStack, stores: Stores) -> None:
    """Its id is no UUID, or it has no text."""
    world.nodes["b"] |= {"no-uuid": "a text", number(91): ""}
    bare = stores.look().bare

    assert len(bare) == 3
    assert stores.give_vectors(bare, embed) == 1
    assert {one.id for one in stores.look().bare} == {"no-uuid", number(91)}


def test_without_a_collection_no_vector_can_be_kept(world: FakeStack, stores: Stores) -> None:
    """MemOS makes it when it starts."""
    world.faults = dict.fromkeys((SCROLL, POINTS), (404, {"status": {"error": "Not found"}}))

    with pytest.raises(BrokenError, match="no collection for vectors") as error:
        stores.give_vectors(stores.look().bare, embed)

    assert error.value.next_step == "inv restart, then again"


def test_where_memos_keeps_its_vectors_elsewhere_nothing_is_compared() -> None:
    """The variable that MemOS reads first is named."""
    values = {"GRAPH_DB_BACKEND": "Neo4j", "NEO4J_BACKEND": "neo4j-community"}

    with pytest.raises(ConfigError, match="GRAPH_DB_BACKEND is 'Neo4j'") as error:
        Stores.of(stack_at(1), lambda name: values.get(name, ""))

    assert "GRAPH_DB_BACKEND=neo4j-community in .env" in error.value.next_step


QUERY = "/v2/vectordb/entities/query"


def preferring(name: str) -> str:
    """Return the value of a variable where preference memory is on."""
    return "true" if name == "ENABLE_PREFERENCE_MEMORY" else ""


def with_milvus(port: int, path: str = "/v2/vectordb/collections/list") -> Stores:
    """Return the stores of a stack with preference memory on; a probe's path tells the version."""
    published = (Port(host="127.0.0.1", published=port, target=19530),)
    probe = Probe(kind="http", port=port, path=path)
    milvus = replace(service("milvus", ports=published), probes=(probe,))
    databases = stack_at(port)
    return Stores.of(replace(databases, services=(*databases.services, milvus)), preferring)


def preference(cube: object, *, text: bool = False) -> dict[str, object]:
    """Return a row as Milvus gives it, or as one does that gives JSON as what it is."""
    payload = {"mem_cube_id": cube}
    return {"id": "p", "payload": json.dumps(payload) if text else payload}


def test_preferences_are_counted_by_cube(world: FakeStack, port: int) -> None:
    """Of both kinds; a field of JSON may come as text."""
    rows = [preference("a"), preference("a", text=True), preference(None)]
    world.faults[QUERY] = (200, {"code": 0, "data": rows})

    assert with_milvus(port).preferences() == {"a": 4, "": 2}


@pytest.mark.parametrize("answer", [{"code": 0, "data": []}, {"code": 100, "message": "can't"}])
def test_without_any_preference_there_are_none(
    world: FakeStack, port: int, answer: dict[str, object]
) -> None:
    """MemOS makes its collections with the first."""
    world.faults[QUERY] = (200, answer)

    assert with_milvus(port).preferences() == {}


def test_where_no_preferences_are_kept_they_are_not_known(port: int) -> None:
    """Preference memory is off, or the version of Milvus is none that MemOS can use for them."""
    assert Stores.of(stack_at(port), nothing).preferences() is None
    assert with_milvus(port, "/v1/vector/collections").preferences() is None


def test_preferences_that_cannot_be_counted_are_told(world: FakeStack, port: int) -> None:
    """More than Milvus gives, and an error of its own."""
    page = [preference("a")] * module.ROWS_PAGE
    world.faults[QUERY] = (200, {"code": 0, "data": page})
    with pytest.raises(BrokenError, match="milvus: more than 16,000 preferences"):
        with_milvus(port).preferences()

    world.faults[QUERY] = (200, {"code": 65535, "message": "not loaded"})
    with pytest.raises(BrokenError, match="milvus: not loaded"):
        with_milvus(port).preferences()

"""The Qdrant stand-in, started as its image starts it, asked by Qdrant's own client."""

import http.client
import itertools
import json
import select
import socket
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.kit.qdrant import Front, launch, running

UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
SIZE = 4
MIB = 1024 * 1024
names = (f"collection-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """One front for all tests that don't stop it."""
    with running(tmp_path_factory.mktemp("storage")) as one:
        yield one


@pytest.fixture(scope="module")
def client(front: Front) -> Iterator[QdrantClient]:
    """Qdrant's client for the shared front."""
    one = front.client()
    yield one
    one.close()


@pytest.fixture
def name(client: QdrantClient) -> str:
    """A collection of its own with five points; the nearer to id 1, the smaller the id."""
    name = next(names)
    fill(client, name)
    return name


def fill(client: QdrantClient, name: str) -> None:
    """Make a collection of five points, four with integers and one with a UUID as id."""
    vectors = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
    assert client.create_collection(name, vectors_config=vectors)
    payloads = [
        {"kind": "work", "size": 1, "seen": True, "tags": ["a"], "at": "2026-01-01T00:00:00Z"},
        {"kind": "work", "size": 2, "seen": False, "tags": ["a", "b"]},
        {"kind": "user", "size": 3, "note": None, "inner": [{"x": 1, "y": 2}]},
        {"kind": "user", "size": 4, "tags": []},
        {"kind": "long", "size": 5},
    ]
    known: list[int | str] = [1, 2, 3, 4, UUID]
    points = [
        models.PointStruct(id=one, vector=[1.0, 0.1 * step, 0.0, 0.0], payload=payloads[step])
        for step, one in enumerate(known)
    ]
    assert client.upsert(name, points, wait=True).status == models.UpdateStatus.COMPLETED


def ids(points: list[models.ScoredPoint] | list[models.Record]) -> list[object]:
    """The ids of points, in their order."""
    return [point.id for point in points]


def kinds(*wanted: str) -> models.FieldCondition:
    """A condition on the field `kind`."""
    return models.FieldCondition(key="kind", match=models.MatchAny(any=list(wanted)))


def error_of(answer: tuple[int, str]) -> tuple[int, str]:
    """Status and error text of a raw answer."""
    return answer[0], json.loads(answer[1])["status"]["error"]


def test_nearest_come_first_with_what_was_asked_for(client: QdrantClient, name: str) -> None:
    """A query gives the most similar points first, payload and vector only on request."""
    found = client.query_points(name, query=[1.0, 0.0, 0.0, 0.0], limit=3, with_payload=["size"])
    bare = client.query_points(
        name, query=[1.0, 0.0, 0.0, 0.0], offset=1, limit=1, with_payload=False, with_vectors=True
    ).points[0]

    assert ids(found.points) == [1, 2, 3]
    assert found.points[0].score == pytest.approx(1)
    assert found.points[0].payload == {"size": 1}
    assert (bare.id, bare.payload) == (2, None)
    assert bare.vector == pytest.approx([0.995, 0.0995, 0, 0], abs=1e-3)


def test_query_keeps_to_filter_and_threshold(client: QdrantClient, name: str) -> None:
    """A filter and a score threshold hold together with the order."""
    query = [1.0, 0.0, 0.0, 0.0]
    only = models.Filter(must=[kinds("user", "long")])

    assert ids(client.query_points(name, query=query, query_filter=only).points) == [3, 4, UUID]
    assert ids(client.query_points(name, query=query, score_threshold=0.99).points) == [1, 2]


def test_old_search_gives_the_same(front: Front, name: str) -> None:
    """The endpoint of clients before 1.10 gives a plain list."""
    body = {"vector": [1, 0, 0, 0], "limit": 2, "with_payload": True}

    status, text = front.ask("POST", f"/collections/{name}/points/search", body)

    assert status == 200
    assert [point["id"] for point in json.loads(text)["result"]] == [1, 2]


# A filter, and how many of the five points fit it.
FILTERS = """
{"must": [{"key": "kind", "match": {"value": "work"}}]}  2
{"must": {"key": "kind", "match": {"value": "work"}}}  2
{"should": [{"key": "size", "match": {"value": 1}}, {"key": "size", "match": {"value": 5}}]}  2
{"must_not": [{"key": "kind", "match": {"value": "work"}}]}  3
{"must": [{"key": "size", "range": {"gte": 2}}], "must_not": [{"has_id": [4]}]}  3
{"must": [{"key": "kind", "match": {"except": ["work", "user"]}}]}  1
{"must": [{"key": "size", "range": {"gt": 1, "lte": 3.5}}]}  2
{"must": [{"key": "at", "range": {"lt": "2026-02-01"}}]}  1
{"must": [{"key": "seen", "match": {"value": true}}]}  1
{"must": [{"key": "seen", "match": {"value": false}}]}  1
{"must": [{"key": "tags", "match": {"value": "a"}}]}  2
{"must": [{"key": "kind", "match": {"text": "work"}}]}  2
{"must": [{"is_empty": {"key": "tags"}}]}  3
{"must": [{"is_null": {"key": "note"}}]}  1
{"must": [{"nested": {"key": "inner", "filter": {"must": {"key": "x", "match": {"any": [1]}}}}}]}  1
{"must": [{"must_not": [{"has_id": [1]}]}]}  4
{}  5
"""


@pytest.mark.parametrize("row", FILTERS.strip().splitlines())
def test_filters_choose_points(front: Front, name: str, row: str) -> None:
    """Each kind of filter counts the points that Qdrant's rules say."""
    given, fitting = row.split("  ")
    body = f'{{"filter": {given}}}'

    status, text = front.ask("POST", f"/collections/{name}/points/count", body)

    assert status == 200, text
    assert json.loads(text)["result"] == {"count": int(fitting)}


def test_an_indexed_field_filters_alike(client: QdrantClient, name: str) -> None:
    """A payload index changes no answer, is listed, and goes away again."""
    only = models.Filter(must=[kinds("work")])
    client.create_payload_index(name, "kind", models.PayloadSchemaType.KEYWORD, wait=True)

    assert client.count(name, count_filter=only).count == 2
    schema = client.get_collection(name).payload_schema
    assert schema["kind"].data_type == models.PayloadSchemaType.KEYWORD
    client.delete_payload_index(name, "kind", wait=True)
    assert not client.get_collection(name).payload_schema
    assert client.count(name, count_filter=only).count == 2


def test_scrolling_visits_every_point_once(client: QdrantClient, name: str) -> None:
    """Pages follow each other by the offset they name, and the last one names none."""
    first, offset = client.scroll(name, limit=3, with_vectors=True)
    second, end = client.scroll(name, limit=3, offset=offset)

    assert ids(first) + ids(second) == [1, 2, 3, 4, UUID]
    assert end is None
    assert first[0].vector is not None
    assert second[0].vector is None
    assert ids(client.scroll(name, models.Filter(must=[kinds("user")]))[0]) == [3, 4]


def test_scrolling_by_a_field_needs_its_index(client: QdrantClient, name: str) -> None:
    """An order needs an index that knows ranges, as in Qdrant, and then holds."""
    order = models.OrderBy(key="size", direction=models.Direction.DESC)
    with pytest.raises(UnexpectedResponse, match="No range index"):
        client.scroll(name, order_by=order)
    client.create_payload_index(name, "size", models.PayloadSchemaType.INTEGER)

    assert ids(client.scroll(name, order_by=order, limit=2)[0]) == [UUID, 4]


def test_points_come_back_by_id(client: QdrantClient, name: str) -> None:
    """Retrieve keeps the order asked for and leaves out what is not there."""
    found = client.retrieve(name, [UUID, 77, 2], with_vectors=True)

    assert ids(found) == [UUID, 2]
    assert found[1].payload == {"kind": "work", "size": 2, "seen": False, "tags": ["a", "b"]}
    assert found[1].vector == pytest.approx([0.995, 0.0995, 0, 0], abs=1e-3)


def test_upsert_replaces_a_point(client: QdrantClient, name: str) -> None:
    """The same id again means the new vector and payload only."""
    client.upsert(name, [models.PointStruct(id=1, vector=[0.0, 0, 0, 1], payload={"new": "ü"})])

    [point] = client.retrieve(name, [1], with_vectors=True)
    assert (point.payload, point.vector) == ({"new": "ü"}, [0, 0, 0, 1])
    assert client.count(name).count == 5


def test_points_are_deleted_by_id_and_by_filter(client: QdrantClient, name: str) -> None:
    """Only the named points go, and an id that is not there does no harm."""
    client.delete(name, [1, 77], wait=True)
    client.delete(name, models.FilterSelector(filter=models.Filter(must=[kinds("user")])))

    assert ids(client.scroll(name)[0]) == [2, UUID]


def test_payload_is_set_replaced_and_deleted(client: QdrantClient, name: str) -> None:
    """Each way of writing a payload touches the named points and fields only."""
    client.set_payload(name, {"mark": 1}, points=[1, 2])
    client.set_payload(name, {"mark": 2}, points=models.Filter(must=[kinds("long")]))
    client.overwrite_payload(name, {"mark": 3}, points=[3])
    client.delete_payload(name, ["kind", "tags", "seen", "at"], points=[1])

    payloads = {point.id: point.payload for point in client.scroll(name)[0]}
    assert payloads[1] == {"size": 1, "mark": 1}
    assert payloads[3] == {"mark": 3}
    assert payloads[4] == {"kind": "user", "size": 4, "tags": []}
    assert payloads[UUID] == {"kind": "long", "size": 5, "mark": 2}


def test_collections_are_made_described_and_deleted(client: QdrantClient) -> None:
    """A collection exists from create to delete, and tells its size and distance."""
    name = "a name with spaces, ü and %"
    fill(client, name)

    info = client.get_collection(name)
    assert client.collection_exists(name)
    assert name in [one.name for one in client.get_collections().collections]
    assert (info.status, info.points_count) == (models.CollectionStatus.GREEN, 5)
    assert info.config.params.vectors == models.VectorParams(
        size=SIZE, distance=models.Distance.COSINE
    )
    assert client.delete_collection(name)
    assert not client.collection_exists(name)
    assert not client.delete_collection(name)
    fill(client, name)
    assert client.count(name).count == 5


def test_a_missing_collection_is_404_in_qdrants_words(front: Front, client: QdrantClient) -> None:
    """Clients, MemOS among them, tell this answer from a broken server."""
    answer = front.ask("GET", "/collections/nowhere")

    assert error_of(answer) == (404, "Not found: Collection `nowhere` doesn't exist!")
    with pytest.raises(UnexpectedResponse, match="404"):
        client.upsert("nowhere", [models.PointStruct(id=1, vector=[1.0])])


def test_creating_twice_is_409(front: Front, client: QdrantClient, name: str) -> None:
    """The collection that is there stays as it is."""
    body = {"vectors": {"size": 8, "distance": "Dot"}}

    answer = front.ask("PUT", f"/collections/{name}", body)

    assert error_of(answer) == (409, f"Wrong input: Collection `{name}` already exists!")
    assert client.count(name).count == 5


# Method and path, below /collections/NAME unless it starts with /; body; status and how it begins.
REFUSALS = """
PUT points  {  400 Format error in JSON body: Expecting
PUT points  [1]  400 Format error in JSON body: invalid type: list
PUT points    400 Format error in JSON body: missing field `points`
PUT points  {"points": [{"id": "x", "vector": [1, 0, 0, 0]}]}  400 Format error in JSON body: value
POST points  {"ids": [-1]}  400 Format error in JSON body: value -1 is not a valid point ID
PUT points  {"points": [{"id": 1, "vector": [1, 0, 0, "x"]}]}  400 Format error in JSON body: a
PUT points  {"points": [{"id": 1, "vector": [1, 0, 0, 1e99]}]}  400 Format error in JSON body: a
PUT points  {"points": [NaN]}  400 Format error in JSON body: `NaN` is not JSON
PUT points  {"points": [{"id": 9, "vector": [1, 0]}]}  400 Wrong input: Vector dimension error: exp
POST points/query  {"query": [1]}  400 Wrong input: Vector dimension error: expected dim: 4, got 1
POST points/query  {"query": [1, 0, 0, 0], "shard_key": "a"}  501 This stand-in for Qdrant does not
POST points/query  {"prefetch": {}}  400 Wrong input: A query is needed to merge the prefetches.
POST points/query  {"query": {}}  400 Format error in JSON body: a query holds none of mmr, nearest
POST points/query  {"query": {"order_by": "a"}, "score_threshold": 1}  400 Wrong input: `order_by` c
POST points/query  {"query": {"fusion": "x"}}  400 Format error in JSON body: unknown variant `x` of
POST points/query  {"query": 99}  404 Not found: No point with id 99 found
POST points/query  {"query": [1, 0, 0, 0], "using": "a"}  400 Wrong input: Not existing vector name
POST points/query  {"query": {"text": "tea", "model": "m"}}  501 This stand-in for Qdrant does not o
POST points/query  {"query": 1, "using": "a"}  400 Wrong input: Not existing vector name error: a
POST points/query  {"query": 1, "lookup_from": {"collection": "no"}}  404 Not found: Collection `no`
POST points/query  {"query": {"nearest": {"indices": [], "values": []}, "mmr": {}}}  501 This stand
POST points  {"ids": ["\\ud800"]}  400 Format error in JSON body: value ? is not a valid point ID
POST points/query/groups  {"query": 1, "group_by": "a[0]"}  501 This stand-in for Qdrant does not of
POST points/search/matrix/pairs  {"sample": 1}  422 Validation error in JSON body: [sample: value 1
PUT points  {"points": [{"id": 9, "vector": {"a": [1]}}]}  400 Wrong input: Not existing vector name
PUT points  {"points": [{"id": 9, "vector": [[1, 0, 0, 0]]}]}  400 Wrong input: Wrong usage of multi
PUT points  {"points": [{"id": 9, "vector": {"indices": [1], "values": [1]}}]}  400 Wrong input: Not
PUT points  {"points": [{"id": 9, "vector": [true, 0, 0, 0]}]}  400 Format error in JSON body: a
PUT points  {"batch": {"ids": [1, 2], "vectors": [[1, 0, 0, 0]]}}  400 Format error in JSON body: id
PUT points/vectors  {}  400 Format error in JSON body: missing field `points`
PUT points/vectors  {"points": [{"id": 1, "vector": {"a": [1]}}]}  400 Wrong input: Not existing vec
POST points/vectors/delete  {"points": [1], "vector": ["a"]}  400 Wrong input: Not existing vector n
POST points/batch  {"operations": [{"delete": {"points": [1]}}, {"fly": {}}]}  501 This stand-in for
POST points/batch  {"operations": [{"delete": {"points": [1]}}, {"delete": {}}]}  400 Format error i
POST points/scroll  {"limit": 0}  422 Validation error in JSON body: [limit: value 0 invalid, must
POST points/delete  {}  400 Format error in JSON body: neither `points` nor `filter`
POST points/payload  {"points": [7], "payload": {}}  404 Not found: No point with id 7 found
POST points/count  {"filter": {"must": [{"key": "a", "match": {"any": [1, "a"]}}]}}  400 Format
POST points/count  {"filter": {"must": [{"key": "a", "geo_radius": {}}]}}  400 Format error in JSON
POST points/count  {"filter": {"must": [{"key": "a", "match": {"prefix": "a"}}]}}  501 This stand-in
POST points/recommend  {}  400 Wrong input: At least one positive vector ID required with this strat
POST snapshots  {}  501 This stand-in for Qdrant does not offer this call
GET /aliases    501 This stand-in for Qdrant does not offer this call
GET /nonsense    404 Not found: GET /nonsense is no route of Qdrant
POST /collections  {}  404 Not found: POST /collections is no route of Qdrant
PUT index  {"field_name": "a", "field_schema": "colour"}  400 Format error in JSON body: unknown
PUT /collections/new  {"vectors": {"size": 0, "distance": "Dot"}}  422 Validation error in JSON body
PUT /collections/new  {"vectors": {"size": 65537, "distance": "Dot"}}  422 Validation error in JSON
PUT /collections/new  {"vectors": {"size": 2, "distance": "Far"}}  400 Format error in JSON body: un
PUT /collections/new  {"vectors": {"a/b": {"size": 2, "distance": "Dot"}}}  422 Validation error in
PUT /collections/new  {"vectors": {}}  501 This stand-in for Qdrant does not offer a collection with
PUT /collections/new  {"vectors": {"size": 2, "distance": "Dot"}, "init_from": "a"}  501 This stand-
PUT /collections/..  {"vectors": {"size": 2, "distance": "Dot"}}  422 Validation error in path
"""


@pytest.mark.parametrize("row", REFUSALS.strip().splitlines())
def test_what_cannot_be_done_is_refused(front: Front, name: str, row: str) -> None:
    """A wrong or unsupported request gets Qdrant's status and words, and changes nothing."""
    route, body, answer = row.split("  ", 2)
    method, path = route.split(" ")
    status, text = answer.split(" ", 1)
    full = path if path.startswith("/") else f"/collections/{name}/{path}"

    got = error_of(front.ask(method, full, body or None))

    assert got[0] == int(status)
    assert got[1].startswith(text)
    count = front.ask("POST", f"/collections/{name}/points/count", {})
    assert json.loads(count[1])["result"] == {"count": 5}


def test_bodies_beyond_reason_are_refused(front: Front, name: str) -> None:
    """Deep nesting and sizes above Qdrant's 32 MiB harm nobody."""
    path = f"/collections/{name}/points"
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    connection.request("PUT", path, headers={"Content-Length": str(32 * 1024 * 1024 + 1)})

    assert connection.getresponse().status == 413
    assert front.ask("PUT", path, 100_000 * "[")[0] == 400
    connection.close()


def test_answers_do_not_wait_for_the_network(front: Front) -> None:
    """On a kept connection no answer is held back for the 40 ms of a delayed acknowledgement."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port)
    times = []
    for _ in range(21):
        started = time.monotonic()
        connection.request("GET", "/collections")
        connection.getresponse().read()
        times.append(time.monotonic() - started)
    connection.close()

    assert statistics.median(times) < 0.03


def test_health_and_version_answer_as_qdrant(front: Front) -> None:
    """Probes and the client's version check see what Qdrant 1.15.3 says."""
    assert json.loads(front.ask("GET", "/")[1])["version"] == "1.15.3"
    assert front.ask("GET", "/readyz") == (200, "all shards are ready")
    assert front.ask("GET", "/livez")[0] == front.ask("GET", "/healthz")[0] == 200


def test_acknowledged_writes_survive_a_kill(tmp_path: Path) -> None:
    """Whatever was answered with wait=true is there when SIGKILL follows at once."""
    with running(tmp_path) as front:
        client = front.client()
        fill(client, "kept")
        client.create_payload_index("kept", "kind", models.PayloadSchemaType.KEYWORD)
        for number in range(100, 200):
            point = models.PointStruct(id=number, vector=[0.0, 1, 0, 0], payload={"n": number})
            client.upsert("kept", [point], wait=True)
        client.set_payload("kept", {"mark": 1}, points=[150], wait=True)
        client.delete("kept", [100], wait=True)
        fill(client, "kept no more")
        client.delete_collection("kept no more")
        front.process.kill()
        client.close()
        assert front.process.wait() == -9

    with running(tmp_path) as front:
        client = front.client()
        assert [one.name for one in client.get_collections().collections] == ["kept"]
        assert client.count("kept").count == 5 + 99
        assert client.retrieve("kept", [150])[0].payload == {"n": 150, "mark": 1}
        assert ids(client.query_points("kept", query=[1, 0, 0, 0.0], limit=2).points) == [1, 2]
        assert "kind" in client.get_collection("kept").payload_schema
        client.close()


def test_a_refused_write_stays_refused_after_a_kill(tmp_path: Path) -> None:
    """The good half of an update with a bad point does not come back from the core's log."""
    points = [{"id": 8, "vector": [1, 0, 0, 0]}, {"id": 9, "vector": [1, 0]}]
    with running(tmp_path) as front:
        client = front.client()
        fill(client, "kept")
        client.close()
        assert front.ask("PUT", "/collections/kept/points?wait=true", {"points": points})[0] == 400
        front.process.kill()
        front.process.wait()

    with running(tmp_path) as front:
        answer = front.ask("POST", "/collections/kept/points", {"ids": [8, 9]})
        assert json.loads(answer[1])["result"] == []


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    """SIGTERM gives exit code 0 well under five seconds, also with a client connected."""
    with running(tmp_path) as front:
        client = front.client()
        fill(client, "kept")
        started = time.monotonic()
        front.process.terminate()
        assert front.process.wait(timeout=5) == 0
        assert time.monotonic() - started < 3
        client.close()
    with running(tmp_path) as front:
        assert json.loads(front.ask("GET", "/collections/kept")[1])["result"]["points_count"] == 5


def test_a_second_process_is_kept_out(tmp_path: Path) -> None:
    """The second one says which folder is taken and ends, the first one goes on."""
    with running(tmp_path) as front, launch(tmp_path) as second:
        _, said = second.communicate(timeout=10)
        assert second.returncode == 1
        assert f"storage {tmp_path} is in use by another process" in said
        assert "Traceback" not in said
        assert front.ask("GET", "/collections")[0] == 200


def test_a_damaged_collection_keeps_no_other_from_opening(tmp_path: Path) -> None:
    """It is named in the log and to whoever asks for it, stays as it is, and can be deleted."""
    with running(tmp_path) as front:
        client = front.client()
        fill(client, "whole")
        fill(client, "broken")
        client.close()
    (tmp_path / "collections/broken/edge_config.json").write_text("{")

    with running(tmp_path) as front:
        assert f"ERROR collection {tmp_path}/collections/broken cannot be opened" in front.said
        assert "Traceback" not in front.said
        client = front.client()
        assert client.count("whole").count == 5
        assert {one.name for one in client.get_collections().collections} == {"whole", "broken"}
        status, text = error_of(front.ask("GET", "/collections/broken"))
        assert (status, "cannot be opened" in text, "snapshot" in text) == (500, True, True)
        assert front.ask("PUT", "/collections/broken", {"vectors": {}})[0] in (409, 501)
        assert (tmp_path / "collections/broken/edge_config.json").read_text() == "{"
        assert client.delete_collection("broken")
        fill(client, "broken")
        assert client.count("broken").count == 5
        client.close()


def nested(depth: int) -> object:
    """An object in an object, and so on; `depth` in all."""
    value: object = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


def filters(depth: int) -> object:
    """A filter in a filter, and so on, that lets nothing through; objects and lists count."""
    value: object = {"must": [{"has_id": [77]}]}
    for _ in range((depth - 4) // 2):
        value = {"must": [value]}
    return value


# What may come in, below /collections/kept/points, with objects and lists this deep in each other.
DEEP: dict[str, tuple[str, str, Callable[[int], object]]] = {
    "a payload": ("PUT", "", lambda n: {"points": [point(nested(n - 3))]}),
    "a payload that is set": (
        "POST",
        "/payload",
        lambda n: {"points": [1], "payload": nested(n - 1)},
    ),
    "a filter": ("POST", "/delete", lambda n: {"filter": filters(n - 1)}),
    "a batch": (
        "POST",
        "/batch",
        lambda n: {"operations": [{"upsert": {"points": [point(nested(n - 6))]}}]},
    ),
}


def point(payload: object) -> dict[str, object]:
    """A point as JSON."""
    return {"id": 8, "vector": [1, 0, 0, 0], "payload": payload}


def test_what_lies_too_deep_is_refused_before_it_is_written(tmp_path: Path) -> None:
    """The core reads its log no more when it holds a payload of 124 levels: 60 are allowed.

    A key such as a.a.a makes a payload as deep as it is long; both together are still read.
    """
    with running(tmp_path) as front:
        client = front.client()
        fill(client, "kept")
        client.close()
        for method, path, body in DEEP.values():
            ask = partial(front.ask, method, f"/collections/kept/points{path}?wait=true")
            assert ask(body(60))[0] == 200
            status, text = error_of(ask(body(62)))
            assert (status, "more than 60 deep" in text) == (400, True)
            assert ask(body(400))[0] == 400
        ask = partial(front.ask, "POST", "/collections/kept/points/payload?wait=true")
        deep = {"points": [1], "payload": nested(58)}
        assert ask({**deep, "key": ".".join("a" * 60)})[0] == 200
        assert ask({**deep, "key": ".".join("a" * 61)})[0] == 400
        assert ask({**deep, "key": "a" + "[0]" * 60})[0] == 400
        front.process.kill()
        front.process.wait()

    with running(tmp_path) as front:
        every = {"limit": 100, "with_payload": True}
        assert front.ask("POST", "/collections/kept/points/scroll", every)[0] == 200


WIPE: tuple[str, str, object] = (
    "POST",
    "/collections/kept/points/delete?wait=true",
    {"filter": {}},
)
TEXT = {"Content-Type": "text/plain"}
# Headers of a request that would delete all, and whether it may.
SENDERS: list[tuple[dict[str, str], bool]] = [
    ({}, True),
    ({"Content-Type": "application/json; charset=utf-8"}, True),
    (TEXT, False),
    ({"Content-Type": "application/x-www-form-urlencoded"}, False),
    ({"Origin": "https://example.com"}, False),
    ({"Origin": "null"}, False),
    ({"Host": "example.com:6333", "Origin": "http://example.com:6333"}, False),
    ({"Host": "rebound.example.com"}, False),
    ({"Host": "qdrant-docker:6333"}, True),
    ({"Host": "qdrant:6333", "Origin": "http://qdrant:6333"}, True),
    ({"Host": "second-qdrant-docker.memos-dev_memos_network:6333"}, True),
    ({"Host": "localhost:6333"}, True),
    ({"Host": "192.0.2.7:6333"}, True),
    ({"Host": "[::1]:6333"}, True),
    ({"Host": "laptop.local:6333"}, True),
]


@pytest.mark.parametrize(("headers", "may"), SENDERS)
def test_a_page_of_the_web_cannot_delete(
    front: Front, name: str, headers: dict[str, str], *, may: bool
) -> None:
    """Only JSON, from nobody's page, to a name that is not everybody's to give."""
    method, path, body = WIPE

    status, text = front.ask(method, path.replace("kept", name), body, headers)

    assert (status == 200) is may, text
    count = front.ask("POST", f"/collections/{name}/points/count", {})
    assert json.loads(count[1])["result"] == {"count": 0 if may else 5}


def test_where_others_may_reach_it_any_name_will_do(tmp_path: Path) -> None:
    """Whoever publishes the port on another address than loopback may call his machine anything."""
    with running(tmp_path, published_on="0.0.0.0") as front:
        assert front.ask("GET", "/collections", headers={"Host": "box.example.com:6333"})[0] == 200
        sent = {"Host": "box.example.com", "Origin": "https://example.com"}
        assert front.ask("GET", "/collections", headers=sent)[0] == 403


def test_bodies_that_would_take_too_much_memory_are_refused(front: Front, name: str) -> None:
    """By what they become when they are read, and by what all of them are together."""
    path = f"/collections/{name}/points"
    assert front.ask("PUT", path, "[" + "{}," * 4_000_000 + "{}]")[0] == 413

    senders = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(3)]
    for sender in senders:  # two of these are all that is held at once
        head = f"PUT {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        sender.sendall(f"{head}Content-Length: {30 * MIB}\r\n\r\n".encode())
    for sender in senders:
        with suppress(ConnectionError):  # of the third, which may be answered before it is heard
            sender.sendall(b" " * (25 * MIB))
    assert any(b" 503 " in reply for reply in replies(senders))
    for sender in senders:
        sender.close()
    until_forgotten = time.monotonic() + 5
    while front.ask("PUT", path, " " * (20 * MIB))[0] == 503:
        assert time.monotonic() < until_forgotten


def replies(senders: list[socket.socket]) -> Iterator[bytes]:
    """What was answered so far to those that have not sent all."""
    for sender in select.select(senders, [], [], 10)[0]:
        with suppress(ConnectionError):
            yield sender.recv(4096)


def test_a_wrong_value_is_not_repeated_whole(front: Front, name: str) -> None:
    """A refusal is a line, however long what was sent."""
    answer = front.ask("POST", f"/collections/{name}/points", {"ids": ["x" * 1_000_000]})

    assert error_of(answer)[0] == 400
    assert len(answer[1]) < 1000


def test_a_key_is_asked_for_when_set(tmp_path: Path) -> None:
    """With a key, only version and health are open, and both header forms pass."""
    key = uuid.uuid4().hex
    with running(tmp_path, key) as front:
        assert front.ask("GET", "/readyz")[0] == front.ask("GET", "/")[0] == 200
        assert front.ask("GET", "/collections") == (
            401,
            "Must provide an API key or an Authorization bearer token",
        )
        assert front.ask("GET", "/aliases", headers={"api-key": "wrong"})[0] == 401
        assert front.ask("GET", "/collections", headers={"api-key": key})[0] == 200
        bearer = {"Authorization": f"Bearer {key}"}
        assert front.ask("GET", "/collections", headers=bearer)[0] == 200

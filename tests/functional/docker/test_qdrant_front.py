"""The Qdrant stand-in, started as its image starts it, asked by Qdrant's own client."""

import http.client
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from tests.kit.places import ROOT

FRONT = ROOT / "docker/packages/qdrant/qdrant_front.py"
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
SIZE = 4
names = (f"collection-{number}" for number in itertools.count())


@dataclass(frozen=True)
class Front:
    """A running front: its process and its port on loopback."""

    process: subprocess.Popen[str]
    port: int

    def client(self) -> QdrantClient:
        """Qdrant's client for it."""
        return QdrantClient(host="127.0.0.1", port=self.port)

    def ask(
        self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and text of one raw request; a body that is text goes out as it is."""
        text = body if isinstance(body, str) else json.dumps(body)
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            None if body is None else text.encode(),
            headers or {},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def launch(storage: Path, key: str = "") -> subprocess.Popen[str]:
    """The front as a process of its own, on a free port."""
    settings = {
        "QDRANT__SERVICE__HOST": "127.0.0.1",
        "QDRANT__SERVICE__HTTP_PORT": "0",
        "QDRANT__SERVICE__API_KEY": key,
        "QDRANT__STORAGE__STORAGE_PATH": str(storage),
    }
    return subprocess.Popen(
        [sys.executable, str(FRONT)], env=os.environ | settings, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def running(storage: Path, key: str = "") -> Iterator[Front]:
    """A front that listens; killed when the block ends, if it still runs."""
    with launch(storage, key) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            port = re.search(r"listening on 127\.0\.0\.1:(\d+)", line)
            assert port, line + process.stderr.read()
            yield Front(process, int(port[1]))
        finally:
            process.kill()


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
POST points/query  {"query": [1, 0, 0, 0], "prefetch": []}  501 This stand-in does not offer `prefe
POST points/scroll  {"limit": 0}  422 Validation error in JSON body: [limit: value 0 invalid, must
POST points/delete  {}  400 Format error in JSON body: neither `points` nor `filter`
POST points/payload  {"points": [7], "payload": {}}  404 Not found: No point with id 7 found
POST points/count  {"filter": {"must": [{"key": "a", "match": {"any": [1, "a"]}}]}}  400 Format
POST points/count  {"filter": {"must": [{"key": "a", "geo_radius": {}}]}}  501 This stand-in does
POST points/recommend  {}  501 This stand-in for Qdrant does not offer this call
POST snapshots  {}  501 This stand-in for Qdrant does not offer this call
GET /aliases    501 This stand-in for Qdrant does not offer this call
GET /nonsense    404 Not found: GET /nonsense is no route of Qdrant
POST /collections  {}  404 Not found: POST /collections is no route of Qdrant
PUT index  {"field_name": "a", "field_schema": "colour"}  400 Format error in JSON body: unknown
PUT /collections/new  {"vectors": {"size": 0, "distance": "Dot"}}  422 Validation error in JSON body
PUT /collections/new  {"vectors": {"size": 65537, "distance": "Dot"}}  422 Validation error in JSON
PUT /collections/new  {"vectors": {"size": 2, "distance": "Far"}}  400 Format error in JSON body: un
PUT /collections/new  {"vectors": {"a": {"size": 2, "distance": "Dot"}}}  501 This stand-in offers
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


def test_a_damaged_collection_is_named(tmp_path: Path) -> None:
    """A start that cannot load a collection ends with its path and no traceback."""
    (tmp_path / "collections/broken").mkdir(parents=True)
    with launch(tmp_path) as process:
        _, said = process.communicate(timeout=10)

    assert process.returncode == 1
    assert f"collection {tmp_path}/collections/broken cannot be opened" in said
    assert "Traceback" not in said


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

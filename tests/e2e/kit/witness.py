"""Something in each store before a fault, and the same afterwards: nothing is lost."""

from collections.abc import Callable

import requests

from scripts.core.files import Json
from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout

COUNT = 50
"""Records in each store."""
NAME = "witness"


def put(stack: Checkout, services: tuple[str, ...]) -> None:
    """Put records into those of the stores that are started."""
    for service in services:
        if service in STORES:
            STORES[service][0](stack)


def missing(stack: Checkout, services: tuple[str, ...]) -> list[str]:
    """Return the stores in which a record is not there, or another than it was."""
    return [one for one in services if one in STORES and not STORES[one][1](stack)]


def _qdrant(stack: Checkout, method: str, path: str, body: object) -> Json:
    url = stack.url("QDRANT_HTTP_PORT", f"/collections/{NAME}{path}")
    return requests.request(method, url, json=body, timeout=20).json()


def _put_points(stack: Checkout) -> None:
    _qdrant(stack, "PUT", "", {"vectors": {"size": 4, "distance": "Dot"}})
    points = [{"id": n, "vector": [n, 1, 2, 3], "payload": {"n": n}} for n in range(1, COUNT + 1)]
    assert _qdrant(stack, "PUT", "/points?wait=true", {"points": points})["status"] == "ok"


def _points(stack: Checkout) -> bool:
    body = {"limit": 1000, "with_vector": True, "with_payload": True}
    answer = _qdrant(stack, "POST", "/points/scroll", body)
    found = answer["result"]["points"] if answer.get("result") else []
    rows = sorted((one["payload"]["n"], one["vector"]) for one in found)
    return rows == [(n, [n, 1, 2, 3]) for n in range(1, COUNT + 1)]


def _cypher(stack: Checkout, statement: str) -> Json:
    answer = requests.post(
        stack.url("NEO4J_HTTP_PORT", "/db/neo4j/tx/commit"),
        json={"statements": [{"statement": statement}]},
        auth=("neo4j", stack.values()["NEO4J_PASSWORD"]),
        timeout=60,
    ).json()
    assert answer["errors"] == []
    return [row["row"] for row in answer["results"][0]["data"]]


def _put_nodes(stack: Checkout) -> None:
    _cypher(stack, f"UNWIND range(1, {COUNT}) AS n MERGE (:Witness {{n: n, text: 'node ' + n}})")


def _nodes(stack: Checkout) -> bool:
    found = _cypher(stack, "MATCH (w:Witness) RETURN w.n, w.text ORDER BY w.n")
    return bool(found == [[n, f"node {n}"] for n in range(1, COUNT + 1)])


def _milvus_answer(stack: Checkout, path: str, body: object = None) -> Json:
    old = stack.values()["IMAGE_SOURCE"] == "packages"
    version = "v1/vector" if old else "v2/vectordb/entities"
    if path in {"create", "list"}:
        version = "v1/vector/collections" if old else "v2/vectordb/collections"
    place = f"/{version}" if path == "list" and old else f"/{version}/{path}"
    return requests.request(
        "GET" if path == "list" and old else "POST",
        stack.url("MILVUS_PORT", place),
        json=body or {},
        headers={"Authorization": f"Bearer root:{stack.values()['MILVUS_PASSWORD']}"},
        timeout=60,
    ).json()


def _milvus(stack: Checkout, path: str, body: object = None) -> Json:
    answer = _milvus_answer(stack, path, body)
    assert answer["code"] in {0, 200}, answer
    return answer["data"]


def _collections(stack: Checkout) -> list[str]:
    return list(_milvus(stack, "list"))


def _put_rows(stack: Checkout) -> None:
    if NAME in _collections(stack):
        return
    _milvus(stack, "create", {"collectionName": NAME, "dimension": 4})
    rows = [{"vector": [n, 1, 2, 3], "n": n} for n in range(1, COUNT + 1)]
    _milvus(stack, "insert", {"collectionName": NAME, "data": rows})


def _rows(stack: Checkout) -> bool:
    """Say whether all rows are there; a Milvus that is ready may still load its collections."""
    body = {"collectionName": NAME, "filter": "n > 0", "outputFields": ["n"], "limit": 1000}

    def look() -> bool:
        found = _milvus_answer(stack, "query", body).get("data") or []
        return sorted(row["n"] for row in found) == [*range(1, COUNT + 1)]

    return any(poll(look, timeout=60, interval=0.5))


STORES: dict[str, tuple[Callable[[Checkout], None], Callable[[Checkout], bool]]] = {
    "qdrant": (_put_points, _points),
    "neo4j": (_put_nodes, _nodes),
    "milvus": (_put_rows, _rows),
}

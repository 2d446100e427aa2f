"""Something in each store before a fault, and the same afterwards: nothing is lost."""

from collections.abc import Callable

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.stores import (
    cypher,
    milvus,
    milvus_collections,
    milvus_rows,
    milvus_words,
    qdrant,
)

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


def _put_points(stack: Checkout) -> None:
    qdrant(stack, "PUT", NAME, {"vectors": {"size": 4, "distance": "Dot"}})
    points = [{"id": n, "vector": [n, 1, 2, 3], "payload": {"n": n}} for n in range(1, COUNT + 1)]
    assert qdrant(stack, "PUT", f"{NAME}/points?wait=true", {"points": points})["status"] == "ok"


def _points(stack: Checkout) -> bool:
    body = {"limit": 1000, "with_vector": True, "with_payload": True}
    answer = qdrant(stack, "POST", f"{NAME}/points/scroll", body)
    points = answer["result"]["points"] if answer.get("result") else []
    rows = sorted((point["payload"]["n"], point["vector"]) for point in points)
    return rows == [(n, [n, 1, 2, 3]) for n in range(1, COUNT + 1)]


def _put_nodes(stack: Checkout) -> None:
    cypher(stack, f"UNWIND range(1, {COUNT}) AS n MERGE (:Witness {{n: n, text: 'node ' + n}})")


def _nodes(stack: Checkout) -> bool:
    rows = cypher(stack, "MATCH (w:Witness) RETURN w.n, w.text ORDER BY w.n")
    return rows == [[n, f"node {n}"] for n in range(1, COUNT + 1)]


def _put_rows(stack: Checkout) -> None:
    if NAME in milvus_collections(stack):
        return
    milvus(stack, milvus_words(stack).create, {"collectionName": NAME, "dimension": 4})
    rows = [{"vector": [n, 1, 2, 3], "n": n} for n in range(1, COUNT + 1)]
    milvus(stack, milvus_words(stack).insert, {"collectionName": NAME, "data": rows})


def _rows(stack: Checkout) -> bool:
    """Say whether all rows are there; a Milvus that is ready may still load its collections."""

    def look() -> bool:
        rows = milvus_rows(stack, NAME, "n > 0", ["n"])
        return sorted(row["n"] for row in rows) == [*range(1, COUNT + 1)]

    return any(poll(look, timeout=60, interval=0.5))


STORES: dict[str, tuple[Callable[[Checkout], None], Callable[[Checkout], bool]]] = {
    "qdrant": (_put_points, _points),
    "neo4j": (_put_nodes, _nodes),
    "milvus": (_put_rows, _rows),
}

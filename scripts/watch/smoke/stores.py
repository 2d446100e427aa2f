"""What the databases hold of a cube, and how it goes: the API's word is not enough for either."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from scripts.core.errors import BrokenError
from scripts.core.polling import poll
from scripts.core.stack import Stack
from scripts.watch.calls.milvus_rest import KEEPERS, PREFERENCES, V1, V2, MilvusWords, by_cube
from scripts.watch.published import CYPHER, MILVUS, VECTORS, behind, serving, shaped
from scripts.watch.smoke.asking import OK, ask, demand, short

COLLECTION = "neo4j_vec_db"
VISIBLE = 30.0
"""Seconds within which Milvus must show what it took."""


def nodes(stack: Stack, cube: str) -> dict[str, str]:
    """Return the texts of a cube's memories in Neo4j, by their ids."""
    rows = _cypher(stack, "MATCH (n:Memory {user_name: $cube}) RETURN n.id, n.memory", cube)
    found: dict[str, str] = {}
    with shaped("neo4j"):
        found |= {str(row["row"][0]): str(row["row"][1]) for row in rows}
    return found


def vectors(stack: Stack, cube: str) -> dict[str, int]:
    """Return how many numbers the vectors of a cube in Qdrant have, by their ids."""
    body = {"filter": _of(cube), "limit": 1000, "with_vector": True}
    answer = ask(stack, VECTORS, f"/collections/{COLLECTION}/points/scroll", body)
    found: dict[str, int] = {}
    with shaped("qdrant"):
        found |= {str(point["id"]): len(point["vector"]) for point in answer["result"]["points"]}
    return found


def preferences(stack: Stack, cube: str) -> int:
    """Return how many preferences of a cube are stored; 0 where nothing is asked over REST."""
    return sum(len(rows()) for rows in _in_collections(stack, cube, "query", outputFields=["id"]))


def _keeper(stack: Stack) -> int | None:
    """Return the container port of what keeps preferences: a store of their own, else Milvus."""
    return next((port for port in KEEPERS if serving(stack, port)), None)


def _in_collections(
    stack: Stack, cube: str, verb: str, **more: object
) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Yield a call for each collection of preferences, about those of a cube."""
    keeper = _keeper(stack)
    for name in () if keeper is None else PREFERENCES:
        body = {"collectionName": name, "filter": by_cube(cube), **more}
        path = f"/v2/vectordb/entities/{verb}"
        yield functools.partial(milvus, stack, path, body, keeper or MILVUS)


def remove(stack: Stack, cube: str, *, in_milvus: bool) -> None:
    """Try every removal, whatever becomes of the one before; raise the first failure."""
    points = f"/collections/{COLLECTION}/points/delete?wait=true"
    steps: list[Callable[[], object]] = [
        lambda: _cypher(stack, "MATCH (n {user_name: $cube}) DETACH DELETE n", cube),
        lambda: ask(stack, VECTORS, points, {"filter": _of(cube)}),
    ]
    steps += _in_collections(stack, cube, "delete") if in_milvus else ()
    failures = []
    for step in steps:
        try:
            step()
        except BrokenError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def require_absent(stack: Stack, cube: str, *, in_milvus: bool) -> None:
    """Raise BrokenError where a database still holds something of a cube."""
    left = nodes(stack, cube)
    demand(not left, "neo4j", f"{len(left)} nodes could not be removed")
    demand(not vectors(stack, cube), "qdrant", "the points could not be removed")
    if in_milvus and (keeper := _keeper(stack)):
        service, _ = behind(stack, keeper)
        left_over = preferences(stack, cube)
        demand(not left_over, service.name, "the preferences could not be removed")


def near_and_far(stack: Stack, cube: str) -> None:
    """Have Milvus find the nearer of two vectors, in a collection that goes again."""
    name = "smoke_" + cube.replace("-", "_")
    near, far = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]
    speaks = _milvus_words(stack)
    rows: list[dict[str, Any]] = [
        {"vector": near, "word": "near", **({"id": 1} if speaks.own_ids else {})},
        {"vector": far, "word": "far", **({"id": 2} if speaks.own_ids else {})},
    ]
    with tidied(lambda: milvus(stack, speaks.drop, {"collectionName": name})):
        milvus(stack, speaks.create, {"collectionName": name, "dimension": 4})
        milvus(stack, speaks.insert, {"collectionName": name, "data": rows})
        found: list[dict[str, Any]] = []
        search = {"collectionName": name, **speaks.query(near), "limit": 1}
        search |= {"outputFields": ["word"]}
        for found in poll(
            lambda: milvus(stack, speaks.search, search), timeout=VISIBLE, interval=0.2
        ):
            if found:
                break
        demand([row.get("word") for row in found] == ["near"], "milvus", f"search gave {found}")


@contextmanager
def tidied(tidy: Callable[[], object]) -> Iterator[None]:
    """Tidy up after the block in any case; of two failures the first is the one to tell."""
    try:
        yield
    except BaseException:
        with suppress(BrokenError):
            tidy()
        raise
    tidy()


def milvus(
    stack: Stack, path: str, body: dict[str, Any], target: int = MILVUS
) -> list[dict[str, Any]]:
    """Return the rows that Milvus, or who stands in for it, answers over REST.

    Raises BrokenError for a no.
    """
    answer = ask(stack, target, path, body)
    # errors come as HTTP 200 with another code; 2.3 says 200 for good, 2.5 says 0
    service, _ = behind(stack, target)
    demand(answer.get("code") in {0, OK}, service.name, f"{path}: {short(answer)}")
    data = answer.get("data")
    return data if isinstance(data, list) else []


def _milvus_words(stack: Stack) -> MilvusWords:
    """Return the words of the version that the probe speaks."""
    return V2 if behind(stack, MILVUS)[1].path.startswith("/v2/") else V1


def _cypher(stack: Stack, statement: str, cube: str) -> list[Any]:
    body = {"statements": [{"statement": statement, "parameters": {"cube": cube}}]}
    answer = ask(stack, CYPHER, "/db/neo4j/tx/commit", body)
    demand(not answer.get("errors"), "neo4j", f"{statement}: {answer.get('errors')}")
    rows: list[Any] = []
    with shaped("neo4j"):
        rows += answer["results"][0]["data"]
    return rows


def _of(cube: str) -> dict[str, Any]:
    return {"must": [{"key": "user_name", "match": {"value": cube}}]}

"""Neo4j and Qdrant as far as `inv memories` talks to them: nodes and points by cube and id."""

from collections.abc import Mapping
from typing import Any

from scripts.core.files import Json
from tests.kit.servers import Answer

Nodes = Mapping[str, Mapping[str, str]]
Points = dict[str, dict[str, list[float]]]
TYPE, STATUS, CREATED = "LongTermMemory", "activated", "2026-01-31T12:00:00Z"


def rows(nodes: Nodes, statement: str, given: Json) -> list[list[Any]]:
    """Return the rows of a statement about all nodes, those of some ids, or those of a cube."""
    if "collect(n.id)" in statement:
        numbers = {
            one: place for place, one in enumerate(one for of in nodes.values() for one in of)
        }
        page = [one for one, place in numbers.items() if place > given["after"]][: given["limit"]]
        cubes = {cube: [one for one in held if one in page] for cube, held in nodes.items()}
        return [
            [cube, TYPE, STATUS, len(ids), ids, max(numbers[one] for one in ids)]
            for cube, ids in cubes.items()
            if ids
        ]
    if "DISTINCT n.id" in statement:
        return [[one] for held in nodes.values() for one in held if one in given["ids"]]
    if "properties(n)" in statement:
        kept = {
            "memory_type": TYPE,
            "status": STATUS,
            "created_at": CREATED,
            "vector_sync": "failed",
        }
        return [
            [one, text, {"id": one, "user_name": cube, "memory": text, **kept}]
            for cube, held in nodes.items()
            for one, text in held.items()
            if one in given["ids"]
        ]
    if "SET n.vector_sync" in statement:
        return []
    wanted = "WHERE NOT" not in statement
    found = [
        [one, TYPE, STATUS, CREATED, text]
        for one, text in nodes.get(given["cube"], {}).items()
        if (one in given["ids"]) is wanted
    ]
    return found[: given["limit"]]


def qdrant(points: Points, path: str, body: Json) -> Answer:
    """Answer a scroll without a filter, a look at some points, or their removal."""
    cubes = {one: cube for cube, held in points.items() for one in held}
    ids = sorted(cubes)
    if path.endswith("/scroll"):
        begin = ids.index(body["offset"]) if body.get("offset") else 0
        end = begin + body["limit"]
        page = {"points": [{"id": one} for one in ids[begin:end]]}
        return _result({**page, "next_page_offset": next(iter(ids[end:]), None)})
    if "points" in body and not path.endswith("/delete"):
        for point in body["points"]:
            points.setdefault(point["payload"]["user_name"], {})[point["id"]] = point["vector"]
        return _result({"operation_id": 2, "status": "completed"})
    if path.endswith("/delete"):
        for one in body["points"]:
            points[cubes[one]].pop(one)
        return _result({"operation_id": 1, "status": "completed"})
    kept = {"memory": "what a vector remembers", "memory_type": TYPE, "status": STATUS}
    return _result(
        [
            {"id": one, "payload": _chosen({"user_name": cubes[one], **kept}, body)}
            for one in body["ids"]
            if one in cubes
        ]
    )


def _chosen(payload: dict[str, str], body: Json) -> dict[str, str]:
    wanted = body["with_payload"]
    return {name: payload[name] for name in wanted if name in payload} if wanted else {}


def _result(found: object) -> Answer:
    return 200, {"result": found, "status": "ok"}

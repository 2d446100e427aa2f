"""What Qdrant's server puts together from several answers of its core: groups and matrices."""

import re
from collections.abc import Iterator

import qdrant_edge as core
from qdrant_call import Call
from qdrant_json import (
    Answer,
    Body,
    Json,
    RefusedError,
    fields,
    id_json,
    not_offered,
    payload_selector,
    point_id,
    point_ids,
    text,
    whole,
)
from qdrant_query import found
from qdrant_storage import Collection, Storage
from qdrant_vectors import point_json, selector

GROUPED = ("group_by", "group_size", "with_lookup")
"""What a request for groups holds beside its query."""
GROUPS, HITS = 10, 3  # groups of an answer and points of a group, as in Qdrant
SAMPLE, NEAREST = 10, 3  # points of a matrix and the nearest to each, as in Qdrant
UNKNOWN_PATH = re.compile(r'^$|"|\[\d')  # quoted parts, and a place in a list
PAGE = 1000  # points looked at first; each further page is as large as all before


def groups(storage: Storage, collection: Collection, body: Body) -> list[Answer]:
    """The best points of each value of a field, the group of the very best first."""
    path, limit = text(body, "group_by"), whole(body, "limit", GROUPS, 1)
    size = whole(body, "group_size", HITS, 1)
    if UNKNOWN_PATH.search(path):
        raise not_offered(f"`group_by` with the key {path}")
    asked = {key: value for key, value in body.items() if key not in GROUPED}
    bare = asked | {"with_payload": [path], "with_vector": False}
    told: dict[Json, dict[Json, Answer]] = {}
    _fill(told, _ranked(storage, collection, bare, size), path, limit, size)
    short = [value for value, hits in told.items() if len(hits) < size]
    if short and body.get("prefetch"):
        # asked of these alone, what is prefetched holds more of them
        for value in short:
            told[value].clear()
        these = {"should": [{"key": path, "match": {"value": value}} for value in short]}
        bare |= {"filter": {"must": [body.get("filter") or {}, these]}}
        _fill(told, _ranked(storage, collection, bare, size), path, limit, size)
    full = _full(collection, list({one for hits in told.values() for one in hits}), body)
    known = [
        {"id": value, "hits": [hits[one] | full[one] for one in hits]}
        for value, hits in told.items()
    ]
    if body.get("with_lookup") is not None:
        _look_up(storage, known, body["with_lookup"])
    return known


def _fill(
    told: dict[Json, dict[Json, Answer]],
    points: Iterator[Answer],
    path: str,
    limit: int,
    size: int,
) -> None:
    """Put points into groups until all that are wanted are full."""
    for point in points:
        for value in _values(point.get("payload"), path):
            if value in told or len(told) < limit:
                hits = told.setdefault(value, {})
                if len(hits) < size:
                    hits[point["id"]] = {key: point[key] for key in ("id", "version", "score")}
        if len(told) == limit and all(len(hits) == size for hits in told.values()):
            break


def _ranked(storage: Storage, collection: Collection, body: Body, size: int) -> Iterator[Answer]:
    """All points that a query finds, the best first; enough are prefetched for groups of a size."""
    page, offset = PAGE, 0
    while page:
        points = found(storage, collection, {**body, "limit": page, "offset": offset}, size)
        yield from points
        offset += page
        page = offset if len(points) == page else 0


def _values(payload: Json, path: str) -> list[Json]:
    """The texts and whole numbers that a point has under a key, each once."""
    held = [payload]
    for part in path.replace("[]", "").split("."):
        inner = [one for outer in held for one in (outer if isinstance(outer, list) else [outer])]
        held = [one[part] for one in inner if isinstance(one, dict) and part in one]
    values = [one for outer in held for one in (outer if isinstance(outer, list) else [outer])]
    return list(dict.fromkeys(one for one in values if type(one) in (str, int)))


def _full(collection: Collection, ids: list[Json], body: Body) -> dict[Json, Answer]:
    """What was asked for of these points, by their ids."""
    records = collection.shard.retrieve(
        point_ids(ids),
        payload_selector(body.get("with_payload"), default=False),
        selector(body.get("with_vector")),
    )
    return {id_json(record.id): point_json(record) for record in records}


def _look_up(storage: Storage, told: list[Answer], value: object) -> None:
    """Put into each group the point of another collection whose id is the group's."""
    body = {"collection": value} if isinstance(value, str) else value
    body = fields(body, "with_lookup", "collection", "with_payload", "with_vectors")
    other = storage.get(text(body, "collection"))
    ids = {group["id"]: one for group in told if (one := _as_id(group["id"])) is not None}
    records = other.shard.retrieve(
        list(ids.values()),
        payload_selector(body.get("with_payload"), default=True),
        selector(body.get("with_vectors")),
    )
    known = {id_json(record.id): point_json(record) for record in records}
    for group in told:
        if (record := known.get(id_json(ids.get(group["id"])))) is not None:
            group["lookup"] = record


def _as_id(value: Json) -> "core.PointId | None":
    try:
        return point_id(value)
    except RefusedError:
        return None


def matrix_pairs(call: Call) -> object:
    """Each of some points with those nearest to it among them."""
    rows = _matrix(call)
    return {
        "pairs": [
            {"a": id_json(one), "b": id_json(other), "score": score}
            for one, near in rows.items()
            for other, score in near
        ]
    }


def matrix_offsets(call: Call) -> object:
    """The same as coordinates and values of a sparse matrix."""
    rows = _matrix(call)
    places = {one: place for place, one in enumerate(rows)}
    cells = [(places[one], places[other], score) for one in rows for other, score in rows[one]]
    return {
        "offsets_row": [row for row, _, _ in cells],
        "offsets_col": [column for _, column, _ in cells],
        "scores": [score for _, _, score in cells],
        "ids": [id_json(one) for one in rows],
    }


def _matrix(call: Call) -> "dict[core.PointId, list[tuple[core.PointId, float]]]":
    """Some points in the order of their ids, and for each the nearest of the others."""
    body, shard = call.fields("sample", "limit", "filter", "using"), call.collection.shard
    limit, using = whole(body, "limit", NEAREST, 1), body.get("using") or ""
    chosen = call.collection.filters.read(body.get("filter"))
    having: list[core.ConditionType] = [core.HasVectorCondition(using)]
    sampled = shard.query(
        core.QueryRequest(
            limit=whole(body, "sample", SAMPLE, 2),
            query=core.Sample.Random,
            filter=core.Filter(must=having if chosen is None else [*having, chosen]),
            with_vector=[using],
        )
    )
    among = core.Filter(must=[core.HasIdCondition({point.id for point in sampled})])
    rows = {}
    # whole numbers before UUIDs
    for point in sorted(sampled, key=lambda one: (not isinstance(one.id, int), one.id)):
        vector: Json = point.vector[using] if isinstance(point.vector, dict) else point.vector
        nearest = core.Query.Nearest(vector, using or None)
        near = shard.query(core.QueryRequest(limit=limit + 1, query=nearest, filter=among))
        others = [(one.id, one.score) for one in near if one.id != point.id]
        rows[point.id] = others[:limit]
    return rows

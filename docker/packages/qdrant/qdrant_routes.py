"""What this stand-in answers: one function for each route, and the tables that name them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import qdrant_edge as core
import qdrant_translate as translate
from qdrant_filter import condition_filter
from qdrant_storage import Collection, Storage
from qdrant_translate import Body, RefusedError, fields, required

Update = core.UpdateOperation
# How the collection is tuned or spread over a cluster: accepted, and changes no answer here.
COLLECTION_TUNING = (
    *("hnsw_config", "optimizers_config", "wal_config", "on_disk_payload", "quantization_config"),
    *("shard_number", "replication_factor", "write_consistency_factor"),
)
# `params` (how far the index is searched) is without effect: the search is always exact.
SEARCH_FIELDS = (
    *("filter", "limit", "offset", "with_payload", "with_vector", "score_threshold", "params"),
)
DEFAULTS: Body = {
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
    "optimizer_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    },
    "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: the path's parts, whether to wait for the write, and the JSON body."""

    storage: Storage
    path: Mapping[str, str]
    wait: bool
    body: object

    @property
    def collection(self) -> Collection:
        """The collection that the path names; 404 when there is none."""
        return self.storage.get(self.path["name"])

    def fields(self, *known: str) -> Body:
        """The body as an object that holds only `known` keys."""
        return fields(self.body, "the body", *known)

    def write(self, operation: core.UpdateOperation) -> dict[str, object]:
        """Apply the operation; it is on disk before the answer, whatever `wait` says."""
        number = self.collection.update(operation)
        return {"operation_id": number, "status": "completed" if self.wait else "acknowledged"}


Handler = Callable[[Call], object]


def list_collections(call: Call) -> object:
    """The names of all collections."""
    return {"collections": [{"name": name} for name in call.storage.collections]}


def create_collection(call: Call) -> object:
    """Make a collection of dense vectors without a name."""
    body = call.fields("vectors", *COLLECTION_TUNING)
    call.storage.create(call.path["name"], translate.vector_params(required(body, "vectors")))
    return True


def delete_collection(call: Call) -> object:
    """Delete a collection; false when there was none."""
    return call.storage.delete(call.path["name"])


def collection_exists(call: Call) -> object:
    """Whether there is such a collection."""
    return {"exists": call.path["name"] in call.storage.collections}


def collection_info(call: Call) -> object:
    """Counts and settings; what nothing here reads is given as Qdrant's default."""
    collection = call.collection
    info = collection.shard.info()
    vectors = {"size": collection.size, "distance": collection.distance}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": {"params": {"vectors": vectors, "on_disk_payload": True}, **DEFAULTS},
        "payload_schema": {
            name: {"data_type": str(index.data_type).split(".")[1].lower(), "points": index.points}
            for name, index in info.payload_schema.items()
        },
    }


def create_index(call: Call) -> object:
    """Index a payload field."""
    body = call.fields("field_name", "field_schema")
    kind = translate.index_type(required(body, "field_schema"))
    return call.write(Update.create_field_index(required(body, "field_name"), kind))


def delete_index(call: Call) -> object:
    """Drop the index of a payload field."""
    return call.write(Update.delete_field_index(call.path["field"]))


def upsert(call: Call) -> object:
    """Insert points, replacing those with the same id."""
    points = translate.points(call.fields("points"), call.collection.size)
    return call.write(Update.upsert_points(points))


def delete_points(call: Call) -> object:
    """Delete points by id or by filter."""
    return _by(call, Update.delete_points, Update.delete_points_by_filter)


def set_payload(call: Call) -> object:
    """Set some fields of points' payload."""
    return _by(call, Update.set_payload, Update.set_payload_by_filter, "payload", "key")


def overwrite_payload(call: Call) -> object:
    """Replace points' payload."""
    return _by(call, Update.overwrite_payload, Update.overwrite_payload_by_filter, "payload", "key")


def delete_payload(call: Call) -> object:
    """Delete some fields of points' payload."""
    return _by(call, Update.delete_payload, Update.delete_payload_by_filter, "keys")


def _by(
    call: Call,
    by_ids: Callable[..., core.UpdateOperation],
    by_filter: Callable[..., core.UpdateOperation],
    *arguments: str,
) -> object:
    """Write to the points that the body names by `points` or by `filter`."""
    body = call.fields("points", "filter", *arguments)
    rest = [body.get(name) if name == "key" else required(body, name) for name in arguments]
    if body.get("points") is not None:
        return call.write(by_ids(translate.point_ids(body["points"]), *rest))
    chosen = condition_filter(body.get("filter"))
    if chosen is None:
        raise translate.unreadable("neither `points` nor `filter` says which points are meant")
    return call.write(by_filter(chosen, *rest))


def retrieve(call: Call) -> object:
    """Points by id, in the order asked for; missing ones are left out."""
    body = call.fields("ids", "with_payload", "with_vector")
    found = call.collection.shard.retrieve(
        translate.point_ids(required(body, "ids")),
        translate.payload_selector(body.get("with_payload"), default=True),
        translate.vector_selector(body.get("with_vector")),
    )
    return [translate.point_json(record) for record in found]


def scroll(call: Call) -> object:
    """A page of points by id or by a payload field, and where the next page starts."""
    body = call.fields("offset", "limit", "filter", "with_payload", "with_vector", "order_by")
    offset, order = body.get("offset"), body.get("order_by")
    if offset is not None and order is not None:
        raise RefusedError(400, "Wrong input: Cannot use an `offset` when using `order_by`")
    request = core.ScrollRequest(
        offset=None if offset is None else translate.point_id(offset),
        limit=translate.whole(body, "limit", 10, 1),
        filter=condition_filter(body.get("filter")),
        with_payload=translate.payload_selector(body.get("with_payload"), default=True),
        with_vector=translate.vector_selector(body.get("with_vector")),
        order_by=None if order is None else translate.order_by(order),
    )
    found, following = call.collection.shard.scroll(request)
    return {
        "points": [translate.point_json(record) for record in found],
        "next_page_offset": translate.id_json(following),
    }


def count(call: Call) -> object:
    """How many points fit a filter; always exact."""
    chosen = condition_filter(call.fields("filter", "exact").get("filter"))
    return {"count": call.collection.shard.count(core.CountRequest(exact=True, filter=chosen))}


def query(call: Call) -> object:
    """The points nearest to a vector, or in the order of a field, or just any."""
    body = call.fields("query", *SEARCH_FIELDS)
    return {"points": _query(call, _scoring(body.get("query")), body)}


def search(call: Call) -> object:
    """The points nearest to a vector, as clients before 1.10 ask."""
    body = call.fields("vector", *SEARCH_FIELDS)
    return _query(call, core.Query.Nearest(translate.vector(required(body, "vector"))), body)


def _scoring(value: object) -> "core.ScoringQueryType | None":
    if value is None:
        return None
    if isinstance(value, dict) and "order_by" in value:
        return translate.order_by(fields(value, "query", "order_by")["order_by"])
    nearest = fields(value, "query", "nearest")["nearest"] if isinstance(value, dict) else value
    return core.Query.Nearest(translate.vector(nearest))


def _query(call: Call, scoring: "core.ScoringQueryType | None", body: Body) -> list[object]:
    request = core.QueryRequest(
        limit=translate.whole(body, "limit", 10, 1),
        offset=translate.whole(body, "offset", 0, 0),
        query=scoring,
        filter=condition_filter(body.get("filter")),
        with_payload=translate.payload_selector(body.get("with_payload"), default=False),
        with_vector=translate.vector_selector(body.get("with_vector")),
        score_threshold=body.get("score_threshold"),
    )
    return [translate.point_json(point) for point in call.collection.shard.query(request)]


ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/collections"): list_collections,
    ("GET", "/collections/{name}"): collection_info,
    ("PUT", "/collections/{name}"): create_collection,
    ("DELETE", "/collections/{name}"): delete_collection,
    ("GET", "/collections/{name}/exists"): collection_exists,
    ("PUT", "/collections/{name}/index"): create_index,
    ("DELETE", "/collections/{name}/index/{field}"): delete_index,
    ("PUT", "/collections/{name}/points"): upsert,
    ("POST", "/collections/{name}/points"): retrieve,
    ("POST", "/collections/{name}/points/delete"): delete_points,
    ("POST", "/collections/{name}/points/payload"): set_payload,
    ("PUT", "/collections/{name}/points/payload"): overwrite_payload,
    ("POST", "/collections/{name}/points/payload/delete"): delete_payload,
    ("POST", "/collections/{name}/points/scroll"): scroll,
    ("POST", "/collections/{name}/points/count"): count,
    ("POST", "/collections/{name}/points/query"): query,
    ("POST", "/collections/{name}/points/search"): search,
}

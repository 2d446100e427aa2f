"""What is written to points: the operations of Qdrant, alone or several in one request.

Each is translated whole before the first one reaches the core, which writes before it looks.
"""

from collections.abc import Callable, Mapping

import qdrant_edge as core
from qdrant_call import Call, Handler, Routes
from qdrant_json import (
    Body,
    fields,
    items,
    key_path,
    not_offered,
    only,
    point_ids,
    required,
    unreadable,
)
from qdrant_storage import Collection
from qdrant_vectors import points, points_of_vectors

Update = core.UpdateOperation
Operation = Callable[[object, Collection], core.UpdateOperation]
Make = Callable[..., core.UpdateOperation]


def upsert(value: object, to: Collection) -> core.UpdateOperation:
    """Insert points, replacing those with the same id."""
    return Update.upsert_points(points(fields(value, "the body", "points", "batch"), to.shape))


def update_vectors(value: object, to: Collection) -> core.UpdateOperation:
    """Give points new vectors; those that are not named stay."""
    body = fields(value, "the body", "points")
    return Update.update_vectors(points_of_vectors(body, to.shape))


def delete_vectors(value: object, to: Collection) -> core.UpdateOperation:
    """Take vectors from points, by their names."""
    names = to.shape.names(required(fields(value, "the body"), "vector"))
    return _by(Update.delete_vectors, Update.delete_vectors_by_filter, value, to, vector=names)


def delete(value: object, to: Collection) -> core.UpdateOperation:
    """Delete points by id or by filter."""
    return _by(Update.delete_points, Update.delete_points_by_filter, value, to)


def set_payload(value: object, to: Collection) -> core.UpdateOperation:
    """Set some fields of points' payload."""
    return _by(Update.set_payload, Update.set_payload_by_filter, value, to, **_payload(value))


def overwrite_payload(value: object, to: Collection) -> core.UpdateOperation:
    """Replace points' payload."""
    by = (Update.overwrite_payload, Update.overwrite_payload_by_filter)
    return _by(*by, value, to, **_payload(value))


def delete_payload(value: object, to: Collection) -> core.UpdateOperation:
    """Delete some fields of points' payload."""
    keys = required(fields(value, "the body"), "keys")
    return _by(Update.delete_payload, Update.delete_payload_by_filter, value, to, keys=keys)


def clear_payload(value: object, to: Collection) -> core.UpdateOperation:
    """Delete points' whole payload."""
    return _by(Update.clear_payload, Update.clear_payload_by_filter, value, to)


def _payload(value: object) -> Body:
    body = fields(value, "the body")
    return {"payload": required(body, "payload"), "key": key_path(body.get("key"))}


def _by(
    by_ids: Make, by_filter: Make, value: object, to: Collection, **arguments: object
) -> core.UpdateOperation:
    """The operation on the points that the body names by `points` or by `filter`."""
    body = fields(value, "the body", "points", "filter", *arguments)
    if body.get("points") is not None:
        return by_ids(point_ids(body["points"]), *arguments.values())
    chosen = to.filters.read(body.get("filter"))
    if chosen is None:
        raise unreadable("neither `points` nor `filter` says which points are meant")
    return by_filter(chosen, *arguments.values())


OPERATIONS: Mapping[str, Operation] = {
    "upsert": upsert,
    "delete": delete,
    "set_payload": set_payload,
    "overwrite_payload": overwrite_payload,
    "delete_payload": delete_payload,
    "clear_payload": clear_payload,
    "update_vectors": update_vectors,
    "delete_vectors": delete_vectors,
}
"""By their names in a batch."""


def batch(call: Call) -> object:
    """Several operations, one after the other; each has an answer."""
    given = items(required(call.fields("operations"), "operations"), "operations")
    operations = [_operation(one, call.collection) for one in given]
    return [call.write(*operations)] * len(operations)


def _operation(value: object, to: Collection) -> core.UpdateOperation:
    name, body = only(value, "an operation")
    if name not in OPERATIONS:
        raise not_offered(f"the operation `{name}`")
    return OPERATIONS[name](body, to)


def _alone(operation: Operation) -> Handler:
    """Who answers a request that is one operation."""
    return lambda call: call.write(operation(call.body, call.collection))


ROUTES: Routes = {
    ("PUT", "/collections/{name}/points"): _alone(upsert),
    ("PUT", "/collections/{name}/points/vectors"): _alone(update_vectors),
    ("POST", "/collections/{name}/points/vectors/delete"): _alone(delete_vectors),
    ("POST", "/collections/{name}/points/delete"): _alone(delete),
    ("POST", "/collections/{name}/points/payload"): _alone(set_payload),
    ("PUT", "/collections/{name}/points/payload"): _alone(overwrite_payload),
    ("POST", "/collections/{name}/points/payload/delete"): _alone(delete_payload),
    ("POST", "/collections/{name}/points/payload/clear"): _alone(clear_payload),
    ("POST", "/collections/{name}/points/batch"): batch,
}

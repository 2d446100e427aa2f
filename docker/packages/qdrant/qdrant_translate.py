"""Qdrant's REST JSON to the classes of its storage core, and back. No state, no HTTP, no files.

Every function refuses what it cannot translate with `RefusedError`; a value that only the core
finds wrong comes out as the core's own TypeError, ValueError or OverflowError.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import qdrant_edge as core

Json = Any  # what it holds is checked here where it must be, and else by the core
Body = Mapping[str, Json]

LARGEST_FLOAT32 = 3.4028234663852886e38  # vectors are float32: anything above becomes infinite
LARGEST_SIZE = 65536  # numbers in a vector, as in Qdrant
# Matters of speed and memory: accepted and without effect, since they change no answer.
VECTOR_TUNING = ("on_disk", "hnsw_config")
INDEX_TUNING = ("on_disk", "is_tenant", "is_principal", "enable_hnsw")


class RefusedError(Exception):
    """A request that is answered with `status` (an HTTP code) and `text` instead of a result."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


def unreadable(text: str) -> RefusedError:
    """Qdrant's answer (400) to a body that it cannot read; `text` says why."""
    return RefusedError(400, f"Format error in JSON body: {text}")


def fields(value: object, what: str, *known: str) -> Body:
    """`value` as an object; 400 when it is none, 501 when it holds a key that is not `known`.

    Without `known`, any key is good. A key that is null counts as absent.
    """
    if not isinstance(value, dict):
        raise unreadable(f"invalid type: {type(value).__name__}, expected an object for {what}")
    for key in value:
        if known and key not in known and value[key] is not None:
            raise RefusedError(501, f"This stand-in does not offer `{key}` in {what}")
    return value


def items(value: object, what: str) -> list[Json]:
    """`value` as a list, or 400."""
    if not isinstance(value, list):
        raise unreadable(f"invalid type: {type(value).__name__}, expected a list for {what}")
    return value


def required(body: Body, key: str) -> Json:
    """The value of `key`, or 400 when it is not there."""
    if body.get(key) is None:
        raise unreadable(f"missing field `{key}`")
    return body[key]


def whole(body: Body, key: str, default: int, least: int, most: int = 2**63) -> int:
    """The whole number under `key`; 422 when it is not within `least` and `most`, as in Qdrant."""
    value = default if body.get(key) is None else body[key]
    if type(value) is not int:
        raise unreadable(f"{key}: {value!r} is not a whole number")
    if least <= value <= most:
        return value
    wanted = f"{least} or larger" if value < least else f"{most} or smaller"
    text = f"Validation error in JSON body: [{key}: value {value} invalid, must be {wanted}]"
    raise RefusedError(422, text)


def point_id(value: object) -> int | uuid.UUID:
    """A point's id: an unsigned 64-bit integer or a UUID."""
    if type(value) is int and 0 <= value < 2**64:
        return value
    try:
        return uuid.UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise unreadable(
            f"value {value} is not a valid point ID, "
            "valid values are either an unsigned integer or a UUID"
        ) from None


def point_ids(value: object) -> "list[core.PointId]":
    """A list of point ids."""
    return [point_id(one) for one in items(value, "points")]


def vector(value: object) -> list[float]:
    """A dense vector without a name: a list of numbers, each within float32."""
    if not isinstance(value, list):
        raise RefusedError(501, "This stand-in offers only dense vectors without a name")
    numbers = [float(one) for one in value if isinstance(one, int | float)]
    if len(numbers) != len(value) or not all(abs(one) <= LARGEST_FLOAT32 for one in numbers):
        raise unreadable("a vector holds something that is not a 32-bit number")
    return numbers


def points(body: Body, size: int) -> list[core.Point]:
    """The points of an upsert into a collection whose vectors have `size` numbers.

    The size is checked here, because the core writes an update to its log before it looks at the
    vectors, and the next start would then apply half of an update that was refused.
    """
    return [_point(one, size) for one in items(required(body, "points"), "points")]


def _point(value: object, size: int) -> core.Point:
    body = fields(value, "a point", "id", "vector", "payload")
    numbers = vector(required(body, "vector"))
    if len(numbers) != size:
        raise RefusedError(
            400,
            f"Wrong input: Vector dimension error: expected dim: {size}, got {len(numbers)}",
        )
    payload = body.get("payload")
    return core.Point(
        point_id(required(body, "id")),
        numbers,
        None if payload is None else dict(fields(payload, "payload")),
    )


def vector_params(value: object) -> core.EdgeVectorParams:
    """Size and distance of a new collection's vectors."""
    if isinstance(value, dict) and "size" not in value:
        raise RefusedError(501, "This stand-in offers only dense vectors without a name")
    body = fields(value, "vectors", "size", "distance", *VECTOR_TUNING)
    name = required(body, "distance")
    if name not in ("Cosine", "Euclid", "Dot", "Manhattan"):
        raise unreadable(
            f"unknown variant `{name}`, expected one of `Cosine`, `Euclid`, `Dot`, `Manhattan`"
        )
    size = whole(body, "size", 0, 1, LARGEST_SIZE)
    return core.EdgeVectorParams(size, getattr(core.Distance, str(name)))


def index_type(value: object) -> core.PayloadSchemaType:
    """The type of a payload index, given as its name or as an object with `type`."""
    body = (
        {"type": value}
        if isinstance(value, str)
        else fields(value, "field_schema", "type", *INDEX_TUNING)
    )
    known = getattr(core.PayloadSchemaType, str(required(body, "type")).capitalize(), None)
    if not isinstance(known, core.PayloadSchemaType):
        raise unreadable(f"unknown variant `{body['type']}` of field_schema, try `keyword`")
    return known


def payload_selector(value: object, *, default: bool) -> "core.WithPayloadType":
    """`with_payload`: all, none, a list of keys, or an object that includes or excludes keys."""
    if value is None:
        return default
    if isinstance(value, bool | list):
        return value
    body = fields(value, "with_payload", "include", "exclude")
    if body.get("include") is not None:
        return core.PayloadSelector.Include(body["include"])
    return core.PayloadSelector.Exclude(required(body, "exclude"))


def vector_selector(value: object) -> bool:
    """`with_vector`: whether to return the one vector."""
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RefusedError(501, "This stand-in offers `with_vector` only as true or false")


def order_by(value: object) -> core.OrderBy:
    """`order_by`: the key of a payload field, or an object with key, direction and start_from."""
    body = (
        {"key": value}
        if isinstance(value, str)
        else fields(value, "order_by", "key", "direction", "start_from")
    )
    directions = {None: None, "asc": core.Direction.Asc, "desc": core.Direction.Desc}
    if body.get("direction") not in directions:
        raise unreadable(f"unknown variant `{body['direction']}`, expected `asc` or `desc`")
    return core.OrderBy(
        required(body, "key"), directions[body.get("direction")], body.get("start_from")
    )


def point_json(point: core.Record | core.ScoredPoint) -> dict[str, object]:
    """A stored or found point; what was not asked for is left out."""
    names = ("version", "score", "payload", "vector", "order_value")
    named = {name: getattr(point, name, None) for name in names}
    return {"id": id_json(point.id)} | {k: v for k, v in named.items() if v is not None}


def id_json(value: "core.PointId | None") -> int | str | None:
    """A point's id as JSON has it; None stays None."""
    return value if value is None or isinstance(value, int) else str(value)

"""Qdrant's JSON filters to the filter class of its storage core."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import qdrant_edge as core
from qdrant_json import (
    Body,
    Json,
    fields,
    items,
    not_offered,
    one_or_more,
    only,
    point_ids,
    required,
    text,
    unreadable,
    whole,
)

COUNTS = ("lt", "gt", "lte", "gte")


class _CoreBool:
    """A truth value that the core matches as one.

    Version 0.9.0 tries integers before booleans and takes a plain True for 1. The one other boolean
    that its binding accepts is numpy's, which it knows by module and name alone.
    """

    def __init__(self, value: object) -> None:
        self.value = value

    def __bool__(self) -> bool:
        return self.value is True


_CoreBool.__module__, _CoreBool.__name__ = "numpy", "bool_"


@dataclass(frozen=True, slots=True)
class Filters:
    """Reads the filters of a collection.

    Raises `RefusedError`: 400 for what is no filter, 501 for a condition that is not offered.
    """

    worded: frozenset[str]
    """Fields with an index of their words. A text is looked for as words in these, and as a part of
    the value in all others, as in Qdrant 1.15; the core would look for words everywhere."""

    def read(self, value: object) -> core.Filter | None:
        """A filter of must, should, must_not and min_should; None for no filter."""
        if value is None:
            return None
        body = fields(value, "filter", "must", "should", "must_not", "min_should")
        return core.Filter(
            must=self._conditions(body.get("must")),
            should=self._conditions(body.get("should")),
            must_not=self._conditions(body.get("must_not")),
            min_should=self._min_should(body.get("min_should")),
        )

    def condition(self, value: object) -> "core.ConditionType":
        """One condition, which may be a filter of its own."""
        body = fields(value, "condition")
        if "key" in body:
            return self._field(body)
        if "nested" in body:
            return self._nested(fields(body["nested"], "nested", "key", "filter"))
        kind = next((one for one in CONDITIONS if one in body), None)
        return CONDITIONS[kind](body[kind]) if kind else _required(self, {"filter": body})

    def _nested(self, body: Body) -> core.NestedCondition:
        path = text(body, "key")
        inner = path.removesuffix("[]") + "[]."
        worded = (name.removeprefix(inner) for name in self.worded if name.startswith(inner))
        return core.NestedCondition(path, _required(Filters(frozenset(worded)), body))

    def _conditions(self, value: object) -> "list[core.ConditionType] | None":
        return None if value is None else [self.condition(one) for one in one_or_more(value)]

    def _min_should(self, value: object) -> core.MinShould | None:
        if value is None:
            return None
        body = fields(value, "min_should", "conditions", "min_count")
        conditions = [
            self.condition(one) for one in items(required(body, "conditions"), "conditions")
        ]
        return core.MinShould(conditions, whole(body, "min_count", 0, 0))

    def _field(self, body: Body) -> core.FieldCondition:
        fields(body, "a field's condition", "key", "match", *FIELD)
        held = {
            name: read(body[name]) for name, read in FIELD.items() if body.get(name) is not None
        }
        if body.get("match") is not None:
            held["match"] = _match(body["match"], words=body["key"] in self.worded)
        if not held:
            raise unreadable("At least one field condition must be specified")
        return core.FieldCondition(body["key"], **held)


def _required(filters: Filters, body: Body) -> core.Filter:
    return filters.read(required(body, "filter")) or core.Filter()


def without(chosen: core.Filter | None, ids: "set[core.PointId]") -> core.Filter | None:
    """The filter, which lets none of these points through."""
    if not ids:
        return chosen
    return core.Filter(
        must=None if chosen is None else [chosen], must_not=[core.HasIdCondition(ids)]
    )


def _match(value: object, *, words: bool) -> "core.MatchType":
    """The operand is checked by the core, which raises TypeError for one that does not fit."""
    kind, operand = only(value, "match")
    if kind == "text" and not words:
        return core.MatchSubstring(operand)
    if kind not in MATCHES:
        raise not_offered(f"`{kind}` in match")
    return MATCHES[kind](_CoreBool(operand) if isinstance(operand, bool) else operand)


def _range(value: object) -> "core.RangeType":
    body = fields(value, "range", *COUNTS)
    limits = {name: limit for name, limit in body.items() if limit is not None}
    if any(isinstance(limit, str) for limit in limits.values()):
        return core.RangeDateTime(**limits)
    return core.RangeFloat(**limits)


def _values_count(value: object) -> core.ValuesCount:
    return core.ValuesCount(**fields(value, "values_count", *COUNTS))


def geo_point(value: object) -> core.GeoPoint:
    """A place by its longitude and latitude in degrees."""
    body = fields(value, "a geo point", "lon", "lat")
    return core.GeoPoint(required(body, "lon"), required(body, "lat"))


def _box(value: object) -> core.GeoBoundingBox:
    body = fields(value, "geo_bounding_box", "top_left", "bottom_right")
    corners = (required(body, "top_left"), required(body, "bottom_right"))
    return core.GeoBoundingBox(*map(geo_point, corners))


def _radius(value: object) -> core.GeoRadius:
    body = fields(value, "geo_radius", "center", "radius")
    return core.GeoRadius(geo_point(required(body, "center")), required(body, "radius"))


def _polygon(value: object) -> core.GeoPolygon:
    body = fields(value, "geo_polygon", "exterior", "interiors")
    interiors = items(body.get("interiors") or [], "interiors")
    return core.GeoPolygon(_ring(required(body, "exterior")), [_ring(one) for one in interiors])


def _ring(value: object) -> list[core.GeoPoint]:
    points = required(fields(value, "a ring of geo points", "points"), "points")
    return [geo_point(one) for one in items(points, "points")]


def _as_it_is(value: Json) -> Json:
    return value


CONDITIONS: Mapping[str, Callable[[Json], "core.ConditionType"]] = {
    "is_empty": lambda value: core.IsEmptyCondition(text(fields(value, "is_empty"), "key")),
    "is_null": lambda value: core.IsNullCondition(text(fields(value, "is_null"), "key")),
    "has_id": lambda value: core.HasIdCondition(set(point_ids(value))),
    "has_vector": core.HasVectorCondition,
}
"""Conditions by the key that they are known by; those on a field and whole filters have more."""
MATCHES: Mapping[str, Callable[[Json], "core.MatchType"]] = {
    "value": core.MatchValue,
    "any": core.MatchAny,
    "except": core.MatchExcept,
    "text": core.MatchText,
    "text_any": core.MatchTextAny,
    "phrase": core.MatchPhrase,
}
FIELD: Mapping[str, Callable[[Json], Json]] = {
    "range": _range,
    "geo_bounding_box": _box,
    "geo_radius": _radius,
    "geo_polygon": _polygon,
    "values_count": _values_count,
    "is_empty": _as_it_is,
    "is_null": _as_it_is,
}
"""What a condition asks of a field beside a match; how each is read."""

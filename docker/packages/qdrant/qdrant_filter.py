"""Qdrant's JSON filters to the filter class of its storage core."""

from collections.abc import Callable

import qdrant_edge as core
from qdrant_translate import Body, Json, RefusedError, fields, point_ids, required, unreadable


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


def condition_filter(value: object) -> core.Filter | None:
    """A filter of must, should and must_not; None for no filter.

    Raises `RefusedError`: 400 for what is no filter, 501 for a condition that is not offered.
    """
    if value is None:
        return None
    body = fields(value, "filter", "must", "should", "must_not")
    return core.Filter(
        must=_conditions(body.get("must")),
        should=_conditions(body.get("should")),
        must_not=_conditions(body.get("must_not")),
    )


def _conditions(value: object) -> "list[core.ConditionType] | None":
    if value is None:
        return None
    return [_condition(one) for one in (value if isinstance(value, list) else [value])]


def _condition(value: object) -> "core.ConditionType":
    body = fields(value, "condition")
    if "key" in body:
        return _field(body)
    if "is_empty" in body:
        return core.IsEmptyCondition(required(fields(body["is_empty"], "is_empty"), "key"))
    if "is_null" in body:
        return core.IsNullCondition(required(fields(body["is_null"], "is_null"), "key"))
    if "has_id" in body:
        return core.HasIdCondition(set(point_ids(body["has_id"])))
    if "nested" in body:
        nested = fields(body["nested"], "nested", "key", "filter")
        return core.NestedCondition(required(nested, "key"), _required_filter(nested))
    return _required_filter({"filter": body})


def _required_filter(body: Body) -> core.Filter:
    return condition_filter(required(body, "filter")) or core.Filter()


def _field(body: Body) -> core.FieldCondition:
    fields(body, "a field's condition", "key", "match", "range", "is_empty", "is_null")
    if all(body.get(name) is None for name in ("match", "range", "is_empty", "is_null")):
        raise unreadable("At least one field condition must be specified")
    return core.FieldCondition(
        body["key"],
        match=None if body.get("match") is None else _match(fields(body["match"], "match")),
        range=None if body.get("range") is None else _range(body["range"]),
        is_empty=body.get("is_empty"),
        is_null=body.get("is_null"),
    )


def _match(body: Body) -> "core.MatchType":
    """The operand is checked by the core, which raises TypeError for one that does not fit."""
    kinds: dict[str, Callable[[Json], core.MatchType]] = {
        "value": core.MatchValue,
        "any": core.MatchAny,
        "except": core.MatchExcept,
        "text": core.MatchText,
        "text_any": core.MatchTextAny,
        "phrase": core.MatchPhrase,
    }
    if len(body) != 1 or not body.keys() <= kinds.keys():
        raise RefusedError(501, f"This stand-in offers match with one of {', '.join(kinds)}")
    [(kind, operand)] = body.items()
    return kinds[kind](_CoreBool(operand) if isinstance(operand, bool) else operand)


def _range(value: object) -> "core.RangeType":
    body = fields(value, "range", "gte", "gt", "lte", "lt")
    limits = {name: limit for name, limit in body.items() if limit is not None}
    if any(isinstance(limit, str) for limit in limits.values()):
        return core.RangeDateTime(**limits)
    return core.RangeFloat(**limits)

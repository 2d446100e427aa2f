"""Qdrant's JSON formulas, which score points anew, to those of its storage core."""

from collections.abc import Callable, Mapping

import qdrant_edge as core
from qdrant_filter import CONDITIONS, Filters, geo_point
from qdrant_json import Body, Json, fields, items, not_offered, only, required, text

Make = Callable[..., core.Expression]
Read = Callable[[Json, Filters], core.Expression]

LOGIC = {"key", "nested", "must", "should", "must_not", "min_should", *CONDITIONS}
"""What a condition is known by."""


def formula(body: Body, filters: Filters) -> core.Formula:
    """The formula of a query, with what stands for fields that a point lacks."""
    defaults = dict(fields(body.get("defaults") or {}, "defaults"))
    return core.Formula(expression(required(body, "formula"), filters), defaults)


def expression(value: Json, filters: Filters) -> core.Expression:
    """A number, a field or score by its name, a condition (1 or 0), or a calculation with these."""
    if isinstance(value, str):
        return core.Expression.Variable(value)
    if not isinstance(value, dict):
        return core.Expression.Constant(value)
    if value.keys() & LOGIC:
        return core.Expression.Condition(filters.condition(value))
    kind, operand = only(value, "an expression")
    if kind not in EXPRESSIONS:
        raise not_offered(f"`{kind}` in a formula")
    return EXPRESSIONS[kind](operand, filters)


def _one(make: Make) -> Read:
    return lambda value, filters: make(expression(value, filters))


def _many(make: Make) -> Read:
    return lambda value, filters: make([expression(one, filters) for one in items(value, "sum")])


def _division(value: Json, filters: Filters) -> core.Expression:
    body = fields(value, "div", "left", "right", "by_zero_default")
    left, right = (expression(required(body, side), filters) for side in ("left", "right"))
    return core.Expression.Div(left, right, body.get("by_zero_default"))


def _power(value: Json, filters: Filters) -> core.Expression:
    body = fields(value, "pow", "base", "exponent")
    base, exponent = (expression(required(body, one), filters) for one in ("base", "exponent"))
    return core.Expression.Pow(base, exponent)


def _distance(value: Json, _: Filters) -> core.Expression:
    body = fields(value, "geo_distance", "origin", "to")
    return core.Expression.GeoDistance(geo_point(required(body, "origin")), text(body, "to"))


def _decay(kind: core.DecayKind) -> Read:
    def make(value: Json, filters: Filters) -> core.Expression:
        body = fields(value, "a decay", "x", "target", "scale", "midpoint")
        target = body.get("target")
        return core.Expression.Decay(
            kind,
            expression(required(body, "x"), filters),
            None if target is None else expression(target, filters),
            body.get("midpoint"),
            body.get("scale"),
        )

    return make


EXPRESSIONS: Mapping[str, Read] = {
    "neg": _one(core.Expression.Neg),
    "abs": _one(core.Expression.Abs),
    "sqrt": _one(core.Expression.Sqrt),
    "exp": _one(core.Expression.Exp),
    "log10": _one(core.Expression.Log10),
    "ln": _one(core.Expression.Ln),
    "sum": _many(core.Expression.Sum),
    "mult": _many(core.Expression.Mult),
    "div": _division,
    "pow": _power,
    "datetime": lambda value, _: core.Expression.Datetime(value),
    "datetime_key": lambda value, _: core.Expression.DatetimeKey(value),
    "geo_distance": _distance,
    "lin_decay": _decay(core.DecayKind.Lin),
    "exp_decay": _decay(core.DecayKind.Exp),
    "gauss_decay": _decay(core.DecayKind.Gauss),
}

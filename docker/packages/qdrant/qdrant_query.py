"""Queries, translated for the core: a point named by its id becomes its vector, the rest its class.

Queries of clients before 1.10 (search, recommend, discover) are put into the form of today's first.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import qdrant_edge as core
from qdrant_filter import Filters, without
from qdrant_formula import formula
from qdrant_json import (
    Answer,
    Body,
    Json,
    RefusedError,
    choice,
    fields,
    is_id,
    items,
    not_offered,
    one_or_more,
    payload_selector,
    point_id,
    required,
    text,
    unreadable,
    whole,
    wrong,
)
from qdrant_storage import Collection, Storage
from qdrant_vectors import named, point_json, selector, vector

# `params` (how far the index is searched) is without effect: the search is always exact.
STAGE = (
    *("query", "using", "prefetch", "filter", "limit", "score_threshold", "params"),
    "lookup_from",
)
ASKED = (*STAGE, "offset", "with_payload", "with_vector")
"""What today's query may hold."""
MOST = 2**63  # points that a limit may name
LIMIT = 10  # points of an answer, as in Qdrant
RANKS = 2  # k of reciprocal rank fusion, Qdrant's own
FUSIONS = {"rrf": core.Fusion.Rrf(RANKS), "dbsf": core.Fusion.Dbsf()}
SAMPLES = {"random": core.Sample.Random}
UNSCORED = (core.OrderBy, core.Sample)
DIRECTIONS = {"asc": core.Direction.Asc, "desc": core.Direction.Desc}
AVERAGE = "average_vector"
SCORES: Mapping[str, Callable[..., core.Query] | None] = {
    AVERAGE: None,
    "best_score": core.Query.RecommendBestScore,
    "sum_scores": core.Query.RecommendSumScores,
}


def search(body: Body) -> Body:
    """An old search as a query of today."""
    using, given = named(required(body, "vector"))
    return {**_renewed(body, {"nearest": given}, "vector"), "using": using}


def recommend(body: Body) -> Body:
    """An old recommendation as a query of today."""
    words = ("positive", "negative", "strategy")
    return _renewed(body, {"recommend": {word: body.get(word) for word in words}}, *words)


def discover(body: Body) -> Body:
    """An old discovery as a query of today; without a target it is one of context."""
    target, context = body.get("target"), body.get("context") or []
    asked = {"discover": {"target": target, "context": context}}
    return _renewed(body, {"context": context} if target is None else asked, "target", "context")


def _renewed(body: Body, query: Body, *old: str) -> Body:
    return {key: value for key, value in body.items() if key not in old} | {"query": query}


def order_by(value: object) -> core.OrderBy:
    """`order_by`: the key of a payload field, or an object with key, direction and start_from."""
    body = {"key": value} if isinstance(value, str) else value
    body = fields(body, "order_by", "key", "direction", "start_from")
    direction = choice(body, "direction", DIRECTIONS)
    return core.OrderBy(required(body, "key"), direction, body.get("start_from"))


def request(
    storage: Storage, collection: Collection, body: Body, times: int = 1
) -> core.QueryRequest:
    """The core's request for a query of today; 404 when a point that it names is not there.

    What it prefetches is `times` as many points as its limits say.
    """
    plan = _Plan(storage, collection, collection.filters, times)
    limit = whole(body, "limit", LIMIT, 1)
    scoring, prefetches = plan.stage(body, limit)
    return core.QueryRequest(
        limit=limit,
        # a sample is another one each time, so that its pages have no order
        offset=0 if scoring is core.Sample.Random else whole(body, "offset", 0, 0),
        query=scoring,
        prefetches=prefetches,
        filter=without(plan.filters.read(body.get("filter")), plan.named),
        with_payload=payload_selector(body.get("with_payload"), default=False),
        with_vector=selector(body.get("with_vector")),
        score_threshold=body.get("score_threshold"),
    )


def found(storage: Storage, collection: Collection, body: Body, times: int = 1) -> list[Answer]:
    """The points that a query of today finds, the best first, as JSON has them."""
    asked = request(storage, collection, body, times)
    points = [point_json(one) for one in collection.shard.query(asked)]
    if asked.query is None or isinstance(asked.query, UNSCORED):
        # what has no score has 0 in Qdrant 1.15, and 1 in the core
        points = [one | {"score": 0.0} for one in points]
    return points


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is gathered while a query and all that it prefetches are translated."""

    storage: Storage
    collection: Collection
    filters: Filters
    times: int
    named: "set[core.PointId]" = field(default_factory=set)
    """Points of this collection that stand in the query: none of them is an answer to it."""

    def stage(
        self, body: Body, limit: int
    ) -> "tuple[core.ScoringQueryType | None, list[core.Prefetch]]":
        """How a query scores points, and the queries that choose them for it."""
        asked = body.get("query")
        prefetches = [self._prefetch(one) for one in one_or_more(body.get("prefetch"))]
        if asked is None and prefetches:
            raise wrong("A query is needed to merge the prefetches.")
        if asked is None and body.get("score_threshold") is not None:
            raise wrong("A query is needed to use the score_threshold.")
        return (None if asked is None else self._scoring(asked, body, limit)), prefetches

    def _prefetch(self, value: object) -> core.Prefetch:
        body = fields(value, "prefetch", *STAGE)
        limit = whole(body, "limit", LIMIT, 1)
        scoring, prefetches = self.stage(body, limit)
        return core.Prefetch(
            limit=min(limit * self.times, MOST),
            query=scoring,
            prefetches=prefetches,
            filter=self.filters.read(body.get("filter")),
            score_threshold=body.get("score_threshold"),
        )

    def _scoring(self, asked: Json, body: Body, limit: int) -> "core.ScoringQueryType":
        vectors = not isinstance(asked, dict) or "indices" in asked
        query = {"nearest": asked} if vectors else asked
        query = fields(query, "query", *COMPARING, *ORDERING, "defaults")
        examples = self._examples(body)
        for kind, compare in COMPARING.items():
            if query.get(kind) is not None:
                return compare(examples, query, limit)
        for kind, (order, alone) in ORDERING.items():
            if query.get(kind) is not None:
                if alone and body.get(alone) is not None:
                    raise wrong(f"`{kind}` cannot be combined with `{alone}`")
                return order(query, self.filters)
        raise unreadable(f"a query holds none of {', '.join((*COMPARING, *ORDERING))}")

    def _examples(self, body: Body) -> "_Examples":
        using = text(body, "using") if body.get("using") is not None else ""
        lookup = fields(body.get("lookup_from") or {}, "lookup_from", "collection", "vector")
        other = self.storage.get(text(lookup, "collection")) if lookup else self.collection
        name = lookup.get("vector") or using
        here = self.named if other is self.collection else set()
        return _Examples(other, name, using or None, here)


@dataclass(frozen=True, slots=True)
class _Examples:
    """Vectors that a query compares with: given, or those of points given by their ids."""

    collection: Collection
    name: str
    using: str | None
    named: "set[core.PointId]"

    def vector(self, value: Json) -> "core.NamedVector":
        """The vector; that of a point is looked up, and the point remembered."""
        if not is_id(value):
            return vector(value)
        self.collection.shape.names([self.name])
        one = point_id(value)
        found = self.collection.shard.retrieve([one], with_payload=False, with_vector=True)
        if not found:
            raise RefusedError(404, f"Not found: No point with id {one} found")
        held: Json = found[0].vector
        held = held.get(self.name) if isinstance(held, dict) else None if self.name else held
        if held is None:
            raise RefusedError(
                404, f"Not found: Vector with name {self.name!r} for point not found"
            )
        self.named.add(one)
        named: core.NamedVector = held
        return named

    def vectors(self, value: Json) -> "list[core.NamedVector]":
        """Several, or one."""
        return [self.vector(one) for one in items(value or [], "examples")]

    def pairs(self, value: Json) -> list[core.ContextPair]:
        """Pairs of a positive and a negative example."""
        known = [fields(one, "context", "positive", "negative") for one in one_or_more(value)]
        return [
            core.ContextPair(
                *(self.vector(required(one, side)) for side in ("positive", "negative"))
            )
            for one in known
        ]

    def nearest(self, query: Body, _: int) -> "core.ScoringQueryType":
        """The most similar to one vector."""
        return core.Query.Nearest(self.vector(query["nearest"]), self.using)

    def diverse(self, query: Body, limit: int) -> "core.ScoringQueryType":
        """The nearest, of which none is much like another."""
        body = fields(query["mmr"], "mmr", "diversity", "candidates_limit")
        diversity, target = body.get("diversity"), self.vector(required(query, "nearest"))
        if isinstance(target, core.SparseVector):
            raise not_offered("`mmr` for sparse vectors")
        return core.Mmr(
            target,
            0.5 if diversity is None else 1.0 - diversity,
            whole(body, "candidates_limit", limit, 0),
            self.using,
        )

    def recommended(self, query: Body, _: int) -> "core.ScoringQueryType":
        """Like the positive examples, and unlike the negative ones."""
        body = fields(query["recommend"], "recommend", "positive", "negative", "strategy")
        liked, disliked = self.vectors(body.get("positive")), self.vectors(body.get("negative"))
        score = SCORES[choice(body, "strategy", {one: one for one in SCORES}) or AVERAGE]
        if score is not None and (liked or disliked):
            return score(core.RecommendQuery(liked, disliked), self.using)
        if not liked:
            kind = "positive" if score is None else "positive or negative"
            raise wrong(f"At least one {kind} vector ID required with this strategy")
        return core.Query.Nearest(_towards(liked, disliked), self.using)

    def discovered(self, query: Body, _: int) -> "core.ScoringQueryType":
        """Near a target, on the positive side of each pair."""
        body = fields(query["discover"], "discover", "target", "context")
        target, pairs = self.vector(required(body, "target")), self.pairs(body.get("context"))
        return core.Query.Discover(core.DiscoverQuery(target, pairs), self.using)

    def in_context(self, query: Body, _: int) -> "core.ScoringQueryType":
        """On the positive side of each pair."""
        pairs = self.pairs(query["context"])
        return core.Query.Context(core.ContextQuery(pairs), self.using)


Compare = Callable[[_Examples, Body, int], "core.ScoringQueryType"]
Order = Callable[[Body, Filters], "core.ScoringQueryType"]

COMPARING: Mapping[str, Compare] = {
    "mmr": _Examples.diverse,  # beside `nearest`, so before it
    "nearest": _Examples.nearest,
    "recommend": _Examples.recommended,
    "discover": _Examples.discovered,
    "context": _Examples.in_context,
}
"""Queries that compare vectors."""
ORDERING: Mapping[str, tuple[Order, str]] = {
    "formula": (formula, ""),
    "order_by": (lambda query, _: order_by(query["order_by"]), "score_threshold"),
    "sample": (lambda query, _: choice(query, "sample", SAMPLES), ""),
    "fusion": (lambda query, _: choice(query, "fusion", FUSIONS), "using"),
}
"""Those that do not, each with what it cannot stand beside."""


def _towards(liked: list[Json], disliked: list[Json]) -> "core.NamedVector":
    """The one vector that Qdrant's server asks its core for: twice the liked less the disliked.

    Each is an average; several vectors of one point are put together instead.
    """
    kinds = {_kind(one) for one in (*liked, *disliked)}
    if len(kinds) > 1:
        raise wrong("Can't average vectors with different types")
    if kinds == {"multi"}:
        return [row for one in liked for row in one] + [
            [-number for number in row] for one in disliked for row in one
        ]
    towards = _average(liked)
    if disliked:
        away = _average(disliked)
        towards = {
            index: 2 * towards.get(index, 0.0) - away.get(index, 0.0)
            for index in sorted(towards.keys() | away.keys())
        }
    if kinds == {"sparse"}:
        return core.SparseVector(list(towards), list(towards.values()))
    return list(towards.values())


def _kind(one: Json) -> str:
    if isinstance(one, core.SparseVector):
        return "sparse"
    return "multi" if one and isinstance(one[0], list) else f"dense of {len(one)}"


def _average(vectors: list[Json]) -> dict[int, float]:
    """Their average number at each index, in the order of the indices."""
    total: dict[int, float] = {}
    for one in vectors:
        pairs = (
            zip(one.indices, one.values, strict=True)
            if isinstance(one, core.SparseVector)
            else enumerate(one)
        )
        for index, number in pairs:
            total[index] = total.get(index, 0.0) + number
    return {index: total[index] / len(vectors) for index in sorted(total)}

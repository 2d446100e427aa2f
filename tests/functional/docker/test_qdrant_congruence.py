"""The Qdrant stand-in answers as Qdrant's client does without a server: the same asked of both.

Qdrant's own congruence tests hold that client against the real server in this way.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from qdrant_client import QdrantClient, models

from tests.kit.qdrant import running

NAME, OTHER = "asked", "looked-up"
POINTS = 60
DENSE = {
    "text": models.VectorParams(size=8, distance=models.Distance.COSINE),
    "image": models.VectorParams(size=4, distance=models.Distance.DOT),
    "code": models.VectorParams(size=4, distance=models.Distance.EUCLID),
    "grid": models.VectorParams(size=4, distance=models.Distance.MANHATTAN),
    "pages": models.VectorParams(
        size=4,
        distance=models.Distance.DOT,
        multivector_config=models.MultiVectorConfig(
            comparator=models.MultiVectorComparator.MAX_SIM
        ),
    ),
}
SPARSE = {"words": models.SparseVectorParams()}
INDEXES = {"size": models.PayloadSchemaType.INTEGER, "kind": models.PayloadSchemaType.KEYWORD}
KINDS = ("work", "user", "long")
WORDS = ("elephant", "ant", "cow", "Cow")
TRIES = settings(
    max_examples=40, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
"""Without making a failure smaller, which takes minutes."""

Vectors = dict[str, Any]
Ask = Callable[[QdrantClient], object]


def numbers(chance: random.Random, size: int) -> list[float]:
    """A dense vector."""
    return [round(chance.uniform(-1, 1), 3) for _ in range(size)]


def vectors(chance: random.Random) -> Vectors:
    """A vector of each kind."""
    indices = sorted(chance.sample(range(20), 6))
    known = {name: numbers(chance, one.size) for name, one in DENSE.items() if name != "pages"}
    pages = [numbers(chance, 4) for _ in range(chance.randint(1, 3))]
    values = [round(chance.uniform(0.1, 1), 3) for _ in indices]
    return known | {"pages": pages, "words": models.SparseVector(indices=indices, values=values)}


def payload(chance: random.Random, number: int) -> dict[str, Any]:
    """A payload with fields of each kind, of which some are not there."""
    found: dict[str, Any] = {
        "kind": chance.choice(KINDS),
        "size": number,
        "seen": chance.random() < 0.5,
        "weight": round(chance.uniform(0, 5), 2),
        "tags": [chance.choice("abc") for _ in range(chance.randint(0, 3))],
        "said": f"{chance.choice(WORDS)} {chance.choice(WORDS)}",
        "at": datetime(2026, 1, chance.randint(1, 28), tzinfo=UTC).isoformat(),
        "place": {"lon": chance.uniform(-20, 20), "lat": chance.uniform(-20, 20)},
        "inner": [
            {"x": chance.randint(0, 3), "word": chance.choice(WORDS)}
            for _ in range(chance.randint(0, 3))
        ],
        "note": chance.choice([None, [], "there"]),
    }
    if chance.random() < 0.3:
        del found["note"]
    return found


def points(seed: int, first: int = 0) -> list[models.PointStruct]:
    """Points, of which some lack a vector."""
    chance = random.Random(seed)
    found = []
    for number in range(first, first + POINTS):
        held = vectors(chance)
        if chance.random() < 0.2:
            del held[chance.choice(["text", "code", "words"])]  # the client fails over others
        found.append(models.PointStruct(id=number, vector=held, payload=payload(chance, number)))
    return found


@dataclass(frozen=True)
class Pair:
    """The client without a server, and a client of the front, with the same in them."""

    local: QdrantClient
    front: QdrantClient

    def fill(self, name: str, seed: int) -> None:
        """Make a collection in both."""
        for client in (self.local, self.front):
            client.delete_collection(name)
            client.create_collection(name, vectors_config=DENSE, sparse_vectors_config=SPARSE)
            client.upsert(name, points(seed), wait=True)
        for field, kind in INDEXES.items():
            self.front.create_payload_index(name, field, kind)  # the other needs none

    def agree(self, ask: Ask) -> None:
        """Ask both; the answers are alike."""
        wanted, got = plain(ask(self.local)), plain(ask(self.front))
        assert alike(wanted, got), f"{wanted}\n{got}"


def plain(value: object) -> object:
    """An answer as lists, dicts and values, without what the client has no need of."""
    if isinstance(value, models.GroupsResult):  # those that begin with the same point have no order
        return [plain(one) for one in sorted(value.groups, key=lambda group: str(group.id))]
    if isinstance(value, BaseModel):
        known = {name: getattr(value, name) for name in type(value).model_fields}
        return plain({k: v for k, v in known.items() if k not in ("version", "shard_key")})
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def alike(one: object, other: object) -> bool:
    """Whether two answers are the same but for the last digits of their numbers."""
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-4)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(alike, one, other))
    return one == other


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both with two collections."""
    with running(tmp_path_factory.mktemp("storage")) as front:
        both = Pair(QdrantClient(":memory:"), front.client())
        both.fill(NAME, 1)
        both.fill(OTHER, 2)
        yield both
        both.local.close()
        both.front.close()


ASKED = vectors(random.Random(3))
THOSE = models.Filter(must=[models.FieldCondition(key="size", range=models.Range(lt=40))])


def query(**asked: Any) -> Ask:
    """A query of today."""
    return lambda client: client.query_points(NAME, **{"limit": 8, **asked})


def recommend(strategy: models.RecommendStrategy | None, using: str, **asked: Any) -> Ask:
    """A query by examples."""
    examples: dict[str, Any] = {"positive": [1, 2, ASKED[using]], "negative": [3, 4]}
    liked = models.RecommendInput(**examples, strategy=strategy)
    return query(query=models.RecommendQuery(recommend=liked), using=using, **asked)


def prefetch(using: str, **asked: Any) -> models.Prefetch:
    """A query that chooses for another."""
    return models.Prefetch(query=ASKED[using], using=using, **{"limit": 20, **asked})


PAIRS = [models.ContextPair(positive=5, negative=6), models.ContextPair(positive=7, negative=8)]
BEST, SUM = models.RecommendStrategy.BEST_SCORE, models.RecommendStrategy.SUM_SCORES
FORMULA = models.FormulaQuery(
    formula=models.SumExpression(
        sum=[
            "$score",
            models.MultExpression(mult=[0.5, "weight"]),
            models.MultExpression(
                mult=[2.0, models.FieldCondition(key="kind", match=models.MatchValue(value="work"))]
            ),
            models.GaussDecayExpression(
                gauss_decay=models.DecayParamsExpression(x="size", target=10.0, scale=5.0)
            ),
            models.DivExpression(
                div=models.DivParams(left="size", right="none", by_zero_default=1)
            ),
            models.NegExpression(neg=models.SqrtExpression(sqrt=models.AbsExpression(abs="size"))),
        ]
    ),
    defaults={"none": 4.0},
)
QUESTIONS: dict[str, Ask] = {
    **{f"nearest by {using}": query(query=ASKED[using], using=using) for using in ASKED},
    **{
        f"nearest by {using}, of some": query(
            query=ASKED[using], using=using, query_filter=THOSE, offset=3, with_vectors=True
        )
        for using in ASKED
    },
    "nearest to a point": query(query=3, using="text", with_vectors=["image", "words"]),
    "nearest to a point elsewhere": query(
        query=3, using="image", lookup_from=models.LookupLocation(collection=OTHER, vector="code")
    ),
    "with a threshold": query(query=ASKED["text"], using="text", score_threshold=0.3),
    "with a part of the payload": query(
        query=ASKED["text"], using="text", with_payload=["kind", "inner[].x"]
    ),
    "without a part of it": query(
        query=ASKED["text"],
        using="text",
        with_payload=models.PayloadSelectorExclude(exclude=["inner", "place.lon"]),
    ),
    **{
        f"recommend {using} by {strategy}": recommend(strategy, using)
        for using in ("text", "image", "words", "pages")
        for strategy in (None, BEST, SUM)
        if (using, strategy) != ("words", SUM)  # of which the client makes infinity
    },
    "recommend from elsewhere": recommend(
        None, "text", lookup_from=models.LookupLocation(collection=OTHER)
    ),
    "discover": query(
        query=models.DiscoverQuery(discover=models.DiscoverInput(target=2, context=PAIRS)),
        using="text",
    ),
    "what is before all": query(),
    "what is before all of some": query(query_filter=THOSE, offset=2),
    "in the order of a field": query(
        query=models.OrderByQuery(
            order_by=models.OrderBy(key="size", direction=models.Direction.DESC)
        )
    ),
    "fusion by scores": query(
        prefetch=[prefetch("text"), prefetch("image", score_threshold=0.1)],
        query=models.FusionQuery(fusion=models.Fusion.DBSF),
    ),
    "in stages": query(
        prefetch=[prefetch("image", limit=40), prefetch("words", filter=THOSE)],
        query=ASKED["pages"],
        using="pages",
        score_threshold=0.2,
    ),
    "by a formula": query(prefetch=prefetch("image"), query=FORMULA),
    "a batch": lambda client: client.query_batch_points(
        NAME,
        [
            models.QueryRequest(query=ASKED[using], using=using, limit=4, with_payload=True)
            for using in ("text", "words")
        ],
    ),
    "groups": lambda client: client.query_points_groups(
        NAME, group_by="kind", query=ASKED["text"], using="text", limit=3, group_size=4
    ),
    "groups of several values": lambda client: client.query_points_groups(
        NAME, group_by="inner[].x", query=ASKED["image"], using="image", limit=4, group_size=2
    ),
    "groups with what they are": lambda client: client.query_points_groups(
        NAME,
        group_by="size",
        query=ASKED["image"],
        using="image",
        limit=4,
        with_lookup=models.WithLookup(collection=OTHER, with_payload=["kind"]),
    ),
    "an old search": lambda client: client.search(NAME, ("text", ASKED["text"]), limit=5),
    "an old search by words": lambda client: client.search(
        NAME, models.NamedSparseVector(name="words", vector=ASKED["words"]), limit=5
    ),
    "an old recommendation": lambda client: client.recommend(
        NAME, positive=[1, 2], negative=[3], using="text", limit=5
    ),
    "an old discovery": lambda client: client.discover(
        NAME,
        target=1,
        context=[models.ContextExamplePair(positive=2, negative=3)],
        using="text",
        limit=5,
    ),
    "an old search for groups": lambda client: client.search_groups(
        NAME, ("text", ASKED["text"]), group_by="kind", limit=2, group_size=2
    ),
    "pages": lambda client: client.scroll(NAME, limit=7, offset=11, with_vectors=True),
    "pages in the order of a field": lambda client: client.scroll(
        NAME, limit=7, order_by=models.OrderBy(key="size", start_from=20)
    ),
    "points by id": lambda client: client.retrieve(NAME, [5, 99, 2], with_vectors=["words"]),
    "a count": lambda client: client.count(NAME, THOSE),
    "values and how many have them": lambda client: client.facet(NAME, "kind", facet_filter=THOSE),
    "a matrix": lambda client: client.search_matrix_pairs(
        NAME, sample=POINTS, limit=2, using="image", query_filter=THOSE
    ),
    "a matrix by places": lambda client: client.search_matrix_offsets(
        NAME, sample=POINTS, limit=2, using="image", query_filter=THOSE
    ),
    "what vectors there are": lambda client: client.get_collection(NAME).config.params.vectors,
    "what sparse ones": lambda client: client.get_collection(NAME).config.params.sparse_vectors,
}


@pytest.mark.filterwarnings("ignore:.*method is deprecated")
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered_alike(pair: Pair, name: str) -> None:
    """Each kind of question once."""
    pair.agree(QUESTIONS[name])


def test_those_nearest_to_a_context_are_the_same(pair: Pair) -> None:
    """Many points are as near as can be, in any order."""
    asked = query(query=models.ContextQuery(context=PAIRS), using="text", limit=POINTS)

    def ask(client: QdrantClient) -> object:
        found: Any = asked(client)
        return sorted((point.id, point.score) for point in found.points)

    pair.agree(ask)


def test_ranks_are_fused_alike(pair: Pair) -> None:
    """Many points have the same, and no order."""
    lists = [prefetch("text"), prefetch("words", filter=THOSE), prefetch("image", limit=9)]
    fused = models.FusionQuery(fusion=models.Fusion.RRF)
    asked = query(prefetch=lists, query=fused, limit=POINTS)

    def ask(client: QdrantClient) -> object:
        found: Any = asked(client)
        return sorted((point.id, point.score) for point in found.points)

    pair.agree(ask)


def test_the_last_stage_is_asked_of_those_that_the_one_before_chose(pair: Pair) -> None:
    """With three stages, where the client without a server mixes them up."""
    chosen = [prefetch("image", limit=40), prefetch("words")]
    before: Any = query(prefetch=chosen, query=ASKED["text"], using="text", limit=20)(pair.front)
    stages = prefetch("text", prefetch=chosen)
    last: Any = query(prefetch=stages, query=ASKED["pages"], using="pages", limit=60)(pair.front)

    assert {point.id for point in last.points} == {point.id for point in before.points}


def test_a_group_is_filled_from_what_is_chosen_before(pair: Pair) -> None:
    """Of the points of the group itself, where those of others would leave no room."""
    asked: Any = pair.front.query_points_groups(
        NAME,
        group_by="kind",
        prefetch=prefetch("grid", limit=1),
        query=ASKED["image"],
        using="image",
        limit=1,
        group_size=6,
    )

    [group] = asked.groups
    scores = [point.score for point in group.hits]
    assert len({point.id for point in group.hits}) == 6
    assert scores == sorted(scores, reverse=True)


def test_a_sample_is_of_the_points(pair: Pair) -> None:
    """Any of those that fit, each once."""
    asked = query(query=models.SampleQuery(sample=models.Sample.RANDOM), query_filter=THOSE)
    found: Any = asked(pair.front)

    ids = [point.id for point in found.points]
    assert len(set(ids)) == 8
    assert max(ids) < 40


def on(key: str, **asked: Any) -> models.FieldCondition:
    """A condition on a field."""
    return models.FieldCondition(key=key, **asked)


small, wide = st.integers(0, 4), st.integers(-5, POINTS + 5)
days = st.integers(1, 31).map(lambda day: datetime(2026, 1, day, tzinfo=UTC))
places = st.builds(models.GeoPoint, lon=st.floats(-20, 20), lat=st.floats(-20, 20))
matches = st.one_of(
    st.builds(
        on, st.just("kind"), match=st.builds(models.MatchValue, value=st.sampled_from(KINDS))
    ),
    st.builds(on, st.just("seen"), match=st.builds(models.MatchValue, value=st.booleans())),
    st.builds(
        on, st.just("size"), match=st.builds(models.MatchAny, any=st.lists(wide, min_size=1))
    ),
    st.builds(
        on,
        st.just("tags"),
        match=st.lists(st.sampled_from("abc"), min_size=1).map(
            lambda some: models.MatchExcept(**{"except": some})
        ),
    ),
    st.builds(on, st.just("said"), match=st.builds(models.MatchText, text=st.sampled_from(WORDS))),
)
ranges = st.one_of(
    st.builds(on, st.just("size"), range=st.builds(models.Range, gte=wide, lt=wide)),
    st.builds(on, st.just("inner[].x"), range=st.builds(models.Range, gt=small)),
    st.builds(on, st.just("at"), range=st.builds(models.DatetimeRange, gte=days)),
    st.builds(on, st.just("tags"), values_count=st.builds(models.ValuesCount, gte=small)),
    st.builds(
        on,
        st.just("place"),
        geo_radius=st.builds(models.GeoRadius, center=places, radius=st.floats(1e5, 3e6)),
    ),
)
others = st.one_of(
    st.builds(
        models.IsEmptyCondition,
        is_empty=st.builds(models.PayloadField, key=st.sampled_from(["note", "tags", "none"])),
    ),
    st.builds(
        models.IsNullCondition,
        is_null=st.builds(models.PayloadField, key=st.sampled_from(["note", "none"])),
    ),
    st.builds(models.HasIdCondition, has_id=st.lists(st.integers(0, POINTS + 5))),
    st.builds(models.HasVectorCondition, has_vector=st.sampled_from([*DENSE, *SPARSE])),
    st.builds(
        models.NestedCondition,
        nested=st.builds(
            models.Nested,
            key=st.just("inner"),
            filter=st.builds(
                models.Filter,
                must=st.lists(
                    st.one_of(
                        st.builds(on, st.just("x"), range=st.builds(models.Range, lte=small)),
                        st.builds(
                            on,
                            st.just("word"),
                            match=st.builds(models.MatchText, text=st.sampled_from(WORDS)),
                        ),
                    ),
                    min_size=1,
                    max_size=2,
                ),
            ),
        ),
    ),
)
conditions = st.recursive(
    st.one_of(matches, ranges, others),
    lambda inner: st.dictionaries(
        st.sampled_from(["must", "should", "must_not"]),
        st.lists(inner, min_size=1, max_size=2),
        min_size=1,
    ).map(models.Filter.model_validate),
    max_leaves=5,
)


@TRIES
@given(chosen=st.lists(conditions, min_size=1, max_size=3))
def test_a_filter_lets_the_same_points_through(pair: Pair, chosen: list[Any]) -> None:
    """Any conditions in any order, in a page and in a search."""
    only = models.Filter(must=chosen)

    pair.agree(lambda client: client.scroll(NAME, only, limit=POINTS))
    pair.agree(query(query=ASKED["image"], using="image", query_filter=only))


ids = st.lists(st.integers(0, 30), min_size=1, max_size=4, unique=True)
# not pages, of which the client keeps the old ones
names = st.lists(st.sampled_from(["text", "image", "words"]), min_size=1, max_size=2, unique=True)
fields = st.lists(st.sampled_from(["kind", "tags", "size"]), min_size=1)
held = st.fixed_dictionaries({"mark": st.integers(), "inner": st.just([{"x": 9}])})


def new_points(seed: int, chosen: list[int]) -> list[models.PointStruct]:
    """Points that replace others, or are new."""
    made = points(seed)[: len(chosen)]
    pairs = zip(made, chosen, strict=True)
    return [one.model_copy(update={"id": number}) for one, number in pairs]


def new_vectors(seed: int, chosen: list[int], kept: list[str]) -> list[models.PointVectors]:
    """Vectors of some names for points."""
    made = [vectors(random.Random(seed + number)) for number in chosen]
    return [
        models.PointVectors(id=number, vector={name: one[name] for name in kept})
        for number, one in zip(chosen, made, strict=True)
    ]


seeds = st.integers(10, 99)
updates = st.one_of(
    st.builds(lambda s, i: ("upsert", {"points": new_points(s, i)}), seeds, ids),
    st.builds(lambda i: ("delete", {"points_selector": i}), ids),
    st.builds(lambda i, p: ("set_payload", {"payload": p, "points": i}), ids, held),
    st.builds(lambda i, p: ("set_payload", {"payload": p, "points": i, "key": "in"}), ids, held),
    st.builds(lambda i, p: ("overwrite_payload", {"payload": p, "points": i}), ids, held),
    st.builds(lambda i, k: ("delete_payload", {"keys": k, "points": i}), ids, fields),
    st.builds(lambda i: ("clear_payload", {"points_selector": i}), ids),
    st.builds(lambda i, n: ("delete_vectors", {"points": i, "vectors": n}), ids, names),
    st.builds(
        lambda s, i, n: ("update_vectors", {"points": new_vectors(s, i, n)}), seeds, ids, names
    ),
)


@settings(TRIES, max_examples=20)
@given(wanted=st.lists(updates, min_size=1, max_size=6))
def test_updates_in_any_order_end_alike(pair: Pair, wanted: list[tuple[str, Any]]) -> None:
    """Each kind of update, to points that are there."""
    pair.fill("changed", 4)
    there = set(range(POINTS))
    for name, asked in wanted:
        if name == "delete":
            there -= set(asked["points_selector"])
        elif name == "upsert":
            there |= {one.id for one in asked["points"]}
        elif not touched(asked) <= there:
            continue  # what becomes of a point that is not there, the two see differently
        for client in (pair.local, pair.front):
            getattr(client, name)("changed", **asked)

    pair.agree(lambda client: client.scroll("changed", limit=2 * POINTS, with_vectors=True))


def touched(asked: dict[str, Any]) -> set[object]:
    """The ids that an update names."""
    named = asked.get("points") or asked["points_selector"]
    return {getattr(one, "id", one) for one in named}

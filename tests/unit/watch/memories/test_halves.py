"""Which memories are whole: the counts agree whatever ids there are, and in whatever order."""

from collections.abc import Set as AbstractSet
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.config.rules.schema import validate
from scripts.core.errors import ConfigError
from scripts.watch.memories import halves
from scripts.watch.memories.halves import Bare, Kind, Loose, Nodes, Store, key, split, written

CUBES = ("a", "b", "")
IDS = st.one_of(st.integers(0, 40).map(lambda number: str(UUID(int=number))), st.text(max_size=3))


def nodes(cube: str, *ids: str, count: int = 0) -> Nodes:
    """Return nodes of one kind; `count` where some of them have no id."""
    kind = Kind(cube=cube, type="UserMemory", status="activated", nodes=count or len(ids))
    return Nodes(kind=kind, ids=ids)


def store(*groups: Nodes, vectors: AbstractSet[str] = frozenset(), cube: str = "a") -> Store:
    """Return what both databases hold; vectors without node are of one cube."""
    found = split(groups, {key(one) for one in vectors})
    return Store(
        kinds=tuple(group.kind for group in groups),
        paired=found.paired,
        nameless=found.nameless,
        bare=tuple(found.bare),
        loose=tuple(Loose(id=written(one), cube=cube) for one in found.loose),
    )


@given(
    groups=st.lists(st.tuples(st.sampled_from(CUBES), st.lists(IDS)), max_size=6),
    vectors=st.frozensets(IDS),
    order=st.randoms(use_true_random=False),
)
def test_counts_agree_for_any_ids_in_any_order(
    groups: list[tuple[str, list[str]]], vectors: frozenset[str], order: Random
) -> None:
    """As slow sets say it, and as the document's own sums do."""
    made = [nodes(cube, *ids) for cube, ids in groups]
    ids = [(cube, one) for cube, some in groups for one in some]
    there = {one for _, one in ids}

    document = halves.document("p", store(*made, vectors=vectors))
    order.shuffle(made)

    assert validate(document, "memories") == ()
    assert document["nodes"] == len(ids)
    assert document["nodes_without_vector"] == sum(one not in vectors for _, one in ids)
    assert document["vectors_without_node"] == len(vectors - there)
    assert document["vectors"] == len(vectors)
    earlier: set[str] = set()
    for row in document["cubes"]:
        own = {one for cube, one in ids if cube == row["cube"]} - earlier
        loose = len(vectors - there) if row["cube"] == "a" else 0
        assert row["vectors"] == len(own & vectors) + loose
        earlier |= own
    again = halves.document("p", store(*made, vectors=vectors))
    for one in (document, again):
        for row in one["cubes"]:
            row["kinds"] = sorted(map(str, row["kinds"]))
    assert again == document


@given(st.uuids())
def test_a_uuid_is_the_same_however_it_is_written(number: UUID) -> None:
    """Qdrant gives it with dashes and in small letters; a node may have it in another way."""
    forms = (str(number), number.hex, str(number).upper())

    assert {key(form) for form in forms} == {number.bytes}
    assert written(key(number.hex)) == str(number)


@pytest.mark.parametrize("number", [7, "8", "", "4f2c-1", "no uuid", "ab" * 15])
def test_what_is_no_uuid_stays_what_it_is(number: int | str) -> None:
    """Such a node has no vector; such a point none of MemOS' nodes."""
    assert written(key(number)) == number


def test_a_node_without_an_id_has_no_vector() -> None:
    """Others than MemOS may have made it."""
    document = halves.document("p", store(nodes("a", "x", count=3), vectors=frozenset({"x"})))

    assert (document["nodes"], document["nodes_without_vector"]) == (3, 2)


def test_an_unknown_cube_is_refused_with_the_nearest_name() -> None:
    """And with the names that there are, none of which a terminal obeys."""
    known = store(nodes("alice", "1"), nodes("bob\x1b[2J", "2"))

    with pytest.raises(ConfigError, match=r"no cube 'alise'; did you mean alice\?") as error:
        known.only("alise")

    assert error.value.next_step == r"one of: alice, bob\x1b[2J"
    with pytest.raises(ConfigError, match="no cube 'a'") as error:
        Store().only("a")
    assert "nothing is stored yet" in error.value.next_step


def test_of_many_cubes_a_message_names_ten() -> None:
    """And says where all of them are."""
    known = store(*(nodes(f"cube-{number:02}", str(number)) for number in range(30)))

    with pytest.raises(ConfigError) as error:
        known.only("z")

    assert error.value.next_step.endswith("cube-09 and 20 more: inv memories")


def test_one_cube_alone_has_its_own_halves() -> None:
    """Nothing of the others is counted."""
    whole = store(nodes("a", "1", "2"), nodes("b", "3"), vectors=frozenset({"1", "9"}))

    (row,) = halves.document("p", whole.only("a"))["cubes"]

    assert row["cube"] == "a"
    assert (row["nodes_without_vector"], row["vectors_without_node"]) == (1, 1)


def test_findings_are_advice_and_name_the_cubes_with_most() -> None:
    """Nothing is told where every memory is whole."""
    loose = [Loose(id=number, cube=f"c{number % 5}") for number in range(12)]
    bare = [Bare(cube="c\x07", id=str(UUID(int=1)))]

    told = list(halves.findings(Store(loose=tuple(loose), bare=tuple(bare))))

    assert [one.fatal for one in told] == [False, False]
    assert told[0].evidence == "c0: 3, c1: 3, c2: 2, 2 cubes more"
    assert told[1].evidence == r"c\x07: 1"
    assert list(halves.findings(store(nodes("a", "1"), vectors=frozenset("1")))) == []


def test_no_repair_is_promised_to_what_has_no_uuid_as_its_id() -> None:
    """Qdrant takes none but these: others than MemOS wrote it, and it is told apart."""
    whole, bare = str(UUID(int=1)), str(UUID(int=2))

    (foreign,) = halves.findings(store(nodes("a", whole, "7", count=3), vectors={whole}))
    assert (foreign.code, foreign.fatal) == ("memories-foreign", False)
    assert foreign.cause.startswith("2 memories in Neo4j have no UUID as their id")
    assert "--repair" not in foreign.next_step

    mended, foreign = halves.findings(store(nodes("a", bare, "7")))
    assert mended.cause.startswith("1 memories in Neo4j have no vector")
    assert foreign.cause.startswith("1 memories in Neo4j have no UUID")


def test_a_cube_of_which_neo4j_holds_nothing_may_have_been_lost() -> None:
    """Then the vectors alone hold its texts, and a repair is not the first thing to do."""
    loose = (Loose(id=1, cube="alive"), *(Loose(id=2, cube=f"lost-{n}") for n in range(5)))
    held = Store(kinds=(nodes("alive", "9").kind,), loose=loose)

    (told,) = halves.findings(held)

    assert told.next_step.startswith(
        "if Neo4j lost what was in lost-0, lost-1, lost-2, 2 cubes more: inv snapshot.restore"
    )
    assert "; else inv memories --repair removes them" in told.next_step
    assert (
        "restore" not in next(halves.findings(Store(kinds=held.kinds, loose=loose[:1]))).next_step
    )

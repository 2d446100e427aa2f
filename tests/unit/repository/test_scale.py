"""What `nox -s scale` fills stores with, and what it makes of its measurements."""

import json
import random
from math import hypot
from typing import Any

import pytest

from tests.bench.scale import tables
from tests.bench.scale.filling import (
    BLOCK,
    SMALL,
    Contents,
    Pattern,
    coarse,
    identity,
    largest,
    mixed,
    written,
)
from tests.bench.scale.measuring import floats
from tests.kit.places import ROOT

SIZE = 384


@pytest.fixture(scope="module")
def contents() -> Contents:
    """Memories whose sentences have vectors like those of a model; the first 2,000 have nodes."""
    source = random.Random("sentences")
    vectors = [[source.gauss(0, 0.05) for _ in range(SIZE)] for _ in range(640)]
    return Contents(cells=[*map(coarse, vectors)], nodes=2 * SMALL)


@pytest.fixture
def state() -> dict[str, Any]:
    """Two steps, of which the second has one thing more."""

    def step(nodes: int, found: int) -> dict[str, Any]:
        return {
            "nodes": nodes,
            "calls": {"Qdrant: add one": {"seconds": [0.25, 0.5, 0.75], "found": found}},
            "memory": {"qdrant": {"held": 10**9, "own": 10**8, "limit": 4 * 2**30}},
            "disk": {"qdrant_data": 2 * 10**9},
            "commands": {"inv memories": 1.5},
            "start": {"ready": 7.0, "found": 7.5},
            "snapshot": {"save": 10.0, "restore": 20.0, "data_gb": 2.0, "file_gb": 1.0},
        }

    later = step(1000, 3)
    later["calls"]["Qdrant: search of all"] = {"seconds": [0.125], "found": 1}
    return {
        "measured": "2026-01-31",
        "machine": {"cores": 2, "memory_gib": 24.0, "engine": "26.1", "compose": "2.26"},
        "nodes": 1000,
        "vectors": 3000,
        "filling": {"1000": {"Qdrant": 2.0, "Neo4j": 4.0}, "3000": {"Qdrant": 4.0, "Neo4j": 0.1}},
        "steps": {"1000": step(1000, 3), "3000": later},
    }


def cosine(one: bytes, other: bytes) -> float:
    """Return how alike the directions of two vectors are."""
    a, b = floats(one), floats(other)
    return sum(x * y for x, y in zip(a, b, strict=True)) / hypot(*a) / hypot(*b)


def test_the_nearest_of_a_searched_vector_is_the_memory_that_it_was_made_from(
    contents: Contents,
) -> None:
    """By far; so that a search which gives another has missed it."""
    stored = contents.vectors(3)
    source = random.Random("near")
    for place in range(0, BLOCK, 250):
        asked = contents.near(3 * BLOCK + place, source)
        likeness = [cosine(asked, one) for one in stored]
        own = likeness.pop(place)
        assert own > max(likeness) + 0.1


def test_a_run_that_goes_on_fills_in_the_same(contents: Contents) -> None:
    """All comes from the number of a memory."""
    assert contents.vectors(7) == contents.vectors(7)
    assert contents.vectors(7) != contents.vectors(8)
    assert identity(5) == identity(5) != identity(6)
    assert len({one for block in range(3) for one in contents.vectors(block)}) == 3 * BLOCK


def test_every_second_memory_is_in_a_small_cube_and_what_has_no_node_lies_apart(
    contents: Contents,
) -> None:
    """A search of the API leaves out vectors without a node, and would miss others for them."""
    cubes = [contents.cube(number) for number in range(8 * SMALL)]

    assert cubes.count(largest("memories")) == SMALL
    assert cubes.count(largest("vectors")) == 3 * SMALL
    assert {cubes.count(one) for one in cubes if one[-1].isdecimal()} == {SMALL}


def test_a_vector_is_written_as_whole_numbers_of_its_direction() -> None:
    """Which is all that a search compares."""
    cells = coarse([0.1, -0.02, 0.0, 9.0])

    assert json.loads(written(cells)) == [50, -10, 0, 127]
    assert floats(cells) == pytest.approx([0.1, -0.02, 0.0, 0.254])


def test_a_mixture_has_its_parts() -> None:
    """About so much of the first, the rest of the second."""
    one, other = bytes([1] * SIZE), bytes([2] * SIZE)
    found = mixed(one, other, random.Random("mixed"), 0.7)

    assert found.count(1) + found.count(2) == SIZE
    assert 0.6 * SIZE < found.count(1) < 0.8 * SIZE


def test_another_memory_is_the_pattern_with_its_own_id_cube_and_text() -> None:
    """All else is as the release wrote it."""
    kept = {"id": "7", "user_name": "scale-pattern", "memory": "The pattern of all memories that"}
    form = json.dumps({**kept, "memory": "user: The pattern of all memories that follow.", "n": 1})
    pattern = Pattern(id="7", node=form, payload=form)

    found = json.loads(pattern.filled(form, "8", "cube", "Tea."))

    assert found == {"id": "8", "user_name": "cube", "memory": "user: Tea.", "n": 1}


def test_each_step_is_a_column_and_what_a_step_lacks_a_dash(state: dict[str, Any]) -> None:
    """With seconds for each GB, and what was written a second since the step before."""
    lines = [*tables.memories(state)]

    assert "`QDRANT_MEMORY=4g`" in lines[0]
    assert "|  | 1,000 | 3,000 |" in lines
    assert "| Qdrant: add one | 0.500, 0.750 | 0.500, 0.750 |" in lines
    assert "| Qdrant: search of all | - | 0.125, 0.125 |" in lines
    assert "| qdrant | 1,000, 100 | 1,000, 100 |" in lines
    assert "| `inv snapshot.restore` | 20.0; 10.0 a GB of data | 20.0; 10.0 a GB of data |" in lines
    assert "| Qdrant: vectors | 500 | 500 |" in lines
    assert "| Neo4j: nodes | 250 | - |" in lines
    assert tables.all_found(state)


def test_a_search_that_did_not_find_what_is_there_is_told(state: dict[str, Any]) -> None:
    """Beside its seconds, which say nothing then."""
    state["steps"]["1000"]["calls"]["Qdrant: add one"]["found"] = 2

    assert not tables.all_found(state)
    assert any("**1 of 3 not found**" in line for line in tables.memories(state))


def test_a_store_that_answers_no_more_is_told_with_what_it_held() -> None:
    """Beside the steps that it answered at."""
    search = {"seconds": [0.5, 0.5], "found": 2}
    row = {"rows": 1000, "rows_a_second": 300.4, "search": search, "memory": 2 * 10**8}
    found = {"seconds": 150.0, "stores": {"Lite": [row, {"rows": 20_500}]}}

    lines = [*tables.lite({"preferences": found})]

    assert "150 seconds" in lines[0]
    assert "| Lite | 1,000 | 300 | 0.500, 0.500 | 200 |" in lines
    assert "| Lite | 20,500 |  | **answers no more** |  |" in lines


def test_the_page_keeps_its_prose_and_has_its_marks(state: dict[str, Any]) -> None:
    """What people write stays; where the marks are not there, nothing is written."""
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    once = tables.page(text, state)

    assert tables.page(once, state) == once
    assert once.splitlines()[0] == text.splitlines()[0]
    assert "Not measured." in once
    with pytest.raises(ValueError, match="no two lines"):
        tables.page("# How much it holds\n", state)

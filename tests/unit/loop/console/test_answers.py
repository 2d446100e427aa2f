"""What answers are made of, whichever store gave them."""

import math

import pytest

from scripts.config.rules.schema import validate
from scripts.core.files import Json
from scripts.loop.console.answer import Answer, tabled
from scripts.loop.console.cypher import plain

NODE = {"()": ["4:a:1", ["Memory"], {"text": "x", "size": {"Z": "5000000000"}}]}
OTHER = {"()": ["4:a:2", [], {}]}
FROM_NODE = {"->": ["5:a:9", "4:a:1", "NEXT", "4:a:2", {}]}
TO_NODE = {"<-": ["5:a:9", "4:a:1", "NEXT", "4:a:2", {}]}


@pytest.mark.parametrize(
    ("sparse", "value"),
    [
        (None, None),
        ("a", "a"),
        (7, 7),
        ({"Z": "5000000000"}, 5_000_000_000),
        ({"R": "0.5"}, 0.5),
        ({"R": "NaN"}, "NaN"),
        ({"R": "-Infinity"}, "-Infinity"),
        ({"U": "text"}, "text"),
        ({"?": "true"}, True),
        ({"?": False}, False),
        ({"T": "2026-01-31T12:00:00Z"}, "2026-01-31T12:00:00Z"),
        ({"@": "SRID=7203;POINT(1 2)"}, "SRID=7203;POINT(1 2)"),
        ({"#": "0A 0B"}, {"bytes": "0A0B"}),
        ({"[]": [{"Z": "1"}, [2]]}, [1, [2]]),
        ({"{}": {"a": {"Z": "1"}}}, {"a": 1}),
    ],
)
def test_a_value_of_neo4j_becomes_json(sparse: Json, value: Json) -> None:
    """As near as JSON comes: a number that it has none for stays a text."""
    assert plain(sparse) == value


def test_nodes_and_relationships_say_what_they_are() -> None:
    """A relationship is told from its start to its end, whichever way a path goes over it."""
    node = plain(NODE)
    assert node == {
        "id": "4:a:1",
        "labels": ["Memory"],
        "properties": {"text": "x", "size": 5_000_000_000},
    }
    path = plain({"..": [NODE, FROM_NODE, OTHER]})["path"]
    assert path[0] == node
    assert (path[1]["start"], path[1]["end"]) == ("4:a:1", "4:a:2")
    back = plain(TO_NODE)
    assert (back["type"], back["start"], back["end"]) == ("NEXT", "4:a:2", "4:a:1")


@pytest.mark.parametrize(
    ("result", "columns", "rows", "rest"),
    [
        ({"count": 3}, ("count",), [(3,)], {}),
        (True, ("result",), [(True,)], {}),
        (["a", "b"], ("result",), [("a",), ("b",)], {}),
        ([], (), [], {}),
        ({}, (), [], {}),
        ({"collections": [{"name": "a"}, {"name": "b"}]}, ("name",), [("a",), ("b",)], {}),
        (
            {"points": [{"id": 1}, {"id": 2, "payload": {"a": 1}}], "next_page_offset": 3},
            ("id", "payload"),
            [(1, None), (2, {"a": 1})],
            {"next_page_offset": 3},
        ),
        (
            {"points": [], "next_page_offset": None},
            (),
            [],
            {"next_page_offset": None},
        ),
        ({"fields": [{"a": 1}], "indexes": []}, ("fields", "indexes"), [([{"a": 1}], [])], {}),
        ({"tags": ["x"]}, ("tags",), [(["x"],)], {}),
    ],
)
def test_any_json_is_rows(
    result: Json, columns: tuple[str, ...], rows: list[Json], rest: Json
) -> None:
    """The objects of its one list; an object alone is one row."""
    found = tabled(result)

    assert (found.columns, list(found.rows), found.rest) == (columns, rows, rest)


def test_the_document_keeps_its_schema() -> None:
    """With a limit fewer rows are in it, and their number stays."""
    answer = Answer(columns=("n",), rows=tuple((one,) for one in range(5)), rest={"made": 1})

    document = answer.document("neo4j", 2, write=True, seconds=math.pi)

    assert validate(document, "console") == ()
    assert (document["rows"], document["count"], document["seconds"]) == ([[0], [1]], 5, 3.142)
    assert len(answer.document("neo4j", None, write=False, seconds=0.0)["rows"]) == 5

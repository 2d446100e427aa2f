"""How answers are drawn: within the screen, readable, and harmless."""

import json
from typing import Any

from scripts.tell import console
from scripts.tell.screen import Line, Table

VECTOR = [0.125, -0.5, 1.0] * 128


def drawn(columns: list[str], *rows: list[Any], width: int = 80, **more: Any) -> list[Any]:
    """Draw an answer of these rows."""
    document = {"columns": columns, "rows": list(rows), "count": len(rows), "rest": {}}
    return list(console.answer({**document, "seconds": 0.5, **more}, width))


def node(*labels: str, number: str = "4:a:1", **properties: Any) -> dict[str, Any]:
    """Return a node as the document has it."""
    return {"id": number, "labels": list(labels), "properties": properties}


def relation(kind: str, start: str, end: str, **properties: Any) -> dict[str, Any]:
    """Return a relationship as the document has it."""
    return {"id": "5:a:9", "type": kind, "start": start, "end": end, "properties": properties}


def test_few_columns_are_a_table() -> None:
    """And under it how many rows there are."""
    table, count = drawn(["cube", "memories"], ["alice", 4], ["bob", None])

    assert isinstance(table, Table)
    assert table.rows == (("alice", "4"), ("bob", "null"))
    assert str(count) == "2 rows, 0.50 s"


def test_what_does_not_fit_is_a_line_for_each_value() -> None:
    """Read from the top: many columns, long texts, or ids that would be broken."""
    names = [f"column{one}" for one in range(8)]
    lines = [str(one) for one in drawn(names, ["x" * 30] * 8, ["y"] * 8)]

    assert lines[0] == "row 1"
    assert lines[1] == f"  column0  {'x' * 30}"
    assert lines[9:11] == ["row 2", "  column0  y"]
    assert isinstance(drawn(names, ["x" * 30] * 8, width=400)[0], Table)
    assert isinstance(drawn(["id", "text"], ["i" * 36, "a word " * 40])[0], Line)
    assert isinstance(drawn(["id", "of", "text"], ["i" * 36, "o" * 36, "a word"])[0], Line)


def test_a_row_may_take_two_lines() -> None:
    """Where no word is broken; one column alone takes what it takes."""
    assert isinstance(
        drawn(["cube", "text", "at"], ["me", "a word " * 9, "2026-01-31T12:00:00.123456Z"])[0],
        Table,
    )
    assert isinstance(drawn(["text"], ["a word " * 99])[0], Table)


def test_nodes_relationships_and_paths_are_drawn_as_cypher_has_them() -> None:
    """Each arrow as it points, whichever way the path goes."""
    first, second = node("Memory", "New", number="1", text="a"), node(number="2")

    assert console.written(first) == '(:Memory:New {text: "a"})'
    assert console.written(relation("NEXT", "1", "2", since=1)) == "[:NEXT {since: 1}]"
    path = [first, relation("NEXT", "1", "2"), second, relation("NEXT", "1", "2"), first]
    assert console.written({"path": path}) == (
        '(:Memory:New {text: "a"})-[:NEXT]->()<-[:NEXT]-(:Memory:New {text: "a"})'
    )


def test_a_vector_is_its_first_numbers_and_how_many_there_are() -> None:
    """Also where it is a part of something."""
    short = "[0.125, -0.5, 1, … 384 numbers]"

    assert console.written(VECTOR) == short
    assert console.written({"vector": VECTOR}) == f"{{vector: {short}}}"
    assert console.written([1, 2.5]) == "[1, 2.5]"


def test_long_texts_are_shortened() -> None:
    """JSON has all of them."""
    assert len(console.written("long " * 1000)) == console.CELL
    assert len(console.written({"text": "long " * 1000})) < 100


def test_octets_are_told_by_their_number() -> None:
    """They mean nothing on a screen."""
    assert console.written({"bytes": "0a0b0c"}) == "<3 bytes>"


def test_no_terminal_obeys_what_is_stored() -> None:
    """Names of columns, texts, and texts within values."""
    evil = "\x1b[2J\u202e"
    for width in (20, 200):
        parts = drawn([evil, "b"], [evil, node(evil, a=evil)], width=width)
        cells = [
            cell for one in parts if isinstance(one, Table) for row in one.rows for cell in row
        ]
        shown = [*cells, *(str(one) for one in parts if isinstance(one, Line))]

        assert shown
        assert not any("\x1b" in one or "\u202e" in one for one in shown)


def test_what_is_not_shown_is_counted() -> None:
    """With the flag that shows it."""
    (*_, count) = drawn(["n"], [1], count=1000)

    assert str(count) == "1 of 1,000 rows (--limit 1000 shows all), 0.50 s"


def test_what_stands_beside_the_rows_is_told() -> None:
    """What was changed, where the next page begins."""
    (count,) = drawn([], rest={"nodes_created": 2, "next_page_offset": None})

    assert str(count) == "done, 0.50 s, nodes_created 2, next_page_offset null"
    assert [str(one) for one in drawn(["n"])] == ["0 rows, 0.50 s"]


def test_an_object_that_only_looks_like_a_node_is_drawn_whole() -> None:
    """Nothing of it is left out."""
    other = {"id": 1, "labels": "x", "properties": {}}

    assert console.written(other) == '{id: 1, labels: "x", properties: {}}'
    assert json.dumps(1) == console.written(1)

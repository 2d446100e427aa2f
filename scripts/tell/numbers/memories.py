"""Pure: how what MemOS keeps is drawn; all names and texts come from databases that others fill."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.core.finding import Finding
from scripts.core.texts import printable
from scripts.tell.screen import Drawn, joined, line
from scripts.tell.views import finding, table

COLUMNS = (
    *("cube", "memories", "vectors", "without vector", "without memory", "preferences"),
    "of these memories",
)
FEWER = tuple(column for column in COLUMNS if column != "preferences")
WIDE = 140
"""Columns from which on a cube, or a memory, is one line."""
DAY = len("2026-01-31T12:00:00")
USUAL = "activated"
LACKS = {"": "", "vector": "no vector", "node": "no memory"}


def memories(
    document: Mapping[str, Any], findings: Sequence[Finding], width: int
) -> Iterator[Drawn]:
    """Draw what `inv memories` shows, and under it what is wrong."""
    rows = document["cubes"]
    if not rows:
        yield line("no memory is stored yet")
    elif width >= WIDE:
        known = document["preferences"] is not None
        yield table(COLUMNS if known else FEWER, (_cells(row, known=known) for row in rows))
    else:
        for row in rows:
            yield from _lines(row)
    if len(rows) > 1:
        yield line(
            f"{len(rows)} cubes: {document['nodes']:,} memories, {document['vectors']:,} vectors"
        )
    for row in document.get("memories", ()):
        yield from _memory(row, width)
    if "memories" in document:
        whole = document["nodes"] + document["vectors_without_node"]
        if left := whole - len(document["memories"]):
            yield line(f"{left:,} more: --limit {whole} shows all")
    for one in findings:
        yield from finding(one)


def _cells(row: Mapping[str, Any], *, known: bool) -> tuple[str, ...]:
    numbers = ("nodes", "vectors", "nodes_without_vector", "vectors_without_node")
    preferences = [f"{row['preferences']:,}"] if known else []
    return (_name(row), *(f"{row[name]:,}" for name in numbers), *preferences, _kinds(row))


def _lines(row: Mapping[str, Any]) -> Iterator[Drawn]:
    lacks = [
        f"{row[name]:,} {words}"
        for name, words in (
            ("nodes_without_vector", "without vector"),
            ("vectors_without_node", "vectors without memory"),
        )
        if row[name]
    ]
    preferences = [f"{row['preferences']:,} preferences"] if row["preferences"] else []
    counts = [f"{row['nodes']:,} memories", f"{row['vectors']:,} vectors", *preferences, *lacks]
    yield line(f"{_name(row)}  {', '.join(counts)}", style="red" if lacks else "")
    if row["kinds"]:
        yield line(_kinds(row), "dim", indent=2)


def _name(row: Mapping[str, Any]) -> str:
    return printable(row["cube"]) or "(no cube)"


def _kinds(row: Mapping[str, Any]) -> str:
    return " · ".join(f"{_kind(kind)} {kind['nodes']:,}" for kind in row["kinds"])


def _kind(row: Mapping[str, Any]) -> str:
    """Return type and status, which is left out where it is the usual one."""
    status = "" if row["status"] == USUAL else printable(row["status"]) or "without status"
    return f"{printable(row['type']) or 'no type'} {status}".rstrip()


def _memory(row: Mapping[str, Any], width: int) -> Iterator[Drawn]:
    """Draw one memory on one line, or where there is little room on two; its text is shortened."""
    lacks = LACKS[row["lacks"]]
    created = printable(row["created"])[:DAY].replace("T", " ")
    head = line(f"{lacks:<9} {printable(row['id']):<36}  {created:<{DAY}}", "red" if lacks else "")
    text = f"{_kind(row)}: {printable(row['text'])}"
    under = (head, line(" " * 10 + text, "dim"))
    lines = (joined(head, "  ", text),) if width >= WIDE else under
    yield from (one.shortened(width) for one in lines)

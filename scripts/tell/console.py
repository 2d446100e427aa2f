"""Pure: how the answer of a store is drawn; whatever is in it comes from others."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.core.texts import short
from scripts.tell.screen import Drawn, columns, joined, line
from scripts.tell.views import table

CELL = 300
"""Characters of a value that are shown; JSON has all of it."""
INNER = 80
"""Of a text inside of another value."""
LINES = 2
"""Of a screen that a row of a table may take, about; else each value has its own line."""
GAP = 2
NUMBERS = 8
"""Numbers of a list that are shown: more are a vector."""
FEW = 3
NODE = {"id", "labels", "properties"}
RELATION = {"id", "type", "start", "end", "properties"}


def answer(document: Mapping[str, Any], width: int) -> Iterator[Drawn]:
    """Draw what a console was answered, in `width` columns."""
    names, found = document["columns"], document["rows"]
    cells = [[written(value) for value in row] for row in found]
    if cells and (len(names) == 1 or _fits(names, cells, width)):
        yield table(names, cells)
    else:
        yield from _records(names, cells)
    yield line(_count(document), "dim")


def _fits(names: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> bool:
    """Say whether a table is readable: in one line a row, or in a few where no word is broken."""
    by_column = [[name, *column] for name, *column in zip(names, *cells, strict=True)]
    wide = sum(max(map(columns, column)) + GAP for column in by_column)
    words = ([columns(word) for one in column for word in one.split()] for column in by_column)
    narrow = sum(max(column, default=0) + GAP for column in words)
    return wide <= width or (wide <= LINES * width and narrow <= width)


def _records(names: Sequence[str], cells: Sequence[Sequence[str]]) -> Iterator[Drawn]:
    """Draw each row below the one before, a line for each of its values."""
    room = max(map(columns, names), default=0)
    for number, row in enumerate(cells, start=1):
        yield line(f"row {number}", "bold")
        for name, cell in zip(names, row, strict=True):
            yield joined((f"  {name:<{room}}  ", "dim"), cell.rstrip())


def _count(document: Mapping[str, Any]) -> str:
    shown, count = len(document["rows"]), document["count"]
    rows = f"{count:,} row{'' if count == 1 else 's'}" if document["columns"] or count else "done"
    if shown < count:
        rows = f"{shown:,} of {rows} (--limit {count} shows all)"
    rest = [f"{name} {written(value)}" for name, value in document["rest"].items()]
    return ", ".join([rows, f"{document['seconds']:.2f} s", *rest])


def written(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return a value for people: a text as it is, a node by its labels, a vector by its size."""
    text = value if isinstance(value, str) else _inner(value)
    return short(text, CELL)


def _inner(value: Any) -> str:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return _entity(value) or f"{{{_pairs(value)}}}"
    if isinstance(value, list):
        return _list(value)
    return json.dumps(short(value, INNER) if isinstance(value, str) else value, ensure_ascii=False)


def _entity(value: Mapping[str, Any]) -> str:
    """Return a node, a relationship, a path or octets; empty for any other object."""
    match value:
        case {"id": _, "labels": [*labels], "properties": {**kept}} if value.keys() == NODE:
            return f"({''.join(f':{one}' for one in labels)}{_kept(kept)})"
        case {"type": str(kind), "properties": {**kept}} if value.keys() == RELATION:
            return f"[:{kind}{_kept(kept)}]"
        case {"path": [*parts]} if len(value) == 1:
            return _path(parts)
        case {"bytes": str(octets)} if len(value) == 1:
            return f"<{len(octets) // 2:,} bytes>"
        case _:
            return ""


def _kept(kept: Mapping[Any, Any]) -> str:
    return f" {{{_pairs(kept)}}}" if kept else ""


def _pairs(value: Mapping[Any, Any]) -> str:
    return ", ".join(f"{name}: {_inner(one)}" for name, one in value.items())


def _list(value: Sequence[Any]) -> str:
    numbers = all(isinstance(one, (int, float)) for one in value)
    if numbers and len(value) > NUMBERS:
        first = ", ".join(f"{one:.4g}" for one in value[:FEW])
        return f"[{first}, … {len(value):,} numbers]"
    return f"[{', '.join(map(_inner, value))}]"


def _path(parts: Sequence[Any]) -> str:
    """Draw nodes and relationships in the order of a path, each arrow as it points."""
    drawn = [_inner(one) for one in parts]
    for at in range(1, len(parts) - 1, 2):
        before, one = parts[at - 1], parts[at]
        forward = isinstance(one, dict) and one.get("start") == before.get("id")
        drawn[at] = f"-{drawn[at]}->" if forward else f"<-{drawn[at]}-"
    return "".join(drawn)

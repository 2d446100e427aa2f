"""Pure: what was measured as the tables of docs/scale.md, between marks in its prose."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from tests.bench.figures import table
from tests.bench.goals import Document, p95

PARTS = ("memories", "preferences")
"""The tables, by their marks."""
MEMORIES = (
    "Written by `nox -s scale`, from one run. Measured {measured} on {cores} cores,"
    " {memory_gib} GiB, Engine {engine}, Compose {compose}, images built from packages,"
    " `QDRANT_MEMORY={limit}`, page cache warm. Of calls, seconds: the median, and what 95 of 100"
    " stay below; each search knows which memory it must find, and how many did not is told. Half"
    " of the memories are in one large cube, the others in cubes of 1,000."
)
PREFERENCES = (
    "Preference memory's store, and the package-built Milvus, filled until the next step or until"
    " {seconds:g} seconds were over. One preference is as MemOS writes it; a row of Milvus holds a"
    " vector and a text."
)
MB, GB = 10**6, 10**9


def page(text: str, state: Document) -> str:
    """Return docs/scale.md with the tables of this run."""
    for part, lines in zip(PARTS, (memories(state), lite(state)), strict=True):
        text = replaced(text, part, "\n".join(lines))
    return text


def replaced(text: str, part: str, content: str) -> str:
    """Return the text with other content between the two marks of a part; ValueError for none."""
    begin, end = (f"<!-- {word}: nox -s scale, {part} -->" for word in ("begin", "end"))
    found = re.subn(
        rf"(?s)(?<={re.escape(begin)}\n).*?(?={re.escape(end)}\n)", lambda _: f"{content}\n", text
    )
    if found[1] != 1:
        raise ValueError(f"no two lines\n{begin}\n{end}")
    return found[0]


def memories(state: Document) -> Iterable[str]:
    """Return the lines about memories: a column for each step."""
    steps = state["steps"]
    limit = f"{_last(steps)['memory']['qdrant']['limit'] / 2**30:g}g"
    yield MEMORIES.format(measured=state["measured"], limit=limit, **state["machine"])
    yield ""
    head = ["", *(f"{int(one):,}" for one in steps)]
    yield from table(head, [["nodes in Neo4j", *(f"{one['nodes']:,}" for one in steps.values())]])
    for name, rows in {
        "Calls, seconds": _rows(steps, "calls", call),
        "Memory, MB: as `inv ps` shows it, and without the pages of files": _rows(
            steps, "memory", lambda one: f"{one['held'] / MB:,.0f}, {one['own'] / MB:,.0f}"
        ),
        "Disk, MB": _rows(steps, "disk", lambda one: f"{one / MB:,.0f}"),
        "Commands, seconds": [
            *_rows(steps, "commands", lambda one: f"{one:.1f}"),
            *_each(steps, "`inv up` after `inv down`: ready", _start("ready")),
            *_each(steps, "the same, until a memory is found", _start("found")),
            *_each(steps, "`inv snapshot.save`", _a_gb("save")),
            *_each(steps, "`inv snapshot.restore`", _a_gb("restore")),
        ],
        "Filling, a second": _filling(state),
    }.items():
        yield from ("", f"{name}:", "", *table(head, rows))


def call(one: Mapping[str, Any]) -> str:
    """Return a median and a 95th percentile, and how many did not find what is there."""
    missed = len(one["seconds"]) - one["found"]
    told = f"{median(one['seconds']):.3f}, {p95(one['seconds']):.3f}"
    return f"{told}; **{missed} of {len(one['seconds'])} not found**" if missed else told


def all_found(state: Document) -> bool:
    """Say whether every call gave what it had to give."""
    return all(
        one["found"] == len(one["seconds"])
        for step in state["steps"].values()
        for one in step["calls"].values()
    )


def lite(state: Document) -> Iterable[str]:
    """Return the lines about the stores of preferences."""
    found = state.get("preferences")
    if not found:
        yield "Not measured."
        return
    yield PREFERENCES.format(seconds=found["seconds"])
    yield ""
    yield from table(
        ("store", "rows", "rows written a second", "a search, seconds", "memory, MB"),
        (
            (name, f"{one['rows']:,}", *_answers(one))
            for name, steps in found["stores"].items()
            for one in steps
        ),
    )


def _answers(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return what a store that holds so many rows does; it may have ended with them."""
    if "search" not in one:
        return "", "**answers no more**", ""
    return f"{one['rows_a_second']:,.0f}", call(one["search"]), f"{one['memory'] / MB:,.0f}"


def _last(steps: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = list(steps.values())[-1]
    return found


def _rows(
    steps: Mapping[str, Any], part: str, shown: Callable[[Any], str]
) -> Iterable[Sequence[str]]:
    """Return a row for each name that any step has, with a dash where a step has none."""
    for name in dict.fromkeys(name for one in steps.values() for name in one[part]):
        cells = (one[part].get(name) for one in steps.values())
        yield (name, *("-" if cell is None else shown(cell) for cell in cells))


def _each(
    steps: Mapping[str, Any], name: str, shown: Callable[[Any], str]
) -> Iterable[Sequence[str]]:
    yield (name, *map(shown, steps.values()))


def _start(key: str) -> Callable[[Any], str]:
    return lambda step: f"{step['start'][key]:.1f}"


def _a_gb(key: str) -> Callable[[Any], str]:
    """Return what writes the seconds of a snapshot, and those for each GB of data."""

    def shown(step: Mapping[str, Any]) -> str:
        one = step["snapshot"]
        return f"{one[key]:.1f}; {one[key] / one['data_gb']:.1f} a GB of data"

    return shown


def _filling(state: Document) -> Iterable[Sequence[str]]:
    """Return how many were written a second; a step begins where the last one ended."""
    spent, steps = state["filling"], [0, *map(int, state["steps"])]
    for store, kind in (("Qdrant", "vectors"), ("Neo4j", "nodes")):
        cells = []
        for before, until in pairwise(steps):
            most = until if store == "Qdrant" else min(until, state["nodes"])
            count, seconds = max(0, most - before), spent.get(str(until), {}).get(store, 0.0)
            cells.append(f"{count / seconds:,.0f}" if count and seconds else "-")
        yield (f"{store}: {kind}", *cells)

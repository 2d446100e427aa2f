"""Pure: how what the API and the models tell of themselves is drawn."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.core.texts import printable
from scripts.core.units import SECOND, nanoseconds
from scripts.tell.screen import Drawn, line

FIRST_ERROR = 400
UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def metrics(document: Mapping[str, Any]) -> Iterator[Drawn]:
    """Draw what `inv metrics` shows."""
    now = document["at"]
    if (api := document.get("api")) is not None:
        yield from _api(api, now)
    if (models := document.get("models")) is not None:
        yield from _models(models, now)
    for one in document["silent"]:
        yield line(f"{one['service']}: {one['error']}", "yellow")
        yield line(f"next: {one['next']}", indent=2)


def _api(api: Mapping[str, Any], now: str) -> Iterator[Drawn]:
    name = f"MemOS {printable(api['version'])}".strip()
    yield line(f"{name}, counted since it started {_ago(api['since'], now)}")
    yield from _rows(map(_call, api["calls"]), "no calls yet")
    yield from _rows(map(_task, api["tasks"]), "no task of its scheduler yet")
    for state, words in (("mended", "mended here"), ("left", "left as it is")):
        if issues := [f"#{printable(one)}" for one in api[state]]:
            yield line(f"{words}: {', '.join(issues)}", indent=2)


def _models(models: Mapping[str, Any], now: str) -> Iterator[Drawn]:
    yield line(f"local models, counted since they started {_ago(models['since'], now)}")
    yield from _rows(map(_model, models["models"]), "nothing was asked yet")
    for call, count in models["refused"].items():
        what = f"refused {_count(count, 'time')}, as it takes a chat model"
        yield line(f"{printable(call)}: {what}", "yellow", indent=2)


def _ago(moment: str, now: str) -> str:
    passed = max((nanoseconds(now) - nanoseconds(moment)) // SECOND, 0)
    unit, seconds = next(((unit, size) for unit, size in UNITS if passed >= size), UNITS[-1])
    return f"{passed // seconds} {unit} ago"


def _rows(rows: Iterator[Sequence[str]], none: str) -> Iterator[Drawn]:
    """Draw rows whose first cells are as wide as the widest of them."""
    cells = list(rows)
    width = max((len(first) for first, *_ in cells), default=0)
    for first, *others in cells or [[none]]:
        yield line(f"{first:<{width}}  {', '.join(filter(None, others))}".rstrip(), indent=2)


def _call(row: Mapping[str, Any]) -> tuple[str, ...]:
    wrong = ", ".join(
        f"{status}: {count:,}"
        for status, count in row["statuses"].items()
        if int(status) >= FIRST_ERROR
    )
    return (
        printable(row["call"]),
        _count(row["count"], "call"),
        *(f"{name} {row[name]:.2f} s" for name in ("p50", "p95") if name in row),
        f"{_count(row['errors'], 'error')} ({wrong})" if row["errors"] else "",
        f"{row['in_flight']:,} going on" if row["in_flight"] else "",
    )


def _task(row: Mapping[str, Any]) -> tuple[str, ...]:
    waiting = row["enqueued"] - row["dequeued"]
    return (
        printable(row["task"]),
        _count(row["enqueued"], "task"),
        f"{_count(row['completed'], 'run')} done",
        f"{row['failed']:,} failed" if row["failed"] else "",
        f"{waiting:,} waiting" if waiting > 0 else "",
        f"mean {row['seconds']:.2f} s" if "seconds" in row else "",
        f"after {row['wait_seconds']:.2f} s of waiting" if "wait_seconds" in row else "",
    )


def _model(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        printable(row["model"]),
        _count(row["count"], "call"),
        _count(row["texts"], "text"),
        _count(row["tokens"], "token"),
        f"{row['seconds']:.2f} s",
        _count(row["errors"], "error") if row["errors"] else "",
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"

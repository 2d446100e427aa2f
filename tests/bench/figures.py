"""Pure: medians, ratios and goals of what was measured, and the table that tells them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

A, B, C = "checks each 30 s, compose", "our files, compose", "inv up"
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that is to stay below another."""

    figure: str
    unit: str
    at_most: float
    measured: float | None
    """None when this run did not measure it."""


def values(document: Document, variant: str, kind: str, *, embedder: bool = True) -> list[float]:
    """Give the seconds of these starts, round by round."""
    wanted = (variant, kind, embedder)
    return [
        one["seconds"]
        for one in document["starts"]
        if (one["variant"], one["kind"], one["embedder"]) == wanted
    ]


def middle(numbers: Sequence[float]) -> float | None:
    """Give the median; None of nothing."""
    return round(median(numbers), 3) if numbers else None


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Give the ratio of each round that has both: the machine drifts from round to round."""
    return [round(a / b, 4) for a, b in zip(ours, theirs, strict=False)]


def goals(document: Document) -> list[Goal]:
    """Hold what was measured against what is wanted."""
    cold, plain = values(document, C, "cold"), values(document, B, "cold")
    commands, own, idle = document["commands"], document["own"], document["idle"]
    rows: list[tuple[str, str, float, float | None]] = [
        ("cold `inv up` / (a)", "", 0.09, middle(ratios(cold, values(document, A, "cold")))),
        ("cold `inv up` / (b)", "", 0.75, middle(ratios(cold, plain))),
        (
            "cold `inv up` without the embedder",
            "s",
            8,
            middle(values(document, C, "cold", embedder=False)),
        ),
        ("cold `inv up` with the embedder", "s", 9, middle(cold)),
        ("warm `inv up` after `down`", "s", 9, middle(values(document, C, "warm"))),
        (
            "nothing to do: `inv up` / (b)",
            "",
            0.3,
            middle(ratios(*(values(document, one, "nothing to do") for one in (C, B)))),
        ),
        ("`inv ps`", "s", 0.5, middle(commands.get("inv ps", []))),
        ("`inv --list`", "s", 0.3, middle(commands.get("inv --list", []))),
        ("completion Tab", "s", 0.3, middle(commands.get("inv --complete", []))),
        ("our own process while it waits", "% of a core", 5, middle(own["cpu_percent"])),
        ("our own process", "MB", 80, middle(own["memory_mib"])),
        (
            "idle stack, health checks",
            "% of a core",
            2,
            round(idle["checks"] - idle["no_checks"], 2) if idle else None,
        ),
        *(
            (
                f"heavy Cypher, {one['query']}: improved / default",
                "",
                1.1,
                middle(ratios(one["improved"], one["default"])),
            )
            for one in document["cypher"]
        ),
    ]
    return [
        Goal(figure=name, unit=unit, at_most=most, measured=is_) for name, unit, most, is_ in rows
    ]


def markdown(document: Document) -> str:
    """Give docs/performance.md."""
    machine = document["machine"]
    text = [
        "# How fast it is",
        "",
        (
            "Written by `nox -s bench`, from one run; the same figures, round by round, are in"
            " [performance.json](performance.json)."
        ),
        (
            f"Measured {document['measured']} on {machine['cores']} cores,"
            f" {machine['memory_gib']} GiB,"
            f" Engine {machine['engine']}, Compose {machine['compose']},"
            f" Python {machine['python']},"
            " images built from packages, page cache warm. Medians; ratios are made round by round."
        ),
        "",
        *_table(
            ("figure", "at most", "measured", ""),
            (
                (
                    one.figure,
                    _number(one.at_most, one.unit),
                    "not measured" if one.measured is None else _number(one.measured, one.unit),
                    ""
                    if one.measured is None
                    else "ok"
                    if one.measured <= one.at_most
                    else "**no**",
                )
                for one in goals(document)
            ),
        ),
        "",
        "## Starts",
        "",
        (
            f"(a) {A}: our resolved file with `interval: 30s` and no `start_interval`,"
            " `docker compose up -d --wait`. (b) our files as they are, the same."
            " (c) `inv up`."
        ),
        (
            "Cold: empty volumes. Warm: after `inv down`. Machine: CPU-seconds of everything on it;"
            " divided by the cores, they are the least that a start can take."
        ),
        "",
        *_table(("start", "embedder", "rounds", "seconds", "CPU-seconds"), _starts(document)),
        "",
        "CPU-seconds of each service from its start until all were ready (c, cold, median):",
        "",
        *_table(("service", "CPU-seconds"), _services(document)),
        "",
        "## Commands",
        "",
        *_table(
            ("command", "runs", "seconds"),
            (
                (f"`{name}`", str(len(found)), f"{median(found):.2f}")
                for name, found in document["commands"].items()
            ),
        ),
        "",
    ]
    return "\n".join(text)


def _starts(document: Document) -> Iterable[tuple[str, ...]]:
    groups: dict[tuple[str, str, bool], list[Document]] = {}
    for one in document["starts"]:
        key = (one["kind"], one["variant"], one["embedder"])
        groups.setdefault(key, []).append(one)
    for (kind, variant, embedder), found in sorted(groups.items()):
        seconds = median(one["seconds"] for one in found)
        spent = median(one["cpu_seconds"] for one in found)
        name, count = f"{kind}, {variant}", str(len(found))
        yield name, "yes" if embedder else "no", count, f"{seconds:.1f}", f"{spent:.1f}"


def _services(document: Document) -> Iterable[tuple[str, str]]:
    wanted = (C, "cold", True)
    found = [
        one["services"]
        for one in document["starts"]
        if (one["variant"], one["kind"], one["embedder"]) == wanted
    ]
    for name in sorted({name for one in found for name in one}):
        yield f"`{name}`", f"{median(one.get(name, 0.0) for one in found):.1f}"


def _number(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}".strip()


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (head, ["---"] * len(head), *rows)
    return [f"| {' | '.join(cells)} |" for cells in lines]

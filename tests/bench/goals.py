"""Pure: medians and ratios of what was measured, held against what is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

A, B, C = "checks each 30 s, compose", "our files, compose", "inv up"
EMBEDDER = {"with the embedder": True, "without it": False}
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that is to stay below another."""

    figure: str
    unit: str
    at_most: float
    runs: Sequence[float]
    """Nothing when this run did not measure it."""

    @property
    def measured(self) -> float | None:
        """The median; None of nothing."""
        return middle(self.runs)

    @property
    def verdict(self) -> str:
        """Say whether it is reached; nothing of what was not measured."""
        if self.measured is None:
            return ""
        return "ok" if self.measured <= self.at_most else "**no**"


def values(document: Document, variant: str, kind: str, *, embedder: bool = True) -> list[float]:
    """Return the seconds of these starts, round by round."""
    wanted = (variant, kind, embedder)
    return [
        one["seconds"]
        for one in document["starts"]
        if (one["variant"], one["kind"], one["embedder"]) == wanted
    ]


def middle(numbers: Sequence[float]) -> float | None:
    """Return the median; None of nothing."""
    return round(median(numbers), 3) if numbers else None


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """Return the ratio of each round that has both: the machine drifts from round to round."""
    return [round(a / b, 4) for a, b in zip(ours, theirs, strict=False)]


def goals(document: Document) -> list[Goal]:
    """Hold what was measured against what is wanted."""
    commands, own = document["commands"], document["own"]
    rows: list[tuple[str, str, float, Sequence[float]]] = [
        *(
            (
                f"cold `inv up` / ({letter}), {name}",
                "",
                most,
                _against(document, other, embedder=embedder),
            )
            for letter, other, most in (("a", A, 0.09), ("b", B, 0.75))
            for name, embedder in EMBEDDER.items()
        ),
        *(
            (f"cold `inv up`, {name}", "s", most, values(document, C, "cold", embedder=embedder))
            for most, (name, embedder) in zip((9, 8), EMBEDDER.items(), strict=True)
        ),
        ("warm `inv up` after `down`", "s", 9, values(document, C, "warm")),
        (
            "nothing to do: `inv up` / (b)",
            "",
            0.3,
            ratios(*(values(document, one, "nothing to do") for one in (C, B))),
        ),
        ("`inv ps`", "s", 0.5, commands.get("inv ps", ())),
        ("`inv --list`", "s", 0.3, commands.get("inv --list", ())),
        ("completion Tab", "s", 0.3, commands.get("inv --complete", ())),
        ("our own process while it waits", "% of a core", 5, own["cpu_percent"]),
        ("our own process", "MB", 80, own["memory_mb"]),
        (
            "idle stack, health checks",
            "% of a core",
            2,
            [round(one["checks"] - one["no_checks"], 2) for one in document["idle"]],
        ),
        *(
            (
                f"heavy Cypher, {one['query']}: improved / default",
                "",
                1.1,
                ratios(one["improved"], one["default"]),
            )
            for one in document["cypher"]
        ),
        ("fresh machine to first memory", "s", 80, [one["seconds"] for one in document["fresh"]]),
    ]
    return [
        Goal(figure=name, unit=unit, at_most=most, runs=runs) for name, unit, most, runs in rows
    ]


def _against(document: Document, other: str, *, embedder: bool) -> list[float]:
    ours, theirs = (values(document, one, "cold", embedder=embedder) for one in (C, other))
    return ratios(ours, theirs)

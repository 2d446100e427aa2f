"""Pure: the only reader of Prometheus' text format, strict and bounded.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

MOST = 8 << 20
"""Characters of a text; that of the API has some 20 KB, and 1 KB more for each of MemOS' users."""
_SAMPLE = re.compile(
    r"([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*(?:\{(.*)\})?[ \t]+(\S+)(?:[ \t]+-?[0-9]+)?[ \t]*\Z",
    re.DOTALL,
)
_LABEL = re.compile(
    r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\"n])*)"[ \t]*(?:,|\Z)'
)
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|Inf)\Z|NaN\Z")
_ESCAPE = re.compile(r'\\([\\"n])')


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One number of a text."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str) -> tuple[Sample, ...]:
    """Return the numbers of a text in their order; ValueError says in which line is something else.

    Comments, which say what the numbers mean, are left out.
    """
    if len(text) > MOST:
        raise ValueError(f"it is longer than {MOST:,} characters")
    # no other sign ends a line: one may stand in a label
    lines = enumerate(text.split("\n"), start=1)
    written = ((number, line) for number, line in lines if line.strip(" \t"))
    return tuple(_sample(number, line) for number, line in written if line.lstrip(" \t")[0] != "#")


def _sample(number: int, line: str) -> Sample:
    found = _SAMPLE.match(line.lstrip(" \t"))
    if found is None or not _NUMBER.match(found[3]):
        raise ValueError(f"line {number} has no name and number: {line[:60]!r}")
    return Sample(name=found[1], labels=dict(_labels(number, found[2])), value=float(found[3]))


def _labels(number: int, text: str | None) -> Iterator[tuple[str, str]]:
    at, text = 0, text or ""
    while text[at:].strip(" \t"):
        if (found := _LABEL.match(text, at)) is None:
            raise ValueError(f"line {number} has what is no label: {text[at:][:60]!r}")
        yield found[1], _ESCAPE.sub(lambda one: "\n" if one[1] == "n" else one[1], found[2])
        at = found.end()


def quantile(share: float, buckets: Sequence[tuple[float, float]]) -> float | None:
    """Return what this share of all values is below, as Prometheus' histogram_quantile does.

    `buckets` have an upper bound, and how many values are at most that, the last bound infinite.
    Between two bounds values are taken to lie evenly. None where there are no values, or no such
    buckets.
    """
    ordered = sorted(buckets)
    total = ordered[-1][1] if ordered and ordered[-1][0] == float("inf") else 0
    if not total > 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound, count in ordered:
        if count >= wanted and count > below:
            if bound == float("inf"):
                break
            return low + (bound - low) * max(wanted - below, 0) / (count - below)
        low, below = bound, max(count, below)
    return low

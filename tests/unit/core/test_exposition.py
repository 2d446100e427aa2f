"""Prometheus' text format: read as it is defined, and taken for nothing that it is not."""

import math
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.core.foreign.exposition import MOST, Sample, quantile, samples

NAMES = st.from_regex(r"[a-zA-Z_:][a-zA-Z0-9_:]{0,9}", fullmatch=True)
LABELS = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_]{0,9}", fullmatch=True)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 1 << 53)
INFINITE = float("inf")


def written(one: Sample) -> str:
    """Return a sample as the format's own page says that it is written."""
    escapes = {"\\": r"\\", '"': r"\"", "\n": r"\n"}
    quoted = {
        name: "".join(escapes.get(letter, letter) for letter in value)
        for name, value in one.labels.items()
    }
    labels = ",".join(f'{name}="{value}"' for name, value in quoted.items())
    return f"{one.name}{{{labels}}} {one.value}"


@given(
    st.lists(
        st.builds(
            Sample,
            name=NAMES,
            labels=st.dictionaries(LABELS, st.text(), max_size=3),
            value=NUMBERS.map(float),
        )
    )
)
def test_what_is_written_is_read_again(given: list[Sample]) -> None:
    """Whatever stands in a label: braces, quotes, ends of lines, what looks like another sample."""
    text = "".join(f"# HELP {one.name} a\n{written(one)}\n" for one in given)

    assert samples(text) == tuple(given)


@given(st.text() | st.text('ab_{}=",\\ \n\t01.e+#'))
@example('a{b="\\"} 1')
def test_any_other_text_is_a_value_error(text: str) -> None:
    """And never another one."""
    with suppress(ValueError):
        assert all(one.name for one in samples(text))


def test_the_forms_that_programs_write_are_read() -> None:
    """Comments, moments, blanks, a comma at the end, the words for what is no number."""
    text = '# TYPE a counter\n\na 1\n\t b { x = "1" , } +Inf 1700000000000 \nc{} -2.5e-3\nd NaN\n'

    found = samples(text)

    assert [(one.name, dict(one.labels), one.value) for one in found[:3]] == [
        ("a", {}, 1.0),
        ("b", {"x": "1"}, INFINITE),
        ("c", {}, -0.0025),
    ]
    assert math.isnan(found[3].value)


@pytest.mark.parametrize(
    "line",
    [
        *("a", "a{b} 1", 'a{b="1} 1', 'a{b="1" c="2"} 1', 'a{b="\\x"} 1', 'a{b="1"}'),
        *("1a 2", "a 1_0", "a 0x1", "a infinity", "a \u0661", "a 1 2 3", "a 1 x", "ä 1"),
    ],
)
def test_what_is_no_sample_is_told_by_its_line(line: str) -> None:
    """All that Python would take for a number, too."""
    with pytest.raises(ValueError, match=r"^line 2 has "):
        samples(f"a 1\n{line}\n")


def test_a_text_without_an_end_is_not_read() -> None:
    """Whatever is in it."""
    with pytest.raises(ValueError, match="longer than 8,388,608 characters"):
        samples("#" * (MOST + 1))


def test_a_quantile_lies_between_two_bounds_where_its_values_do() -> None:
    """As Prometheus' histogram_quantile has it; beyond the last bound nobody knows more."""
    buckets = [(0.1, 1.0), (0.2, 3.0), (0.4, 4.0), (INFINITE, 4.0)]

    assert quantile(0.5, buckets) == pytest.approx(0.15)
    assert quantile(0.25, buckets) == pytest.approx(0.1)
    assert quantile(1.0, buckets) == pytest.approx(0.4)
    assert quantile(0.95, [(0.1, 1.0), (INFINITE, 9.0)]) == pytest.approx(0.1)


@pytest.mark.parametrize("buckets", [[], [(INFINITE, 0.0)], [(0.1, 3.0)], [(INFINITE, math.nan)]])
def test_without_values_there_is_no_quantile(buckets: list[tuple[float, float]]) -> None:
    """Nor without the last bucket, which says how many there are."""
    assert quantile(0.5, buckets) is None


@given(st.lists(st.floats(0, 100), min_size=1), st.lists(st.floats(0.001, 50), min_size=1))
def test_a_larger_share_is_never_below_a_smaller_one(values: list[float], at: list[float]) -> None:
    """And each is as near to the true one as its bucket is wide."""
    bounds = [*sorted(set(at)), INFINITE]
    buckets = [(bound, float(sum(one <= bound for one in values))) for bound in bounds]
    shares = (0.0, 0.5, 0.95, 1.0)

    found = [quantile(share, buckets) for share in shares]

    assert None not in found
    assert found == sorted(one for one in found if one is not None)
    true = sorted(values)[math.ceil(len(values) / 2) - 1]
    upper = min(bound for bound in bounds if bound >= true)
    lower = max([0.0, *(bound for bound in bounds if bound < true)])
    assert found[1] is not None
    assert lower - 1e-9 <= found[1] <= min(upper, bounds[-2]) + 1e-9

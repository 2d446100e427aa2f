"""Times and bytes as the engine and people write them."""

from datetime import datetime

import pytest

from scripts.commands.flags import moment
from scripts.core.units import (
    SECOND,
    duration,
    nanoseconds,
    query,
    seconds,
    since,
    size,
    size_of,
    written,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        ("0001-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:01Z", SECOND),
        ("2026-11-23T01:55:09.201591587Z", 1795398909201591587),
        ("2026-11-23T01:55:09.2Z", 1795398909200000000),
        ("2026-11-23T09:55:09.201591587+08:00", 1795398909201591587),
    ],
)
def test_a_moment_of_the_engine_keeps_its_nanoseconds(text: str, number: int) -> None:
    """Zeros at the end are left out by Go; a moment that never came is 0."""
    assert nanoseconds(text) == number


@pytest.mark.parametrize("text", ["soon", "2026-11-23", "2026-11-23T01:55:09"])
def test_what_is_no_moment_of_an_engine_is_refused(text: str) -> None:
    """With its text."""
    with pytest.raises(ValueError, match=text):
        nanoseconds(text)


def test_what_is_written_can_be_read() -> None:
    """To the millisecond."""
    assert written(1795398909.2016) == "2026-11-23T01:55:09.201Z"
    assert nanoseconds(written(1795398909.0)) == 1795398909 * SECOND


def test_a_query_has_seconds_and_nine_digits() -> None:
    """As the engine's API wants it."""
    assert query(1795398909 * SECOND + 42) == "1795398909.000000042"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("500ms", 0.5),
        ("2m0s", 120.0),
        ("1h0m0.5s", 3600.5),
        ("5", None),
        ("", None),
        ("5 s", None),
        ("5d", None),
        ("1.2.3s", None),
    ],
)
def test_durations_are_read_as_compose_writes_them(text: str, expected: float | None) -> None:
    """And Go does; what is no duration is None."""
    assert expected == seconds(text)


@pytest.mark.parametrize(
    ("value", "ago"), [("10m", 600), ("1h30m", 5400), ("1.5s", 1.5), ("2h", 7200)]
)
def test_a_duration_counts_back_from_now(value: str, ago: float) -> None:
    """Of hours, minutes, seconds."""
    assert since(moment("since", value), 10_000.0) == (10_000.0 - ago) * SECOND


@pytest.mark.parametrize("value", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00"])
def test_a_time_with_a_zone_is_that_moment(value: str) -> None:
    """Whatever the clock says now."""
    assert since(moment("since", value), 0.0) == 1769860800 * SECOND


@pytest.mark.parametrize("value", ["2026-01-31", "2026-01-31T12:00:00"])
def test_a_time_without_a_zone_is_one_of_this_machine(value: str) -> None:
    """As people write it."""
    assert since(value, 0.0) == int(datetime.fromisoformat(value).astimezone().timestamp()) * SECOND


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5000 * 2**30, "5000.0 GiB"),
    ],
)
def test_bytes_are_told_for_people(number: int, text: str) -> None:
    """In the unit that gives a small number."""
    assert size(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [(None, ""), (0.4, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3725, "1 h 2 min")],
)
def test_a_duration_is_told_for_people(number: float | None, text: str) -> None:
    """Two units at most."""
    assert duration(number) == text


def test_what_is_done_is_never_more_than_the_whole() -> None:
    """The whole may be an estimate."""
    assert size_of(1536, 4096) == "1.5 KiB of 4.0 KiB"
    assert size_of(5000, 4096) == "4.9 KiB of 4.9 KiB"

"""How the API's numbers are written, and what its calls are counted as."""

import json
import logging
from pathlib import Path

import memos_mends
import memos_metrics
import memos_start
import pytest
from memos_metrics import BOUNDS, Numbers, Times, mends, named, worth_a_line

from scripts.core.foreign.exposition import quantile, samples

EVIL = 'a "quoted"\\ name\nof two lines'


def test_what_is_written_is_read_again() -> None:
    """Whatever stands in a label."""
    numbers = Numbers("memos_api_calls_total", "counter", "Calls that were answered")
    for status in ("200", "200", EVIL):
        numbers.add(call="add", status=status)

    lines = list(numbers.lines())

    assert lines[:2] == [
        "# HELP memos_api_calls_total Calls that were answered",
        "# TYPE memos_api_calls_total counter",
    ]
    found = samples("\n".join(lines))
    assert [(one.labels["status"], one.value) for one in found] == [("200", 2), (EVIL, 1)]


@pytest.mark.parametrize("seconds", [0.0004, 0.0213, 0.21, 0.4, 1.9, 14.0, 60.0])
def test_half_of_equal_times_is_told_within_an_eighth(seconds: float) -> None:
    """A bound is a quarter more than the one before; what is below a millisecond is one."""
    times = Times("seconds", "Seconds")
    for _ in range(9):
        times.add(seconds, "add")

    found = samples("\n".join(times.lines()))
    buckets = [(float(one.labels["le"]), one.value) for one in found if "le" in one.labels]

    assert len(buckets) == len(BOUNDS) + 1
    assert quantile(0.5, buckets) == pytest.approx(seconds, rel=0.15, abs=0.001)
    assert [one.value for one in found[-2:]] == [pytest.approx(9 * seconds), 9]


def test_a_time_beyond_the_last_bound_is_counted_too() -> None:
    """And one that is just a bound is at most that."""
    times = Times("seconds", "Seconds")
    for seconds in (BOUNDS[-1], BOUNDS[-1] + 1):
        times.add(seconds, "add")

    found = samples("\n".join(times.lines()))

    assert [one.value for one in found if "le" in one.labels][-2:] == [1, 2]


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("/product/add", "add"),
        ("/product/search", "search"),
        ("/product/chat/stream/playground", "chat"),
        ("/product/get_memory/12", "get_memory"),
        ("/product/exist_mem_cube_id", "other"),
        ("/openapi.json", "other"),
        ("/add", "other"),
        ("/product", "other"),
        ("/product/" + "x" * 999, "other"),
        ("", "other"),
    ],
)
def test_whoever_invents_paths_makes_no_new_numbers(path: str, call: str) -> None:
    """Only what MemOS has is counted by its name."""
    assert named(path) == call


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps({"memos": "2.0.6", "mended": ["1093", "2329"], "left": []}), 2),
        (json.dumps({"memos": "2.0.6", "mended": [], "left": ["1093"]}), 1),
        *((text, 0) for text in ("", "[]", '{"mended": 1}', "null")),
    ],
)
def test_the_mends_in_force_are_told(
    text: str, told: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None where nobody can read which they are."""
    (tmp_path / "mends.json").write_text(text)
    monkeypatch.setattr(memos_mends, "FILE", tmp_path / "mends.json")

    found = samples("\n".join(mends()))

    assert [one.name for one in found] == ["memos_api_mend"] * told
    assert {one.labels["state"] for one in found} <= {"mended", "left"}


def test_who_asks_for_the_numbers_is_no_line_of_the_log() -> None:
    """All others are."""
    for path, worth in (("/metrics", False), ("/product/add", True)):
        args = ("127.0.0.1:1", "GET", path, "1.1", 200)
        record = logging.LogRecord("uvicorn.access", 20, "", 1, "", args, None)
        assert worth_a_line(record) is worth
    assert worth_a_line(logging.LogRecord("uvicorn.access", 20, "", 1, "text", None, None))


def test_the_compose_file_and_the_entry_point_name_one_port() -> None:
    """Where `inv metrics` asks is where it is told."""
    assert memos_metrics.PATH == "/metrics"
    compose = (Path(__file__).parents[3] / "docker" / "docker-compose.yml").read_text()
    assert f"x-metrics: {memos_start.METRICS.rpartition(':')[2]} " in compose

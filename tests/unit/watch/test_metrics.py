"""What is made of the numbers that services tell."""

from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.watch.metrics import Told, document
from tests.kit.places import TESTS_DATA

API, MODELS = (
    (TESTS_DATA / "metrics" / name).read_text(encoding="utf-8")
    for name in ("api.txt", "models.txt")
)


def made(**texts: str) -> dict[str, Any]:
    """Return the document of what services told; it keeps its schema."""
    told = [Told(service=name, text=text) for name, text in texts.items()]
    found = document("memos-test", told, 1795392060.0)
    assert validate(found, "metrics") == ()
    return found


def test_the_calls_of_the_api_are_told_with_their_errors_and_quantiles() -> None:
    """Add and search first; a call that has not ended has no time yet."""
    api = made(memos=API)["api"]

    assert (api["version"], api["since"]) == ("2.0.6", "2026-11-23T00:00:00.500Z")
    assert (api["mended"], api["left"]) == (["1093"], ["2329"])
    assert [row["call"] for row in api["calls"]] == ["add", "search", "chat", "other"]
    assert api["calls"][0] == {
        "call": "add",
        "count": 12,
        "errors": 1,
        "statuses": {"200": 11, "500": 1},
        "in_flight": 0,
        "p50": 0.2,
        "p95": 0.38,
    }
    chat = {"call": "chat", "count": 0, "errors": 0, "statuses": {}, "in_flight": 1}
    assert api["calls"][2] == chat


def test_the_tasks_of_the_scheduler_are_told_over_all_users() -> None:
    """Who they are is nobody's business; a mean is told where there is one."""
    assert made(memos=API)["api"]["tasks"] == [
        {
            "task": "mem_read",
            "enqueued": 4,
            "dequeued": 3,
            "completed": 2,
            "failed": 1,
            "seconds": 0.25,
        }
    ]


def test_what_the_models_were_asked_is_told_by_model() -> None:
    """With what they refused."""
    models = made(memos=API, models=MODELS)["models"]

    assert models["models"] == [
        {
            "model": "e5",
            "call": "embeddings",
            "count": 5,
            "errors": 1,
            "texts": 9,
            "tokens": 120,
            "seconds": 0.5004,
        }
    ]
    assert models["refused"] == {"fine search": 2}


def test_who_tells_nothing_is_told_with_the_reason() -> None:
    """The others are told all the same."""
    silent = Told(service="memos", error="it does not run", next="inv up --service memos")
    told = [silent, Told(service="models", text=MODELS)]

    found = document("memos-test", told, 1795392060.0)

    assert validate(found, "metrics") == ()
    assert sorted(found) == ["at", "models", "project", "silent"]
    assert found["silent"] == [
        {"service": "memos", "error": "it does not run", "next": "inv up --service memos"}
    ]


@pytest.mark.parametrize(
    "line",
    [
        'memos_api_calls_total{call="add",status="fine"} 1',
        'memos_api_call_seconds_bucket{call="add",le="much"} 1',
        "memos_api_start_time_seconds 1e300",
        "no number",
    ],
)
def test_numbers_of_another_shape_are_told_as_such(line: str) -> None:
    """Nothing that a container says ends a command."""
    found = made(memos=f"{API}{line}\n")

    assert "api" not in found
    (silent,) = found["silent"]
    assert silent["error"].startswith("what it tells has another shape than it should: ")


def test_what_is_no_number_counts_nothing() -> None:
    """As nobody could write it as JSON."""
    found = made(memos=API + 'memos_api_calls_total{call="add",status="201"} NaN\n')

    assert found["api"]["calls"][0]["statuses"] == {"200": 11, "500": 1}

"""What the API and the models tell of themselves, while memories go in and are found."""

from typing import Any

import pytest
import requests

from scripts.config.rules.schema import validate
from scripts.core.foreign.exposition import samples
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import remember

pytestmark = pytest.mark.docker

CUBE = "metrics-e2e"
READ = """
import json, sys, urllib.request
from prometheus_client.parser import text_string_to_metric_families as read
for url in sys.argv[1:]:
    text = urllib.request.urlopen(url, timeout=10).read().decode()
    print(json.dumps([[one.name, one.labels] for family in read(text) for one in family.samples]))
"""
"""Asks as a Prometheus on the stack's network does, and reads by its own library."""


def told(stack: Checkout) -> dict[str, Any]:
    """Return what `inv metrics` tells programs."""
    document: dict[str, Any] = stack.inv("metrics", "--format", "json").document
    assert validate(document, "metrics") == ()
    assert document["silent"] == []
    return document


def counts(document: dict[str, Any]) -> dict[str, int]:
    """Return how often each call was made."""
    return {row["call"]: row["count"] for row in document["api"]["calls"]}


def test_the_numbers_move_by_what_is_asked(running: Checkout) -> None:
    """Two adds, one search, and one call that is refused: exactly these, on both sides."""
    before = told(running)
    for text in ("Emma plays the cello.", "The train to Berlin leaves at nine."):
        remember(running, CUBE, text)
    search = {"user_id": CUBE, "query": "What instrument does my child play?"}
    found = requests.post(running.url("MEMOS_PORT", "/product/search"), json=search, timeout=60)
    assert found.status_code == 200
    refused = requests.post(running.url("MEMOS_PORT", "/product/add"), json=[], timeout=60)
    assert refused.status_code == 422
    after = told(running)

    for call, made, wrong in (("add", 3, 1), ("search", 1, 0)):
        (row,) = (one for one in after["api"]["calls"] if one["call"] == call)
        assert row["count"] - counts(before).get(call, 0) == made
        assert row["statuses"].get("422", 0) >= wrong
        assert row["in_flight"] == 0
        assert 0 < row["p50"] <= row["p95"]
    assert after["api"]["since"] == before["api"]["since"]
    tasks = [sum(task["enqueued"] for task in one["api"]["tasks"]) for one in (before, after)]
    assert tasks[0] < tasks[1]
    texts = [sum(row["texts"] for row in one["models"]["models"]) for one in (before, after)]
    assert texts[0] + 3 <= texts[1]
    assert "1093" in after["api"]["mended"]
    assert "  add " in running.inv("metrics").stdout


def test_a_prometheus_reads_all_of_it_by_the_names_of_the_services(running: Checkout) -> None:
    """Without a published port; its own reader finds what ours does."""
    remember(running, CUBE, "He plays the piano.")
    container = running.values()["CONTAINER_PREFIX"] + "memos-api-docker"
    urls = ("http://memos:9464/metrics", "http://models:8080/metrics")
    theirs = [
        (name, labels)
        for line in running.docker("exec", container, "python", "-c", READ, *urls).lines
        for name, labels in line
    ]
    ours = samples(running.inv("metrics", "--format", "prometheus").stdout)

    names = {name for name, _ in theirs}
    assert names == {one.name for one in ours}
    assert names >= {
        *("memos_api_calls_total", "memos_api_call_seconds_bucket", "memos_api_mend"),
        *("memos_scheduler_tasks_enqueued_total", "memos_scheduler_task_duration_seconds_count"),
        *("memos_models_calls_total", "memos_models_tokens_total"),
    }
    assert all(dict(one.labels) in [labels for _, labels in theirs] for one in ours)
    assert "9464" not in running.docker("port", container).stdout


def test_after_a_restart_all_is_counted_anew_and_that_is_said(running: Checkout) -> None:
    """Nobody reads the counts of another process as this one's."""
    remember(running, CUBE, "He drove to the stadium.")
    before = told(running)
    assert counts(before)["add"] >= 1
    running.inv("restart", "--service", "memos")
    after = told(running)

    assert after["api"]["since"] > before["api"]["since"]
    assert {"add", "search"}.isdisjoint(counts(after))
    assert after["models"]["since"] == before["models"]["since"]
    assert "counted since it started" in running.inv("metrics").stdout

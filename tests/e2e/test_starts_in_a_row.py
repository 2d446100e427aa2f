"""No false alarm: start after start, exit code 0 and no finding."""

from typing import Any

import pytest

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import recall, remember

pytestmark = pytest.mark.docker


CUBE, TEXT = "kept", "The red door opens at noon."


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ten of each with --all-faults, else one: the cold one is the first of all."""
    count = 10 if metafunc.config.getoption("--all-faults") else 1
    metafunc.parametrize("number", range(1, count + 1))


def calm(events: list[dict[str, Any]]) -> None:
    """Judge a start: all becomes ready, and nothing is found or lost on the way."""
    assert [one for one in events if one["event"] in {"finding", "lost"}] == []
    assert events[-1]["verdict"] == "ready"


def test_a_cold_start_finds_nothing(
    stack: Checkout, cold: list[dict[str, Any]], number: int
) -> None:
    """On empty volumes."""
    if number > 1:
        stack.inv("down", "--volumes", "--yes")
        cold = stack.inv("up", "--format", "json").lines
    calm(cold)


def test_a_warm_start_finds_nothing_and_has_what_was_kept(running: Checkout, number: int) -> None:
    """`down` keeps the data: the API gives a memory back after the next `up`."""
    del number
    remember(running, CUBE, TEXT)
    running.inv("down")
    assert running.docker("ps", "--all", "--format={{.Names}}").stdout.count("memos-e2e-") == 0

    calm(running.inv("up", "--format", "json").lines)

    assert TEXT in recall(running, CUBE)

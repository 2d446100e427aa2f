"""No false alarm: start after start, exit code 0 and no finding."""

import pytest

from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ten of each with --all-faults, else one."""
    count = 10 if metafunc.config.getoption("--all-faults") else 1
    metafunc.parametrize("number", range(1, count + 1))


def calm(stack: Checkout) -> None:
    """Start everything: it becomes ready, and nothing is found or lost on the way."""
    events = stack.inv("up", "--format", "json").lines
    assert [one for one in events if one["event"] in {"finding", "lost"}] == []
    assert events[-1]["verdict"] == "ready"


def test_a_cold_start_finds_nothing(stack: Checkout, number: int) -> None:
    """On empty volumes."""
    del number
    stack.inv("down", "--volumes", "--yes")
    calm(stack)


def test_a_warm_start_finds_nothing(stack: Checkout, number: int) -> None:
    """On the data of before."""
    del number
    stack.inv("down")
    calm(stack)

"""What a start costs with ever more services, counted: no clock says whether it is fast."""

from functools import cache

import pytest

from scripts.core.finding import Verdict
from scripts.start.events import EventKind
from scripts.start.scheduler import INTERVAL, RECHECK
from tests.kit.simulated import ANSWERS, SHAPES, Course, run

COUNTS = {"chain": (15, 45), "star": (25, 100), "layers": (25, 100)}
"""A chain takes two seconds of its own time for each service; nox -s bench goes up to 200."""
MORE = 1.6
"""Of calls for each look and service: with many services something is new at every look."""
EVENTS = 6
"""Of one service, at most, in a start in which nothing fails."""


@pytest.mark.parametrize("shape", SHAPES)
def test_a_look_costs_the_same_for_each_service_of_however_many(shape: str) -> None:
    """Nothing walks through all services for each of them: counted in calls of functions."""
    few, many = (course(shape, count) for count in COUNTS[shape])

    assert many.events[-1].verdict is Verdict.READY
    assert for_each(many) <= MORE * for_each(few)


@pytest.mark.parametrize("shape", SHAPES)
def test_looks_and_probes_are_as_many_as_time_and_events_allow(shape: str) -> None:
    """A look for each moment, and for each event; a probe for each service and second."""
    count = COUNTS[shape][1]
    seen = course(shape, count)

    assert len(seen.events) <= EVENTS * count + 1
    assert seen.looks <= seen.seconds / INTERVAL + 2 * len(seen.events)
    # each second of who is ready; at each look of who is not, which is not for long
    unready = count * ANSWERS / INTERVAL
    assert seen.probes <= count * (seen.seconds / RECHECK + 2) + unready


def test_the_last_of_many_is_told_ready_once() -> None:
    """The simulation is a start as any other."""
    events = course("layers", 3).events

    ready = [one.service for one in events if one.kind is EventKind.READY]
    assert sorted(ready) == ["service-000", "service-001", "service-002"]


@cache
def course(shape: str, count: int) -> Course:
    """Run a start once."""
    return run(SHAPES[shape](count))


def for_each(seen: Course) -> float:
    """Return the calls for each service and look."""
    return seen.calls / seen.looks / seen.services

"""What a start keeps from look to look: what was wrong in the last one, and the logs it read."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Stack
from scripts.diagnosis.rules import diagnose
from scripts.start import tracking
from scripts.start.tracking import AGAIN, SLOW, Diagnosis, LogCollector
from tests.kit.builders import container, reading, service, stack

STACK = stack(service("db"), service("web", "db"))
BOTH = STACK.names()
CRASHED = container("db", "exited", exit_code=3)
LOOK = Look(
    containers=(container("db"), container("web")),
    readings=(reading("db", "refused", ok=False), reading("web", "refused", ok=False)),
)


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[Look]:
    """Return the looks that were diagnosed."""
    looks: list[Look] = []

    def noted(of: Stack, names: tuple[str, ...], look: Look) -> tuple[Finding, ...]:
        looks.append(look)
        return diagnose(of, names, look)

    monkeypatch.setattr(tracking, "diagnose", noted)
    return looks


def test_a_look_like_the_one_before_is_not_diagnosed_again(judged: list[Look]) -> None:
    """Also when the same answers took another time: those of two calls are never the same."""
    diagnosis = Diagnosis(STACK, BOTH)
    slower = tuple(replace(one, seconds=2.5) for one in LOOK.readings)

    assert diagnosis.of(BOTH, LOOK) == diagnosis.of(BOTH, replace(LOOK, readings=slower)) == ()
    assert len(judged) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda look: replace(look, containers=(CRASHED, container("web"))),
        lambda look: replace(look, readings=look.readings[:1]),
        lambda look: replace(look, logs={"db": ("panic: no space",)}),
        lambda look: replace(look, steady=frozenset({"db"})),
    ],
    ids=["containers", "readings", "logs", "steady"],
)
def test_whatever_changes_is_diagnosed(judged: list[Look], change: Callable[[Look], Look]) -> None:
    """A container, an answer, a log, how long a neighbour has been well."""
    diagnosis = Diagnosis(STACK, BOTH)
    diagnosis.of(BOTH, LOOK)
    diagnosis.of(BOTH, change(LOOK))

    assert len(judged) == 2


def test_who_is_started_meanwhile_is_diagnosed(judged: list[Look]) -> None:
    """What has yet to start is no finding."""
    diagnosis = Diagnosis(STACK, BOTH)
    look = replace(LOOK, containers=(CRASHED, container("web")))

    assert diagnosis.of(("web",), look) == ()
    assert [finding.code for finding in diagnosis.of(BOTH, look)] == ["ended"]
    assert len(judged) == 2


@dataclass(slots=True)
class Logs:
    """Returns each log as it is at this reading."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    def with_logs(self, look: Look, names: tuple[str, ...]) -> Look:
        """Note who was asked for."""
        self.asked.append(names)
        return replace(look, logs={name: (f"reading {len(self.asked)}",) for name in names})


@pytest.fixture
def logs() -> Logs:
    """Logs of which none was read yet."""
    return Logs()


def test_who_is_slow_is_read_now_and_then(logs: Logs) -> None:
    """Not before it is late, then again after a pause; what was read stays."""
    collector, late = LogCollector(STACK, logs), 10.0 + SLOW
    times = (late - 0.1, late, late + AGAIN / 2, late + AGAIN)

    read = [collector.added(LOOK, {"db": 10.0}, now).logs.get("db") for now in times]

    assert read == [None, ("reading 1",), ("reading 1",), ("reading 2",)]


def test_who_falls_is_read_at_once_and_again_when_it_falls_again(logs: Logs) -> None:
    """Each new state of its container may have other words."""
    collector = LogCollector(STACK, logs)

    for times in (1, 1, 2):
        fallen = container("db", "restarting", restarts=times, exit_code=1)
        collector.added(replace(LOOK, containers=(fallen,)), {"db": 10.0}, 10.1)

    assert logs.asked == [("db",), ("db",)]


def test_who_is_not_there_is_not_read(logs: Logs) -> None:
    """A removed container has no log."""
    LogCollector(STACK, logs).added(Look(), {"db": 0.0}, 99.0)

    assert logs.asked == []

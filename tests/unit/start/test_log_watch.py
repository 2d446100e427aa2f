"""Whose log is read while services start, and how often."""

from dataclasses import dataclass, field, replace

from scripts.core.look import Container, Look
from scripts.start.log_watch import AGAIN, SLOW, LogWatch
from tests.kit.builders import container, reading, service, stack

STACK = stack(service("db"), service("web"))


@dataclass(slots=True)
class Reader:
    """Return each log as it is at this reading."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    def with_logs(self, seen: Look, names: tuple[str, ...]) -> Look:
        """Note who was asked for."""
        self.asked.append(names)
        return replace(seen, logs={name: (f"reading {len(self.asked)}",) for name in names})


def look(*containers: Container) -> Look:
    """Return a look at containers that do not answer."""
    readings = tuple(reading(one.service, "refused", ok=False) for one in containers)
    return Look(containers=containers, readings=readings)


def test_who_starts_in_good_time_costs_no_reading() -> None:
    """Not answering yet is no trouble."""
    reader = Reader()

    LogWatch(STACK, reader).added(look(container("db")), {"db": 10.0}, 10.0 + SLOW - 0.1)

    assert reader.asked == []


def test_who_is_slow_is_read_now_and_then() -> None:
    """Once when it is late, again after a pause; what was read stays."""
    reader, seen = Reader(), look(container("db"))
    watch = LogWatch(STACK, reader)

    late = 10.0 + SLOW
    first = watch.added(seen, {"db": 10.0}, late)
    soon = watch.added(seen, {"db": 10.0}, late + AGAIN / 2)
    again = watch.added(seen, {"db": 10.0}, late + AGAIN)

    assert [one.logs["db"] for one in (first, soon, again)] == [
        ("reading 1",),
        ("reading 1",),
        ("reading 2",),
    ]


def test_who_falls_is_read_at_once_and_again_when_it_falls_again() -> None:
    """Each new state of its container may have other words."""
    reader = Reader()
    watch = LogWatch(STACK, reader)
    falls = [container("db", "restarting", restarts=n, exit_code=1) for n in (1, 1, 2)]

    for one in falls:
        watch.added(look(one), {"db": 10.0}, 10.1)

    assert reader.asked == [("db",), ("db",)]


def test_who_is_not_there_is_not_read() -> None:
    """A removed container has no log."""
    reader = Reader()

    LogWatch(STACK, reader).added(Look(), {"db": 0.0}, 99.0)

    assert reader.asked == []

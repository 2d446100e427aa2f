"""The only polling loop, on a clock that a test owns."""

from itertools import count, islice

import pytest

from scripts.core.polling import poll, until_none


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.naps.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    ("timeout", "interval", "naps"),
    [(1.0, 0.5, [0.5, 0.5]), (1.0, 0.4, [0.4, 0.4, 0.2]), (0.0, 0.5, []), (0.1, 5.0, [0.1])],
)
def test_the_last_look_comes_at_the_deadline(
    timeout: float, interval: float, naps: list[float]
) -> None:
    """The first one comes at once, and no nap is longer than what is left."""
    clock, looks = Clock(), count()

    seen = list(
        poll(
            lambda: next(looks), timeout=timeout, interval=interval, clock=clock, sleep=clock.sleep
        )
    )

    assert clock.naps == pytest.approx(naps)
    assert seen == list(range(len(naps) + 1))
    assert clock.now == pytest.approx(100.0 + timeout)


def test_nothing_more_is_looked_at_once_the_caller_has_seen_enough() -> None:
    """A caller that leaves the loop pays for no further look and no nap."""
    clock, looks = Clock(), count()

    list(
        islice(poll(lambda: next(looks), timeout=9, interval=1, clock=clock, sleep=clock.sleep), 2)
    )

    assert (next(looks), clock.naps) == (2, [1])


def test_waiting_ends_when_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or when time is up."""
    monkeypatch.setitem(poll.__kwdefaults__ or {}, "sleep", lambda _: None)
    left = [2, 1, 0, 3]

    until_none(lambda: left.pop(0), timeout=60, interval=1)

    assert left == [3]
    until_none(lambda: 1, timeout=0, interval=1)

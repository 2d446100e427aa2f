"""The only polling loop."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")


def poll(
    observe: Callable[[], T],
    *,
    timeout: float,
    interval: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[T]:
    """Yield observations, the first at once, until `timeout` seconds have passed.

    The caller stops when it has seen enough. The last look comes at the deadline, so what became
    ready during the last `interval` seconds is still seen.
    """
    deadline = clock() + timeout
    while True:
        yield observe()
        left = deadline - clock()
        if left <= 0:
            return
        sleep(min(interval, left))


def until_none(observe: Callable[[], object], *, timeout: float, interval: float) -> None:
    """Wait until nothing is observed any more, `timeout` seconds at most."""
    for something in poll(observe, timeout=timeout, interval=interval):
        if not something:
            return

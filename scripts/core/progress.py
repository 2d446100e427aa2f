"""How progress is told: a line, a line about one of several things, and not too many of either."""

import time
from collections.abc import Callable, Iterable, Iterator

Say = Callable[[str], None]
"""Called with a line of progress."""
Step = Callable[[str, str], None]
"""Called with the name of one of several things and what is going on with it."""
OnBytes = Callable[[int], None]
"""Called with how many bytes are done, as often as you like."""
PACE = 1.5
"""Seconds between two lines of progress about one thing."""
MEGABYTE = 1_000_000


class Pace:
    """Passes on a line of progress, but not more often than every PACE seconds."""

    def __init__(self, say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        """Pass lines on to `say`."""
        self._say = say
        self._clock = clock
        self._next = 0.0

    def __call__(self, line: str) -> None:
        """Take a line."""
        if line and self._clock() >= self._next:
            self._next = self._clock() + PACE
            self._say(line)


class Count:
    """Tells how many bytes have passed: saved 120 of 3100 MB."""

    def __init__(self, say: Say, total: int, verb: str) -> None:
        """Tell `say` how many of `total` bytes are done, which may be an estimate."""
        self._say = say
        self._total = total
        self._verb = verb
        self._done = 0

    def __call__(self, size: int) -> None:
        """Count `size` bytes more."""
        self._done += size
        total = max(self._total, self._done) / MEGABYTE
        self._say(f"{self._verb} {self._done / MEGABYTE:.0f} of {total:.0f} MB")

    def passed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces on, and count them."""
        for piece in pieces:
            self(len(piece))
            yield piece

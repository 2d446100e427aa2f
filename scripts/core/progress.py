"""How progress is told: a line, a line about one of several things, and not too many of either.

And noted: what a command is at before anything starts, for `inv timeline`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Protocol

from scripts.core.units import size_of

Say = Callable[[str], None]
"""Called with a line of progress."""
Step = Callable[[str, str], None]
"""Called with the name of one of several things and what is going on with it."""
OnBytes = Callable[[int], None]
"""Called with how many bytes are done so far, as often as you like."""
PACE = 1.5
"""Seconds between two lines of progress about one thing."""


class Outcome(StrEnum):
    """What has become of a phase, in the words of `schemas/timeline.schema.json`."""

    GOING = "going"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


class End(Protocol):
    """Called when a phase has ended, so many seconds `ago`; a second time it means nothing."""

    def __call__(self, outcome: Outcome, *, ago: float = 0.0) -> None: ...


Note = Callable[[str, str], End]
"""Called when a phase begins, with its name and what it is about; gives what is called at its end.

Phases may go on beside each other; one that is short is left out of what is kept.
"""


def unnoted(_name: str, _what: str) -> End:
    """Note nothing, where nobody wants to know."""

    def end(outcome: Outcome, *, ago: float = 0.0) -> None: ...

    return end


@contextmanager
def phase(note: Note, name: str, what: str = "") -> Iterator[None]:
    """Note the block as a phase."""
    end = note(name, what)
    try:
        yield
    except KeyboardInterrupt:
        end(Outcome.STOPPED)
        raise
    except BaseException:
        end(Outcome.FAILED)
        raise
    end(Outcome.DONE)


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


def counted(pieces: Iterable[bytes], on_bytes: OnBytes) -> Iterator[bytes]:
    """Yield the pieces on, and say how many bytes are done after each."""
    done = 0
    for piece in pieces:
        yield piece
        done += len(piece)
        on_bytes(done)


def meter(say: Say, verb: str, total: int) -> OnBytes:
    """Tell `say` how far it is, as in: saved 120.0 MiB of 3.0 GiB; `total` may be an estimate."""

    def on_bytes(done: int) -> None:
        say(f"{verb} {size_of(done, total)}")

    return on_bytes

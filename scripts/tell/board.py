"""Progress, on stderr: a live line for each thing on a terminal, elsewhere one now and then."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scripts.core.progress import Pace
from scripts.tell.screen import Line, Screen, line

STEP_WIDTH = 120
"""Characters of a step's line where there is no terminal; the logs have all of it."""


class Board:
    """Tells what is going on while it does."""

    def __init__(self) -> None:
        """Write to stderr; colour and live lines only where it is a terminal."""
        self.err = Screen(stderr=True)
        self._live = False
        """Live lines are drawn."""
        self._lines: dict[str, Line] = {}
        self._paces: dict[str, Pace] = {}

    def say(self, text: str) -> None:
        """Tell one line of progress."""
        self.err.print(line(text, "dim"))

    def step(self, name: str, text: str | Line) -> None:
        """Tell what is going on with one of several things: its live line, or now and then one."""
        if self._live:
            self._lines[name] = text if isinstance(text, Line) else line(text)
        else:
            self._paces.setdefault(name, Pace(self._plain))(_short(name, text))

    def state(self, name: str, text: str) -> None:
        """Tell what has become of one of several things: never left out."""
        if self._live:
            self.step(name, text)
        else:
            self._plain(_short(name, text))

    def _plain(self, text: str) -> None:
        self.err.print(line(text))

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[None]:
        """Show a live line for each of these things while the block runs, on a terminal."""
        self._lines = {name: line() for name in names}
        if not self.err.is_terminal:
            yield
            return
        try:
            with self.err.board(self._lines):
                self._live = True
                yield
        finally:
            self._live = False  # what is told later has no line in it


def _short(name: str, text: str | Line) -> str:
    return f"{name:<9} {textwrap.shorten(str(text), STEP_WIDTH, placeholder='…')}"

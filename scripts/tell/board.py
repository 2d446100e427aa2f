"""Progress, on stderr: a live line for each thing on a terminal, elsewhere one now and then."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from scripts.core.progress import Pace

STEP_WIDTH = 120
"""Characters of a step's line where there is no terminal; the logs have all of it."""


class Board:
    """Tells what is going on while it does."""

    def __init__(self) -> None:
        """Write to stderr; colour and live lines only where it is a terminal."""
        self.err = Console(stderr=True, highlight=False)
        self._live: Live | None = None
        self._lines: dict[str, Text] = {}
        self._paces: dict[str, Pace] = {}

    def say(self, line: str) -> None:
        """Tell one line of progress."""
        self._plain(Text(line, style="dim"))

    def step(self, name: str, line: str | Text) -> None:
        """Tell what is going on with one of several things: its live line, or now and then one."""
        if self._live is not None:
            self._lines[name] = line if isinstance(line, Text) else Text(line)
            self._live.update(self._board())
        else:
            self._paces.setdefault(name, Pace(self._plain))(_short(name, line))

    def state(self, name: str, line: str) -> None:
        """Tell what has become of one of several things: never left out."""
        if self._live is not None:
            self.step(name, line)
        else:
            self._plain(_short(name, line))

    def _plain(self, line: str | Text) -> None:
        """Write a line to stderr; one that is too long is not broken, it may be copied."""
        self.err.print(line if isinstance(line, Text) else Text(line), soft_wrap=True)

    @contextmanager
    def board(self, names: Sequence[str]) -> Iterator[None]:
        """Show a live line for each of these things while the block runs, on a terminal."""
        self._lines = {name: Text() for name in names}
        if not self.err.is_terminal:
            yield
            return
        try:
            with Live(self._board(), console=self.err, refresh_per_second=8) as self._live:
                yield
        finally:
            self._live = None  # what is told later has no line in it

    def _board(self) -> Table:
        table = Table.grid(padding=(0, 1), expand=True)
        table.add_column(no_wrap=True, min_width=max(map(len, self._lines)))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for name, line in list(self._lines.items()):  # others tell meanwhile
            table.add_row(name, line)
        return table


def _short(name: str, line: str | Text) -> str:
    return f"{name:<9} {textwrap.shorten(str(line), STEP_WIDTH, placeholder='…')}"

"""Writes lines and tables: by rich where somebody looks, as they are where nobody does.

It alone imports rich, which takes longer than the whole look of an `inv ps`.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from scripts.core.texts import hanging, shown

if TYPE_CHECKING:
    from rich import console, table

FORCED = ("FORCE_COLOR", "TTY_COMPATIBLE")
"""Variables by which a user has rich draw where there is no terminal."""
PIPE_WIDTH = 240
"""Columns where there is no terminal: a line stays a line for grep."""
PER_SECOND = 8
"""How often live lines are drawn."""
UNSEEN = dict.fromkeys(map(ord, "\a\b\v\f\r"))
"""What progress bars and bells write between letters; it says nothing to anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: texts with their styles, in rich's words, `indent` columns from the left.

    Whosever they are, no terminal obeys them, and what looks like a second line is indented.
    """

    parts: tuple[tuple[str, str], ...]
    indent: int = 0

    def __post_init__(self) -> None:
        """Take the texts as they may be shown."""
        safe = tuple((hanging(_safe(text)), style) for text, style in self.parts)
        object.__setattr__(self, "parts", safe)

    def __str__(self) -> str:
        """Return the text without styles."""
        return " " * self.indent + "".join(text for text, _ in self.parts)

    def shortened(self, width: int) -> "Line":
        """Return the line with an ellipsis where it is longer than so many columns."""
        if columns(str(self)) <= width:
            return self
        left, parts = max(width - self.indent - 1, 0), []
        for text, style in self.parts:
            fits = next(end for end in range(len(text), -1, -1) if columns(text[:end]) <= left)
            left -= columns(text[:fits])
            parts.append((text[:fits], style))
            if fits < len(text):
                parts.append(("…", style))
                break
        return replace(self, parts=tuple(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of cells below the names of their columns; no terminal obeys what is in them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        """Take the cells as they may be shown, each on one line."""
        safe = tuple(tuple(_safe(cell).replace("\n", " ") for cell in row) for row in self.rows)
        object.__setattr__(self, "rows", safe)


Drawn = Line | Table


def _safe(text: str) -> str:
    return shown(text.translate(UNSEEN))


def line(text: str = "", style: str = "", *, indent: int = 0) -> Line:
    """Return a line in one style."""
    return Line(parts=((text, style),), indent=indent)


def joined(*parts: str | tuple[str, str] | Line) -> Line:
    """Return a line of texts, texts with a style, and lines."""
    found: list[tuple[str, str]] = []
    for part in parts:
        found += (
            part.parts
            if isinstance(part, Line)
            else [(part, "") if isinstance(part, str) else part]
        )
    return Line(parts=tuple(found))


class Screen:
    """Stdout or stderr. Colour only on a terminal; `NO_COLOR` holds (rich does it)."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to stdout, or to stderr."""
        self._stderr = stderr

    @property
    def stream(self) -> TextIO:
        """Where it is written to."""
        return sys.stderr if self._stderr else sys.stdout

    @property
    def is_terminal(self) -> bool:
        """Say whether somebody looks."""
        return self._drawn() and self._console.is_terminal

    @property
    def unheard(self) -> bool:
        """Say whether its reader has gone, as in: inv logs --follow | head."""
        return getattr(self.stream, "unheard", False)

    @property
    def width(self) -> int:
        """Its columns."""
        return self._console.width if self._drawn() else PIPE_WIDTH

    def print(self, part: Drawn, end: str = "\n") -> None:
        """Write one thing; a line that is not indented is never broken, it may be copied."""
        if self._drawn():
            unbroken = isinstance(part, Line) and not part.indent
            self._console.print(_rich(part), soft_wrap=unbroken, end=end)
            return
        text = str(part) if isinstance(part, Line) else "\n".join(_rows(part))
        self.stream.write(text + end)
        self.stream.flush()

    @contextmanager
    def board(self, lines: Mapping[str, Line]) -> Iterator[None]:
        """Show a live line for each name while the block runs, as `lines` has them then."""
        from rich.live import Live

        def drawn() -> "table.Table":
            return _grid(dict(lines))  # others tell meanwhile

        with Live(get_renderable=drawn, console=self._console, refresh_per_second=PER_SECOND):
            yield

    @contextmanager
    def picture(self) -> Iterator[Callable[[Iterable[Drawn]], None]]:
        """Yield what draws something over what it drew before, in one go."""
        from rich.console import Group
        from rich.live import Live

        with Live(console=self._console, auto_refresh=False) as live:
            yield lambda parts: live.update(Group(*map(_rich, parts)), refresh=True)

    def _drawn(self) -> bool:
        return self.stream.isatty() or any(os.environ.get(name) for name in FORCED)

    @cached_property
    def _console(self) -> "console.Console":
        from rich.console import Console

        narrow = self._stderr or self.stream.isatty()
        return Console(stderr=self._stderr, highlight=False, width=None if narrow else PIPE_WIDTH)


def columns(text: str) -> int:
    """Return how many columns a text takes on a screen."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(1 + (east_asian_width(one) in {"W", "F"}) for one in text if not combining(one))


def _rows(table: Table) -> Iterator[str]:
    """Yield the lines of a table."""
    rows = [table.columns, *table.rows]
    widths = [max(map(columns, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        padded = (
            cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(padded).rstrip()


def _rich(part: Drawn) -> "console.RenderableType":
    from rich.padding import Padding
    from rich.table import Table as RichTable
    from rich.text import Text

    if isinstance(part, Line):
        text = Text.assemble(*part.parts)
        return Padding(text, (0, 0, 0, part.indent), expand=False) if part.indent else text
    drawn = RichTable(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in part.columns:
        drawn.add_column(column)
    for row in part.rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _grid(lines: Mapping[str, Line]) -> "table.Table":
    from rich.table import Table as RichTable

    grid = RichTable.grid(padding=(0, 1), expand=True)
    grid.add_column(no_wrap=True, min_width=max(map(len, lines)))
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for name, one in lines.items():
        grid.add_row(name, _rich(one))
    return grid

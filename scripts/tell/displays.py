"""Pure: what stands on the screen, as rich draws it; `report` says where and when."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scripts.core.finding import Finding
from scripts.tell.rows import PS_COLUMNS, stack_lines, status_lines, status_row
from scripts.watch.log_lines import LogLine

WIDE = 210
"""Columns from which on `inv ps` writes one line a service."""
COLOURS = ("cyan", "green", "magenta", "blue", "bright_cyan", "bright_green", "bright_magenta")
"""Of services in logs; yellow and red are for warnings and errors."""
LOG_STYLES = {"error": "red", "warning": "yellow", "debug": "dim"}


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Draw a table; on a narrow terminal cells wrap."""
    drawn = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        drawn.add_column(column)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    return drawn


def status(document: Mapping[str, Any], width: int, now: float) -> list[RenderableType]:
    """Draw what `inv ps` shows, and under it what is wrong; `now` in seconds since 1970."""
    rows = document["services"]
    drawn: list[RenderableType] = []
    if width >= WIDE:
        drawn.append(table(PS_COLUMNS, (status_row(row, now) for row in rows)))
    else:
        for row in rows:
            main, rest = status_lines(row, now)
            drawn.append(Text(main, style="" if row["ready"] else "red"))
            drawn.append(Padding(Text(rest, style="dim"), (0, 0, 0, 2)))
    for row in rows:
        for one in row["findings"]:
            drawn += finding(Finding(**one))
    return drawn


def stacks(document: Mapping[str, Any]) -> list[RenderableType]:
    """Draw what `inv ps --all` shows: each stack, and under it where it is and its ports."""
    drawn: list[RenderableType] = []
    for row in document["stacks"]:
        main, rest = stack_lines(row)
        whole = len(row["ready"]) == len(row["services"])
        drawn += [Text(main, style="" if whole else "red")]
        drawn += [Padding(Text(line, style="dim"), (0, 0, 0, 2), expand=False) for line in rest]
    return drawn or [Text("no stack of this kind is on the engine; inv up starts one")]


def finding(one: Finding) -> list[Text]:
    """Draw a finding: cause, evidence, next step, a line each."""
    mark, style = ("✗", "bold red") if one.fatal else ("!", "yellow")
    subject = f"{one.service}: " if one.service else ""
    evidence = [Text(f"  evidence: {one.evidence}")] if one.evidence else []
    head = Text(f"{mark} {subject}{one.cause}", style=style)
    return [head, *evidence, Text(f"  next: {one.next_step}")]


def log_line(line: LogLine, names: Sequence[str], width: int) -> Text:
    """Draw a line of a log behind its service's name, of `width`; a mark stands alone."""
    if line.mark:
        return Text(line.text, style="bold")
    colour = COLOURS[names.index(line.service) % len(COLOURS)]
    name = (f"{line.service:<{width}} | ", colour)
    return Text.assemble(name, (line.text, LOG_STYLES.get(line.level, "")))

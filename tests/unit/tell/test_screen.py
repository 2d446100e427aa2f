"""What is drawn for whoever looks is plain lines for whoever does not: rich is spared there."""

import sys

import pytest
from rich.text import Text

from scripts.tell.screen import Screen, Table, columns, joined, line

Capture = pytest.CaptureFixture[str]
TABLE = Table(columns=("name", "state"), rows=(("数据库", "up\x07"), ("web", "two\nlines")))


def test_in_a_pipe_a_table_is_lines_under_their_heads(capsys: Capture) -> None:
    """Letters that take two columns do; a row is one line, and rings no bell."""
    Screen().print(TABLE)

    assert capsys.readouterr().out.splitlines() == [
        "name    state",
        "数据库  up",
        "web     two lines",
    ]


def test_a_long_line_is_not_broken(capsys: Capture) -> None:
    """It may be copied; one that is indented is not broken in a pipe either."""
    for indent in (0, 2):
        Screen(stderr=True).print(joined(line("x" * 300, indent=indent), ("y", "red")))

    assert capsys.readouterr().err == f"{'x' * 300}y\n" * 2


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_the_same_is_drawn(capsys: Capture) -> None:
    """The head is bold, and cells are where they are in a pipe."""
    Screen().print(TABLE)
    Screen().print(line("red", "red", indent=2))

    shown = capsys.readouterr().out
    assert "\x1b[1m" in shown
    assert "\x1b[31mred" in shown
    plain = [row.rstrip() for row in Text.from_ansi(shown).plain.splitlines()]
    assert plain == ["name    state", "数据库  up", "web     two lines", "  red"]


def test_a_terminal_is_asked_for_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe has room for every row."""
    assert (Screen().width, Screen().is_terminal) == (240, False)
    monkeypatch.setenv("COLUMNS", "77")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert (Screen().width, Screen().is_terminal) == (77, True)


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [("short", 5, "short"), ("longer", 5, "long…"), ("数据库", 5, "数据…"), ("数据库", 4, "数…")],
)
def test_a_line_is_shortened_by_columns(text: str, width: int, shown: str) -> None:
    """Whatever its letters are."""
    short = line(text, "dim").shortened(width)

    assert str(short) == shown
    assert columns(shown) <= width

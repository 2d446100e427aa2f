"""Live lines are there while their block runs, and what is told after it is told as a line."""

from io import StringIO

import pytest
from rich.console import Console

from scripts.tell.boards import Board


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_what_goes_on_is_told_again(fault: type[BaseException]) -> None:
    """A fault or Ctrl-C ends the live lines, and no later word goes to them unseen."""
    board = Board()
    board.err = Console(file=StringIO(), force_terminal=True, width=80)

    with pytest.raises(fault), board.board(("db",)):
        raise fault
    board.err = Console(file=StringIO(), width=80)
    board.step("db", "stops")

    assert isinstance(board.err.file, StringIO)
    assert board.err.file.getvalue() == "db        stops\n"

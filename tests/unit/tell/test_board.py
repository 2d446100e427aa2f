"""Live lines are there while their block runs; elsewhere a line comes now and then."""

import pytest

from scripts.tell.board import Board

Capture = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_what_goes_on_is_told_again(
    fault: type[BaseException], capsys: Capture
) -> None:
    """A fault or Ctrl-C ends the live lines, and no later word goes to them unseen."""
    board = Board()

    with pytest.raises(fault), board.board(("db",)):
        raise fault
    board.step("db", "stops")

    assert capsys.readouterr().err.endswith("db        stops\n")


@pytest.mark.usefixtures("terminal")
def test_progress_of_a_build_moves_its_live_line(capsys: Capture) -> None:
    """And after the block the board is gone, so that lines are lines again."""
    board = Board()
    with board.board(["memos"]):
        board.step("memos", "[2/7] RUN pip install")
        board.state("memos", "is built")
    board.step("memos", "done")

    shown = capsys.readouterr().err
    assert "[2/7] RUN pip install" in shown or "is built" in shown
    assert shown.endswith("memos     done\n")


def test_without_a_terminal_progress_of_one_thing_comes_now_and_then(capsys: Capture) -> None:
    """A build says hundreds of lines; one thing does not hide another, and its end is told."""
    board = Board()
    for name, line in [("memos", "one"), ("memos", "two"), ("neo4j", "three")]:
        board.step(name, line)
    board.state("memos", "is built")
    board.say("word " * 60)

    assert capsys.readouterr() == (
        "",
        "memos     one\nneo4j     three\nmemos     is built\n" + "word " * 60 + "\n",
    )

"""What is typed at a prompt, and what is remembered of it."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.loop.console.prompt import KEPT, Prompt, _readline

Typed = Callable[..., list[str]]


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt:
    """Return a prompt with a history of its own."""
    history = tmp_path / "memos-test" / "console.neo4j.history"
    return Prompt(name="neo4j", history=history, secrets=["hunter2"], words=lambda: ["Memory"])


@pytest.fixture
def typed(prompt: Prompt, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Return what types lines, or presses keys, and gives the queries that they make."""

    def type_them(*lines: str | BaseException) -> list[str]:
        left = iter([*lines, EOFError()])

        def one(mark: str) -> str:
            marks.append(mark)
            found = next(left)
            if isinstance(found, BaseException):
                raise found
            return found

        monkeypatch.setattr("builtins.input", one)
        return list(prompt.queries())

    marks: list[str] = []
    return type_them


def test_each_line_is_a_query_until_somebody_leaves(typed: Typed) -> None:
    """By Ctrl-D or a word; a semicolon at the end is nothing."""
    assert typed("RETURN 1", "", "RETURN 2;") == ["RETURN 1", "RETURN 2"]
    for word in (":quit", ":q", "exit"):
        assert typed("RETURN 1", word, "RETURN 2") == ["RETURN 1"]


def test_a_query_goes_on_over_several_lines(typed: Typed) -> None:
    """While a bracket or a quote is open, or after a backslash."""
    assert typed("MATCH (n \\", ") RETURN n", "RETURN 'a", "b'") == [
        "MATCH (n \n) RETURN n",
        "RETURN 'a\nb'",
    ]


def test_ctrl_c_forgets_what_is_not_whole(typed: Typed) -> None:
    """And asks again."""
    assert typed("MATCH (n", KeyboardInterrupt(), "RETURN 1") == ["RETURN 1"]


def test_queries_are_remembered_for_their_user_alone(typed: Typed, prompt: Prompt) -> None:
    """A line each, the last of them; no terminal obeys the file."""
    typed(*(f"RETURN {one}" for one in range(3)), "RETURN 'a\x1b", "b'")
    assert typed("RETURN 9") == ["RETURN 9"]

    assert prompt.history.read_text().splitlines() == [
        *("RETURN 0", "RETURN 1", "RETURN 2", r"RETURN 'a\x1b b'", "RETURN 9"),
    ]
    assert stat.S_IMODE(prompt.history.stat().st_mode) == 0o600

    prompt.history.write_text("".join(f"RETURN {one}\n" for one in range(2 * KEPT)))
    typed("RETURN 'new'")
    assert len(prompt.history.read_text().splitlines()) == KEPT


def test_what_may_hold_a_login_is_not_remembered(typed: Typed, prompt: Prompt) -> None:
    """Neither by its words nor by its value; nor what would be cut short on one line."""
    secret = ["ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'", "RETURN 'hunter2'"]
    assert typed(*secret, "RETURN 1", "RETURN 1 // one") == [*secret, "RETURN 1", "RETURN 1 // one"]

    assert prompt.history.read_text() == "RETURN 1\n"


def test_tab_completes_names(typed: Typed) -> None:
    """Those of the store, and the words of the prompt."""
    typed()
    readline = _readline()
    assert readline is not None
    complete = readline.get_completer()

    assert [complete("Mem", one) for one in range(2)] == ["Memory", None]
    assert complete("h", 0) == "help"
    assert {":", "/"} <= set(readline.get_completer_delims())


def test_a_python_without_readline_has_a_prompt_too(
    typed: Typed, prompt: Prompt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a memory."""
    monkeypatch.setitem(sys.modules, "readline", None)

    assert typed("RETURN 1") == ["RETURN 1"]
    assert not prompt.history.exists()


def test_a_disk_that_cannot_be_written_ends_nothing(typed: Typed, prompt: Prompt) -> None:
    """The query is asked all the same."""
    prompt.history.parent.mkdir()
    prompt.history.mkdir()

    assert typed("RETURN 1") == ["RETURN 1"]

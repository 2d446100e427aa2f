"""A task in a process of its own: what it leaves, and how it is interrupted."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import tasks as namespace
from scripts.commands.program import inv
from scripts.core.checkout import Checkout
from scripts.core.process import run
from scripts.live import tasks

CODE = "import sys, time\n"
"""How a program begins that stands in for inv."""
PATIENCE = 60.0
"""Seconds after which a test gives up; none of them measures time."""


@pytest.fixture
def here(tmp_path: Path) -> Checkout:
    """Return a checkout."""
    return Checkout(root=tmp_path, environ={}, runner=run, say=print)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what puts lines of Python in the place of inv."""

    def put(code: str) -> None:
        monkeypatch.setattr(tasks, "PROGRAM", (sys.executable, "-c", CODE + code))

    return put


def test_the_tasks_with_a_format_are_those_that_have_one() -> None:
    """What a program gets of any other is lines."""
    inv(namespace.ns)
    found = namespace.ns.to_contexts()

    assert {one.name for one in found if "format" in one.args} == tasks.FORMATTED


def test_a_task_is_what_is_typed(here: Checkout) -> None:
    """Its exit code, the error and the next step are those of a terminal; nothing else is there."""
    heard: list[str] = []

    result = tasks.run(here, ("snapshot.verify", "--name=no-such"), heard.append)

    assert (result.exit_code, result.document) == (2, None)
    assert result.problem == (
        "there is no snapshot 'no-such'",
        "one of: none yet: inv snapshot.save",
    )
    assert list(result.lines) == heard


def test_the_result_is_json_and_progress_comes_apart(
    here: Checkout, program: Callable[[str], None]
) -> None:
    """The last line of one that prints a line for each event is its result."""
    program(
        "print('[1]'); print(sys.argv[1:]); print('told', file=sys.stderr); print('{\"a\": 1}')"
    )

    result = tasks.run(here, ("restart", "--service=x"), lambda _: None)

    assert (result.exit_code, result.document, result.lines) == (0, {"a": 1}, ("told",))


@pytest.mark.parametrize("words", [("down",), ("restart", "--format", "text")])
def test_what_has_no_json_is_lines(
    here: Checkout, program: Callable[[str], None], words: tuple[str, ...]
) -> None:
    """Of both streams, in the order in which they were written."""
    program("print(sys.argv[1:], flush=True); print('b', file=sys.stderr); sys.exit(4)")

    result = tasks.run(here, words, lambda _: None)

    assert (result.exit_code, result.document) == (4, None)
    assert result.lines == (str(list(words)), "b")


def test_what_ends_in_the_middle_leaves_no_document(
    here: Checkout, program: Callable[[str], None]
) -> None:
    """And its signal, as a shell has it."""
    program("import os; print('{\"a\":', end='', flush=True); os.kill(os.getpid(), 9)")

    result = tasks.run(here, ("ps",), lambda _: None)

    assert (result.exit_code, result.document) == (137, None)


def test_a_task_that_is_interrupted_ends_as_after_ctrl_c(
    here: Checkout, program: Callable[[str], None]
) -> None:
    """It cleans up, and what it has started hears it too; once it has ended, that is no error."""
    program(
        "try:\n    print('began', flush=True)\n    while True: time.sleep(0.01)\n"
        "except KeyboardInterrupt:\n    print('mended'); sys.exit(130)"
    )
    heard, began = list[str](), threading.Event()

    def line(text: str) -> None:
        heard.append(text)
        began.set()

    running = tasks.Running(here, ("down",), line)
    assert began.wait(PATIENCE)

    running.interrupt()

    assert running.wait().exit_code == 130
    assert heard == ["began", "mended"]
    running.interrupt()


def test_a_settings_file_is_found_from_where_the_command_was_typed(
    tmp_path: Path, program: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task works in the folder of the checkout."""
    monkeypatch.chdir(tmp_path)
    here = Checkout(root=tmp_path, environ={"ENV_FILE": "a.env"}, runner=run, say=print)
    program("import os; print(os.environ['ENV_FILE'])")

    result = tasks.run(here, ("down",), lambda _: None)

    assert result.lines == (str(tmp_path / "a.env"),)

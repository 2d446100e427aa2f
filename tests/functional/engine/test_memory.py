"""Questions that are asked once, and beforehand."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from threading import Event, Thread

import pytest

from scripts.core.errors import EngineError
from scripts.engine import memory
from scripts.engine.memory import once, remembered

PATIENCE = 10.0


class Engine:
    """Answers with how often it was asked, once it may."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun, self.may = Event(), Event()
        self.may.set()

    def ask(self) -> int:
        """Count a question."""
        self.asked += 1
        self.begun.set()
        assert self.may.wait(PATIENCE)
        return self.asked

    def question(self) -> int:
        """Ask as all callers do."""
        return once("question", self.ask)


@pytest.fixture
def engine() -> Iterator[Engine]:
    """One that was never asked."""
    one = Engine()
    yield one
    one.may.set()


def inside(work: Callable[[], object]) -> None:
    """Do it in a thread that no block has begun."""
    thread = Thread(target=work)
    thread.start()
    thread.join(PATIENCE)


def test_what_was_asked_in_a_block_is_not_asked_again(engine: Engine) -> None:
    """Nor in a block within it; before and after it, it is."""
    assert engine.question() == 1
    with remembered():
        assert [engine.question(), engine.question()] == [2, 2]
        with remembered():
            assert engine.question() == 2
        assert engine.question() == 2
    assert engine.question() == 3


def test_what_is_forgotten_is_asked_again(engine: Engine) -> None:
    """Something was changed."""
    with remembered():
        engine.question()
        memory.forget()
        assert [engine.question(), engine.question()] == [2, 2]


def test_what_was_under_way_at_a_change_is_no_answer_to_who_asks_after_it(engine: Engine) -> None:
    """It may be from before."""
    engine.may.clear()
    with remembered(engine.question):
        assert engine.begun.wait(PATIENCE)
        memory.forget()
        engine.may.set()
        assert engine.question() == 2


def test_a_thread_that_a_block_has_not_begun_asks_for_itself(engine: Engine) -> None:
    """It may wait for a change."""
    with remembered():
        engine.question()
        inside(engine.question)
        assert engine.question() == 1
    assert engine.asked == 2


def test_who_asks_while_it_is_asked_ahead_waits_for_that_answer(engine: Engine) -> None:
    """One question goes out."""
    engine.may.clear()
    with remembered(engine.question):
        assert engine.begun.wait(PATIENCE)
        engine.may.set()
        assert engine.question() == 1


def test_what_fails_ahead_is_told_to_who_asks(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the first one's error; and no answer to who asks later."""

    class Waited(Future[object]):
        """Comes once somebody waits for it."""

        def result(self, timeout: float | None = None) -> object:
            engine.may.set()
            return super().result(timeout)

    def fails() -> int:
        raise EngineError(f"silence {engine.ask()}", next_step="inv remote")

    def question() -> int:
        return once("question", fails)

    monkeypatch.setattr(memory, "Future", Waited)
    engine.may.clear()
    with remembered(question):
        assert engine.begun.wait(PATIENCE)
        with pytest.raises(EngineError, match="silence 1"):
            question()
        assert once("question", partial(int, 7)) == 7


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError("interpreter shutdown")])
def test_what_ends_a_question_ahead_is_no_traceback(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after Ctrl-C, or when the command has ended meanwhile."""
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", told.append)
    before = {*threading.enumerate()}

    def question() -> None:
        raise error

    with remembered(question):
        for thread in {*threading.enumerate()} - before:
            thread.join(PATIENCE)

    assert told == []

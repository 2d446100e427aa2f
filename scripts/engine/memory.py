"""Remembers what was asked while nothing is changed, and asks beforehand what will be asked.

Each question to a machine far away is a way there and back, and checks that know nothing of each
other put the same ones, one after the other.
"""

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from threading import Lock, Thread
from typing import TypeVar

T = TypeVar("T")
Question = Callable[[], object]


class Memory:
    """Answers by their questions; threads may share it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._lock = Lock()
        self._answers: dict[Hashable, Future[object]] = {}

    def once(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Return the answer to a question, asked unless it was; who asks meanwhile waits for it.

        An error is raised in all of them, and is no answer to who asks later.
        """
        mine = Future[object]()
        with self._lock:
            future = self._answers.setdefault(key, mine)
        if future is not mine:
            return future.result()  # type: ignore[return-value]  # of the same question
        try:
            answer = ask()
        except BaseException as error:
            with self._lock:
                if self._answers.get(key) is mine:
                    del self._answers[key]
            mine.set_exception(error)
            raise
        mine.set_result(answer)
        return answer

    def forget(self) -> None:
        """Forget all, also what is on its way: it may be from before a change."""
        with self._lock:
            self._answers.clear()


_MEMORY: ContextVar[Memory | None] = ContextVar("memory", default=None)


@contextmanager
def remembered(*ahead: Question) -> Iterator[None]:
    """Have each question of the block asked once, until `forget`; in this thread, and in those that
    are begun for it. Within another such block it is that one's memory.

    What is asked `ahead` is begun at once, beside each other; what fails there is told to who asks.
    For a block that only looks: who waits for a change in it waits for ever.
    """
    token = _MEMORY.set(_MEMORY.get() or Memory())
    try:
        for question in ahead:
            arguments = (_tried, question)
            Thread(target=copy_context().run, args=arguments, daemon=True).start()
        yield
    finally:
        _MEMORY.reset(token)


def once(key: Hashable, ask: Callable[[], T]) -> T:
    """Return the answer to a question, which is remembered where a block says so."""
    memory = _MEMORY.get()
    return ask() if memory is None else memory.once(key, ask)


def forget() -> None:
    """Forget what this block remembers: something was changed, or may have been."""
    if (memory := _MEMORY.get()) is not None:
        memory.forget()


def _tried(question: Question) -> None:
    # also that Python ends meanwhile, or a Ctrl-C of who asked the same: that is told there
    with suppress(BaseException):
        question()

"""Who is logged in: random tokens for connections to Milvus, in memory only; and who only tries."""

import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from milvus_problem import Problem
from milvus_reader import Reader

SESSION_SECONDS = 1800.0
MAX_SESSIONS = 32
MAX_GUESSES = 10
GUESS_SECONDS = 60.0


@dataclass(slots=True)
class _Session:
    reader: Reader
    used: float


class Sessions:
    """Logged-in readers by random token; one ends after `SESSION_SECONDS` without use."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._open: dict[str, _Session] = {}

    def add(self, reader: Reader) -> str:
        """Keep a reader and give its token; beyond `MAX_SESSIONS` the longest unused one ends."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._open[token] = _Session(reader, self._clock())
            surplus = sorted(self._open, key=lambda key: self._open[key].used)[:-MAX_SESSIONS]
        for old in surplus:
            self.end(old)
        return token

    def find(self, token: str) -> Reader | None:
        """Return the reader of a token, None when there is none (any more)."""
        now = self._clock()
        with self._lock:
            expired = [k for k, s in self._open.items() if now - s.used > SESSION_SECONDS]
        for old in expired:
            self.end(old)
        with self._lock:
            session = self._open.get(token)
            if session:
                session.used = now
        return session.reader if session else None

    def end(self, token: str) -> None:
        """Forget a token, its connection and its password."""
        with self._lock:
            session = self._open.pop(token, None)
        if session:
            session.reader.close()


class Brake:
    """Lets `MAX_GUESSES` wrong passwords through in `GUESS_SECONDS`, whoever tries them.

    All who come over the published port look alike here, so it cannot be told who it was.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: deque[float] = deque(maxlen=MAX_GUESSES)

    def check(self) -> None:
        """Raise Problem (429) while there were too many of late."""
        if len(self._wrong) < MAX_GUESSES:
            return
        wait = GUESS_SECONDS - (self._clock() - self._wrong[0])
        if wait > 0:
            title, advice = "Too many wrong passwords.", f"Try again in {wait:.0f} seconds."
            raise Problem(title, advice, HTTPStatus.TOO_MANY_REQUESTS)

    def wrong(self) -> None:
        """Remember that a password was wrong."""
        self._wrong.append(self._clock())

"""Who is logged in: random tokens for connections to Milvus, in memory only."""

import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from milvus_reader import Reader

SESSION_SECONDS = 1800.0
MAX_SESSIONS = 32


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

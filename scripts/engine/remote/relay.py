"""What brings ports of containers to 127.0.0.1 where their engine is on this machine: no ssh.

It stands in the place of a `Master`, as far as a keeper asks for one.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from threading import BoundedSemaphore, Event, Lock, Thread

CONNECT = 5.0
"""Seconds for a container to take a connection."""
MOST = 256
"""Connections at once; each takes two of a process' open files, of which it often has 1024."""
ALIVE = {socket.TCP_KEEPIDLE: 30, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
"""So a container that went without a word is noticed after 60 s, and its connection ends."""
PAUSE = 0.1
"""Seconds before a connection that could not be taken is tried again."""
PIECE = 1 << 16
"""Bytes that are passed on at once."""


class Relay:
    """Ports that are listened at here, each led to one of a container."""

    pid = 0
    """No process of its own."""
    reason = "it was closed"
    silence = 0.0

    def __init__(self) -> None:
        """Listen nowhere yet."""
        self.ended = Event()
        self._doors: dict[str, _Door] = {}
        self._room = BoundedSemaphore(MOST)

    def require_open(self) -> None:
        """Nothing has to be reached first."""

    def forward(self, here: str, there: str) -> str:
        """Have what connects `here` led `there`, both ADDRESS:PORT; give what failed."""
        try:
            listener = socket.create_server(_place(here))
        except (OSError, OverflowError) as error:
            return str(error)
        self._doors[here] = door = _Door(listener, _place(there), self._room)
        Thread(target=door.serve, daemon=True).start()
        return ""

    def cancel(self, here: str, there: str) -> str:
        """End a forward, and what goes over it: its address may be another container's soon."""
        del there
        with suppress(KeyError):
            self._doors.pop(here).close()
        return ""

    def close(self) -> None:
        """End all forwards."""
        for here in [*self._doors]:
            self.cancel(here, "")
        self.ended.set()


class _Door:
    """A port that is listened at, and the connections that go over it."""

    def __init__(
        self, listener: socket.socket, there: tuple[str, int], room: BoundedSemaphore
    ) -> None:
        self._listener, self._there, self._room = listener, there, room
        self._lock, self._closed = Lock(), False
        self._open = set[socket.socket]()

    def serve(self) -> None:
        """Lead each connection on; one that is too many is closed at once."""
        while not self._closed:
            try:
                caller, _ = self._listener.accept()
            except OSError:  # it was closed, or this process has too many files open
                time.sleep(PAUSE)
                continue
            if self._room.acquire(blocking=False):
                Thread(target=self._lead, args=(caller,), daemon=True).start()
            else:
                caller.close()

    def close(self) -> None:
        """End it, and all that goes over it."""
        with self._lock:
            self._closed = True
            for one in (self._listener, *self._open):
                with suppress(OSError):  # it has ended by itself
                    one.shutdown(socket.SHUT_RDWR)  # who waits at it hears of it
        self._listener.close()

    def _lead(self, caller: socket.socket) -> None:
        """Pass on what both say until both have ended; the port is closed where nobody answers."""
        try:
            with (
                closing(caller),
                suppress(OSError),
                socket.create_connection(self._there, CONNECT) as answerer,
                self._kept(caller, answerer),
            ):
                back = Thread(target=_pass_on, args=(answerer, caller), daemon=True)
                back.start()
                _pass_on(caller, answerer)
                back.join()
        finally:
            self._room.release()

    @contextmanager
    def _kept(self, *ends: socket.socket) -> Iterator[None]:
        """Have the ends of a connection closed with the door, or when nobody is at the other."""
        for one in ends:
            one.settimeout(None)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in ALIVE.items():
                one.setsockopt(socket.IPPROTO_TCP, option, value)
        with self._lock:
            if self._closed:
                raise ConnectionAbortedError("the forward has ended")
            self._open.update(ends)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(ends)


def _place(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return address, int(port)


def _pass_on(from_: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while piece := from_.recv(PIECE):
            to.sendall(piece)
    with suppress(OSError):  # the other way goes on
        to.shutdown(socket.SHUT_WR)

"""What brings ports of containers to 127.0.0.1 where their engine is on this machine: no ssh.

It stands in the place of a `Master`, as far as a keeper asks for one.
"""

import socket
import time
from contextlib import closing, suppress
from threading import Event, Thread

CONNECT = 5.0
"""Seconds for a container to take a connection."""
CLOSED = -1
"""Of a socket, in the place of its number."""
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
        self._doors: dict[str, socket.socket] = {}

    def require_open(self) -> None:
        """Nothing has to be reached first."""

    def forward(self, here: str, there: str) -> str:
        """Have what connects `here` led `there`, both ADDRESS:PORT; give what failed."""
        try:
            door = socket.create_server(_place(here))
        except (OSError, OverflowError) as error:
            return str(error)
        self._doors[here] = door
        Thread(target=_serve, args=(door, _place(there)), daemon=True).start()
        return ""

    def cancel(self, here: str, there: str) -> str:
        """End a forward; what goes over it goes on."""
        del there
        with suppress(KeyError, OSError), self._doors.pop(here) as door:
            door.shutdown(socket.SHUT_RDWR)  # who waits for a connection hears of it
        return ""

    def close(self) -> None:
        """End all forwards."""
        for here in [*self._doors]:
            self.cancel(here, "")
        self.ended.set()


def _place(text: str) -> tuple[str, int]:
    address, _, port = text.rpartition(":")
    return address, int(port)


def _serve(door: socket.socket, there: tuple[str, int]) -> None:
    while door.fileno() != CLOSED:
        try:
            caller, _ = door.accept()
        except OSError:  # it was cancelled, or there are too many
            time.sleep(PAUSE)
        else:
            Thread(target=_lead, args=(caller, there), daemon=True).start()


def _lead(caller: socket.socket, there: tuple[str, int]) -> None:
    """Pass on what both say until both have ended; the port is closed where nobody answers."""
    with closing(caller), suppress(OSError), socket.create_connection(there, CONNECT) as answerer:
        answerer.settimeout(None)
        back = Thread(target=_pass_on, args=(answerer, caller), daemon=True)
        back.start()
        _pass_on(caller, answerer)
        back.join()


def _pass_on(from_: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while piece := from_.recv(PIECE):
            to.sendall(piece)
    with suppress(OSError):  # the other way goes on
        to.shutdown(socket.SHUT_WR)

"""A socket that leads to another one: to an engine that is elsewhere, whose way there may break."""

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PIECE = 1 << 16
"""Bytes at once."""


class Way:
    """What goes over it, and when it breaks."""

    def __init__(self, to: str) -> None:
        """Lead to a socket."""
        self.to = to
        self._left = -1
        self._said = b""
        self._open: set[socket.socket] = set()

    def break_after(self, size: int, *, said: bytes) -> None:
        """Break once so many bytes have gone over a connection on which this was said."""
        self._left, self._said = size, said

    @property
    def broken(self) -> bool:
        """Whether it broke."""
        return self._left == 0

    def mend(self) -> None:
        """Let all through again."""
        self._left = -1

    def talk(self, here: socket.socket) -> None:
        """Let a connection talk to the other socket."""
        with socket.socket(socket.AF_UNIX) as there:
            if self.broken:
                return
            there.connect(self.to)
            ends = {here, there}
            self._open |= ends
            heard = bytearray()
            back = threading.Thread(target=self._copy, args=(there, here, heard), daemon=True)
            back.start()
            self._copy(here, there, heard)
            back.join()
            self._open -= ends

    def _copy(self, source: socket.socket, target: socket.socket, heard: bytearray) -> None:
        with suppress(OSError):
            while data := source.recv(PIECE):
                if self._left > 0 and self._said in heard:
                    self._left = max(0, self._left - len(data))
                heard += data if len(heard) < PIECE else b""
                if self.broken:
                    self._cut()
                    return
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _cut(self) -> None:
        for one in tuple(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def relay(at: Path, to: str) -> Iterator[Way]:
    """Let who connects to the socket `at` talk to the socket `to`, while the block runs."""
    way = Way(to)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            way.talk(self.request)

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(at), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield way
        finally:
            server.shutdown()
            at.unlink(missing_ok=True)

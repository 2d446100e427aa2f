"""The only reader of answers from a network: their time and their length are bounded as a whole.

A timeout of Python's sockets is for each piece, so that a server which drips is never given up, and
what a header promises is made room for before anything of it has come.
"""

import math
import socket
import time
from http.client import HTTPResponse, IncompleteRead
from typing import TYPE_CHECKING

from scripts.core.foreign.documents import MOST

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PIECE = 1 << 16
"""Bytes that are taken at once."""


class EndlessError(OSError):
    """An answer is longer than any that is wanted."""


class Bounds:
    """So many seconds and bytes for all that is read of one answer; None for any time."""

    def __init__(self, seconds: float | None = None, most: float = math.inf) -> None:
        """Begin to count."""
        self._end = None if seconds is None else time.monotonic() + seconds
        self._most = self._left = most

    def hurry(self, sock: socket.socket) -> None:
        """Give the next piece the time that is left; TimeoutError where that is none."""
        if self._end is None:
            return
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        sock.settimeout(left)

    def count(self, count: int) -> None:
        """Count what has come; EndlessError where that is too much."""
        self._left -= count
        if self._left < 0:
            raise EndlessError(f"the answer is longer than {self._most:,.0f} bytes")


class BoundedSocket(socket.socket):
    """A socket that, once it is told to, gives what is read so many seconds and bytes in all."""

    bounds = Bounds()

    def bound(self, seconds: float | None, most: int = MOST) -> None:
        """Begin to count; None for any time."""
        self.bounds = Bounds(seconds, most)
        self.settimeout(seconds)

    def free(self, seconds: float | None) -> None:
        """Count no longer; the time holds for each piece."""
        self.bounds = Bounds()
        self.settimeout(seconds)

    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        """Read as any socket does; TimeoutError or EndlessError beyond the bounds."""
        self.bounds.hurry(self)
        count = super().recv_into(buffer, nbytes, flags)
        self.bounds.count(count)
        return count

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Read as any socket does; errors as in `recv_into`."""
        self.bounds.hurry(self)
        data = super().recv(bufsize, flags)
        self.bounds.count(len(data))
        return data


def body(response: HTTPResponse) -> bytes:
    """Return what an answer holds, as it comes; IncompleteRead when it ends early."""
    whole = b"".join(iter(lambda: response.read(PIECE), b""))
    if response.length:
        raise IncompleteRead(whole[:0], response.length)
    return whole

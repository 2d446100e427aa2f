"""The sockets of the API: one for its calls, and one for what it tells of itself."""

import socket
from collections.abc import Callable
from typing import TypeAlias

Address: TypeAlias = tuple[str, int]


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that has its address; who calls is refused until a version serves."""
    family, kind, *_ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((host, port))
    return listening


def address(text: str) -> Address:
    """Return the host and the port of an address; ValueError for what is none."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def sockets(
    calls: Address, metrics: Address | None, say: Callable[[str], object]
) -> list[socket.socket]:
    """Return the bound sockets; where the second one cannot be had, that is said.

    Raises OSError for the first one.
    """
    found = [bound(*calls)]
    try:
        found += [bound(*metrics)] if metrics else []
    except OSError as error:
        say(f"no metrics are served: {metrics} cannot be listened on: {error}")
    return found

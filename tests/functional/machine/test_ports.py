"""Real sockets: which ports are taken, and by whom."""

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.machine.ports import owner, taken


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket that listens on a port of 127.0.0.1."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        found.bind(("127.0.0.1", 0))
        found.listen()
        yield found


def port_of(found: socket.socket) -> int:
    """Return the port that a socket is bound to."""
    return int(found.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_port_with_a_listener_is_taken(listener: socket.socket, host: str) -> None:
    """Whether the stack wants it on one address or on all."""
    assert taken(host, port_of(listener))


def test_a_port_that_is_bound_and_does_not_listen_is_taken() -> None:
    """Somebody has it, though a call finds nobody."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        assert taken("127.0.0.1", port_of(found))


def test_a_port_is_free_after_its_connections(listener: socket.socket) -> None:
    """What the kernel keeps for a minute after a connection (TIME_WAIT) takes no port."""
    port = port_of(listener)
    with socket.create_connection(("127.0.0.1", port)):
        listener.accept()[0].close()  # whoever closes first is in TIME_WAIT
    listener.close()

    assert not taken("127.0.0.1", port)


@pytest.mark.parametrize("host", ["127.0.0.2", "192.0.2.1"])
def test_the_same_port_of_another_address_is_free(listener: socket.socket, host: str) -> None:
    """Two stacks may have it on two addresses; what this machine lacks (RFC 5737) nobody holds."""
    assert not taken(host, port_of(listener))


def test_looking_takes_no_port() -> None:
    """The next one who binds it gets it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = port_of(found)
    assert not taken("127.0.0.1", port)

    with socket.socket() as found:
        found.bind(("127.0.0.1", port))


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux")
def test_the_owner_of_our_own_listener_is_this_process(listener: socket.socket) -> None:
    """The real /proc is read: number and name."""
    name = Path("/proc/self/comm").read_text().strip()

    assert owner(port_of(listener)) == f"{name} (pid {os.getpid()})"

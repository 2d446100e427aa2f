"""What leads ports here to containers of an engine on this machine, over real connections."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scripts.core.polling import poll
from scripts.engine.remote import relay
from scripts.engine.remote.relay import Relay
from tests.e2e.kit.checkout import free_ports

PATIENCE = 20.0
ESTABLISHED, KEEPALIVE = "01", "02"
"""A state, and a timer that runs, in /proc/net/tcp."""


class Led:
    """A port here that a relay leads to a server of the test."""

    def __init__(self, server: socket.socket) -> None:
        self.relay, self._server = Relay(), server
        server.settimeout(PATIENCE)
        self.port, self.target = free_ports(1)[0], int(server.getsockname()[1])
        self.here, self.there = f"127.0.0.1:{self.port}", f"127.0.0.1:{self.target}"
        assert self.relay.forward(self.here, self.there) == ""

    def call(self) -> socket.socket:
        """Connect, whoever answers."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    @contextmanager
    def connection(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        """Give both ends of a connection that goes over it."""
        with self.call() as caller, self._server.accept()[0] as answerer:
            caller.sendall(b"question")
            assert answerer.recv(8) == b"question"
            yield caller, answerer


@pytest.fixture
def led() -> Iterator[Led]:
    """One forward."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = Led(server)
        yield found
        found.relay.close()


def test_what_goes_over_a_forward_ends_with_it(led: Led) -> None:
    """On both sides: the address of its container may soon be another one's."""
    with led.connection() as (caller, answerer):
        answerer.settimeout(PATIENCE)
        led.relay.cancel(led.here, led.there)

        assert caller.recv(1) == answerer.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        led.call()


def test_what_goes_over_any_ends_with_the_relay(led: Led) -> None:
    """Whose keeper may live on, as when its link is made anew."""
    with led.connection() as (caller, _):
        led.relay.close()

        assert caller.recv(1) == b""
    assert led.relay.ended.is_set()


def test_no_more_connections_are_taken_than_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next one is closed at once, and taken when another one has ended."""
    monkeypatch.setattr(relay, "MOST", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        led = Led(server)
        with led.connection(), led.call() as second:
            assert second.recv(1) == b""

        def answered() -> bool:
            try:
                with led.connection():
                    return True
            except OSError:  # the former one is just ending
                return False

        server.settimeout(0.5)
        assert any(poll(answered, timeout=PATIENCE, interval=0.05))
        led.relay.close()


def timers(led: Led) -> dict[str, str]:
    """Return which timer runs at the relay's ends of its connection."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    found = [(row[1][-4:], row[2][-4:], row[5][:2]) for row in rows if row[3] == ESTABLISHED]
    ends = {f"{led.port:04X}": "caller", f"{led.target:04X}": "answerer"}
    at_caller = {ends[here]: timer for here, _, timer in found if here == f"{led.port:04X}"}
    at_answerer = {ends[to]: timer for _, to, timer in found if to == f"{led.target:04X}"}
    return {**at_caller, **at_answerer}


def test_a_container_that_goes_without_a_word_is_noticed(led: Led) -> None:
    """The kernel asks both ends now and then whether anybody is there."""
    wanted = {"caller": KEEPALIVE, "answerer": KEEPALIVE}
    with led.connection():  # while what was sent is not acknowledged another timer runs
        looks = poll(lambda: timers(led), timeout=PATIENCE, interval=0.05)
        assert any(found == wanted for found in looks)

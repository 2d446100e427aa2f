"""The streams of a container, against an engine on a socket that misbehaves in its own ways."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.core.errors import EngineError, RefusedError
from scripts.engine.api import Api
from scripts.engine.streams import Attached
from tests.kit.servers import Answer, Request, unix

Talk = Callable[[socket.socket], object]


def framed(text: bytes, stream: int = 1) -> bytes:
    """Return a piece as the engine sends it."""
    return bytes([stream, 0, 0, 0]) + len(text).to_bytes(4, "big") + text


def ended() -> Iterator[bytes]:
    """Say that the container ended with 7."""
    yield b'{"StatusCode": 7}'


def engine(talk: Talk) -> Callable[[Request], Answer]:
    """Return an engine whose container talks like this."""

    def respond(request: Request) -> Answer:
        return (101, talk) if "/attach" in request.path else (200, ended())

    return respond


@pytest.fixture
def at(tmp_path: Path) -> Path:
    """Return where the engine's socket lies."""
    return tmp_path / "engine.sock"


def test_both_directions_and_the_exit_code(at: Path) -> None:
    """What it prints comes without the headers, stderr aside."""
    heard: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        while data := connection.recv(100):
            heard.append(data)
        connection.sendall(framed(b"one ") + framed(b"oh no\n", 2) + framed(b"two"))

    with unix(engine(talk), at) as endpoint:
        streams = Attached(Api(endpoint), "c")
        streams.write(b"question")
        streams.write_end()
        assert b"".join(streams.read()) == b"one two"
        assert (streams.errors, streams.exit_code()) == ("oh no", 7)
        streams.close()
        streams.write_end()  # too late, and no fault
    assert b"".join(heard) == b"question"


def test_a_stream_that_is_cut_is_an_error(at: Path) -> None:
    """Half a piece is not taken for the end: the engine has gone away."""
    with unix(engine(lambda c: c.sendall(framed(b"half")[:-2])), at) as endpoint:
        streams = Attached(Api(endpoint), "c")
        with pytest.raises(EngineError, match="it ended in the middle"):
            list(streams.read())
        streams.close()


@pytest.mark.parametrize("path", ["/wait", "/attach"])
def test_a_refusal_is_told_in_the_engines_words(at: Path, path: str) -> None:
    """It says no to either call."""

    def respond(request: Request) -> Answer:
        if path in request.path:
            return 409, {"message": "the container is on fire"}
        return 200, ended()

    with (
        unix(respond, at) as endpoint,
        pytest.raises(RefusedError, match="the container is on fire"),
    ):
        Attached(Api(endpoint), "c")


def test_without_an_engine_it_says_so(at: Path) -> None:
    """Also when it goes away before the container has ended."""
    with pytest.raises(EngineError, match="does not answer"):
        Attached(Api(f"unix://{at}"), "c")

    def respond(request: Request) -> Answer:
        if "/wait" in request.path:
            return 200, iter([b"{"])
        return 101, lambda connection: connection.close()

    with unix(respond, at) as endpoint:
        streams = Attached(Api(endpoint), "c")
        with pytest.raises(EngineError, match="does not answer"):
            streams.exit_code()
        streams.close()

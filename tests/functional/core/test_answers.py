"""An answer of a network has as much time and as many bytes as it is given, as a whole."""

import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException

import pytest

from scripts.core.foreign import answers, documents
from scripts.core.foreign.answers import BoundedSocket
from tests.kit.servers import OK, Behave, endless, saying, silent, tcp

CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def asked(port: int, *, seconds: float, most: int = 1 << 20) -> bytes:
    """Ask a server over a bounded socket."""
    connection = HTTPConnection("127.0.0.1", port)
    with BoundedSocket() as bounded:
        bounded.connect(("127.0.0.1", port))
        bounded.bound(seconds, most)
        connection.sock = bounded
        connection.request("GET", "/")
        return answers.body(connection.getresponse())


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(endless(b"x", pause=0.05), id="a body that drips"),
        pytest.param(endless(b"a: b\r\n", OK, pause=0.05), id="headers that drip"),
        pytest.param(endless(b"H", b"", pause=0.05), id="a status that drips"),
        pytest.param(
            endless(b"HTTP/1.1 100 Go on\r\n\r\n", b"", pause=0.05), id="a promise that is repeated"
        ),
        pytest.param(endless(b"1\r\nx\r\n", CHUNKED, 0.05), id="chunks"),
        pytest.param(silent, id="silence"),
    ],
)
def test_what_drips_is_given_up_in_time(behave: Behave) -> None:
    """However it does; Python's own timeout begins anew with each piece."""
    began = time.monotonic()
    with tcp(behave) as port, pytest.raises((TimeoutError, HTTPException)):
        asked(port, seconds=0.5)

    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "behave",
    [
        pytest.param(endless(b"x" * 65536), id="a body"),
        pytest.param(endless(b"1000\r\n" + b"x" * 4096 + b"\r\n", CHUNKED), id="chunks"),
        pytest.param(endless(b"HTTP/1.1 100 Go on\r\n\r\n" * 99, b""), id="promises"),
    ],
)
def test_what_does_not_end_is_cut_off(behave: Behave) -> None:
    """After as many bytes as are wanted at most."""
    with tcp(behave) as port, pytest.raises(answers.EndlessError, match="longer than 1,048,576"):
        asked(port, seconds=20)


@pytest.mark.parametrize("length", ["9" * 30, "99999999999", "1000"])
def test_a_length_that_is_only_promised_takes_no_memory(length: str) -> None:
    """It is an answer that ended early."""
    whole = OK + f"Content-Length: {length}\r\n\r\nhalf".encode()

    with tcp(saying(whole)) as port, pytest.raises(HTTPException, match="IncompleteRead"):
        asked(port, seconds=5)


@pytest.mark.parametrize("words", ["Content-Length: -5", "Content-Length: ²", "X: y"])
def test_an_answer_without_a_length_ends_with_the_connection(words: str) -> None:
    """Or with one that is no number."""
    with tcp(saying(OK + words.encode("latin-1") + b"\r\n\r\nwhole")) as port:
        assert asked(port, seconds=5) == b"whole"


def test_a_socket_is_read_piece_by_piece_too() -> None:
    """As Bolt does, which is no HTTP."""
    pieces: list[Callable[[BoundedSocket], bytes]] = [lambda one: one.recv(4)] * 2
    with tcp(endless(b"abcd", b"")) as port, BoundedSocket() as bounded:
        bounded.connect(("127.0.0.1", port))
        bounded.bound(None, 6)
        bounded.sendall(b"hello")

        assert pieces[0](bounded) == b"abcd"
        with pytest.raises(answers.EndlessError):
            pieces[1](bounded)


def test_a_socket_that_was_told_of_no_bounds_has_none() -> None:
    """A snapshot goes over one, and has gigabytes."""
    wanted = 2 * documents.MOST
    with tcp(endless(b"x" * (1 << 20), b"")) as port, BoundedSocket() as free:
        free.connect(("127.0.0.1", port))
        free.sendall(b"hello")

        while wanted > 0:
            wanted -= len(free.recv(1 << 20))

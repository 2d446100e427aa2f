"""Real servers on loopback, each in a thread: HTTP as a function, and TCP that misbehaves."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseServer, ThreadingMixIn, UnixStreamServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes


Answer = tuple[int, object]
"""Status and body: bytes or text as they are, an iterator piece by piece, all else as JSON.

A function as body has the connection itself, once the client was told that protocols are switched.
"""
HANGS_UP = 0
"""The status of a server that closes the connection instead of answering."""
LONGEST = 2**20
"""Bytes of a body that are read: whoever sends more is answered in the midst of it."""
Respond = Callable[[Request], Answer]
Behave = Callable[[socket.socket], object]


class UnixServer(ThreadingMixIn, UnixStreamServer):
    """HTTP over a socket file, a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128
    """As ssh has it where it forwards a socket: an engine far away is asked for much at once."""


@contextmanager
def http(respond: Respond) -> Iterator[int]:
    """Answer HTTP requests with a function while the block runs; give the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(respond)) as server, _served(server):
        yield server.server_port


@contextmanager
def unix(respond: Respond, file: Path) -> Iterator[str]:
    """Like `http`, over a socket file; give its address as docker writes it."""
    with UnixServer(str(file), _handler(respond)) as server, _served(server):
        yield f"unix://{file}"


@contextmanager
def _served(server: BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def _body(asked: BaseHTTPRequestHandler) -> bytes:
    """Return the body of a request, or the beginning of a long one."""
    if asked.headers.get("Transfer-Encoding") != "chunked":
        length = int(asked.headers.get("Content-Length") or 0)
        return asked.rfile.read(min(length, LONGEST))
    body = b""
    while size := int(asked.rfile.readline(), 16):
        body += asked.rfile.read(size)
        asked.rfile.readline()
    asked.rfile.readline()
    return body


def _handler(respond: Respond) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            request = Request(
                method=self.command,
                path=self.path,
                headers={name.lower(): value for name, value in self.headers.items()},
                body=_body(self),
            )
            status, body = respond(request)
            if status == HANGS_UP:
                self.close_connection = True
                return
            if isinstance(body, Iterator):
                self._stream(status, body)
                return
            if callable(body):
                self.close_connection = True
                self.wfile.write(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\n")
                body(self.connection)
                return
            if isinstance(body, str):
                body = body.encode()
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            with suppress(BrokenPipeError, ConnectionResetError):  # the client has hung up
                self.end_headers()
                self.wfile.write(data)

        def _stream(self, status: int, pieces: Iterator[bytes]) -> None:
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            with suppress(BrokenPipeError, ConnectionResetError):  # the client has hung up
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    return Handler


@contextmanager
def tcp(behave: Behave) -> Iterator[int]:
    """Accept connections and let `behave` have each while the block runs; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # the block has ended
                    return
                with connection:
                    behave(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def closed_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def silent(connection: socket.socket) -> None:
    """Take everything and answer nothing, until the other side gives up."""
    while connection.recv(4096):
        pass


def closing(connection: socket.socket) -> None:
    """Read the request and close, as a port proxy does when nothing listens behind it."""
    connection.recv(4096)


def resetting(connection: socket.socket) -> None:
    """Read the request and reset the connection."""
    connection.recv(4096)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def saying(answer: bytes) -> Behave:
    """Read something and say the same bytes to everybody."""

    def say(connection: socket.socket) -> None:
        connection.recv(4096)
        with suppress(OSError):  # the other side has given up
            connection.sendall(answer)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):  # closed with something unread, the answer would be lost
                pass

    return say


OK = b"HTTP/1.1 200 OK\r\n"


def endless(piece: bytes, begin: bytes = OK + b"\r\n", pause: float = 0.0) -> Behave:
    """Read something and send the same for ever; a `pause` in seconds makes it drip."""

    def send(connection: socket.socket) -> None:
        connection.recv(65536)
        with suppress(OSError):  # the other side has given up
            connection.sendall(begin)
            while True:
                connection.sendall(piece)
                time.sleep(pause)

    return send

"""The HTTP front: POST /v1/embeddings, POST /v1/chat/completions, GET /v1/models, GET /healthz.

GET /metrics tells what was asked.
"""

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from memos_models import chat, metrics, protocol
from memos_models.metrics import Metrics
from memos_models.protocol import READER, ApiError, Json

MAX_BODY = 8 * 1024 * 1024  # bytes: 2048 texts of 4 KB; as JSON it may take 35 times as much
MOST_BODIES = 2 * MAX_BODY  # bytes of all bodies that are held at the same time
PIECE = 64 * 1024
LONGEST = 20  # digits of a Content-Length
AT_ONCE = 2  # requests computed at the same time; each may hold some 50 MB


class Embedded(Protocol):
    """Vectors in the order of the texts, and the number of tokens read."""

    @property
    def vectors(self) -> list[list[float]]: ...
    @property
    def tokens(self) -> int: ...


class Model(Protocol):
    """What the server needs of a model."""

    @property
    def dimensions(self) -> int: ...
    def embed(self, texts: tuple[str, ...]) -> Embedded: ...


class Bodies:
    """Counts the bytes of all bodies that are here: too many large ones would end the process."""

    def __init__(self) -> None:
        self._held = 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Count what has come in, or with a negative size what is no longer needed; 503 if full."""
        with self._lock:
            if self._held + size > MOST_BODIES:
                raise ApiError(503, "too many large requests at once: try again")
            self._held += size


class Server(ThreadingHTTPServer):
    """Serves one loaded model; it listens only after the model is there, so /healthz is true."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], model: Model, name: str) -> None:
        self.model = model
        self.name = name
        self.slots = threading.BoundedSemaphore(AT_ONCE)
        self.reading = threading.Lock()  # one body at a time becomes values
        self.bodies = Bodies()
        self.counts = chat.Counts()
        self.metrics = Metrics()
        # what each call is counted as
        self.known = {
            protocol.EMBEDDINGS: {"model": name, "call": "embeddings"},
            protocol.CHAT: {"model": READER, "call": "chat"},
        }
        super().__init__(address, Handler)

    def answer(self, method: str, path: str, body: bytes) -> Json:
        """Answer one request; raise ApiError 400 or 404 for one that cannot be answered."""
        match method, plain(path):
            case "GET", "/healthz":
                reader = self.counts.document()
                return {"status": "ok", "dimensions": self.model.dimensions, "reader": reader}
            case "GET", "/v1/models":
                return protocol.models(self.name)
            case "POST", protocol.EMBEDDINGS:
                with self.reading:
                    request = protocol.parse(
                        body, model=self.name, dimensions=self.model.dimensions
                    )
                with self.slots:
                    embedded = self.model.embed(request.texts)
                self.worked(protocol.EMBEDDINGS, texts=len(request.texts), tokens=embedded.tokens)
                return protocol.answer(request, embedded.vectors, embedded.tokens)
            case "POST", protocol.CHAT:
                return self.chat(body)
            case _:
                known = "POST /v1/embeddings, POST /v1/chat/completions, GET /v1/models"
                raise ApiError(404, f"{method} {path} is not known here; known are {known}")

    def chat(self, body: bytes) -> Json:
        """Answer a chat request by the reader stand-in; its name stands before its log lines."""
        try:
            with self.reading:
                reply = chat.reply(body, self.counts)
        except ApiError as error:
            print(f"reader stand-in: {error.log or 'refused a request'}", file=sys.stderr)
            raise
        print(f"reader stand-in: answered a prompt for {reply.task}", file=sys.stderr)
        self.worked(protocol.CHAT, texts=1, tokens=reply.tokens[0] + reply.tokens[1])
        return chat.document(reply, created=int(time.time()))

    def worked(self, path: str, *, texts: int, tokens: int) -> None:
        """Count what a call was given to do."""
        self.metrics.add(metrics.TEXTS, texts, **self.known[path])
        self.metrics.add(metrics.TOKENS, tokens, **self.known[path])

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a call, if it is one of a model."""
        if (labels := self.known.get(plain(path))) is not None:
            self.metrics.add(metrics.CALLS, 1, **labels, status=str(status))
            self.metrics.add(metrics.SECONDS, seconds, **labels)


def plain(path: str) -> str:
    """Return a path without what may stand behind it."""
    return path.partition("?")[0].rstrip("/")


class Handler(BaseHTTPRequestHandler):
    """Moves JSON between a connection and `Server.answer`."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "memos-models"
    timeout = 120.0  # seconds that an idle connection is kept
    wbufsize = -1  # head and body in one packet
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Serve a connection; a client that hangs up early is no error of ours."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        """Answer /metrics, /healthz and /v1/models."""
        if plain(self.path) == "/metrics":
            refused = self.server.counts.document()["refused"]
            self._write(200, self.server.metrics.text(refused), metrics.CONTENT)
        else:
            self._respond(b"")

    def do_POST(self) -> None:
        """Answer /v1/embeddings and /v1/chat/completions."""
        started = time.monotonic()
        try:
            with self._body(self._length(), started + self.timeout) as body:
                status = self._respond(body)
        except ApiError as error:
            self.close_connection = True  # the body, or a part of it, is left unread
            status = self._send(error.status, error.body())
        seconds = time.monotonic() - started
        self.server.answered(self.path, status, seconds)
        print(f"POST {self.path} {status} {seconds * 1000:.0f} ms", file=sys.stderr)

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "")
        # int() takes neither a digit such as ² nor thousands of them
        if not length.isdecimal() or len(length) > LONGEST or int(length) > MAX_BODY:
            raise ApiError(
                400, f"Content-Length must be 0 to {MAX_BODY} bytes, not {length[:99] or 'missing'}"
            )
        return int(length)

    @contextlib.contextmanager
    def _body(self, length: int, deadline: float) -> Iterator[bytes]:
        """Give the body while the block runs; counted as it comes, for it may never be whole."""
        body = bytearray()
        try:
            while len(body) < length:
                piece = self.rfile.read1(min(PIECE, length - len(body)))
                if not piece:
                    raise ConnectionError("the client hung up in the middle")
                self.server.bodies.add(len(piece))
                body += piece
                if time.monotonic() > deadline:
                    raise ApiError(408, f"the body was not there after {self.timeout:.0f} s")
            yield bytes(body)
        finally:
            self.server.bodies.add(-len(body))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server itself refuses (a bad request line, another method) as JSON."""
        self.close_connection = True
        text = explain or message or HTTPStatus(code).phrase
        self._send(code, ApiError(code, text).body())

    def log_message(self, *_: object) -> None:
        """Say nothing about health checks; do_POST writes the lines that matter."""

    def _respond(self, body: bytes) -> int:
        try:
            if body:
                self._check_sender()
            return self._send(200, self.server.answer(self.command, self.path, body))
        except ApiError as error:
            return self._send(error.status, error.body())

    def _check_sender(self) -> None:
        """Refuse what a page of the web may send through somebody's browser."""
        if "Origin" in self.headers:
            raise ApiError(403, "a page of the web may not ask the models")
        if self.headers.get_content_type() != "application/json":
            raise ApiError(415, "Content-Type must be application/json")

    def _send(self, status: int, answer: Json) -> int:
        return self._write(status, json.dumps(answer).encode(), "application/json")

    def _write(self, status: int, body: bytes, kind: str) -> int:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        return status

"""What stands in for the world in functional tests: an engine on a socket, a docker on PATH."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

import pytest


@dataclass(slots=True)
class FakeEngine:
    """An engine on a unix socket: prepared answers, and what was asked for."""

    socket: Path
    answers: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path with query, body."""
    broken: bool = False
    """It closes the connection instead of answering."""
    impatient: bool = False
    """It answers before it has read what was sent."""

    @property
    def endpoint(self) -> str:
        """Its address as Docker writes it."""
        return f"unix://{self.socket}"

    def answer(self, path: str, body: object, status: int = 200) -> None:
        """Prepare the answer to a path, with the version before it; text as it is, else JSON."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[path] = (status, text)


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that hung up."""
        del request, client_address


def _handler(engine: FakeEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = "" if engine.impatient else self.rfile.read(length).decode()
            engine.asked.append((self.command, self.path, body))
            if engine.broken:
                self.close_connection = True
                return
            missing = (404, '{"message":"page not found"}')
            status, text = engine.answers.get(self.path.partition("?")[0], missing)
            self.send_response(status)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_DELETE = do_GET

        def address_string(self) -> str:
            return "a unix socket has no address"

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    return Handler


@pytest.fixture
def fake_engine(tmp_path: Path) -> Iterator[FakeEngine]:
    """Return an engine that answers on a socket in a temporary folder."""
    engine = FakeEngine(socket=tmp_path / "docker.sock")
    with _Server(str(engine.socket), _handler(engine)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield engine
        server.shutdown()
        thread.join()


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a `docker` on PATH, made from the lines of a shell script.

    It gives the folder of the script; each call's words are added to `calls` there.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(script: str) -> Path:
        file = folder / "docker"
        file.write_text(f'#!/bin/sh\nhere={folder}\necho "$*" >> $here/calls\n{script}\n')
        file.chmod(0o755)
        return folder

    return write

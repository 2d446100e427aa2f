"""HTTP to an engine far away: each new connection is a way there and back, so they are kept."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import ClassVar

import pytest

from scripts.core.errors import EngineError
from scripts.engine import api as engine_api
from scripts.engine.api import Api
from scripts.engine.memory import remembered
from tests.kit.builders import ENGINE
from tests.kit.servers import UnixServer


class Engine(BaseHTTPRequestHandler):
    """Keeps its connections, as an engine does, and says `null`."""

    protocol_version = "HTTP/1.1"
    opened = 0
    asked: ClassVar[list[str]] = []
    hangs_up = threading.Event()
    """Set: a connection ends after its next question, without an answer."""

    def setup(self) -> None:
        super().setup()
        type(self).opened += 1

    def _any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.asked.append(f"{self.command} {self.path}")
        if self.hangs_up.is_set():
            self.hangs_up.clear()
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"null")

    do_GET = do_POST = _any

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""

    def address_string(self) -> str:
        """A socket file has none."""
        return ""


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """An engine behind ssh, as the forwarded socket shows it."""
    monkeypatch.setattr(engine_api, "IDLE", {})
    monkeypatch.setattr(Engine, "opened", 0)
    Engine.asked.clear()
    Engine.hangs_up.clear()
    with UnixServer(str(tmp_path / "far.sock"), Engine) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Api(f"unix://{tmp_path / 'far.sock'}", timeout=10, remote="me@far")
        for connection in engine_api.IDLE.popitem()[1]:
            connection.close()
        server.shutdown()
        thread.join()


def test_questions_one_after_the_other_take_one_connection(far: Api) -> None:
    """Also of another Api of the same engine, and those that change something."""
    far.get("/a")
    far.within(5).get("/b")
    far.post("/c", {"d": 1})

    assert Engine.asked == ["GET /v1.44/a", "GET /v1.44/b", "POST /v1.44/c"]
    assert Engine.opened == 1


def test_what_is_sent_and_streams_both_ways_take_a_connection_that_waits(far: Api) -> None:
    """It is theirs until they end, and for any time."""
    engine = replace(ENGINE, endpoint=far.endpoint, remote="me@far")
    engine_api.ahead(engine, 1)
    (waiting,) = engine_api.IDLE[far.endpoint]

    assert b"".join(far.send("/a", [b"x" * 9], 9)) == b"null"

    assert Engine.opened == 1
    assert (engine_api.IDLE[far.endpoint], waiting.sock) == ([], None)
    engine_api.ahead(engine, 1)
    lent = far.connection(None)
    assert (lent.sock.gettimeout(), lent.whole) == (None, False)
    lent.close()


def test_connections_can_be_made_before_they_are_needed(far: Api) -> None:
    """As many as wait already are not made again."""
    engine = replace(ENGINE, endpoint=far.endpoint, remote="me@far")
    engine_api.ahead(engine)
    far.each([f"/{one}" for one in range(engine_api.AHEAD)])
    engine_api.ahead(engine)

    assert len(engine_api.IDLE[far.endpoint]) == engine_api.AHEAD
    assert Engine.opened == engine_api.AHEAD

    gone = engine_api.IDLE[far.endpoint][0]
    gone.sock.shutdown(2)
    engine_api.ahead(engine)
    assert len(engine_api.IDLE[far.endpoint]) == engine_api.AHEAD
    assert gone not in engine_api.IDLE[far.endpoint]


def test_questions_that_do_not_wait_for_each_other_are_asked_at_once(far: Api) -> None:
    """Each over a connection of its own; the answers come in order."""
    assert far.each(["/a", "/b", "/c"]) == [None, None, None]
    assert sorted(Engine.asked) == ["GET /v1.44/a", "GET /v1.44/b", "GET /v1.44/c"]


def test_a_question_on_a_connection_that_ended_is_put_again(far: Api) -> None:
    """Nothing was changed by it."""
    far.get("/a")
    Engine.hangs_up.set()

    far.get("/b")

    assert Engine.asked == ["GET /v1.44/a", "GET /v1.44/b", "GET /v1.44/b"]
    assert Engine.opened == 2


def test_what_changes_something_is_never_done_twice(far: Api) -> None:
    """It may have been done before the connection ended."""
    far.get("/a")
    Engine.hangs_up.set()

    with pytest.raises(EngineError, match="the engine at me@far does not answer") as caught:
        far.post("/b")

    assert caught.value.next_step == "inv remote"
    assert Engine.asked == ["GET /v1.44/a", "POST /v1.44/b"]


def test_a_connection_that_was_closed_meanwhile_is_not_used(far: Api) -> None:
    """A link that broke has taken all of them along."""
    far.get("/a")
    ((kept,),) = engine_api.IDLE.values()
    kept.sock.shutdown(2)

    far.post("/b")

    assert Engine.opened == 2


def test_while_nothing_changes_the_same_question_is_put_once(far: Api) -> None:
    """Also by another Api of the engine, and by the threads of `each`."""
    with remembered(partial(far.get, "/a")):
        far.get("/a")
        far.within(5).get("/a")
        far.each(["/a", "/b"])
        far.get("/a", all=True)
        far.post("/c")
        far.get("/a")

    assert sorted(Engine.asked[:3]) == ["GET /v1.44/a", "GET /v1.44/a?all=true", "GET /v1.44/b"]
    assert Engine.asked[3:] == ["POST /v1.44/c", "GET /v1.44/a"]


def test_what_is_sent_changes_something_too(far: Api) -> None:
    """What was asked before it is asked again."""
    with remembered():
        far.get("/a")
        list(far.send("/b", [b"x"], 1))
        far.get("/a")

    assert Engine.asked == ["GET /v1.44/a", "POST /v1.44/b", "GET /v1.44/a"]

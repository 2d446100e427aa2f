"""HTTP to an engine: over a real unix socket, and through a docker that dials."""

import errno
import socket
import sys
from collections.abc import Callable, Iterator
from http.client import IncompleteRead
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from scripts.core.errors import EngineError, RefusedError
from scripts.core.inventory import Engine
from scripts.engine import api as engine_api
from scripts.engine.api import Api, silent
from tests.kit.fake_engine import RECORDED, FakeEngine
from tests.kit.servers import HANGS_UP

DIAL = """\
import socket, sys, threading
there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
def down():
    while data := there.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
threading.Thread(target=down, daemon=True).start()
while data := sys.stdin.buffer.raw.read(65536):
    there.sendall(data)
"""
"""What `docker system dial-stdio` does: bytes to and fro between its streams and the socket."""


def test_the_oldest_version_that_is_taken_is_asked_for(engine: FakeEngine, api: Api) -> None:
    """A newer engine answers in its words too, so answers keep their shape."""
    engine.answer("/v1.44/version", RECORDED["version"])

    assert api.get("/version") == RECORDED["version"]
    assert engine.calls == ["GET /v1.44/version"]


def test_values_of_a_query_are_text_or_json(engine: FakeEngine, api: Api) -> None:
    """Filters are JSON, flags true, text stays text: what the engine's reference wants."""
    engine.answer("/v1.44/containers/json", [])

    api.get("/containers/json", all=True, filters={"label": ["a=b"]}, since="x y")

    assert parse_qs(urlsplit(engine.requests[0].path).query) == {
        "all": ["true"],
        "filters": ['{"label": ["a=b"]}'],
        "since": ["x y"],
    }


def test_a_tuple_is_a_word_that_stands_several_times(engine: FakeEngine, api: Api) -> None:
    """As the engine wants the names of several images."""
    list(api.stream("/images/get", names=("a:1", "b:2")))

    assert engine.requests[0].path == "/v1.44/images/get?names=a%3A1&names=b%3A2"


def test_the_name_of_an_image_may_stand_in_a_path(engine: FakeEngine, api: Api) -> None:
    """Slashes stay, what else is special is quoted."""
    engine.answer("/v1.44/images/localhost%3A5000/a%3A1/json", {"Id": "1"})

    assert api.get("/images/localhost:5000/a:1/json") == {"Id": "1"}


def test_what_is_not_there_is_none(api: Api) -> None:
    """404 is an answer, not an error."""
    assert api.get("/images/none:1/json") is None


@pytest.mark.parametrize("body", ["<html>no engine</html>", "{", b"\xff"])
def test_an_engine_that_does_not_speak_json_is_none(
    engine: FakeEngine, api: Api, body: object
) -> None:
    """Whatever listens there instead: what it said is not told as a bug of ours."""
    engine.answer("/v1.44/version", body)

    with pytest.raises(EngineError, match="answers GET /version with what is no JSON"):
        api.get("/version")


def test_an_answer_that_is_no_json_is_given_as_it_is(engine: FakeEngine, api: Api) -> None:
    """Logs are a stream of bytes."""
    engine.answer("/v1.44/containers/1/logs", "raw\n")

    assert api.raw("/containers/1/logs", tail=1) == b"raw\n"
    assert api.raw("/containers/2/logs") == b""


def test_a_stream_is_given_as_it_comes(engine: FakeEngine, api: Api) -> None:
    """What is not there has none, and a refusal is one here too."""
    engine.answer("/v1.44/containers/1/logs", "raw\n")
    engine.answer("/v1.44/containers/2/logs", {"message": "no"}, 409)

    assert b"".join(api.stream("/containers/1/logs", follow=True)) == b"raw\n"
    assert list(api.stream("/containers/3/logs")) == []
    with pytest.raises(RefusedError, match="refused GET /containers/2/logs: no"):
        list(api.stream("/containers/2/logs"))
    assert engine.requests[0].path == "/v1.44/containers/1/logs?follow=true"


def test_a_stream_can_be_closed_at_any_time(engine: FakeEngine, api: Api) -> None:
    """Before it is read, while it is read, and when it has ended: no error, and no more bytes."""
    engine.answer("/v1.44/containers/1/logs", "raw\n")
    early, late = (api.stream("/containers/1/logs", endless=True) for _ in range(2))

    early.close()
    assert list(early) == []
    reading = iter(late)
    assert next(reading) == b"raw\n"
    late.close()
    assert list(reading) == []
    late.close()


def test_bytes_are_sent_piece_by_piece(engine: FakeEngine, api: Api) -> None:
    """Their size is told first, and the answer is a stream too."""
    engine.answer("/v1.44/images/load", "loaded")

    assert b"".join(api.send("/images/load", iter([b"ab", b"cde"]), 5, quiet=True)) == b"loaded"
    assert engine.calls == ["POST /v1.44/images/load?quiet=true"]
    assert engine.requests[0].body == b"abcde"


def test_bytes_are_sent_though_nobody_knows_how_many(engine: FakeEngine, api: Api) -> None:
    """In chunks, as another engine gives them."""
    engine.answer("/v1.44/images/load", "loaded")

    assert b"".join(api.send("/images/load", iter([b"ab", b"cde"]), None)) == b"loaded"
    assert engine.requests[0].body == b"abcde"
    assert "content-length" not in engine.requests[0].headers


def test_an_engine_that_refuses_what_is_sent_says_why(engine: FakeEngine, api: Api) -> None:
    """Also when it hangs up in the midst of it."""
    engine.answer("/v1.44/images/load", {"message": "no space left on device"}, 500)

    with pytest.raises(RefusedError, match="refused POST /images/load: no space left"):
        list(api.send("/images/load", iter([bytes(2**20)] * 64), 64 * 2**20))


def broken_disk() -> Iterator[bytes]:
    """Yield something, then fail as a disk does."""
    yield b"ab"
    raise OSError(errno.EIO, "Input/output error", "b.tar")


def test_a_file_that_cannot_be_read_is_no_word_about_the_engine(
    engine: FakeEngine, api: Api
) -> None:
    """Who sends it is told which error it was."""
    engine.answer("/v1.44/images/load", "loaded")

    with pytest.raises(OSError, match=r"Input/output error: 'b\.tar'"):
        list(api.send("/images/load", broken_disk(), 5))


def test_an_engine_that_takes_all_and_says_nothing_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it was waited for is named."""
    monkeypatch.setattr(engine_api, "SILENCE", 0.25)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "mute.sock"))
        server.listen()

        with pytest.raises(EngineError) as caught:
            list(Api(f"unix://{tmp_path}/mute.sock").send("/images/load", iter([b"ab"]), 2))

    assert str(caught.value).endswith(
        "mute.sock does not answer: no progress of POST /images/load for 0.25 s"
    )


@pytest.mark.parametrize(("status", "answer"), [(204, ""), (304, ""), (201, {"Id": "1"})])
def test_a_change_sends_its_body_and_gives_the_answer_if_any(
    engine: FakeEngine, api: Api, status: int, answer: object
) -> None:
    """Already so (304) is as good as done (204)."""
    engine.answer("/v1.44/containers/create", answer, status)

    assert api.post("/containers/create", {"Image": "a:1"}, name="x") == (answer or None)
    assert engine.calls == ["POST /v1.44/containers/create?name=x"]
    assert engine.requests[0].body == b'{"Image": "a:1"}'


def test_a_removal_is_a_delete(engine: FakeEngine, api: Api) -> None:
    """It has its words in the query, and no answer."""
    engine.answer("/v1.44/volumes/a", "", 204)

    assert api.delete("/volumes/a", force=True) is None
    assert engine.calls == ["DELETE /v1.44/volumes/a?force=true"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/containers/x/start"), ("DELETE", "/x")])
def test_what_is_not_there_cannot_be_changed(
    engine: FakeEngine, api: Api, method: str, path: str
) -> None:
    """A start of a container that is gone is no success."""
    engine.answer(f"/v1.44{path}", {"message": "No such container: x"}, 404)
    change = api.post if method == "POST" else api.delete

    with pytest.raises(RefusedError, match=f"refused {method} {path}: No such container: x"):
        change(path)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        # the first two as Engine 26.1.5 answered
        (400, {"message": "client version 1.99 is too new"}, "client version 1.99 is too new"),
        (500, {"message": "lookup registry.example: no such host"}, "no such host"),
        (502, "<html>Bad Gateway</html>", "<html>Bad Gateway</html>"),
        (500, ["no", "message"], '["no", "message"]'),
        (409, "", "no reason given"),
    ],
)
def test_a_refusal_gives_the_call_and_the_engines_reason(
    engine: FakeEngine, api: Api, status: int, body: object, reason: str
) -> None:
    """Whatever form the reason has."""
    engine.answer("/v1.44/volumes", body, status)

    with pytest.raises(RefusedError) as caught:
        api.get("/volumes")

    assert str(caught.value).startswith("the engine refused GET /volumes: ")
    assert str(caught.value).endswith(reason)
    assert caught.value.next_step == "inv doctor"


def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The address and the next step are told, not a traceback."""
    with pytest.raises(EngineError) as caught:
        Api(f"unix://{tmp_path}/none.sock").get("/version")

    assert f"the engine at unix://{tmp_path}/none.sock does not answer" in str(caught.value)
    assert caught.value.next_step == "inv engine.status"


@pytest.mark.parametrize("ask", [Api.get, lambda api, path: list(api.stream(path))])
def test_an_engine_that_hangs_up_does_not_answer(
    engine: FakeEngine, api: Api, ask: Callable[[Api, str], object]
) -> None:
    """A connection that was closed without an answer is the same as none; so is a broken stream."""
    engine.answer("/v1.44/version", "", HANGS_UP)

    with pytest.raises(EngineError, match="does not answer"):
        ask(api, "/version")


@pytest.mark.usefixtures("api")
def test_any_other_address_is_dialled_by_docker(
    engine: FakeEngine, fake_docker: Callable[[str], Path], tmp_path: Path
) -> None:
    """Docker knows ssh and TLS; we speak HTTP over the streams of its dial-stdio."""
    engine.answer("/v1.44/version", RECORDED["version"])
    (tmp_path / "dial.py").write_text(DIAL)
    folder = fake_docker(f"exec {sys.executable} {tmp_path}/dial.py {tmp_path}/engine.sock")

    assert Api("ssh://me@far", timeout=20).get("/version") == RECORDED["version"]
    assert (folder / "calls").read_text() == "--host ssh://me@far system dial-stdio\n"


@pytest.mark.usefixtures("api")
def test_who_dials_is_told_where_the_keys_lie(
    engine: FakeEngine, fake_docker: Callable[[str], Path], tmp_path: Path
) -> None:
    """A context with TLS is resolved to variables, which our own environment does not have."""
    engine.answer("/v1.44/version", RECORDED["version"])
    (tmp_path / "dial.py").write_text(DIAL)
    folder = fake_docker(
        "echo $DOCKER_CERT_PATH > $here/keys\n"
        f"exec {sys.executable} {tmp_path}/dial.py {tmp_path}/engine.sock"
    )

    far = Engine(
        endpoint="tcp://far:2376",
        env={"DOCKER_CERT_PATH": "/keys"},
        private=False,
        version="26.1.5",
        api_version="1.45",
    )

    Api.of(far).within(20).get("/version")

    assert (folder / "keys").read_text() == "/keys\n"


def test_a_dialler_that_ends_is_an_engine_that_does_not_answer(
    fake_docker: Callable[[str], Path],
) -> None:
    """Such as ssh without a key."""
    fake_docker("exit 1")

    with pytest.raises(EngineError, match="the engine at ssh://me@far does not answer"):
        Api("ssh://me@far", timeout=20).get("/version")


def test_an_engine_that_hangs_up_in_the_middle_is_told_in_words() -> None:
    """Nobody knows what an IncompleteRead is."""
    told = silent("unix:///run/docker.sock", IncompleteRead(b""))

    assert str(told).endswith("does not answer: it hung up in the middle of an answer")

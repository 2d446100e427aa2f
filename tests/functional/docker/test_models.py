"""The local models over real HTTP, with one of three numbers in place of the embedding model."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from memos_models.protocol import ApiError
from memos_models.server import MAX_BODY, Bodies, Server

from scripts.core.foreign.exposition import samples
from tests.kit.places import TESTS_DATA

JSON = {"Content-Type": "application/json"}
Answer = tuple[int, dict[str, Any]]


@dataclass(frozen=True)
class Embedded:
    """What a model answers."""

    vectors: list[list[float]]
    tokens: int


class LengthModel:
    """Embeds a text as its length, so an order that is lost shows."""

    dimensions = 3

    def embed(self, texts: tuple[str, ...]) -> Embedded:
        """Return one vector for each text and one token for each character."""
        vectors = [[float(len(text)), 0.0, 1.0] for text in texts]
        return Embedded(vectors=vectors, tokens=sum(map(len, texts)))


@pytest.fixture
def connection() -> Iterator[http.client.HTTPConnection]:
    """Run the server on a free port of loopback and connect to it."""
    with Server(("127.0.0.1", 0), LengthModel(), "lengths") as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        client = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
        try:
            yield client
        finally:
            client.close()
            server.shutdown()
            thread.join()


def call(
    client: http.client.HTTPConnection, method: str, path: str, fields: object = None
) -> Answer:
    """Send one request and return the status and the JSON of the answer."""
    body = None if fields is None else json.dumps(fields)
    client.request(method, path, body, JSON)
    response = client.getresponse()
    return response.status, json.loads(response.read())


def test_texts_are_answered_in_their_order(connection: http.client.HTTPConnection) -> None:
    """The whole answer, as OpenAI's clients expect it."""
    fields = {"model": "mine", "input": ["tea", "coffee"]}

    status, answer = call(connection, "POST", "/v1/embeddings", fields)

    assert status == 200
    assert answer == {
        "object": "list",
        "model": "mine",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [3.0, 0.0, 1.0]},
            {"object": "embedding", "index": 1, "embedding": [6.0, 0.0, 1.0]},
        ],
        "usage": {"prompt_tokens": 9, "total_tokens": 9},
    }


def test_one_connection_carries_many_requests(connection: http.client.HTTPConnection) -> None:
    """A refused request does not spoil the connection for the next."""
    assert call(connection, "POST", "/v1/embeddings", {"input": []})[0] == 400
    assert call(connection, "POST", "/v1/embeddings", {"input": "tea"})[0] == 200


def test_health_names_the_size_of_the_vectors(connection: http.client.HTTPConnection) -> None:
    """The server listens only when its model is loaded, so 200 means ready."""
    assert call(connection, "GET", "/healthz") == (
        200,
        {"status": "ok", "dimensions": 3, "reader": {"answered": {}, "refused": {}}},
    )


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("GET", "/v1/models", 200, '"object": "list"'),
        ("POST", "/embeddings", 404, "POST /v1/embeddings"),  # a base without /v1: the usual slip
        ("PUT", "/v1/embeddings", 501, '"error"'),
    ],
)
def test_whatever_is_asked_the_answer_is_json(
    connection: http.client.HTTPConnection, method: str, path: str, status: int, words: str
) -> None:
    """The list of models; which paths there are; no HTML page of http.server."""
    code, answer = call(connection, method, path, {"input": "tea"} if method == "POST" else None)

    assert code == status
    assert words in json.dumps(answer)


def told(client: http.client.HTTPConnection) -> dict[tuple[str, ...], float]:
    """Return the numbers that are served for Prometheus, by name and labels."""
    client.request("GET", "/metrics")
    response = client.getresponse()
    assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = samples(response.read().decode())
    return {(one.name, *one.labels.values()): one.value for one in found}


def test_what_was_asked_is_counted_by_model(connection: http.client.HTTPConnection) -> None:
    """Texts and tokens of what was answered, calls that were refused too, and no health check."""
    began = told(connection)
    assert [name for name, *_ in began] == ["memos_models_start_time_seconds"]
    for texts in (["tea", "coffee"], "tea", [""][:0]):
        call(connection, "POST", "/v1/embeddings?x=1", {"input": texts})
    call(connection, "GET", "/healthz")
    call(connection, "POST", "/embeddings", {"input": "tea"})

    found = told(connection)
    seconds = found.pop(("memos_models_seconds_total", "lengths", "embeddings"))
    assert seconds > 0
    assert found == began | {
        ("memos_models_calls_total", "lengths", "embeddings", "200"): 2,
        ("memos_models_calls_total", "lengths", "embeddings", "400"): 1,
        ("memos_models_texts_total", "lengths", "embeddings"): 3,
        ("memos_models_tokens_total", "lengths", "embeddings"): 12,
    }


def test_a_body_that_is_too_large_is_refused_unread(connection: http.client.HTTPConnection) -> None:
    """The announced length is enough to refuse it."""
    connection.putrequest("POST", "/v1/embeddings")
    connection.putheader("Content-Length", str(MAX_BODY + 1))
    connection.endheaders()
    response = connection.getresponse()

    assert response.status == 400
    assert str(MAX_BODY) in response.read().decode()


@pytest.mark.parametrize("length", ["²", "9" * 5000, "-1", "1 2", ""])
def test_a_length_that_is_no_number_is_refused(
    connection: http.client.HTTPConnection, length: str
) -> None:
    """Whatever Python takes for digits."""
    connection.putrequest("POST", "/v1/embeddings")
    connection.putheader("Content-Length", length.encode("latin-1"))
    connection.endheaders()

    assert connection.getresponse().status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({}, 415),
        (JSON | {"Origin": "https://example.com"}, 403),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_a_page_of_the_web_is_not_answered(
    connection: http.client.HTTPConnection, headers: dict[str, str], status: int
) -> None:
    """It could send texts through somebody's browser; the connection goes on."""
    connection.request("POST", "/v1/embeddings", '{"input": "tea"}', headers)
    response = connection.getresponse()
    response.read()

    assert response.status == status
    assert call(connection, "GET", "/healthz")[0] == 200


def test_all_bodies_together_are_bounded() -> None:
    """What would be more is refused, and when one goes there is room again."""
    bodies = Bodies()
    bodies.add(MAX_BODY)
    bodies.add(MAX_BODY)

    with pytest.raises(ApiError, match="try again") as refused:
        bodies.add(1)

    assert refused.value.status == 503
    bodies.add(-MAX_BODY)
    bodies.add(MAX_BODY)


def test_half_a_body_takes_room_only_while_it_is_there(
    connection: http.client.HTTPConnection,
) -> None:
    """Whoever announces much and sends nothing keeps nobody out."""
    halves = [socket.create_connection((connection.host, connection.port)) for _ in range(5)]
    for half in halves:
        head = f"POST /v1/embeddings HTTP/1.1\r\nContent-Length: {MAX_BODY}\r\n\r\n{{"
        half.sendall(head.encode())

    assert call(connection, "POST", "/v1/embeddings", {"input": "x" * (MAX_BODY // 2)})[0] == 200
    for half in halves:
        half.close()


EXTRACT = (TESTS_DATA / "prompts" / "memories-en.txt").read_text(encoding="utf-8")


def chat(client: http.client.HTTPConnection, text: str) -> Answer:
    """Send one chat message."""
    fields = {"model": "none", "messages": [{"role": "user", "content": text}]}
    return call(client, "POST", "/v1/chat/completions", fields)


def test_prompts_are_counted_and_what_takes_a_chat_model(
    connection: http.client.HTTPConnection,
) -> None:
    """By what MemOS wanted; tokens are a quarter of the letters."""
    status, answer = chat(connection, EXTRACT)
    assert status == 200
    assert chat(connection, "Query rewriting: say it in other words")[0] == 400

    found = told(connection)
    model = ("memos-reader-stand-in", "chat")
    assert found["memos_models_calls_total", *model, "200"] == 1
    assert found["memos_models_calls_total", *model, "400"] == 1
    assert found["memos_models_texts_total", *model] == 1
    assert found["memos_models_tokens_total", *model] == answer["usage"]["total_tokens"]
    assert found["memos_models_refused_total", "fine search"] == 1


def test_the_reader_stand_in_answers_and_refuses_on_one_connection(
    connection: http.client.HTTPConnection, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its name stands in the answer, in the list of models and in the log; both are counted."""
    status, answer = chat(connection, EXTRACT.replace("{{input}}", "user: 我喜欢茶。\nuser: tea"))
    assert (status, answer["model"]) == (200, "memos-reader-stand-in")
    refused, error = chat(connection, "Hello?")
    assert refused == 400
    assert "a chat model of your own" in json.dumps(error)

    assert "memos-reader-stand-in" in json.dumps(call(connection, "GET", "/v1/models")[1])
    counted = call(connection, "GET", "/healthz")[1]["reader"]
    assert counted == {"answered": {"memories": 1}, "refused": {"chat": 1}}
    logged = capsys.readouterr().err
    assert "POST /v1/chat/completions 200" in logged
    assert "reader stand-in: answered a prompt for memories" in logged
    assert "reader stand-in: refused a prompt (chat): it takes a chat model of your own" in logged


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '{"messages": 7}', '"\\ud83d"', "9" * 5000]
)
def test_whatever_is_sent_as_chat_the_answer_is_json(
    connection: http.client.HTTPConnection, body: str
) -> None:
    """A refusal that a client can read, and the connection goes on."""
    connection.request("POST", "/v1/chat/completions", body, JSON)
    response = connection.getresponse()

    assert response.status == 400
    assert json.loads(response.read())["error"]["message"]
    assert call(connection, "GET", "/healthz")[0] == 200

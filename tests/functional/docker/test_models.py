"""The embedder over real HTTP, with a model of three numbers in place of the real one."""

import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from memos_models.server import MAX_BODY, Server

Answer = tuple[int, dict[str, object]]


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
    client.request(method, path, body)
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
    assert call(connection, "GET", "/healthz") == (200, {"status": "ok", "dimensions": 3})


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


def test_a_body_that_is_too_large_is_refused_unread(connection: http.client.HTTPConnection) -> None:
    """The announced length is enough to refuse it."""
    connection.putrequest("POST", "/v1/embeddings")
    connection.putheader("Content-Length", str(MAX_BODY + 1))
    connection.endheaders()
    response = connection.getresponse()

    assert response.status == 400
    assert str(MAX_BODY) in response.read().decode()

"""The questions that the preferences store answers in Milvus' words."""

import asyncio
import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from preferences_door import Question
from preferences_login import Login
from preferences_rest import Rest

LOGIN = Login(password="pa:ss word")
BEARER = "Bearer root:pa:ss word"
ROWS = [{"id": str(number), "memory": f"row {number}"} for number in range(3)]


class Rows:
    """A collection of Milvus Lite with three rows; the only filter it knows is an id."""

    name = "explicit_preference"
    pk_field = "id"
    load_state = "loaded"
    schema = SimpleNamespace(
        fields=[
            SimpleNamespace(
                name="id", is_primary=True, dim=None, dtype=SimpleNamespace(name="VARCHAR")
            ),
            SimpleNamespace(
                name="vector", is_primary=False, dim=384, dtype=SimpleNamespace(name="FLOAT_VECTOR")
            ),
        ]
    )

    def __init__(self) -> None:
        """Hold the rows."""
        self.rows = list(ROWS)

    @property
    def num_entities(self) -> int:
        """How many there are."""
        return len(self.rows)

    def query(
        self,
        *,
        expr: str | None,
        output_fields: list[str] | None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[dict[str, str]]:
        """Return rows."""
        if expr == ")":
            raise ValueError("unexpected token ')'")
        chosen = [row for row in self.rows if expr is None or row["id"] in expr]
        end = None if limit is None else offset + limit
        return [{name: row[name] for name in output_fields or row} for row in chosen[offset:end]]

    def delete(self, ids: list[str]) -> None:
        """Delete rows."""
        self.rows = [row for row in self.rows if row["id"] not in ids]


class Lite:
    """Milvus Lite's storage with one collection."""

    def __init__(self) -> None:
        """Hold the collection."""
        self.one = Rows()

    def list_collections(self, database: str) -> list[str]:
        """Return the names of the collections."""
        return [self.one.name] if database == "default" else []

    def has_database(self, database: str) -> bool:
        """Say whether there is such a database."""
        return database == "default"

    def has_collection(self, name: str, database: str) -> bool:
        """Say whether there is such a collection."""
        return name in self.list_collections(database)

    def get_collection(self, name: str, database: str) -> Rows:
        """Return the collection."""
        assert self.has_collection(name, database)
        return self.one


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture
def ask() -> Ask:
    """Ask a store with a login; return status and answer."""
    lite = Lite()
    rest = Rest(do=lambda call: call(lite), login=LOGIN, health=lambda: "")

    def asked(path: str, body: object = None, *, login: str = BEARER) -> tuple[int, Any]:
        text = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        question = Question(method="POST", path=path, authorization=login, body=text)
        answer = asyncio.run(rest.answer(question))
        return answer.status, answer.content

    return asked


def test_collections_and_rows_are_told_as_milvus_tells_them(ask: Ask) -> None:
    """With code 0; the number of a vector's dimensions among them."""
    name = {"collectionName": Rows.name}

    assert ask("/v2/vectordb/collections/list") == (200, {"code": 0, "data": [Rows.name]})
    _, described = ask("/v2/vectordb/collections/describe", name)
    assert [field["params"] for field in described["data"]["fields"]] == [
        [],
        [{"key": "dim", "value": "384"}],
    ]
    assert ask("/v2/vectordb/collections/get_stats", name)[1]["data"] == {"rowCount": 3}
    found = ask("/v2/vectordb/entities/query", {**name, "outputFields": ["id"], "limit": 2})
    assert found == (200, {"code": 0, "data": [{"id": "0"}, {"id": "1"}]})


def test_what_a_filter_lets_through_is_deleted_and_nothing_else(ask: Ask) -> None:
    """Milvus wants a filter too: without one nothing is deleted."""
    name = {"collectionName": Rows.name}

    assert ask("/v2/vectordb/entities/delete", name)[1]["code"] == 1100
    assert ask("/v2/vectordb/entities/delete", {**name, "filter": "1"})[1]["code"] == 0
    left = ask("/v2/vectordb/entities/query", {**name, "outputFields": ["id"]})[1]["data"]
    assert left == [{"id": "0"}, {"id": "2"}]


@pytest.mark.parametrize(
    ("path", "body", "code", "told"),
    [
        ("entities/query", {"collectionName": "nope"}, 100, "can't find collection"),
        ("entities/query", {"collectionName": Rows.name, "dbName": "x"}, 100, "database=x"),
        ("entities/query", {}, 1100, "collectionName is missing"),
        ("entities/query", [1], 1100, "no JSON object"),
        ("entities/query", b"{", 1100, "Expecting"),
        ("entities/query", {"collectionName": Rows.name, "filter": ")"}, 1100, "unexpected token"),
        ("entities/query", {"collectionName": Rows.name, "limit": 20000}, 1100, "limit"),
        ("entities/query", {"collectionName": Rows.name, "limit": "all"}, 1100, "limit"),
    ],
)
def test_a_question_that_is_wrong_gets_a_code_of_milvus(
    ask: Ask, path: str, body: object, code: int, told: str
) -> None:
    """As HTTP 200, which is Milvus' way."""
    status, answer = ask(f"/v2/vectordb/{path}", body)

    assert (status, answer["code"]) == (200, code)
    assert told in answer["message"]


@pytest.mark.parametrize("login", ["", "Bearer root:pass", "Basic root:pa:ss word", "Bearer ä"])
def test_nobody_is_answered_without_the_login(ask: Ask, login: str) -> None:
    """Not even what is not offered; only the health check may ask."""
    assert ask("/v2/vectordb/collections/list", login=login)[0] == 401
    assert ask("/v2/nothing", login=login)[0] == 401
    assert ask("/healthz", login=login) == (200, {"status": "OK"})


def test_what_is_not_offered_is_said(ask: Ask) -> None:
    """It is a stand-in."""
    status, answer = ask("/v2/vectordb/users/list")

    assert status == 404
    assert "stand-in" in answer["message"]


def test_a_store_that_does_not_answer_is_not_healthy() -> None:
    """The health check made a real call, and that failed."""
    rest = Rest(do=lambda _: None, login=LOGIN, health=lambda: "StatusCode.DEADLINE_EXCEEDED")

    answer = asyncio.run(
        rest.answer(Question(method="GET", path="/healthz", authorization="", body=b""))
    )

    assert (answer.status, answer.content) == (503, {"status": "StatusCode.DEADLINE_EXCEEDED"})


def test_grpc_clients_send_the_login_as_base64() -> None:
    """The password is in no text that a log could get."""
    right = base64.b64encode(b"root:pa:ss word").decode()

    assert LOGIN.fits_metadata(right)
    assert not LOGIN.fits_metadata("")
    assert not LOGIN.fits_metadata(base64.b64encode(b"root:other").decode())
    assert "pa:ss" not in repr(LOGIN)

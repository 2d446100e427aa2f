"""What the consoles say to a store over HTTP, and what they make of its answers."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from scripts.core.errors import BrokenError, ConfigError, RefusedError, StackError
from scripts.core.foreign import documents
from scripts.core.stack import Auth, Probe, Service
from scripts.loop.console.cypher import Cypher
from scripts.loop.console.door import Console, Door
from scripts.loop.console.milvus import Milvus
from scripts.loop.console.qdrant import Qdrant
from tests.kit.servers import Answer, Request, closed_port, http, saying, tcp

BEGUN = '{"info":{"commit":"http://localhost:7474/db/neo4j/tx/31/commit","transaction":{}}}\n'
READ_ONLY = {
    "code": "Neo.ClientError.Statement.AccessMode",
    "message": "Writing in read access mode not allowed. Attempted write to neo4j",
}
LOGIN = Auth(kind="basic", user="neo4j", password="secret-one")
Made = Callable[[Door], Console]


def lines(*events: object) -> str:
    """Return events as Jolt has them."""
    return "".join(f"{json.dumps(event)}\n" for event in events)


def failed(code: str, message: str = "no") -> str:
    """Return the answer of a Neo4j that says no."""
    return lines({"error": {"errors": [{"code": code, "message": message}]}}, {"info": {}})


def door(port: int, *, write: bool = False, path: str = "/v2/vectordb/collections/list") -> Door:
    """Return the way to a server of these tests."""
    probe = Probe(kind="http", port=port, path=path, auth=LOGIN)
    service = Service(name="store", container="store-docker", image="store:1")
    return Door(service=service, probe=probe, task="console.store", write=write)


class Server:
    """Answers each request with what a test says, by method and path, and keeps all of them."""

    def __init__(self, **answers: Answer) -> None:
        """Begin transactions; all else is given, by path."""
        self.requests: list[Request] = []
        self.answers: dict[str, Answer] = {"POST /db/neo4j/tx": (201, BEGUN)}
        self.answers |= {key.replace("_", " ", 1): one for key, one in answers.items()}

    def respond(self, request: Request) -> Answer:
        """Answer one."""
        self.requests.append(request)
        return self.answers.get(f"{request.method} {request.path}", (404, {"status": "none"}))

    @contextmanager
    def asked(self, made: Made, *, write: bool = False, **facts: str) -> Iterator[Console]:
        """Yield a console that speaks to it."""
        with http(self.respond) as port:
            yield made(door(port, write=write, **facts))


def committing(answer: str, status: int = 200) -> Server:
    """Return a Neo4j that answers a query so."""
    return Server(**{"POST_/db/neo4j/tx/31/commit": (status, answer)})


def test_a_query_of_cypher_runs_in_a_transaction_that_only_reads() -> None:
    """The server is told so where it begins; the login goes in a header."""
    answer = lines(
        {"header": {"fields": ["n", "count"]}},
        {"data": [{"()": ["4:a:1", ["Memory"], {}]}, 1]},
        {"data": [None, {"Z": "2"}]},
        {"summary": {"stats": {"nodes_created": 0, "contains_updates": True}}},
        {"info": {"commit": "x"}},
    )
    server = committing(answer)
    with server.asked(Cypher) as console:
        found = console.ask("MATCH (n) RETURN n, 1")

    assert found.columns == ("n", "count")
    assert found.rows == (({"id": "4:a:1", "labels": ["Memory"], "properties": {}}, 1), (None, 2))
    assert found.rest == {}
    begin, commit = server.requests
    assert begin.headers["access-mode"] == "READ"
    assert begin.headers["authorization"].startswith("Basic ")
    assert json.loads(commit.body)["statements"][0]["statement"] == "MATCH (n) RETURN n, 1"


def test_with_write_the_transaction_may_write() -> None:
    """And what was changed is told."""
    server = committing(
        lines({"header": {"fields": []}}, {"summary": {"stats": {"nodes_created": 1}}})
    )
    with server.asked(Cypher, write=True) as console:
        found = console.ask("CREATE (n)")

    assert found.rest == {"nodes_created": 1}
    assert {one.headers["access-mode"] for one in server.requests} == {"WRITE"}


def test_what_makes_transactions_of_its_own_is_in_none_of_ours() -> None:
    """Neo4j wants it so; a writer's query alone can do it."""
    answer = lines({"header": {"fields": []}}, {"summary": {}})
    path = "POST_/db/neo4j/tx/commit"
    for query in (
        "MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS",
        "MATCH (n) CALL (n) { DELETE n }\nin 3 concurrent transactions of 100 rows",
    ):
        server = Server(**{path: (200, answer)})
        with server.asked(Cypher, write=True) as console:
            console.ask(query)
        assert [one.path for one in server.requests] == ["/db/neo4j/tx/commit"]


def test_ctrl_c_ends_the_transaction_in_the_server_too() -> None:
    """A query that runs for ever would go on there."""
    server = Server(**{"DELETE_/db/neo4j/tx/31": (200, lines({"info": {}}))})
    ended = server.respond

    def respond(request: Request) -> Answer:
        found = ended(request)
        if request.path.endswith("commit"):
            os.kill(os.getpid(), signal.SIGINT)
            while server.requests[-1].method != "DELETE":
                time.sleep(0.01)
        return found

    with http(respond) as port, pytest.raises(KeyboardInterrupt):
        Cypher(door(port)).ask("UNWIND range(1, 10^12) AS n RETURN count(n)")

    assert [one.method for one in server.requests] == ["POST", "POST", "DELETE"]


@pytest.mark.parametrize(
    ("answer", "kind", "told", "step"),
    [
        (
            lines({"error": {"errors": [READ_ONLY]}}),
            ConfigError,
            "the query changes what is stored, and this console only reads",
            "inv console.store --write, if you mean it",
        ),
        (
            failed("Neo.ClientError.Statement.SyntaxError", "Invalid input 'X'\n\"X\"\n ^"),
            ConfigError,
            "store: Invalid input 'X'\n\"X\"\n ^ (Neo.ClientError.Statement.SyntaxError)",
            "inv console.store --help",
        ),
        (
            failed("Neo.TransientError.General.MemoryPoolOutOfMemoryError"),
            RefusedError,
            "store: no (Neo.TransientError.General.MemoryPoolOutOfMemoryError)",
            "inv logs --service store",
        ),
        (
            failed("Neo.ClientError.Security.Forbidden", "Executing is not allowed"),
            BrokenError,
            "store: Executing is not allowed (Neo.ClientError.Security.Forbidden)",
            "inv doctor",
        ),
        ("no Jolt", BrokenError, "its answer has another shape", "inv logs --service store"),
        ("[1]", BrokenError, "its answer has another shape", "inv logs --service store"),
        (
            '{"data":[{"()":[1]}]}\n{"info":{}}',
            BrokenError,
            "its answer has another shape",
            "inv logs --service store",
        ),
    ],
)
def test_what_neo4j_says_no_to_is_told(
    answer: str, kind: type[StackError], told: str, step: str
) -> None:
    """In its own words; whose fault it is decides the exit code."""
    with committing(answer).asked(Cypher) as console, pytest.raises(kind) as refused:
        console.ask("X")

    assert told in str(refused.value)
    assert refused.value.next_step == step


def test_a_neo4j_that_begins_nothing_is_told() -> None:
    """An answer without a transaction, and an error that is no Jolt."""
    for answer, kind in (
        ((201, '{"info":{"commit":"elsewhere"}}'), BrokenError),
        ((201, "{}\n"), BrokenError),
        ((500, "a page"), BrokenError),
        (
            (
                404,
                {
                    "errors": [
                        {"code": "Neo.ClientError.Database.DatabaseNotFound", "message": "no"}
                    ]
                },
            ),
            ConfigError,
        ),
        ((401, {"errors": []}), BrokenError),
    ):
        server = Server(**{"POST_/db/neo4j/tx": answer})
        with server.asked(Cypher) as console, pytest.raises(kind):
            console.ask("RETURN 1")


def test_qdrant_is_asked_as_it_was_typed() -> None:
    """Method, path, query and body; the result is rows."""
    points = {"points": [{"id": 1, "payload": {"a": 1}}], "next_page_offset": 2}
    path = "/collections/c/points/scroll?timeout=1"
    server = Server(**{f"POST_{path}": (200, {"result": points, "status": "ok", "time": 0.1})})
    with server.asked(Qdrant) as console:
        found = console.ask(f'{path} {{"limit": 1}}')

    assert (found.columns, found.rows) == (("id", "payload"), ((1, {"a": 1}),))
    assert found.rest == {"next_page_offset": 2}
    assert server.requests[0].body == b'{"limit": 1}'


def test_what_changes_something_is_not_even_sent() -> None:
    """Neither Qdrant nor Milvus has a reader's login."""
    server = Server()
    for made, query in (
        (Qdrant, "DELETE /collections/c"),
        (Qdrant, 'POST /collections/c/points/delete {"points": [1]}'),
        (Milvus, 'collections/drop {"collectionName": "c"}'),
        (Milvus, "/v2/vectordb/entities/insert {}"),
    ):
        with server.asked(made) as console, pytest.raises(ConfigError, match="only reads") as no:
            console.ask(query)
        assert no.value.next_step == "inv console.store --write, if you mean it"

    assert server.requests == []


def test_with_write_it_is_sent() -> None:
    """As it was typed."""
    server = Server(**{"DELETE_/collections/c": (200, {"result": True, "status": "ok"})})
    with server.asked(Qdrant, write=True) as console:
        assert console.ask("DELETE /collections/c").rows == ((True,),)


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        ((404, {"status": {"error": "Not found: Collection `c`"}}), ConfigError, "Collection `c`"),
        ((400, "Format error in JSON body"), ConfigError, "store: Format error in JSON body (400)"),
        ((422, {"what": "else"}), ConfigError, '{"what": "else"} (422)'),
        ((500, {"status": {"error": "Service internal error"}}), RefusedError, "(500)"),
        ((501, {"status": {"error": "does not offer this"}}), ConfigError, "offer this (501)"),
        ((429, {"status": {"error": "too many"}}), RefusedError, "too many (429)"),
        ((403, {"status": {"error": "no"}}), BrokenError, "rejects the stack's login"),
    ],
)
def test_what_qdrant_says_no_to_is_told(answer: Answer, kind: type[StackError], told: str) -> None:
    """In its own words."""
    server = Server(**{"GET_/collections/c": answer})
    with server.asked(Qdrant) as console, pytest.raises(kind) as refused:
        console.ask("GET /collections/c")

    assert told in str(refused.value)


def test_what_is_no_json_is_lines() -> None:
    """Qdrant's metrics, and its snapshots if somebody asks for one."""
    server = Server(**{"GET_/metrics": (200, "a 1\nb 2"), "GET_/list": (200, [1])})
    with server.asked(Qdrant) as console:
        assert console.ask("metrics").rows == (("a 1",), ("b 2",))
        assert console.ask("list").rows == ((1,),)


def test_milvus_is_asked_in_the_words_of_version_2() -> None:
    """With or without the path before them; a body may be left out."""
    base = "/v2/vectordb/collections"
    server = Server(
        **{
            f"POST_{base}/list": (200, {"code": 0, "data": ["a"]}),
            f"POST_{base}/has": (200, {"code": 0, "data": {"has": True}}),
        }
    )
    with server.asked(Milvus) as console:
        assert console.ask("collections/list").rows == (("a",),)
        assert console.ask(f'POST {base}/has {{"collectionName": "a"}}').columns == ("has",)

    assert [one.body for one in server.requests] == [b"{}", b'{"collectionName": "a"}']


def test_a_milvus_of_version_1_is_asked_by_the_same_words() -> None:
    """Milvus 2.3 has no other; what it lacks is told with what it has."""
    server = Server(
        **{
            "GET_/v1/vector/collections": (200, {"code": 200, "data": ["a"]}),
            "GET_/v1/vector/collections/describe?collectionName=a%20b": (
                200,
                {"code": 200, "data": {"fields": [{"name": "id"}], "shardsNum": 1}},
            ),
            "POST_/v1/vector/query": (200, {"code": 200, "data": [{"id": 1}]}),
        }
    )
    with server.asked(Milvus, path="/v1/vector/collections") as console:
        assert console.ask("collections/list {}").rows == (("a",),)
        described = console.ask('collections/describe {"collectionName": "a b"}')
        assert described.rest == {"shardsNum": 1}
        assert console.ask('entities/query {"collectionName": "a"}').rows == ((1,),)
        with pytest.raises(ConfigError, match=r"has no indexes/list; .* collections/list"):
            console.ask("indexes/list")


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        ((200, {"code": 100, "message": "can't find collection[c]"}), ConfigError, "(100)"),
        ((200, {"code": 1, "message": "service not ready"}), RefusedError, "not ready (1)"),
        ((404, {"code": 404, "message": "does not offer"}), ConfigError, "404: does not offer"),
        ((404, "404 page not found"), ConfigError, "404: 404 page not found"),
        ((502, "bad gateway"), RefusedError, "502"),
        ((200, {"code": "x"}), BrokenError, "another shape"),
        ((200, [1]), BrokenError, "it answered 200: [1]"),
    ],
)
def test_what_milvus_says_no_to_is_told(answer: Answer, kind: type[StackError], told: str) -> None:
    """In its own words; its code says whose fault it is, as HTTP's status is always 200."""
    server = Server(**{"POST_/v2/vectordb/collections/list": answer})
    with server.asked(Milvus) as console, pytest.raises(kind) as refused:
        console.ask("collections/list")

    assert told in str(refused.value)


@pytest.mark.parametrize("made", [Cypher, Qdrant, Milvus])
def test_a_store_that_does_not_answer_is_told(made: Made) -> None:
    """With the command that starts it; the login is in no message."""
    query = "collections/list"
    with pytest.raises(BrokenError, match="connection refused") as refused:
        made(door(closed_port())).ask(query)

    assert refused.value.next_step == "inv up --service store"
    with tcp(saying(b"SSH-2.0-x\r\n")) as port, pytest.raises(BrokenError) as other:
        made(door(port)).ask(query)
    assert "secret-one" not in str(other.value)


def test_an_answer_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to do: there is a bound to what is read at all."""
    monkeypatch.setattr(documents, "MOST", 1000)
    server = Server(**{"GET_/collections": (200, {"result": ["x" * 2000]})})
    with server.asked(Qdrant) as console, pytest.raises(ConfigError, match="ask for fewer rows"):
        console.ask("collections")

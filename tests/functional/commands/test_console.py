"""`inv console.*`: where queries come from, how answers are told, and what ends it."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.commands.flows import console
from scripts.config.rules.schema import validate
from scripts.loop.console.answer import Answer
from scripts.loop.console.prompt import Prompt
from scripts.loop.console.qdrant import Qdrant
from tests.kit.checkout import Checkout, services

EVIL = "\x1b[2Jevil"
MANY = 250


def lines(*events: object) -> str:
    """Return events as Neo4j's Jolt has them."""
    return "".join(f"{json.dumps(event)}\n" for event in events)


NODE = {"()": ["4:a:1", ["Memory"], {"text": EVIL, "vector": {"[]": [{"R": "0.5"}] * 12}}]}
ROWS = lines(
    {"header": {"fields": ["n", "number"]}},
    *({"data": [NODE, {"Z": str(one)}]} for one in range(MANY)),
    {"summary": {}},
    {"info": {}},
)
WRONG = lines(
    {"error": {"errors": [{"code": "Neo.ClientError.Statement.SyntaxError", "message": "bad"}]}}
)
FAULTS: dict[str, Any] = {
    "/db/neo4j/tx": [201, lines({"info": {"commit": "http://h/db/neo4j/tx/7/commit"}})],
    "/db/neo4j/tx/7/commit": [200, ROWS],
    "/collections": [200, {"result": {"collections": [{"name": "c"}]}, "status": "ok"}],
    "/collections/none": [404, {"status": {"error": "Not found: Collection `none`"}}],
    "/v1/vector/collections": [200, {"code": 200, "data": ["a", "b"]}],
}


@pytest.fixture
def ports(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Run stores that answer so, or as a test wants; give their ports."""
    with services(faults={**FAULTS, **getattr(request, "param", {})}) as ports:
        yield ports


def typed(at: Checkout, text: str) -> None:
    """Let something come in a pipe."""
    at.patch.setattr("sys.stdin", io.StringIO(text))


def test_one_query_is_answered_with_a_table(at: Checkout) -> None:
    """As many rows as fit a screen or two, and how many there are."""
    assert at.inv("console.neo4j", "MATCH (n) RETURN n, n.number AS number") == 0

    shown = at.shown().out.splitlines()
    assert shown[0].split() == ["n", "number"]
    assert shown[1].split("  ")[0] == (
        r'(:Memory {text: "\u001b[2Jevil", vector: [0.5, 0.5, 0.5, … 12 numbers]})'
    )
    assert len(shown) == 102
    assert shown[-1].startswith("100 of 250 rows (--limit 250 shows all), ")


def test_as_json_it_is_whole_and_keeps_its_schema(at: Checkout) -> None:
    """Or of as many rows as were asked for."""
    assert at.inv("console.neo4j", "RETURN 1", "--format", "json") == 0
    document = at.document("console")
    assert (document["count"], len(document["rows"])) == (MANY, MANY)
    assert document["rows"][7][0]["properties"]["vector"] == [0.5] * 12

    assert at.inv("console.neo4j", "RETURN 1", "--format", "json", "--limit", "3") == 0
    document = at.document("console")
    assert (document["count"], len(document["rows"])) == (MANY, 3)


def test_no_terminal_obeys_what_comes_as_json(at: Checkout) -> None:
    """What is stored may hold anything."""
    assert at.inv("console.neo4j", "--query", "RETURN 1", "--format", "json") == 0
    assert "\x1b" not in at.shown().out


def test_each_store_is_asked_in_its_own_words(at: Checkout) -> None:
    """Qdrant with a path, Milvus with words, of its version 1 too."""
    assert at.inv("console.qdrant", "collections") == 0
    assert at.shown().out.splitlines()[:2] == ["name", "c"]
    assert at.inv("console.milvus", "collections/list") == 0
    assert at.shown().out.splitlines()[:3] == ["result", "a", "b"]


def test_queries_come_in_a_pipe(at: Checkout) -> None:
    """One a line; each is answered with a document."""
    typed(at, "GET /collections\n\ncollections\n")

    assert at.inv("console.qdrant", "--format", "json") == 0

    documents = [json.loads(line) for line in at.shown().out.splitlines()]
    assert [one["rows"] for one in documents] == [[["c"]], [["c"]]]
    assert all(validate(one, "console") == () for one in documents)


def test_a_wrong_query_in_a_pipe_ends_it(at: Checkout) -> None:
    """It is told which one; what comes after it is not asked."""
    typed(at, "collections; collections/none; collections")

    assert at.inv("console.qdrant") == 2

    shown = at.shown()
    assert shown.out.count("1 row,") == 1
    assert "error: query 2 of 3: qdrant: Not found: Collection `none` (404)" in shown.err
    assert "next: inv console.qdrant --help" in shown.err


@pytest.mark.parametrize("ports", [{"/db/neo4j/tx/7/commit": [200, WRONG]}], indirect=True)
def test_a_wrong_query_is_told_in_the_words_of_the_server(at: Checkout) -> None:
    """Exit code 2: it is the user's."""
    assert at.inv("console.neo4j", "RETRUN 1") == 2
    assert "error: neo4j: bad (Neo.ClientError.Statement.SyntaxError)" in at.shown().err


@pytest.mark.parametrize("task", ["console.neo4j", "console.qdrant", "console.milvus"])
@pytest.mark.parametrize("text", ["", " \n", ";;"])
def test_an_empty_query_is_told(at: Checkout, task: str, text: str) -> None:
    """As an argument and in a pipe, with one that works."""
    typed(at, text)

    assert at.inv(task) == 2
    assert "error: the query is empty" in at.shown().err
    assert at.inv(task, text.strip(";")) == 2
    assert f"next: inv {task} '" in at.shown().err


def test_too_much_in_a_pipe_is_told(at: Checkout) -> None:
    """A megabyte is not too much."""
    typed(at, f"GET /collections?{'x' * 1000};" * 1000)
    at.patch.setattr(console, "_ask", lambda *_: None)
    assert at.inv("console.qdrant") == 0

    typed(at, "x" * (console.MOST + 1))
    assert at.inv("console.qdrant") == 2
    assert "longer than 4.0 MiB" in at.shown().err


def test_without_a_terminal_there_is_no_prompt(at: Checkout) -> None:
    """Nobody would see it."""
    at.patch.setattr("sys.stdin", io.StringIO())
    at.patch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    assert at.inv("console.neo4j") == 2
    assert "stdout is no terminal" in at.shown().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--limit", "all"), "--limit is 'all', wanted a whole number"),
        (("--format", "yaml"), "--format is 'yaml'"),
    ],
)
def test_a_wrong_value_of_a_flag_is_told(at: Checkout, words: tuple[str, ...], told: str) -> None:
    """Before anything is asked."""
    assert at.inv("console.neo4j", "RETURN 1", *words) == 2
    assert told in at.shown().err


@pytest.mark.parametrize("state", ["exited", "paused"])
def test_a_store_that_does_not_run_is_told(at: Checkout, state: str) -> None:
    """Whoever else may listen at its port by now is not told the login; a paused one never ends."""
    at.state["containers"]["id-neo4j"]["State"]["Status"] = state

    assert at.inv("console.neo4j", "RETURN 1") == 5

    shown = at.shown().err
    assert "error: neo4j does not run" in shown
    assert "next: inv up --service neo4j" in shown


def test_another_service_than_a_console_speaks_to_is_told(at: Checkout) -> None:
    """With those that it does speak to."""
    assert at.inv("console.milvus", "collections/list", "--service", "neo4j") == 2
    assert "console.milvus does not speak to neo4j" in at.shown().err
    assert at.inv("console.milvus", "collections/list", "--service", "milvis") == 2
    assert "did you mean milvus?" in at.shown().err
    assert at.inv("console.milvus", "collections/list", "--service", "milvus-docker") == 0


def test_what_is_typed_is_answered_until_somebody_leaves(at: Checkout) -> None:
    """A wrong query and Ctrl-C end nothing; the help says how the store is asked."""
    queries = iter(["collections", "DELETE /collections/c", ":help", "collections"])
    asked: list[str] = []

    def ask(self: Qdrant, query: str) -> Answer:
        asked.append(query)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(self, query)

    real = Qdrant.ask
    at.patch.setattr(Qdrant, "ask", ask)
    at.patch.setattr(Prompt, "queries", lambda _: queries)
    for stream in ("stdin", "stdout"):
        at.patch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)

    assert at.inv("console.qdrant") == 0

    shown = at.shown()
    assert "read-only, --write allows changes" in shown.err
    assert "DELETE collections/c changes what is stored" in shown.err
    assert "stopped" in shown.err
    assert "Qdrant's API reference" in shown.out

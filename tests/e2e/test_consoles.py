"""A shell in a container, and the stores asked in their own words."""

import os
import signal
import subprocess
import sys
import uuid

import pytest

from scripts.config.rules import schema
from scripts.core.files import Json
from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout, Ran
from tests.e2e.kit.memories import remember
from tests.e2e.kit.stores import cypher, milvus_collections, milvus_words, qdrant
from tests.e2e.kit.terminal import CTRL_C, CTRL_D, terminal

pytestmark = pytest.mark.docker

MEMOS = ("shell", "--service", "memos")
COLLECTION = "neo4j_vec_db"
TEXT = "The green lamp stands on the piano."


def console(stack: Checkout, store: str, query: str, *words: str) -> Json:
    """Return what a console answers; it keeps its schema."""
    words = (f"console.{store}", query, *words)
    document = stack.inv(*words, "--format", "json").document
    assert schema.validate(document, "console") == ()
    return document


def piped(stack: Checkout, text: str, *words: str) -> Ran:
    """Run an `inv` command with something in its pipe."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.commands.program", *words],
        cwd=stack.root,
        env=stack.environ,
        input=text,
        text=True,
        capture_output=True,
        timeout=300,
        check=False,
    )
    return Ran(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def processes(stack: Checkout, service: str) -> str:
    """Return the command lines of what runs in a container."""
    name = f"{stack.values()['CONTAINER_PREFIX']}{service}"
    return stack.docker("top", name, "-eo", "pid,args").stdout


def test_a_memory_is_found_in_both_stores_by_a_query(running: Checkout) -> None:
    """Its text and its cube in Neo4j, its vector in Qdrant, each in the words of the store."""
    cube = f"console-{uuid.uuid4().hex[:8]}"
    remember(running, cube, TEXT)

    found = console(running, "neo4j", f"MATCH (n:Memory {{user_name: '{cube}'}}) RETURN n")
    (node,) = [row[0] for row in found["rows"] if TEXT in row[0]["properties"]["memory"]]
    assert node["labels"] == ["Memory"]
    where = f'{{"filter": {{"must": [{{"key": "user_name", "match": {{"value": "{cube}"}}}}]}}}}'
    points = console(running, "qdrant", f"collections/{COLLECTION}/points/scroll {where}")
    at = points["columns"].index("id")
    assert node["properties"]["id"] in [row[at] for row in points["rows"]]

    shown = running.inv("console.neo4j", f"MATCH (n {{user_name: '{cube}'}}) RETURN n.memory")
    assert TEXT in shown.stdout


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE (n:Console)",
        "MATCH (n) DETACH DELETE n",
        "MATCH (n) SET n.seen = true",
        "CREATE INDEX console FOR (n:Console) ON (n.id)",
        "CREATE CONSTRAINT console FOR (n:Console) REQUIRE n.id IS UNIQUE",
        "CALL db.createLabel('Console')",
        "CREATE USER somebody SET PASSWORD 'a-password'",
        "ALTER CURRENT USER SET PASSWORD FROM '12345678' TO 'another-one'",
        "MATCH (n) CALL { WITH n DETACH DELETE n } IN TRANSACTIONS",
    ],
)
def test_a_write_in_cypher_is_refused_and_changes_nothing(
    running: Checkout, statement: str
) -> None:
    """By the server, whatever the statement is; the login and the schema are what they were."""
    cypher(running, "MERGE (n:Kept {id: 'kept'})")
    everything = [
        ("MATCH (n) RETURN count(n), count(n.seen)", cypher),
        ("SHOW INDEXES YIELD name", cypher),
        ("CALL db.labels()", cypher),
        ("SHOW USERS YIELD user", cypher),
    ]
    before = [ask(running, query) for query, ask in everything]

    refused = running.inv("console.neo4j", statement, check=False)

    assert (refused.exit_code, refused.stdout) == (2, "")
    assert [ask(running, query) for query, ask in everything] == before
    cypher(running, "MATCH (n:Kept) DELETE n")


def test_with_write_a_query_changes_what_it_says(running: Checkout) -> None:
    """In each store; without it the same query is told, and nothing is changed."""
    name = f"console_{uuid.uuid4().hex[:8]}"
    made = f"CREATE (n:Console {{name: '{name}'}})"
    refused = running.inv("console.neo4j", made, check=False)
    assert refused.exit_code == 2
    assert "next: inv console.neo4j --write, if you mean it" in refused.stderr
    assert cypher(running, f"MATCH (n {{name: '{name}'}}) RETURN n") == []
    told = console(running, "neo4j", made, "--write")
    assert told["rest"]["nodes_created"] == 1
    deleted = console(running, "neo4j", f"MATCH (n {{name: '{name}'}}) DELETE n", "--write")
    assert deleted["rest"]["nodes_deleted"] == 1

    put = f'PUT /collections/{name} {{"vectors": {{"size": 4, "distance": "Dot"}}}}'
    assert running.inv("console.qdrant", put, check=False).exit_code == 2
    assert "error" in str(qdrant(running, "GET", name, None)["status"])
    console(running, "qdrant", put, "--write")
    listed = console(running, "qdrant", "collections")
    assert [name] in listed["rows"]
    console(running, "qdrant", f"DELETE /collections/{name}", "--write")
    assert [name] not in console(running, "qdrant", "collections")["rows"]

    create = f'collections/create {{"collectionName": "{name}", "dimension": 4}}'
    assert running.inv("console.milvus", create, check=False).exit_code == 2
    assert name not in milvus_collections(running)
    console(running, "milvus", create, "--write")
    assert [name] in console(running, "milvus", "collections/list")["rows"]
    row = '{"vector": [0.1, 0.2, 0.3, 0.4], "word": "lamp"}'
    row = row if not milvus_words(running).own_ids else f'{{"id": 1, {row[1:]}'
    insert = f'entities/insert {{"collectionName": "{name}", "data": [{row}]}}'
    console(running, "milvus", insert, "--write")
    query = f'entities/query {{"collectionName": "{name}", "filter": "word == \\"lamp\\"", '
    query += '"outputFields": ["word"]}'
    looks = poll(lambda: console(running, "milvus", query), timeout=60, interval=1)
    assert next(one for one in looks if one["rows"])["count"] == 1
    console(running, "milvus", f'collections/drop {{"collectionName": "{name}"}}', "--write")


def test_a_wrong_query_is_told_in_the_words_of_the_server(running: Checkout) -> None:
    """Exit code 2, and how a query is written."""
    for store, query, words in (
        ("neo4j", "MATCH (n RETURN n", "Neo.ClientError.Statement.SyntaxError"),
        ("qdrant", "GET /collections/none-of-this-name", "doesn't exist"),
        ("milvus", 'collections/describe {"collectionName": "not_there"}', "milvus: "),
    ):
        told = running.inv(f"console.{store}", query, check=False)

        assert (told.exit_code, told.stdout) == (2, "")
        assert words in told.stderr
        assert f"next: inv console.{store} --help" in told.stderr


def test_every_kind_of_value_comes_as_json_and_as_text(running: Checkout) -> None:
    """Moments, places, paths, great numbers; and a result of many rows."""
    query = (
        "CREATE p = (a:From {at: datetime('2026-01-31T12:00:00Z')})-[:TO {n: 5000000000}]->(:Into)"
        " RETURN p, a.at, point({x: 1, y: 2}), duration('P1D'), [0.5, 1], {a: null}, 0.0 / 0.0"
    )
    row = console(running, "neo4j", query, "--write")["rows"][0]
    first, edge, last = row[0]["path"]
    assert (first["labels"], edge["type"], last["labels"]) == (["From"], "TO", ["Into"])
    assert edge["properties"] == {"n": 5_000_000_000}
    assert (edge["start"], edge["end"]) == (first["id"], last["id"])
    assert row[1] == "2026-01-31T12:00:00Z"
    assert row[4:] == [[0.5, 1], {"a": None}, "NaN"]
    back = "MATCH p = (:Into)<-[:TO]-(:From) RETURN p"
    shown = running.inv("console.neo4j", back).stdout
    assert '(:Into)<-[:TO {n: 5000000000}]-(:From {at: "2026-01-31T12:00:00Z"})' in shown
    cypher(running, "MATCH (n) WHERE n:From OR n:Into DETACH DELETE n")

    many = "UNWIND range(1, 100000) AS n RETURN n, 'text ' + n"
    assert console(running, "neo4j", many)["rows"][-1] == [100_000, "text 100000"]
    assert "100 of 100,000 rows" in running.inv("console.neo4j", many).stdout


def test_a_prompt_answers_what_is_typed_and_remembers_it(running: Checkout) -> None:
    """Ctrl-C ends a query that would run for ever, also in the server; Ctrl-D ends the prompt."""
    with terminal(running, ("console.neo4j",)) as at:
        at.until("neo4j> ")
        at.type("RETURN 6 *\\\r7 AS answer\r")
        at.until(r"42 +\r\n")
        at.until("neo4j> ")
        at.type("RETRUN 1\r")
        at.until("SyntaxError")
        at.until("neo4j> ")
        at.type("UNWIND range(1, 10000000000) AS n RETURN sum(n)\r")
        theirs = "SHOW TRANSACTIONS YIELD currentQuery WHERE currentQuery STARTS WITH 'UNWIND'"
        looks = poll(lambda: cypher(running, theirs), timeout=60, interval=0.5)
        assert next(filter(None, looks))
        at.type(CTRL_C)
        at.until("stopped")
        ended = poll(lambda: not cypher(running, theirs), timeout=60, interval=0.5)
        assert next(filter(None, ended))
        at.until("neo4j> ")
        at.type(CTRL_D)
        assert at.ended() == 0

    history = running.root / ".cache" / running.project / "console.neo4j.history"
    assert "RETRUN 1" in history.read_text()
    with terminal(running, ("console.neo4j",)) as at:
        at.until("neo4j> ")
        at.type("\x1b[A\x1b[A")
        at.until("RETRUN 1")
        at.type(CTRL_C)  # which drops what is typed with it
        at.until("neo4j> ")
        at.type(":quit\r")
        assert at.ended() == 0


def test_a_shell_takes_what_comes_in_a_pipe(running: Checkout) -> None:
    """As the user of the service, and its exit code is ours."""
    done = piped(running, "id -un; echo $BASH_VERSION; exit 9\n", *MEMOS)
    user, version = done.stdout.splitlines()
    assert (done.exit_code, user) == (9, "memos")
    assert version
    assert piped(running, "id -un\n", "shell", "--service", "neo4j").stdout == "neo4j\n"
    as_root = piped(running, "id -un\n", "shell", "--service", "neo4j", "--root")
    assert as_root.stdout == "root\n"


def test_a_command_is_run_as_it_was_typed(running: Checkout) -> None:
    """Blanks and quotes arrive, both streams are apart, and its exit code is ours."""
    words = ("--", "sh", "-c", "printf '%s|' \"$@\"; echo wrong >&2; exit 5", "sh", "a  b", "", "'")
    done = running.inv(*MEMOS, *words, check=False)

    assert (done.exit_code, done.stdout) == (5, "a  b||'|")
    assert done.stderr == "wrong\n"


def test_a_shell_has_the_terminal(running: Checkout) -> None:
    """Its size, its keys, and its Ctrl-C, which ends what runs there and not the shell."""
    with terminal(running, MEMOS, rows=33, columns=99) as at:
        at.until(r"[$#] ")
        at.type("tty && stty size\r")
        at.until(r"/dev/pts/\d+\s+33 99\r\n")
        at.type("sleep 300 && echo never\r")
        for now in poll(lambda: processes(running, "memos-api-docker"), timeout=60, interval=0.5):
            if "sleep 300" in now:
                break
        at.type(CTRL_C)
        at.until(r"[$#] ")
        at.type("echo code $?\r")
        at.until(r"code 130\r\n")
        at.type("exit 7\r")
        assert at.ended() == 7


def test_ctrl_c_reaches_a_command_without_a_terminal(running: Checkout) -> None:
    """Nothing goes on unseen in the container."""
    with running.started(*MEMOS, "--", "sleep", "301") as process:
        for now in poll(lambda: processes(running, "memos-api-docker"), timeout=60, interval=0.5):
            if "sleep 301" in now:
                break
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130

    assert "sleep 301" not in processes(running, "memos-api-docker")


def test_a_container_that_does_not_run_is_told(running: Checkout) -> None:
    """With the command that starts it, which works."""
    running.docker("stop", f"{running.values()['CONTAINER_PREFIX']}milvus-attu")

    told = running.inv("shell", "--service", "attu", check=False)

    assert told.exit_code == 2
    assert "attu does not run: it is exited" in told.stderr
    running.inv(*told.stderr.rpartition("next: inv ")[2].split())
    assert piped(running, "echo again\n", "shell", "--service", "attu").stdout == "again\n"

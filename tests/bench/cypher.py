"""Heavy queries on the Neo4j image as it is, and with the JVM's own settings, turn by turn."""

import base64
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout, free_ports

PASSWORD = "for-the-bench"
FILL = (
    "UNWIND range(1, 20000) AS i CREATE (:P {id: i, group: i % 100, name: 'n' + toString(i)})",
    "CREATE INDEX p_id FOR (n:P) ON (n.id)",
    "CALL db.awaitIndexes(60)",
    (
        "UNWIND range(1, 20000) AS i MATCH (a:P {id: i}) UNWIND range(1, 5) AS k"
        " MATCH (b:P {id: (i * 7 + k * 1013) % 20000 + 1}) CREATE (a)-[:KNOWS]->(b)"
    ),
)
QUERIES = {
    "sums over 1.5 million rows": "UNWIND range(1, 1500000) AS x WITH x % 997 AS k, x * 3 % 1009"
    " AS v RETURN sum(v) + count(DISTINCT k)",
    "ways of three steps": "MATCH (a:P {group: 7})-[:KNOWS]->()-[:KNOWS]->(b)-[:KNOWS]->(c)"
    " WHERE a.id < c.id RETURN count(c)",
}
WARM_UP = 6
"""Runs of each query that are not counted: the JVM compiles what is hot."""


def compare(stack: Checkout, image: str, rounds: int) -> Iterator[dict[str, object]]:
    """Yield the seconds of each query on both servers, round by round."""
    with server(stack, image, {}) as ours, server(stack, image, {"JVM_START_OPTIONS": ""}) as plain:
        for port in (ours, plain):
            for statement in FILL:
                ask(port, statement)
        for name, query in QUERIES.items():
            for _ in range(WARM_UP):
                ask(ours, query)
                ask(plain, query)
            pairs = [(ask(ours, query), ask(plain, query)) for _ in range(rounds)]
            improved, default = zip(*pairs, strict=True)
            yield {"query": name, "improved": list(improved), "default": list(default)}


@contextmanager
def server(stack: Checkout, image: str, variables: dict[str, str]) -> Iterator[int]:
    """Run a Neo4j while the block runs; give its port."""
    (port,) = free_ports(1)
    given = {
        "NEO4J_AUTH": f"neo4j/{PASSWORD}",
        "NEO4J_server_memory_heap_initial__size": "512m",
        "NEO4J_server_memory_heap_max__size": "512m",
        **variables,
    }
    words = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    publish = f"127.0.0.1:{port}:7474"
    made = stack.docker("run", "--detach", "--rm", "--publish", publish, *words, image)
    try:
        assert any(_answers(port) for _ in poll(lambda: None, timeout=120, interval=0.2))
        yield port
    finally:
        stack.docker("rm", "--force", "--volumes", made.stdout.strip())


def ask(port: int, statement: str) -> float:
    """Run a statement; give its seconds."""
    login = base64.b64encode(f"neo4j:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/db/neo4j/tx/commit",
        data=json.dumps({"statements": [{"statement": statement}]}).encode(),
        headers={"Content-Type": "application/json", "Authorization": f"Basic {login}"},
    )
    began = time.monotonic()
    with urllib.request.urlopen(request, timeout=300) as answer:
        found = json.loads(answer.read())
    assert found["errors"] == [], found["errors"]
    return round(time.monotonic() - began, 4)


def _answers(port: int) -> bool:
    try:
        return ask(port, "RETURN 1") > 0
    except OSError:
        return False

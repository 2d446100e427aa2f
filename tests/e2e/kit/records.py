"""Ten thousand records in each store, put in and read back one by one."""

import base64
import time
from collections.abc import Iterator
from typing import Any

import requests

from tests.e2e.kit.checkout import Checkout

COUNT = 10_000
PAGE = 1000
NAME = "records"
PATIENCE = 60.0
"""Seconds until a store has loaded what it keeps."""
Numbers = dict[int, Any]


def vector(number: int) -> list[float]:
    """Return a vector whose numbers stay the same as 32-bit floats and in few digits."""
    return [((number * 31 + place * 7) % 512) / 4 for place in range(8)]


def row(number: int) -> dict[str, Any]:
    """Return what belongs to a number."""
    return {"number": number, "text": f"record {number} ✓"}


class Records:
    """The records of one stack, over the ports that its services publish."""

    def __init__(self, stack: Checkout) -> None:
        """Log in with what the stack's settings say."""
        self.stack, values = stack, stack.values()
        old = values["IMAGE_SOURCE"] == "packages"
        self.paths = (
            ("/v1/vector/collections/create", "/v1/vector/insert", "/v1/vector/query")
            if old
            else (
                "/v2/vectordb/collections/create",
                "/v2/vectordb/entities/insert",
                "/v2/vectordb/entities/query",
            )
        )
        self.bearer = {"Authorization": f"Bearer root:{values['MILVUS_PASSWORD']}"}
        login = base64.b64encode(f"neo4j:{values['NEO4J_PASSWORD']}".encode()).decode()
        self.basic = {"Authorization": f"Basic {login}"}

    def put(self) -> None:
        """Write all of them, and wait until each store has taken them."""
        self._milvus(self.paths[0], {"collectionName": NAME, "dimension": 8})
        url = self.stack.url("QDRANT_HTTP_PORT", f"/collections/{NAME}")
        size = {"vectors": {"size": 8, "distance": "Dot"}}
        requests.put(url, json=size, timeout=30).raise_for_status()
        self._cypher(
            "UNWIND range(0, $count - 1) AS i CREATE (:Record {number: i, text: $before + i})",
            count=COUNT,
            before="record ",
        )
        self._cypher("CREATE INDEX record IF NOT EXISTS FOR (n:Record) ON n.number")
        self._cypher("CALL db.awaitIndexes()")
        self._cypher(
            "MATCH (a:Record) MATCH (b:Record {number: (a.number + 7) % $count})"
            " CREATE (a)-[:NEXT {weight: a.number * 2}]->(b)",
            count=COUNT,
        )
        for numbers in pages():
            rows = [{**row(n), "id": n, "vector": vector(n)} for n in numbers]
            if self.paths[0].startswith("/v1"):  # it numbers rows by itself
                rows = [{key: one[key] for key in one if key != "id"} for one in rows]
            self._milvus(self.paths[1], {"collectionName": NAME, "data": rows})
            points = [{"id": n, "vector": vector(n), "payload": row(n)} for n in numbers]
            answer = requests.put(f"{url}/points?wait=true", json={"points": points}, timeout=60)
            answer.raise_for_status()

    def milvus(self, count: int = COUNT) -> Numbers:
        """Return text and vector by number, once there are `count`; none without the collection."""
        deadline = time.monotonic() + PATIENCE
        while True:
            found: Numbers = {}
            for numbers in pages():
                for one in self._page(numbers):
                    found[one["number"]] = (one["text"], one["vector"])
            if len(found) == count or time.monotonic() > deadline:
                return found
            time.sleep(1)  # it loads segment by segment

    def _page(self, numbers: range) -> list[dict[str, Any]]:
        wanted = f"number >= {numbers.start} and number < {numbers.stop}"
        fields = ["number", "text", "vector"]
        body = {"collectionName": NAME, "filter": wanted, "outputFields": fields, "limit": PAGE}
        url = self.stack.url("MILVUS_PORT", self.paths[2])
        answer = requests.post(url, json=body, headers=self.bearer, timeout=60).json()
        return list(answer.get("data") or ())

    def neo4j(self) -> tuple[Numbers, set[tuple[int, int, int]]]:
        """Return text by number, and each relation as its ends with its weight between them."""
        nodes = self._cypher("MATCH (n:Record) RETURN n.number, n.text")
        ties = self._cypher("MATCH (a:Record)-[r:NEXT]->(b) RETURN a.number, r.weight, b.number")
        return dict(nodes), {(a, weight, b) for a, weight, b in ties}

    def qdrant(self) -> Numbers:
        """Return text and vector by number; empty when there is no such collection."""
        url = self.stack.url("QDRANT_HTTP_PORT", f"/collections/{NAME}/points/scroll")
        found: Numbers = {}
        offset: int | None = None
        while True:
            page = {"limit": PAGE, "with_payload": True, "with_vector": True, "offset": offset}
            answer = requests.post(url, json=page, timeout=60)
            if answer.status_code == requests.codes.not_found:
                return {}
            for one in answer.json()["result"]["points"]:
                found[one["payload"]["number"]] = (one["payload"]["text"], one["vector"])
            offset = answer.json()["result"]["next_page_offset"]
            if offset is None:
                return found

    def _milvus(self, path: str, body: dict[str, Any]) -> None:
        url = self.stack.url("MILVUS_PORT", path)
        answer = requests.post(url, json=body, headers=self.bearer, timeout=60).json()
        assert answer["code"] in {0, 200}, answer

    def _cypher(self, statement: str, **parameters: object) -> list[list[Any]]:
        body = {"statements": [{"statement": statement, "parameters": parameters}]}
        url = self.stack.url("NEO4J_HTTP_PORT", "/db/neo4j/tx/commit")
        answer = requests.post(url, json=body, headers=self.basic, timeout=120).json()
        assert not answer["errors"], answer["errors"]
        return [one["row"] for one in answer["results"][0]["data"]]


def pages() -> Iterator[range]:
    """Yield the numbers of all records in portions."""
    for start in range(0, COUNT, PAGE):
        yield range(start, start + PAGE)


def expected() -> Numbers:
    """Return what milvus and qdrant hold."""
    return {n: (row(n)["text"], vector(n)) for n in range(COUNT)}


def nodes() -> Numbers:
    """Return what neo4j holds."""
    return {n: f"record {n}" for n in range(COUNT)}


def ties() -> set[tuple[int, int, int]]:
    """Return the relations that neo4j holds."""
    return {(n, n * 2, (n + 7) % COUNT) for n in range(COUNT)}

"""Ten thousand records in each store, put in and read back one by one."""

import time
from collections.abc import Iterator
from typing import Any

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.stores import cypher, milvus, milvus_rows, milvus_words, qdrant

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
        """Speak the words of the Milvus that the stack has."""
        self.stack, self.words = stack, milvus_words(stack)

    def put(self) -> None:
        """Write all of them, and wait until each store has taken them."""
        milvus(self.stack, self.words.create, {"collectionName": NAME, "dimension": 8})
        size = {"vectors": {"size": 8, "distance": "Dot"}}
        assert qdrant(self.stack, "PUT", NAME, size)["status"] == "ok"
        cypher(
            self.stack,
            "UNWIND range(0, $count - 1) AS i CREATE (:Record {number: i, text: $before + i})",
            count=COUNT,
            before="record ",
        )
        cypher(self.stack, "CREATE INDEX record IF NOT EXISTS FOR (n:Record) ON n.number")
        cypher(self.stack, "CALL db.awaitIndexes()")
        cypher(
            self.stack,
            "MATCH (a:Record) MATCH (b:Record {number: (a.number + 7) % $count})"
            " CREATE (a)-[:NEXT {weight: a.number * 2}]->(b)",
            count=COUNT,
        )
        for numbers in pages():
            ids = {n: {"id": n} if self.words.own_ids else {} for n in numbers}
            rows = [{**row(n), **ids[n], "vector": vector(n)} for n in numbers]
            milvus(self.stack, self.words.insert, {"collectionName": NAME, "data": rows})
            points = [{"id": n, "vector": vector(n), "payload": row(n)} for n in numbers]
            answer = qdrant(self.stack, "PUT", f"{NAME}/points?wait=true", {"points": points})
            assert answer["status"] == "ok"

    def milvus(self, count: int = COUNT) -> Numbers:
        """Return text and vector by number, once there are `count`; none without the collection."""
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = [row for numbers in pages() for row in self._page(numbers)]
            found = {row["number"]: (row["text"], row["vector"]) for row in rows}
            if len(found) == count or time.monotonic() > deadline:
                return found
            time.sleep(1)  # it loads segment by segment

    def _page(self, numbers: range) -> list[dict[str, Any]]:
        wanted = f"number >= {numbers.start} and number < {numbers.stop}"
        return milvus_rows(self.stack, NAME, wanted, ["number", "text", "vector"])

    def neo4j(self) -> tuple[Numbers, set[tuple[int, int, int]]]:
        """Return text by number, and each relation as its ends with its weight between them."""
        nodes = cypher(self.stack, "MATCH (n:Record) RETURN n.number, n.text")
        ties = cypher(
            self.stack, "MATCH (a:Record)-[r:NEXT]->(b) RETURN a.number, r.weight, b.number"
        )
        return dict(nodes), {(a, weight, b) for a, weight, b in ties}

    def qdrant(self) -> Numbers:
        """Return text and vector by number; empty when there is no such collection."""
        points: Numbers = {}
        offset: int | None = None
        while True:
            page = {"limit": PAGE, "with_payload": True, "with_vector": True, "offset": offset}
            answer = qdrant(self.stack, "POST", f"{NAME}/points/scroll", page)
            if "result" not in answer:
                return {}
            for point in answer["result"]["points"]:
                payload = point["payload"]
                points[payload["number"]] = (payload["text"], point["vector"])
            offset = answer["result"]["next_page_offset"]
            if offset is None:
                return points


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

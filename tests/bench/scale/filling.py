"""Memories by the hundred thousand: as MemOS writes them, with vectors whose nearest is known.

What is written is asked of the release that runs: one memory is added through the API, and its node
and its point are the pattern of all others. A vector mixes those of three sentences, as the stack's
own model embeds them, so that they lie as near to each other as memories do. Everything comes from
its number, so that a run that was stopped goes on with the same.
"""

import json
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any
from uuid import UUID, uuid5

import requests

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import remember
from tests.e2e.kit.stores import PATIENCE, cypher

SPACE = UUID("6f0f6f0e-5ca1-4e00-8000-000000000000")
"""Of the ids of memories, made from their numbers."""
COLLECTION = "neo4j_vec_db"
BLOCK = 1000
"""Memories of one call."""
SMALL = 1000
"""Memories of a small cube; every second memory is in one, the others are in one large one."""
MIDDLE, FINENESS = 128, 0.002
"""A number of a vector is a byte: this much of its middle each. A search compares directions, so
that they are written as whole numbers."""
NUMBERS = [str(cell - MIDDLE) for cell in range(256)]
MOSTLY, PARTLY = 0.7, 0.5
"""How much of a vector is of its first sentence, and of the rest of its second."""
NEAR = 0.9
"""How much of a stored vector is in one that looks for it."""
WHO = ("Alice", "Bob", "Chen", "Dana", "Emil", "Farah", "Goran", "Hana", "Ines", "Jamal")
DOES = ("likes", "avoids", "plans", "remembers", "recommends", "studies", "repairs", "paints")
WHAT = (
    *("green tea in the morning", "the train to Berlin", "old film cameras", "a garden of herbs"),
    *("the database of the shop", "long walks by the river", "a recipe for dumplings", "chess"),
)
SENTENCES = [f"{who} {does} {what}." for who in WHO for does in DOES for what in WHAT]
PATTERN_TEXT = "The pattern of all memories that follow."
PATTERN_CUBE = "scale-pattern"
NODE = "MATCH (n:Memory {user_name: $cube}) RETURN properties(n), n.id"
MANY = """
UNWIND $nodes AS node
CREATE (n:Memory)
SET n = node, n.created_at = datetime(node.created_at), n.updated_at = datetime(node.updated_at)
"""
GONE = "MATCH (n:Memory) WHERE n.id IN $ids DETACH DELETE n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """One memory as the release writes it: node and payload as JSON, and what is its own there."""

    id: str
    node: str
    payload: str

    @classmethod
    def of(cls, stack: Checkout) -> "Pattern":
        """Add one memory through the API, unless it is there, and read what both stores have."""
        if not (rows := cypher(stack, NODE, cube=PATTERN_CUBE)):
            remember(stack, PATTERN_CUBE, PATTERN_TEXT)
            rows = cypher(stack, NODE, cube=PATTERN_CUBE)
        node, number = rows[0]
        body = {"ids": [number], "with_payload": True}
        payload = qdrant(stack, "POST", "/points", body)["result"][0]["payload"]
        return cls(id=number, node=json.dumps(node), payload=json.dumps(payload))

    def filled(self, form: str, number: str, cube: str, text: str) -> str:
        """Return the JSON of another memory's node or payload."""
        changed = form.replace(self.id, number).replace(PATTERN_CUBE, cube)
        return changed.replace(PATTERN_TEXT, text)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """All memories by their numbers; `cells` are the sentences' vectors, `nodes` how many nodes."""

    cells: Sequence[bytes]
    nodes: int

    @classmethod
    def of(cls, stack: Checkout, nodes: int) -> "Contents":
        """Have the stack's model embed the sentences."""
        return cls(cells=[*map(coarse, embedded(stack, SENTENCES))], nodes=nodes)

    @cached_property
    def size(self) -> int:
        """How many numbers a vector has."""
        return len(self.cells[0])

    def cube(self, number: int) -> str:
        """Return the cube of a memory: what has no node lies apart, where no memory misses it."""
        kind = "memories" if number < self.nodes else "vectors"
        small = f"scale-{kind}-{number // (2 * SMALL)}"
        return small if number % 2 else largest(kind)

    def text(self, number: int) -> str:
        """Return what is remembered."""
        return f"{SENTENCES[self._first(number)]} ({number})"

    def vectors(self, block: int) -> list[bytes]:
        """Return the vectors of a block, number by number."""
        source = random.Random(f"vectors {block}")
        first = block * BLOCK
        return [self._vector(source, number) for number in range(first, first + BLOCK)]

    def near(self, number: int, source: random.Random) -> bytes:
        """Return a vector to which that of a memory is the nearest of all."""
        stored = self.vectors(number // BLOCK)[number % BLOCK]
        return mixed(stored, source.choice(self.cells), source, NEAR)

    def _first(self, number: int) -> int:
        return number * 7919 % len(SENTENCES)

    def _vector(self, source: random.Random, number: int) -> bytes:
        rest = mixed(source.choice(self.cells), source.choice(self.cells), source, PARTLY)
        return mixed(self.cells[self._first(number)], rest, source, MOSTLY)


def largest(kind: str) -> str:
    """Return the one large cube of those with nodes (`memories`) or without (`vectors`)."""
    return f"scale-{kind}-all"


def identity(number: int) -> str:
    """Return the id of a memory."""
    return str(uuid5(SPACE, str(number)))


def coarse(vector: Sequence[float]) -> bytes:
    """Return a vector with a byte for each number."""
    steps = (round(number / FINENESS) + MIDDLE for number in vector)
    return bytes(max(0, min(255, step)) for step in steps)


def mixed(one: bytes, other: bytes, source: random.Random, part: float) -> bytes:
    """Return this part of the numbers of one vector, anywhere, and the rest of another."""
    mask = int.from_bytes(source.randbytes(len(one)).translate(_chosen(part)), "big")
    whole = (1 << 8 * len(one)) - 1
    cells = int.from_bytes(one, "big") & mask | int.from_bytes(other, "big") & (whole ^ mask)
    return cells.to_bytes(len(one), "big")


@cache
def _chosen(part: float) -> bytes:
    """Return what makes this part of random bytes whole ones, and the rest nothing."""
    return bytes(255 if cell < part * 256 else 0 for cell in range(256))


def written(vector: bytes) -> str:
    """Return a vector as JSON."""
    return f"[{','.join(map(NUMBERS.__getitem__, vector))}]"


def embedded(stack: Checkout, texts: Sequence[str], *, batch: int = 32) -> Iterator[list[float]]:
    """Yield the vector of each text."""
    for first in range(0, len(texts), batch):
        body = {"model": "any", "input": texts[first : first + batch]}
        url = stack.url("MODELS_PORT", "/v1/embeddings")
        answer = requests.post(url, json=body, timeout=PATIENCE).json()
        yield from (one["embedding"] for one in answer["data"])


def fill(stack: Checkout, contents: Contents, pattern: Pattern, block: int) -> dict[str, float]:
    """Write a block of memories into both stores; return the seconds that each took."""
    numbers = range(block * BLOCK, (block + 1) * BLOCK)
    named = [(number, identity(number), contents.cube(number)) for number in numbers]
    texts = [contents.text(number) for number in numbers]
    payloads = (
        pattern.filled(pattern.payload, one, cube, text)
        for (_, one, cube), text in zip(named, texts, strict=True)
    )
    points = (
        f'{{"id":"{one}","vector":{written(vector)},"payload":{payload}}}'
        for (_, one, _), vector, payload in zip(
            named, contents.vectors(block), payloads, strict=True
        )
    )
    body = f'{{"points":[{",".join(points)}]}}'
    nodes = [
        json.loads(pattern.filled(pattern.node, one, cube, text))
        for (number, one, cube), text in zip(named, texts, strict=True)
        if number < contents.nodes
    ]
    began = time.monotonic()
    qdrant(stack, "PUT", "/points?wait=true", body)
    written_at = time.monotonic()
    if nodes:
        cypher(stack, MANY, nodes=nodes)
    return {"Qdrant": written_at - began, "Neo4j": time.monotonic() - written_at}


def remove(stack: Checkout, numbers: Iterable[int]) -> None:
    """Remove these memories from both stores, where they are there."""
    ids = [*map(identity, numbers)]
    cypher(stack, GONE, ids=ids)
    qdrant(stack, "POST", "/points/delete?wait=true", {"points": ids})


def qdrant(stack: Checkout, method: str, path: str, body: Mapping[str, Any] | str) -> Any:  # noqa: ANN401 - JSON
    """Call Qdrant below MemOS' collection; its answer must be a good one."""
    url = stack.url("QDRANT_HTTP_PORT", f"/collections/{COLLECTION}{path}")
    text = body if isinstance(body, str) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    done = requests.request(method, url, data=text.encode(), headers=headers, timeout=PATIENCE)
    answer = done.json()
    assert answer["status"] == "ok", answer
    return answer

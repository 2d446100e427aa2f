"""How far the stores of vectors beside Qdrant go: Milvus Lite for preferences, and Milvus 2.3.5.

Each is filled until the next step or until its time is over: where it ends is what is asked.
"""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from scripts.core.polling import poll
from tests.bench.scale.filling import BLOCK, Contents, identity
from tests.bench.scale.measuring import Timed, floats, memory
from tests.e2e.kit.checkout import Checkout, made
from tests.e2e.kit.memories import say
from tests.e2e.kit.stores import milvus, milvus_words

STEPS = (1_000, 10_000, 100_000)
SECONDS = 150.0
"""Until a store has to have its rows; what it has then is measured."""
VISIBLE = 30.0
"""Seconds until Milvus serves what was written a moment ago."""
SEARCHES = 20
NEAREST = 6
"""Preferences that MemOS asks for."""
COLLECTION = "scale"
CUBE = "scale-preferences"
CLIENT = """
import json, os, sys
from pymilvus import MilvusClient
name, TIMEOUT = "explicit_preference", 30
client = MilvusClient(
    uri=os.environ["MILVUS_URI"], user="root", password=os.environ["MILVUS_PASSWORD"]
)
fields = ["id", "memory", "original_text", "payload"]
(pattern, *_) = client.query(name, filter='id != ""', output_fields=fields, limit=1)
pattern = {field: pattern[field] for field in fields}
for line in sys.stdin:
    asked = json.loads(line)
    if "rows" in asked:
        rows = [{"id": one, "memory": text, "vector": v} for one, text, v in asked["rows"]]
        rows = [{**pattern, **row} for row in rows]
        client.upsert(name, rows, timeout=TIMEOUT)
        answer = len(rows)
    else:
        cube = pattern["payload"]["mem_cube_id"]
        found = client.search(
            name,
            data=[asked["vector"]],
            anns_field="vector",
            limit=asked["limit"],
            filter=f"payload['mem_cube_id'] == '{cube}'",
            output_fields=["memory"],
            timeout=TIMEOUT,
        )
        answer = [one["entity"]["memory"] for one in found[0]]
    print(json.dumps(answer), flush=True)
"""
"""Runs where MemOS runs, with the client and the address that MemOS has."""


class EndedError(Exception):
    """A store answers no more; its client has told why."""


Note = Callable[[str], None]


class Store(Protocol):
    """What holds texts with their vectors."""

    def insert(self, first: int, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Write rows, numbered from the first."""
        ...

    def search(self, vector: Sequence[float]) -> Sequence[str]:
        """Return the texts of the nearest."""
        ...


def measured(folder: Path, note: Note) -> dict[str, Any]:
    """Measure both in a stack of their own, which is gone afterwards."""
    changes = {
        "IMAGE_SOURCE": "packages",
        "ENABLE_PREFERENCE_MEMORY": "true",
        "WITH_MILVUS": "yes",
    }
    with made(folder, "memos-scale-preferences", changes=changes) as stack:
        stack.inv("up", "--service", "memos", "--service", "milvus")
        contents = Contents.of(stack, 0)
        say(stack, CUBE, "I prefer tea over coffee.")
        found = {}
        with lite(stack) as store:
            name = "Milvus Lite (preference memory)"
            found[name] = [*steps(store, contents, lambda: _held(stack, "preferences"), note)]
        server = Server(stack, contents.size)
        found["Milvus 2.3.5"] = [*steps(server, contents, lambda: _held(stack, "milvus"), note)]
    return {"seconds": SECONDS, "stores": found}


def steps(
    store: Store, contents: Contents, held: Callable[[], int], note: Note
) -> Iterator[dict[str, Any]]:
    """Yield what was measured at each step that was reached, and at the end."""
    until, rows, written = time.monotonic() + SECONDS, 0, 0.0
    for step in STEPS:
        try:
            while rows < step and time.monotonic() < until:
                vectors = [*map(floats, contents.vectors(rows // BLOCK))]
                texts = [contents.text(number) for number in range(rows, rows + BLOCK)]
                began = time.monotonic()
                store.insert(rows, texts, vectors)
                written += time.monotonic() - began
                rows += BLOCK
            row = {
                "rows": rows,
                "rows_a_second": round(rows / written, 1),
                "search": searched(store, contents, rows).document(),
                "memory": held(),
            }
        except EndedError:
            row = {"rows": rows}
        note(json.dumps(row))
        yield row
        if rows < step or "search" not in row:
            return


class Lite:
    """Milvus Lite behind our front, through MemOS' own client."""

    def __init__(self, client: "subprocess.Popen[str]") -> None:
        """Speak to the client that runs."""
        self.client = client

    def insert(self, first: int, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Write rows, numbered from the first."""
        named = map(identity, range(first, first + len(texts)))
        self._ask({"rows": [*zip(named, texts, vectors, strict=True)]})

    def search(self, vector: Sequence[float]) -> Sequence[str]:
        """Return the texts of the nearest."""
        found: Sequence[str] = self._ask({"vector": vector, "limit": NEAREST})
        return found

    def _ask(self, question: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
        assert self.client.stdin
        assert self.client.stdout
        self.client.stdin.write(json.dumps(question) + "\n")
        self.client.stdin.flush()
        answer = self.client.stdout.readline()
        if not answer:
            raise EndedError
        return json.loads(answer)


@contextmanager
def lite(stack: Checkout) -> Iterator[Lite]:
    """Yield the store of preferences while a client runs in the API's container."""
    words = ["docker", "exec", "--interactive", stack.container("memos"), "python", "-c", CLIENT]
    env = {**stack.environ, **stack.engine_env()}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=env, text=True, stdin=pipe, stdout=pipe) as client:
        yield Lite(client)


class Server:
    """The package-built Milvus, over REST; nothing of MemOS is in it."""

    def __init__(self, stack: Checkout, size: int) -> None:
        """Make a collection for vectors of a size."""
        self.stack, self.words = stack, milvus_words(stack)
        milvus(stack, self.words.create, {"collectionName": COLLECTION, "dimension": size})

    def insert(self, first: int, texts: Sequence[str], vectors: Sequence[Sequence[float]]) -> None:
        """Write rows; it numbers them by itself."""
        del first
        rows = [
            {"vector": vector, "text": text} for text, vector in zip(texts, vectors, strict=True)
        ]
        milvus(self.stack, self.words.insert, {"collectionName": COLLECTION, "data": rows})

    def search(self, vector: Sequence[float]) -> Sequence[str]:
        """Return the texts of the nearest."""
        body = {"collectionName": COLLECTION, **self.words.query([*vector]), "limit": NEAREST}
        found = milvus(self.stack, self.words.search, {**body, "outputFields": ["text"]})
        return [one["text"] for one in found]


def searched(store: Store, contents: Contents, rows: int) -> Timed:
    """Search for rows of which the nearest is known, once the last is there."""
    last = floats(contents.vectors(rows // BLOCK - 1)[-1])
    for found in poll(lambda: store.search(last), timeout=VISIBLE, interval=0.5):
        if contents.text(rows - 1) in found:
            break
    source = random.Random(f"preferences {rows}")
    asked = [source.randrange(rows) for _ in range(SEARCHES)]
    near = [(contents.text(one), floats(contents.near(one, source))) for one in asked]
    return Timed.of(lambda text, vector: text in store.search(vector), near)


def _held(stack: Checkout, service: str) -> int:
    return memory(stack)[service]["held"]

"""What is measured of a stack that holds a number of memories."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from scripts.core.inventory import PROJECT_LABEL, SERVICE_LABEL, VOLUME_LABEL
from scripts.core.polling import poll
from scripts.engine.api import Api
from scripts.watch import measuring
from tests.bench.scale.filling import (
    FINENESS,
    MIDDLE,
    SENTENCES,
    SMALL,
    Contents,
    Pattern,
    identity,
    largest,
    qdrant,
    remove,
)
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import remember
from tests.e2e.kit.stores import PATIENCE, cypher

RUNS = 30
"""Of each call to a store."""
API_RUNS = 10
"""Memories that are added to a cube through the API, and then searched for."""
NEAREST = 10
"""Results of a search."""
GB = 10**9
MERGED = """
MERGE (n:Memory {id: $id})
SET n = $node, n.created_at = datetime($node.created_at), n.updated_at = datetime($node.updated_at)
"""
NODES = "MATCH (n:Memory) WHERE n.id IN $ids AND n.user_name = $cube RETURN n"
"""As MemOS asks for what a search by meaning found."""
SNAPSHOT = "scale"
UP = ("up", "--service", "memos")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A stack, and what it holds."""

    stack: Checkout
    contents: Contents
    pattern: Pattern
    vectors: int
    """How many are filled in."""

    @property
    def nodes(self) -> int:
        """How many of the memories have a node."""
        return min(self.vectors, self.contents.nodes)

    @property
    def cubes(self) -> dict[str, str]:
        """The cubes that hold nodes too, by what they are called in tables."""
        return {"of a small cube": self.contents.cube(1), "of the large cube": largest("memories")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Calls that were timed one by one, and how many gave what they had to give."""

    seconds: tuple[float, ...]
    found: int

    @classmethod
    def of(cls, call: Callable[..., bool], each: Iterable[Sequence[object]]) -> "Timed":
        """Call with each of these; the call says whether it gave what it had to give."""
        seconds, found = [], 0
        for arguments in each:
            began = time.perf_counter()
            found += call(*arguments)
            seconds.append(round(time.perf_counter() - began, 5))
        return cls(seconds=tuple(seconds), found=found)

    def document(self) -> dict[str, Any]:
        """Return it as the state of a run has it."""
        return {"seconds": list(self.seconds), "found": self.found}


def calls(held: Held) -> Iterator[tuple[str, Timed]]:
    """Yield what calls take, by their names in the table; all else is idle."""
    yield from stores(held)
    yield from api(held)


def stores(held: Held) -> Iterator[tuple[str, Timed]]:
    """Yield what calls take at the stores themselves."""
    source = random.Random(f"measured {held.vectors}")
    added = [(held, -1 - run, held.contents.near(1, source)) for run in range(RUNS)]
    yield "Qdrant: add one", Timed.of(_add_point, added)
    yield "Neo4j: add one", Timed.of(_add_node, [one[:2] for one in added])
    remove(held.stack, [number for _, number, _ in added])
    kind = "vectors" if held.vectors > 2 * held.nodes else "memories"
    cubes = {**held.cubes, "of the largest cube": largest(kind), "of all": ""}
    for name, cube in cubes.items():
        numbers = _of_cube(held, cube, source)
        asked = [(held, one, held.contents.near(one, source), cube) for one in numbers]
        yield f"Qdrant: search {name}", Timed.of(_search_points, asked)
    yield f"Neo4j: {NEAREST} by id", Timed.of(_nodes, [(held, source)] * RUNS)


def api(held: Held) -> Iterator[tuple[str, Timed]]:
    """Yield what adds and searches take through the API: what was just added is the nearest."""
    for name, cube in held.cubes.items():
        texts = [
            f"{SENTENCES[one * 31 % len(SENTENCES)]} Told at {held.vectors}, {one}."
            for one in range(API_RUNS)
        ]
        asked = [(held.stack, cube, text) for text in texts]
        yield f"API: add, {name}", Timed.of(_remember, asked)
        yield f"API: search {name}", Timed.of(recalled, asked)


def recalled(stack: Checkout, cube: str, text: str) -> bool:
    """Search through the API; say whether this memory is among what is found."""
    body = {"user_id": cube, "readable_cube_ids": [cube], "query": text, "top_k": NEAREST}
    body |= {"mode": "fast"}
    url = stack.url("MEMOS_PORT", "/product/search")
    answer = requests.post(url, json=body, timeout=PATIENCE).json()
    found = (answer.get("data") or {}).get("text_mem") or ()
    return any(text in one["memory"] for of in found for one in of["memories"])


def _remember(stack: Checkout, cube: str, text: str) -> bool:
    remember(stack, cube, text)  # which looks at the answer
    return True


def _of_cube(held: Held, cube: str, source: random.Random) -> Iterator[int]:
    """Yield numbers of memories from all over a cube, or from all cubes."""
    for _ in range(RUNS):
        number = source.randrange(held.vectors)
        while cube not in {"", held.contents.cube(number)}:
            number = source.randrange(held.vectors)
        yield number


def _search_points(held: Held, number: int, vector: bytes, cube: str) -> bool:
    """Search in Qdrant as MemOS does; say whether the nearest is the one that is known."""
    kept = json.loads(held.pattern.payload)
    wanted = {name: kept[name] for name in ("memory_type", "status", "vector_sync")}
    wanted |= {"user_name": cube} if cube else {}
    must = [{"key": name, "match": {"value": value}} for name, value in wanted.items()]
    body = {
        "query": floats(vector),
        "filter": {"must": must},
        "limit": NEAREST,
        "with_vector": True,
        "with_payload": True,
    }
    points = qdrant(held.stack, "POST", "/points/query", body)["result"]["points"]
    return identity(number) in {one["id"] for one in points}


def floats(vector: bytes) -> list[float]:
    """Return a vector as models give it."""
    return [(cell - MIDDLE) * FINENESS for cell in vector]


def _add_point(held: Held, number: int, vector: bytes) -> bool:
    payload = _own(held, held.pattern.payload, number)
    point = f'{{"id":"{identity(number)}","vector":{floats(vector)},"payload":{payload}}}'
    done = qdrant(held.stack, "PUT", "/points?wait=true", f'{{"points":[{point}]}}')
    return str(done["result"]["status"]) == "completed"


def _add_node(held: Held, number: int) -> bool:
    node = json.loads(_own(held, held.pattern.node, number))
    return cypher(held.stack, MERGED, id=identity(number), node=node) == []


def _own(held: Held, form: str, number: int) -> str:
    return held.pattern.filled(form, identity(number), held.contents.cube(1), f"Measured {number}.")


def _nodes(held: Held, source: random.Random) -> bool:
    """Ask for nodes of one cube by their ids; say whether all came."""
    cube = held.contents.cube(1)
    numbers = source.sample(range(1, min(2 * SMALL, held.nodes), 2), NEAREST)
    rows = cypher(held.stack, NODES, ids=[*map(identity, numbers)], cube=cube)
    return len(rows) == NEAREST


def start(held: Held) -> dict[str, float]:
    """Return the seconds from `inv up` after `inv down` until ready, and until one is found."""
    held.stack.inv("down")
    began = time.monotonic()
    held.stack.inv(*UP)
    ready = time.monotonic() - began
    for found in poll(lambda: _known_is_found(held), timeout=PATIENCE, interval=0.1):
        if found:
            break
    return {"ready": round(ready, 2), "found": round(time.monotonic() - began, 2)}


def snapshot(held: Held) -> dict[str, float]:
    """Return the seconds that a snapshot of all takes to be saved and restored, and what it has."""
    stack, name = held.stack, f"{SNAPSHOT}-{held.vectors}"
    data = sum(disk(stack).values())
    try:
        save = _seconds(stack, "snapshot.save", "--name", name)
        rows = stack.inv("snapshot.list", "--format", "json").document["snapshots"]
        (size,) = (one["bytes"] for one in rows if one["name"] == name)
        restore = _seconds(stack, "snapshot.restore", name, "--yes")
    finally:
        stack.inv("snapshot.delete", name, "--yes", check=False)
    assert _known_is_found(held), "what was restored lacks a vector"
    return {"save": save, "restore": restore, "data_gb": round(data / GB, 3), "file_gb": size / GB}


def commands(held: Held) -> dict[str, float]:
    """Return the seconds of commands that look at all that is held; they must find all of it."""
    counted = held.stack.inv("memories", "--format", "json").document
    assert counted["vectors"] >= held.vectors
    assert counted["nodes"] >= held.nodes
    assert counted["nodes_without_vector"] == 0
    assert counted["vectors_without_node"] == held.vectors - held.nodes
    lists = {"inv memories": ("memories",), "inv smoke": ("smoke",), "inv ps": ("ps",)}
    return {name: _seconds(held.stack, *words) for name, words in lists.items()}


def memory(stack: Checkout) -> dict[str, dict[str, int]]:
    """Return the bytes that each container holds, those of them that are no file, and its limit."""
    api = Api(stack.engine_env()["DOCKER_HOST"])
    found = {}
    for row in api.get("/containers/json", filters={"label": [_label(stack)]}) or ():
        stats = api.get(f"/containers/{row['Id']}/stats", stream=False, **{"one-shot": True})
        held, used = stats["memory_stats"], measuring.usage(stats)
        if "stats" not in held:  # it was killed at its limit and is started anew just now
            continue
        own = held["stats"].get("total_rss", held["stats"].get("anon", 0))
        found[row["Labels"][SERVICE_LABEL]] = {
            "held": used.memory if used else 0,
            "own": own,
            "limit": held["limit"],
        }
    return found


def disk(stack: Checkout) -> dict[str, int]:
    """Return the bytes that each volume takes on the disk, by its name in the compose file.

    Those of services that run; the engine itself counts what is only reserved in their files.
    """
    api, found = Api(stack.engine_env()["DOCKER_HOST"]), {}
    for row in api.get("/containers/json", filters={"label": [_label(stack)]}) or ():
        for mount in row["Mounts"]:
            if mount["Type"] == "volume":
                words = ("exec", "--user=0", row["Id"], "du", "-sk", mount["Destination"])
                volume = api.get(f"/volumes/{mount['Name']}")
                kib = int(stack.docker(*words).stdout.split()[0])
                found[volume["Labels"][VOLUME_LABEL]] = kib * 1024
    return found


def _label(stack: Checkout) -> str:
    return f"{PROJECT_LABEL}={stack.project}"


def _known_is_found(held: Held) -> bool:
    vector = held.contents.near(1, random.Random("known"))
    return _search_points(held, 1, vector, held.contents.cube(1))


def _seconds(stack: Checkout, *words: str) -> float:
    began = time.monotonic()
    stack.inv(*words)
    return round(time.monotonic() - began, 2)

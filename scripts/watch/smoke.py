"""A memory into the stack, found by its meaning and in every store, and out again: the job itself.

MemOS' own delete does nothing in 2.0.6, so the traces are removed in the databases themselves.
"""

import functools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

from scripts.core.errors import BrokenError
from scripts.core.polling import poll
from scripts.core.stack import Auth, Probe, Service, Stack
from scripts.watch.milvus_rest import PREFERENCES, V1, V2, MilvusWords, by_cube
from scripts.watch.probes import call

TEXT = "The lighthouse keeper counts the ships every evening."
QUESTION = "Who observes the boats at nightfall?"
"""What TEXT answers, with none of its words. The local model's score for the two is 0.58 to 0.60;
MemOS drops what has less than 0.45, from 2.0.7 on."""
BESIDE = (
    "Grandmother bakes bread with walnuts on Sundays.",
    "The train to the mountains leaves from platform nine.",
)
"""Memories that do not answer it: 0.05 and 0.18."""
KEPT = "The spare key of the boathouse hangs behind the kitchen door."
KEPT_QUESTION = "Where is the spare key of the boathouse?"
COLLECTION = "neo4j_vec_db"
TIMEOUT = 60.0
"""Seconds for one call; the first memory took 2.7 s on two cores."""
SETTLE = 30.0
"""Seconds for what is done in the background: a memory that is worked off, a preference."""
AT_ONCE = {"async_mode": "sync", "mode": "fast"}
"""How a memory is added so that nothing comes after the answer."""
API, CYPHER, VECTORS, MILVUS = 8000, 7474, 6333, 19530
"""Container ports, by which the services are found."""
OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One thing that was tried, and what it showed."""

    name: str
    detail: str


def run(stack: Stack, cube: str, *, dimension: int, preferences: bool) -> Iterator[Stage]:
    """Try everything under one cube id that nobody else has; the traces go away in any case.

    `dimension` is how many numbers a vector must have. Raises BrokenError with what was asked,
    what was answered and where to look.
    """
    with _tidied(lambda: _remove(stack, cube, preferences=preferences)):
        yield _add(stack, cube)
        yield _read_back(stack, cube)
        yield _node(stack, cube)
        yield _vector(stack, cube, dimension)
        yield _search(stack, cube)
        yield _background(stack, cube)
        if preferences:
            yield _preference(stack, cube)
        if any(port.target == MILVUS for service in stack.services for port in service.ports):
            yield _milvus(stack, cube)
    yield _absent(stack, cube, preferences=preferences)


@contextmanager
def _tidied(tidy: Callable[[], object]) -> Iterator[None]:
    """Tidy up after the block in any case; of two failures the first is the one to tell."""
    try:
        yield
    except BaseException:
        with suppress(BrokenError):
            tidy()
        raise
    tidy()


def _add(stack: Stack, cube: str) -> Stage:
    # in the middle, so that neither the order of adding nor its reverse puts it first
    before, after = BESIDE
    _, memory, _ = [_added(stack, cube, text) for text in (before, TEXT, after)]
    return Stage(name="add", detail=f"memory {memory} in cube {cube}, 2 others beside it")


def _added(stack: Stack, cube: str, text: str, options: dict[str, str] = AT_ONCE) -> str:
    """Add a memory and return its id."""
    body = {
        "user_id": cube,
        "writable_cube_ids": [cube],
        "messages": [{"role": "user", "content": text}],
        **options,
    }
    answer = _ask(stack, API, "/product/add", body)
    # a failure answers 200 as well: only an id counts
    ids = [memory["memory_id"] for memory in answer.get("data") or () if memory.get("memory_id")]
    _demand(bool(ids), "memos", f"POST /product/add stored nothing: {_short(answer)}")
    return str(ids[0])


def _read_back(stack: Stack, cube: str) -> Stage:
    body = {"user_id": cube, "mem_cube_ids": [cube], "memory_type": "text_mem"}
    answer = _ask(stack, API, "/product/get_all", body)
    _demand(TEXT in json.dumps(answer), "memos", f"get_all does not give it back: {_short(answer)}")
    return Stage(name="get_all", detail="the API gives it back")


def _node(stack: Stack, cube: str) -> Stage:
    found = _cypher(stack, "MATCH (n:Memory {user_name: $cube}) RETURN n.memory", cube)
    _demand(TEXT in json.dumps(found), "neo4j", f"no node with it in Neo4j: {found}")
    return Stage(name="neo4j", detail=f"nodes: {len(found)}")


def _vector(stack: Stack, cube: str, dimension: int) -> Stage:
    points = _points(stack, cube)
    sizes = {len(point["vector"]) for point in points}
    _demand(bool(points), "qdrant", f"no point of cube {cube} in {COLLECTION}")
    _demand(sizes == {dimension}, "qdrant", f"vectors of {sizes} numbers, wanted {dimension}")
    return Stage(name="qdrant", detail=f"vectors: {len(points)}, of {dimension} numbers")


def _search(stack: Stack, cube: str) -> Stage:
    """Ask as a user does, with the API's defaults: a failed search answers 200 and nothing, too."""
    answer = _searched(stack, cube, QUESTION)
    ranked = [
        (memory["memory"], memory["metadata"].get("relativity") or 0.0)
        for memory in _memories(answer)
    ]
    if not ranked:
        raise BrokenError(
            f"memos: POST /product/search found nothing, though all is stored: {_short(answer)}",
            next_step="inv logs --service memos --level error; docs/memos-versions.md has the"
            " releases whose search fails, and what MEMOS_MENDS in .env does",
        )
    (first, score), *others = ranked
    # a chat model may have made more than one memory of it
    rest = [other for memory, other in others if TEXT not in memory]
    _demand(
        TEXT in first and score > max(rest, default=0.0),
        "memos",
        f"search for {QUESTION!r} does not put {TEXT!r} before all others: {_short(ranked)}",
    )
    return Stage(name="search", detail=f"first for {QUESTION!r}, score {score:.2f}")


def _background(stack: Stack, cube: str) -> Stage:
    """Add with the API's defaults: it answers at once, and works on the memory afterwards."""
    before, began = _ids(stack, cube), time.monotonic()
    answered = _added(stack, cube, KEPT, {})
    ids = _worked_off(stack, cube, before, answered)
    took = time.monotonic() - began
    if not ids:
        raise BrokenError(
            f"memos: what POST /product/add stored with its defaults was gone after {took:.1f} s",
            next_step="inv logs --service memos --level error; docs/memos-versions.md has the"
            " releases that lose it, and what MEMOS_MENDS in .env does",
        )
    missing = ids - {str(point["id"]) for point in _points(stack, cube)}
    _demand(not missing, "qdrant", f"no vector of {missing}, added with the API's defaults")
    answer = _searched(stack, cube, KEPT_QUESTION)
    _demand(
        any(memory.get("id") in ids for memory in _memories(answer)),
        "memos",
        f"search for {KEPT_QUESTION!r} does not find {KEPT!r}: {_short(answer)}",
    )
    how = "not worked off yet" if answered in ids else "worked off"
    return Stage(name="defaults", detail=f"added with them, {how} after {took:.1f} s, and found")


def _worked_off(stack: Stack, cube: str, before: set[str], answered: str) -> set[str]:
    """Wait until other memories stand for the one that was answered; return their ids.

    Some releases leave none. A chat model puts it in words of its own, so only ids tell.
    """
    ids: set[str] = set()
    for ids in poll(lambda: _ids(stack, cube) - before, timeout=SETTLE, interval=0.2):
        if answered not in ids:
            break
    return ids


def _searched(stack: Stack, cube: str, question: str) -> dict[str, Any]:
    body = {"user_id": cube, "readable_cube_ids": [cube], "query": question}
    return _ask(stack, API, "/product/search", body)


def _memories(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the memories of a search's answer, the nearest first."""
    cubes = (answer.get("data") or {}).get("text_mem") or ()
    return [memory for cube in cubes for memory in cube["memories"]]


def _ids(stack: Stack, cube: str) -> set[str]:
    rows = _cypher(stack, "MATCH (n:Memory {user_name: $cube}) RETURN n.id", cube)
    return {row["row"][0] for row in rows}


def _milvus(stack: Stack, cube: str) -> Stage:
    name = "smoke_" + cube.replace("-", "_")
    near, far = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]
    speaks = _milvus_words(stack)
    rows: list[dict[str, Any]] = [
        {"vector": near, "word": "near", **({"id": 1} if speaks.own_ids else {})},
        {"vector": far, "word": "far", **({"id": 2} if speaks.own_ids else {})},
    ]
    with _tidied(lambda: _milvus_ask(stack, speaks.drop, {"collectionName": name})):
        _milvus_ask(stack, speaks.create, {"collectionName": name, "dimension": 4})
        _milvus_ask(stack, speaks.insert, {"collectionName": name, "data": rows})
        found: list[dict[str, Any]] = []
        search = {
            "collectionName": name,
            **speaks.query(near),
            "limit": 1,
            "outputFields": ["word"],
        }
        for found in poll(
            lambda: _milvus_ask(stack, speaks.search, search), timeout=SETTLE, interval=0.2
        ):
            if found:
                break
        _demand([row.get("word") for row in found] == ["near"], "milvus", f"search gave {found}")
    return Stage(name="milvus", detail="inserted 2 vectors, found the near one, removed them")


def _preference(stack: Stack, cube: str) -> Stage:
    for found in poll(lambda: _preferences(stack, cube), timeout=SETTLE, interval=1.0):
        if found:
            return Stage(name="preference", detail=f"{len(found)} preferences in Milvus")
    raise BrokenError(
        f"no preference of cube {cube} arrived in Milvus within {SETTLE:.0f} s",
        next_step="check the chat model in .env; inv logs --service memos",
    )


def _remove(stack: Stack, cube: str, *, preferences: bool) -> None:
    """Try every removal, whatever becomes of the one before; raise the first failure."""
    points = f"/collections/{COLLECTION}/points/delete?wait=true"
    delete = "/v2/vectordb/entities/delete"
    steps: list[Callable[[], object]] = [
        lambda: _cypher(stack, "MATCH (n {user_name: $cube}) DETACH DELETE n", cube),
        lambda: _ask(stack, VECTORS, points, {"filter": _of(cube)}),
    ]
    for name in PREFERENCES if preferences else ():
        body = {"collectionName": name, "filter": by_cube(cube)}
        steps.append(functools.partial(_milvus_ask, stack, delete, body))
    failures = []
    for step in steps:
        try:
            step()
        except BrokenError as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _absent(stack: Stack, cube: str, *, preferences: bool) -> Stage:
    left = _cypher(stack, "MATCH (n {user_name: $cube}) RETURN n.id", cube)
    _demand(not left, "neo4j", f"{len(left)} nodes could not be removed")
    _demand(not _points(stack, cube), "qdrant", "the points could not be removed")
    if preferences:
        _demand(not _preferences(stack, cube), "milvus", "the preferences could not be removed")
    return Stage(name="removed", detail="no trace of it left")


def _cypher(stack: Stack, statement: str, cube: str) -> list[Any]:
    body = {"statements": [{"statement": statement, "parameters": {"cube": cube}}]}
    answer = _ask(stack, CYPHER, "/db/neo4j/tx/commit", body)
    _demand(not answer["errors"], "neo4j", f"{statement}: {answer['errors']}")
    return list(answer["results"][0]["data"])


def _of(cube: str) -> dict[str, Any]:
    return {"must": [{"key": "user_name", "match": {"value": cube}}]}


def _points(stack: Stack, cube: str) -> list[dict[str, Any]]:
    body = {"filter": _of(cube), "limit": 100, "with_vector": True}
    answer = _ask(stack, VECTORS, f"/collections/{COLLECTION}/points/scroll", body)
    return list(answer["result"]["points"])


def _preferences(stack: Stack, cube: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in PREFERENCES:
        body = {"collectionName": name, "filter": by_cube(cube), "outputFields": ["id"]}
        found += _milvus_ask(stack, "/v2/vectordb/entities/query", body)
    return found


def _milvus_words(stack: Stack) -> MilvusWords:
    """Return the words of the version that the probe speaks."""
    return V2 if _behind(stack, MILVUS)[1].path.startswith("/v2/") else V1


def _milvus_ask(stack: Stack, path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    answer = _ask(stack, MILVUS, path, body)
    # errors come as HTTP 200 with another code; 2.3 says 200 for good, 2.5 says 0
    _demand(answer.get("code") in {0, OK}, "milvus", f"{path}: {_short(answer)}")
    data = answer.get("data")
    return data if isinstance(data, list) else []


def _behind(stack: Stack, target: int) -> tuple[Service, Probe]:
    """Return the service behind a container port and a probe to call it with."""
    for service in stack.services:
        for port in service.ports:
            if port.target == target:
                logins = [probe for probe in service.probes if probe.port == port.published]
                auth: Auth | None = next((probe.auth for probe in logins if probe.auth), None)
                path = logins[0].path if logins else "/"
                host = logins[0].host if logins else port.host
                return service, Probe(
                    kind="http", host=host, port=port.published, path=path, auth=auth
                )
    raise BrokenError(f"no service publishes container port {target}", next_step="inv config")


def _ask(stack: Stack, target: int, path: str, body: dict[str, Any]) -> dict[str, Any]:
    service, probe = _behind(stack, target)
    status, answer = call(
        replace(probe, method="POST", path=path, body=json.dumps(body)), timeout=TIMEOUT
    )
    _demand(
        status == OK and isinstance(answer, dict),
        service.name,
        f"POST {path} answered {status}: {_short(answer)}",
    )
    return dict(answer)


def _demand(holds: bool, service: str, otherwise: str) -> None:  # noqa: FBT001 - reads as assert
    if not holds:
        raise BrokenError(
            f"{service}: {otherwise}", next_step=f"inv ps, then: inv logs --service {service}"
        )


def _short(answer: object) -> str:
    return json.dumps(answer, ensure_ascii=False)[:300]

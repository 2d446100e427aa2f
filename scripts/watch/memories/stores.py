"""Asks Neo4j and Qdrant for what MemOS keeps, over their published ports; the API is not asked.

Everything is asked in pages or summed up by the server: with a million memories no answer has more
than some megabytes.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from scripts.core.errors import BrokenError, ConfigError
from scripts.core.foreign import documents
from scripts.core.stack import Probe, Service, Stack
from scripts.core.texts import printable
from scripts.watch.calls.milvus_rest import KEEPERS, PREFERENCES
from scripts.watch.memories.embedding import Embed
from scripts.watch.memories.halves import Bare, Key, Kind, Loose, Nodes, Store, key, split, written
from scripts.watch.probes import call
from scripts.watch.published import CYPHER, VECTORS, behind, require_login, serving, shaped

T = TypeVar("T")

COMMIT = "/db/neo4j/tx/commit"
"""The only database of the community edition; MemOS' NEO4J_DB_NAME names it too."""
COLLECTION = "/collections/neo4j_vec_db"
"""MemOS has no other (src/memos/api/config.py)."""
TIMEOUT = 60.0
"""Seconds for one answer."""
PAGE = 10_000
"""Ids of one question or answer: half a megabyte. Without an index of them, which MemOS' mends
make, Neo4j looks at every node each time: 0.1 s for 100,000."""
NODES = 200_000
"""Nodes of one answer: with UUIDs as their ids 8 MB."""
TEXT = 500
"""Characters of a memory that are asked for."""
GROUPS = """
MATCH (n:Memory) WHERE id(n) > $after
WITH n ORDER BY id(n) LIMIT $limit
RETURN n.user_name, n.memory_type, n.status, count(*), collect(n.id), max(id(n))
"""
"""By Neo4j's own numbers of nodes: MemOS' ids may be missing, and have no index without a mend."""
THERE = "MATCH (n:Memory) WHERE n.id IN $ids RETURN DISTINCT n.id"
FIELDS = ("user_name", "memory_type", "status", "created_at", "memory")
LISTED = f"""
RETURN n.id, n.memory_type, n.status, toStringOrNull(n.created_at),
       left(toStringOrNull(n.memory), {TEXT})
ORDER BY n.created_at DESC, n.id LIMIT $limit
"""
WHOLE = """
MATCH (n:Memory) WHERE n.id IN $ids
RETURN n.id, toStringOrNull(n.memory), properties(n)
"""
MARKED = (
    "MATCH (n:Memory) WHERE n.id IN $ids AND n.vector_sync <> $synced SET n.vector_sync = $synced"
)
SYNCED = "success"
"""MemOS' word; its search asks for vectors with this one alone."""
TIMES = ("created_at", "updated_at")
OF_NODE = frozenset({"id", "embedding"})
"""What a node holds and its point does not."""
OF_CUBE = f"MATCH (n:Memory {{user_name: $cube}}) WHERE NOT coalesce(n.id, '') IN $ids {LISTED}"
OF_IDS = f"MATCH (n:Memory {{user_name: $cube}}) WHERE n.id IN $ids {LISTED}"
BACKENDS = ("GRAPH_DB_BACKEND", "NEO4J_BACKEND")
"""Variables that name MemOS' store, in the order in which it reads them."""
COMMUNITY = "neo4j-community"
MILVUS_QUERY = "/v2/vectordb/entities/query"
"""Versions of Milvus without it keep no preferences: they lack what MemOS needs."""
NO_COLLECTION = 100
ROWS, ROWS_PAGE = 16_000, 1_000
"""Preferences of each kind that are counted, Milvus' own limit, and of one answer: a megabyte."""
SHOWN = 300
"""Characters of an answer that an error quotes."""
OK, MISSING = 200, 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One of the stores: its service, and how it is called."""

    service: Service
    probe: Probe
    start: str
    """The command that starts both."""
    timeout: float = TIMEOUT

    def ask(self, path: str, body: object, *, method: str = "POST", absent: object = None) -> Any:  # noqa: ANN401 - JSON
        """Call it; give the JSON of its answer, or `absent` for 404 where that is given.

        Raises BrokenError when it does not answer, rejects the login, or says no.
        """
        asked = replace(self.probe, method=method, path=path, body=json.dumps(body))
        status, answer = call(asked, timeout=self.timeout)
        if status == OK and isinstance(answer, dict):
            return answer
        if status == MISSING and absent is not None:
            return absent
        require_login(self.service, self.probe, status)
        raise self._refused(status, answer)

    def _refused(self, status: int, answer: object) -> BrokenError:
        name = self.service.name
        if not status:
            return BrokenError(
                f"{name} does not answer at {self.probe.host}:{self.probe.port}: {answer}",
                next_step=self.start,
            )
        return self.broken(f"answered {status}: {json.dumps(answer, ensure_ascii=False)}")

    def broken(self, what: str) -> BrokenError:
        """Return the error for an answer of which nothing can be made; it may hold anything."""
        name = self.service.name
        return BrokenError(
            f"{name}: {printable(what[:SHOWN])}", next_step=f"inv logs --service {name}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The two databases of one stack."""

    neo4j: Database
    qdrant: Database
    milvus: Database | None = None
    """Where preferences are; None where there are none, or where they are nodes (from 2.0.8 on)."""

    @classmethod
    def of(cls, stack: Stack, value: Callable[[str], str], *, timeout: float = TIMEOUT) -> "Stores":
        """Find the databases by the container ports that they publish.

        `value` gives that of a variable; `timeout` is for one answer, in seconds. Raises
        ConfigError where MemOS keeps vectors elsewhere.
        """
        _require_both(value)
        found = [behind(stack, target) for target in (CYPHER, VECTORS)]
        start = " ".join(["inv up", *(f"--service {service.name}" for service, _ in found)])
        neo4j, qdrant = (
            Database(service=service, probe=probe, start=start, timeout=timeout)
            for service, probe in found
        )
        on = value("ENABLE_PREFERENCE_MEMORY") == "true"
        return cls(neo4j=neo4j, qdrant=qdrant, milvus=_milvus(stack) if on else None)

    def look(self) -> Store:
        """Return what both hold now, and what lacks its other half.

        While MemOS writes, a half may be there a moment before the other: what seems to lack one
        is asked for again.
        """
        with ThreadPoolExecutor(max_workers=1) as pool:
            groups_to_come = pool.submit(self._groups)
            vectors = self._vectors()
            groups = groups_to_come.result()
        found = split(groups, vectors)
        bare = [one for some in _batches(found.bare) for one in self._still_bare(some)]
        loose = sorted(map(written, found.loose), key=str)
        return Store(
            kinds=tuple(group.kind for group in groups),
            paired=found.paired,
            nameless=found.nameless,
            bare=tuple(bare),
            loose=tuple(one for some in _batches(loose) for one in self._still_loose(some)),
        )

    def preferences(self) -> dict[str, int] | None:
        """Return how many preferences each cube has; None where none are kept beside memories.

        Raises BrokenError where they cannot be counted.
        """
        if self.milvus is None:
            return None
        found: Counter[str] = Counter()
        for name in PREFERENCES:
            for offset in range(0, ROWS, ROWS_PAGE):
                cubes = self._preference_cubes(self.milvus, name, offset)
                found.update(cubes)
                if len(cubes) < ROWS_PAGE:
                    break
            else:
                raise self.milvus.broken(f"more than {ROWS:,} preferences in {name}")
        return dict(found)

    def _preference_cubes(self, milvus: Database, name: str, offset: int) -> list[str]:
        """Return the cube of each preference on one page; none where there is no collection."""
        body = {"collectionName": name, "filter": 'id != ""', "outputFields": ["payload"]}
        answer = milvus.ask(MILVUS_QUERY, {**body, "limit": ROWS_PAGE, "offset": offset})
        cubes: list[str] = []
        with shaped(milvus.service.name):
            if answer["code"] not in {0, NO_COLLECTION}:
                raise milvus.broken(str(answer.get("message")))
            for row in answer.get("data") or ():
                # Milvus gives a field of JSON as text
                kept = row["payload"]
                payload = documents.parsed(kept) if isinstance(kept, str) else kept
                cubes.append(_word(payload.get("mem_cube_id")))
        return cubes

    def _still_bare(self, nodes: Sequence[Bare]) -> Iterator[Bare]:
        """Yield those of these nodes that are there now, without a vector."""
        there = self._nodes_of([one.id for one in nodes])
        vectors = {
            key(point["id"])
            for point in self._points(
                [written(key(one.id)) for one in nodes if isinstance(key(one.id), bytes)],
                payload=False,
            )
        }
        yield from (one for one in nodes if one.id in there and key(one.id) not in vectors)

    def _still_loose(self, ids: Sequence[int | str], *fields: str) -> Iterator[Loose]:
        """Yield those of these vectors that are there now, without a node, with these fields."""
        there = self._nodes_of([str(one) for one in ids])
        wanted = [one for one in ids if str(one) not in there]
        yield from map(_loose, self._points(wanted, payload=["user_name", *fields]))

    def remove_loose(self, ids: Sequence[int | str]) -> int:
        """Remove those of these vectors that have no node now; give how many that were."""
        count = 0
        for some in _batches(ids):
            loose = [one.id for one in self._still_loose(some)]
            if loose:
                path = f"{COLLECTION}/points/delete?wait=true"
                self.qdrant.ask(path, {"points": loose})
            count += len(loose)
        return count

    def give_vectors(self, nodes: Sequence[Bare], embed: Embed) -> int:
        """Give those of these nodes a vector that have none now; give how many that were.

        The point holds what MemOS writes into it (`add_nodes_batch`).
        """
        # another id than a UUID is none that Qdrant takes
        there = [one.id for one in self._still_bare(nodes) if isinstance(key(one.id), bytes)]
        found, rows = self._cypher(WHOLE, ids=there), list[tuple[str, str, dict[str, Any]]]()
        with shaped(self.neo4j.service.name):
            rows += [(str(number), str(text), dict(kept)) for number, text, kept in found if text]
        if not rows:
            return 0
        made = embed([text for _, text, _ in rows])
        points = [
            {"id": written(key(number)), "vector": vector, "payload": _payload(text, kept)}
            for (number, text, kept), vector in zip(rows, made, strict=True)
        ]
        path = f"{COLLECTION}/points?wait=true"
        if not self.qdrant.ask(path, {"points": points}, method="PUT", absent={}):
            raise BrokenError(
                f"{self.qdrant.service.name} has no collection for vectors: MemOS makes it when it"
                " starts",
                next_step="inv restart, then again",
            )
        self._cypher(MARKED, ids=[row[0] for row in rows], synced=SYNCED)
        return len(points)

    def memories(self, store: Store, cube: str, limit: int) -> list[dict[str, Any]]:
        """Return memories of one cube: what lacks a half first, then the newest, up to `limit`."""
        bare = [one.id for one in store.bare if one.cube == cube]
        loose = [one.id for one in store.loose if one.cube == cube][:limit]
        rows = [_listed(one) for one in self._still_loose(loose, *FIELDS)]
        asked = {"cube": cube, "ids": bare}
        if bare and len(rows) < limit:
            rows += self._rows(OF_IDS, "vector", **asked, limit=limit - len(rows))
        if len(rows) < limit:
            rows += self._rows(OF_CUBE, "", **asked, limit=limit - len(rows))
        return rows

    def _rows(self, statement: str, lacks: str, **parameters: object) -> list[dict[str, Any]]:
        names, rows = ("id", "type", "status", "created", "text"), []
        found = self._cypher(statement, **parameters)
        with shaped(self.neo4j.service.name):
            rows += [{**dict(zip(names, map(_word, row), strict=True))} for row in found]
        return [{**row, "lacks": lacks} for row in rows]

    def _groups(self) -> tuple[Nodes, ...]:
        found: dict[tuple[str, str, str], list[str]] = {}
        counted: Counter[tuple[str, str, str]] = Counter()
        after, page = -1, NODES
        while page >= NODES:
            before, page = after, 0
            rows = self._cypher(GROUPS, after=after, limit=NODES)
            with shaped(self.neo4j.service.name):
                for cube, kind, status, count, ids, last in rows:
                    words = _word(cube), _word(kind), _word(status)
                    found.setdefault(words, []).extend(one for one in ids if isinstance(one, str))
                    counted[words] += int(count)
                    after, page = max(after, int(last)), page + int(count)
            if page and after == before:
                raise self.neo4j.broken("it gives pages without end")
        return tuple(
            Nodes(kind=Kind(cube=cube, type=kind, status=status, nodes=count), ids=found[words])
            for words, count in counted.items()
            for cube, kind, status in [words]
        )

    def _vectors(self) -> set[Key]:
        """Return the ids of all vectors; none where there is no collection yet."""
        found: set[Key] = set()
        asked: dict[str, object] = {"limit": PAGE, "with_payload": False, "with_vector": False}
        nothing: dict[str, Any] = {"result": {"points": [], "next_page_offset": None}}
        while True:
            answer = self.qdrant.ask(f"{COLLECTION}/points/scroll", asked, absent=nothing)
            before = len(found)
            with shaped(self.qdrant.service.name):
                found.update(key(point["id"]) for point in answer["result"]["points"])
                asked["offset"] = answer["result"]["next_page_offset"]
            if asked["offset"] is None:
                return found
            if len(found) == before:
                raise self.qdrant.broken("it gives pages without end")

    def _nodes_of(self, ids: Sequence[str]) -> set[str]:
        rows, found = self._cypher(THERE, ids=ids) if ids else [], set[str]()
        with shaped(self.neo4j.service.name):
            found |= {str(row[0]) for row in rows}
        return found

    def _points(self, ids: Sequence[int | str], *, payload: object) -> list[dict[str, Any]]:
        """Return those of these vectors that are there."""
        body = {"ids": ids, "with_payload": payload, "with_vector": False}
        if not ids:
            return []
        answer = self.qdrant.ask(f"{COLLECTION}/points", body, absent={"result": []})
        points: list[dict[str, Any]] = []
        with shaped(self.qdrant.service.name):
            points.extend(
                {"id": one["id"], "payload": dict(one.get("payload") or {})}
                for one in answer["result"]
            )
        return points

    def _cypher(self, statement: str, **parameters: object) -> list[list[Any]]:
        """Run a statement; give its rows."""
        body = {"statements": [{"statement": statement, "parameters": parameters}]}
        answer = self.neo4j.ask(COMMIT, body)
        rows: list[list[Any]] = []
        with shaped(self.neo4j.service.name):
            if errors := answer["errors"]:
                raise self.neo4j.broken(str(errors[0]["message"]))
            rows.extend(list(row["row"]) for row in answer["results"][0]["data"])
        return rows


def _batches(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    return (whole[at : at + PAGE] for at in range(0, len(whole), PAGE))


def _payload(text: str, node: dict[str, Any]) -> dict[str, Any]:
    """Return what MemOS keeps beside a vector: all of the node, its moments as they were given."""
    kept = {name: value for name, value in node.items() if name not in OF_NODE}
    # Neo4j takes a moment without a zone as UTC, and says so
    times = {name: _word(kept[name]).removesuffix("Z") for name in TIMES if name in kept}
    return {**kept, **times, "memory": text, "vector_sync": SYNCED}


def _loose(point: dict[str, Any]) -> Loose:
    payload = point.get("payload") or {}
    names = ("cube", "type", "status", "created", "text")
    words = {name: _word(payload.get(given)) for name, given in zip(names, FIELDS, strict=True)}
    return Loose(id=point["id"], **{**words, "text": words["text"][:TEXT]})


def _listed(one: Loose) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "type": one.type,
        "status": one.status,
        "created": one.created,
        "text": one.text,
        "lacks": "node",
    }


def _word(value: object) -> str:
    """Return what should be a text; whoever writes into a database may leave anything there."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _require_both(value: Callable[[str], str]) -> None:
    """Raise ConfigError unless MemOS is to keep nodes in Neo4j and vectors in Qdrant."""
    name = next((name for name in BACKENDS if value(name)), "")
    backend = value(name)
    if backend.lower() not in {"", COMMUNITY}:
        raise ConfigError(
            f"{name} is {backend!r}: MemOS keeps no vectors in Qdrant then, and there is nothing to"
            " compare",
            next_step=f"{name}={COMMUNITY} in .env, if that is what you want; inv env",
        )


def _milvus(stack: Stack) -> Database | None:
    """Return what keeps preferences: a service that speaks version 2 of Milvus' interface."""
    for target in KEEPERS:
        if serving(stack, target) is not None:
            service, probe = behind(stack, target)
            if probe.path.startswith("/v2/"):
                start = f"inv up --service {service.name}"
                return Database(service=service, probe=probe, start=start)
    return None

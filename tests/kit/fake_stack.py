"""MemOS, Neo4j, Qdrant and Milvus as far as `smoke` talks to them, behind one port.

Answers have the shapes of the real ones (MemOS 2.0.6, Neo4j 5.26, Qdrant 1.15, Milvus 2.3 and 2.5).
"""

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from scripts.core.files import Json
from tests.kit import fake_stores
from tests.kit.servers import Answer, Request, http

SCORES = {
    "boats/lighthouse": 0.59,
    "physician/doctor": 0.66,
    "糕点/面包": 0.7,
    "/": 0.1,
}


@dataclass(slots=True)
class FakeStack:
    """What the databases hold, and what is wrong: a path's own answer instead of the right one."""

    faults: dict[str, Answer] = field(default_factory=dict)
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Memories by cube and id."""
    points: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    keeps: bool = True
    """What is worked off in the background is replaced; else the memory goes, its vector stays."""
    rewritten: tuple[str, str] = ("", "")
    """A word that becomes another when a memory is worked off, as a chat model does."""
    scores: dict[str, float] = field(default_factory=lambda: dict(SCORES))
    """How near a search finds a memory, by words of the question and of the memory."""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    preferences: dict[str, int] = field(default_factory=dict)
    """How often each cube's preferences are still asked for in vain."""
    deletes: bool = True
    """The API's delete removes the vector too."""
    searches_in_vain: int = 0
    looks_in_vain: int = 1
    """How often Neo4j is still asked before a memory is worked off."""
    waiting: list[tuple[str, str]] = field(default_factory=list)
    """Cubes and ids of memories that are to be worked off."""
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    paths: list[str] = field(default_factory=list)

    def respond(self, request: Request) -> Answer:
        """Answer one request."""
        path = request.path.partition("?")[0]
        self.paths.append(path)
        if path in self.faults:
            return self.faults[path]
        body = json.loads(request.body or b"{}")
        for begins, answer in self._answers().items():
            if path.startswith(begins):
                return answer(path, body)
        return 200, {"code": 200, "data": []}

    def _answers(self) -> dict[str, Callable[[str, Any], Answer]]:
        return {
            "/product/add": self._add,
            "/product/get_all": self._get_all,
            "/product/search": self._search,
            "/product/delete_memory": self._delete,
            "/product/feedback": self._feedback,
            "/db/neo4j/tx/commit": self._cypher,
            "/collections/neo4j_vec_db": self._qdrant,
            "/v1/vector": self._milvus,
            "/v2/vectordb": self._milvus,
        }

    def _add(self, path: str, body: Json) -> Answer:
        del path
        (cube,) = body.get("writable_cube_ids") or [body["user_id"]]
        text = body["messages"][0]["content"]
        memory = self._store(cube, text)
        if "async_mode" not in body:
            self.waiting.append((cube, memory))
        if "prefer" in text:
            self.preferences.setdefault(cube, 0)
        data = [{"memory": text, "memory_id": memory, "memory_type": "UserMemory"}]
        return 200, {"code": 200, "message": "Memory added successfully", "data": data}

    def _store(self, cube: str, text: str) -> str:
        memory = f"4f2c-{next(self.ids)}"
        self.nodes.setdefault(cube, {})[memory] = text
        self.points.setdefault(cube, {})[memory] = [0.5] * 384
        return memory

    def _work_off(self) -> None:
        if self.looks_in_vain > 0:
            self.looks_in_vain -= 1
            return
        for cube, memory in self.waiting:
            text = self.nodes[cube].pop(memory)
            if self.keeps:
                self.points[cube].pop(memory)
                self._store(cube, text.replace(*self.rewritten) if self.rewritten[0] else text)
        self.waiting.clear()

    def _get_all(self, path: str, body: Json) -> Answer:
        del path
        memories = self.nodes.get(body["mem_cube_ids"][0], {})
        return 200, {"code": 200, "data": [{"memory": text} for text in memories.values()]}

    def _search(self, path: str, body: Json) -> Answer:
        del path
        (cube,) = body.get("readable_cube_ids") or [body["user_id"]]
        question = body["query"]
        scored = [
            (self._score(question, text), memory, text)
            for memory, text in self.nodes.get(cube, {}).items()
        ]
        memories = [
            {"id": memory, "memory": f"user: {text}\n", "metadata": {"relativity": score}}
            for score, memory, text in sorted(scored, key=lambda each: -each[0])
        ]
        found = [{"cube_id": cube, "memories": memories}] if memories else []
        asked = self._preference(cube) if "drink" in question else []
        wishes = [{"cube_id": cube, "memories": asked}]
        return 200, {"code": 200, "data": {"text_mem": found, "pref_mem": wishes, "pref_note": ""}}

    def _score(self, question: str, text: str) -> float:
        near = (
            score
            for words, score in self.scores.items()
            for asked, held in [words.split("/")]
            if asked in question and held in text
        )
        return next(near, 0.0)

    def _delete(self, path: str, body: Json) -> Answer:
        del path
        (cube,), (memory,) = body["writable_cube_ids"], body["memory_ids"]
        self.nodes[cube].pop(memory)
        if self.deletes:
            self.points[cube].pop(memory)
        return 200, {"code": 200, "data": {"status": "success"}}

    def _feedback(self, path: str, body: Json) -> Answer:
        del path
        (cube,) = body["writable_cube_ids"]
        memory = self._store(cube, body["feedback_content"])
        record = {"add": [{"id": memory}], "update": []}
        return 200, {"code": 200, "data": [{"answer": "", "record": record}]}

    def _cypher(self, path: str, body: Json) -> Answer:
        del path
        (one,) = body["statements"]
        if not one["statement"].endswith(("n.id", "n.memory", "DETACH DELETE n")) or (
            "DISTINCT" in one["statement"]
        ):
            rows = fake_stores.rows(self.nodes, one["statement"], one["parameters"])
            found = [{"row": row, "meta": [None]} for row in rows]
            return 200, {"results": [{"columns": ["n"], "data": found}], "errors": []}
        cube = one["parameters"]["cube"]
        if self.waiting:
            self._work_off()
        memories = self.nodes.get(cube, {})
        found = [{"row": [*each], "meta": [None, None]} for each in memories.items()]
        if "DELETE" in one["statement"]:
            self.nodes.pop(cube, None)
            found = []
        return 200, {"results": [{"columns": ["n"], "data": found}], "errors": []}

    def _qdrant(self, path: str, body: Json) -> Answer:
        if "filter" not in body:
            return fake_stores.qdrant(self.points, path, body)
        cube = body["filter"]["must"][0]["match"]["value"]
        if path.endswith("/delete"):
            self.points.pop(cube, None)
            return 200, {"result": {"operation_id": 1, "status": "completed"}, "status": "ok"}
        vectors = self.points.get(cube, {})
        found = [{"id": memory, "vector": vector} for memory, vector in vectors.items()]
        return 200, {"result": {"points": found, "next_page_offset": None}, "status": "ok"}

    def _milvus(self, path: str, body: Json) -> Answer:
        good, name = (200 if path.startswith("/v1") else 0), body.get("collectionName", "")
        data: object = {}
        match path.rpartition("/")[2]:
            case "create":
                self.tables[name] = []
            case "insert":
                self.tables[name] += body["data"]
            case "search":
                data = self._near(name, body)
            case "drop":
                self.tables.pop(name)
            case "query" if "mem_cube_id" not in body["filter"]:
                data = []
            case "query":
                data = self._preference(json.loads(body["filter"].rpartition("== ")[2]))
            case "delete":
                self.preferences.pop(json.loads(body["filter"].rpartition("== ")[2]), None)
            case _:
                pass
        return 200, {"code": good, "data": data}

    def _near(self, name: str, body: Json) -> list[dict[str, str]]:
        self.searches_in_vain -= 1
        wanted = body["vector"] if "vector" in body else body["data"][0]
        rows = self.tables[name] if self.searches_in_vain < 0 else []
        return [{"word": row["word"]} for row in rows if row["vector"] == wanted]

    def _preference(self, cube: str) -> list[dict[str, str]]:
        if cube not in self.preferences:
            return []
        left = self.preferences[cube]
        self.preferences[cube] -= 1
        return [{"id": "p"}] if left <= 0 else []


@contextmanager
def served(count: str, held: str) -> Iterator[str]:
    """Serve at so many ports what is held, as JSON, while the block runs; give the ports."""
    found = FakeStack(**json.loads(held))
    with ExitStack() as servers:
        ports = [servers.enter_context(http(found.respond)) for _ in range(int(count))]
        yield " ".join(map(str, ports))

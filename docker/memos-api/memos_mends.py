"""Known defects of MemOS' releases that break its job here, mended before the API is imported.

Only what the running version lacks is put in, and only in the versions that lack it: a checkout
that has a repair of its own runs as it is. `MEMOS_MENDS=no` leaves all defects as they are.
The table for people is docs/memos-versions.md.
"""

import contextlib
import functools
import importlib
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

Foreign: TypeAlias = Any
"""A class of MemOS, or one of its objects: it is not installed where types are checked."""
VARIABLE = "MEMOS_MENDS"
OFF = "no"
JUST_NOW = timedelta(minutes=1)
"""What an add needs at most between the two times that it writes a memory, and much more."""
FILE = Path("mends.json")
"""In the working directory, which belongs to the user that MemOS runs as."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """A defect of upstream and what is done about it."""

    what: str
    """What a user sees of the defect, as it stands in the log."""
    first: str
    """The release that brought it."""
    until: str
    """The first release that is without it, or that nobody has looked at."""
    issue: str
    install: Callable[[], bool]
    """Mend it, unless it is mended; say whether anything was done."""

    def concerns(self, version: str) -> bool:
        """Say whether a release has the defect."""
        return numbers(self.first) <= numbers(version) < numbers(self.until)


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, by which releases are in order."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def running() -> str:
    """Return the version of the MemOS that this Python imports; empty where it has none."""
    return str(getattr(importlib.import_module("memos"), "__version__", ""))


def class_of(module: str, name: str) -> Foreign:
    """Return a class of MemOS."""
    return getattr(importlib.import_module(module), name)


def let_search_ask_for_words() -> bool:
    """Let the store without an index of words answer that it found nothing by them.

    Every search asks for that too, beside the search by meaning, and one that cannot be asked takes
    the results of all others with it. Later releases answer the same, and no longer ask by default.
    """
    # the store for the community edition is a subclass
    store = class_of("memos.graph_dbs.neo4j", "Neo4jGraphDB")
    if hasattr(store, "search_by_fulltext"):
        return False

    def search_by_fulltext(_store: object, *_words: object, **_limits: object) -> list[object]:
        return []

    store.search_by_fulltext = search_by_fulltext
    return True


def keep_what_was_said() -> bool:
    """Let the text that stands in for a chat model's answer be read.

    It is written under one key and read under another, so that nothing is extracted from a memory,
    and what was stored of it until then is removed as worked off.
    """
    written, read = "memory_list", "memory list"
    reader = class_of("memos.mem_reader.simple_struct", "SimpleStructMemReader")
    method = "_get_llm_response"
    extract = getattr(reader, method)
    if f'"{written}"' not in inspect.getsource(extract):
        return False

    @functools.wraps(extract)
    def readable(*args: object, **options: object) -> dict[str, object]:
        response: dict[str, object] = extract(*args, **options)
        if written in response:
            response.setdefault(read, response.pop(written))
        return response

    setattr(reader, method, readable)
    return True


def delete_vectors_with_their_nodes() -> bool:
    """Let a node that is deleted take its vector along.

    The store for the community edition keeps vectors in Qdrant, and inherits a deletion that knows
    of none. An add in the background replaces a first node by another: each left a vector behind.
    """
    store = class_of("memos.graph_dbs.neo4j_community", "Neo4jCommunityGraphDB")
    if "delete_node" in vars(store):
        return False
    inherited = store.delete_node

    @functools.wraps(inherited)
    def delete_node(self: Foreign, id: str, user_name: str | None = None) -> None:  # noqa: A002 - MemOS' word
        inherited(self, id, user_name=user_name)
        query = "MATCH (n:Memory {id: $id}) RETURN count(n) AS nodes"
        with self.driver.session(database=self.db_name) as session:
            # one of another cube stays, and needs its vector
            gone = session.run(query, id=id).single()["nodes"] == 0
        if gone:
            self.vec_db.delete([id])

    store.delete_node = delete_node
    return True


def delete_memories_by_their_ids() -> bool:
    """Let nodes that the API is asked to delete by their ids go, with their vectors.

    Up to 2.0.10 such a call lacks an argument and deletes nothing, later it knows of no vector.
    """
    store = class_of("memos.graph_dbs.neo4j_community", "Neo4jCommunityGraphDB")
    method = "delete_node_by_prams"
    inherited = getattr(store, method)
    if "vec_db" in inspect.getsource(inherited):
        return False

    @functools.wraps(inherited)
    def by_prams(
        self: Foreign,
        writable_cube_ids: Foreign = None,
        memory_ids: Foreign = None,
        **more: Foreign,
    ) -> Foreign:
        if writable_cube_ids or not memory_ids or any(more.values()):
            return inherited(self, writable_cube_ids, memory_ids, **more)
        query = "MATCH (n:Memory) WHERE n.id IN $ids DETACH DELETE n RETURN count(n) AS nodes"
        with self.driver.session(database=self.db_name) as session:
            nodes = session.run(query, ids=list(memory_ids)).single()["nodes"]
        self.vec_db.delete(list(memory_ids))
        return nodes

    setattr(store, method, by_prams)
    return True


def remove_old_memories_with_their_vectors() -> bool:
    """Let the memories that make room for newer ones take their vectors along.

    One that was just written is left for the next time: up to 2.0.7 an add writes each
    memory twice under one id, first as WorkingMemory, and what goes in between has its vector back
    before its node.
    """
    store = class_of("memos.graph_dbs.neo4j_community", "Neo4jCommunityGraphDB")
    method = "remove_oldest_memory"
    inherited = getattr(store, method)
    if method in vars(store):
        return False
    # those that go are known only while they go: others add at the same time
    query = """
        MATCH (n:Memory) WHERE n.memory_type = $type AND ($cube IS NULL OR n.user_name = $cube)
        WITH n, n.id AS id ORDER BY n.updated_at DESC SKIP $keep
        WHERE n.updated_at < datetime($before)
        DETACH DELETE n RETURN collect(id) AS ids
    """

    @functools.wraps(inherited)
    def remove_oldest(
        self: Foreign, memory_type: str, keep_latest: int, user_name: str | None = None
    ) -> None:
        cube = user_name or self.config.user_name or None
        # MemOS writes its times in the same way
        before = (datetime.now() - JUST_NOW).isoformat()  # noqa: DTZ005 - as MemOS has it
        words = {"type": memory_type, "keep": int(keep_latest), "cube": cube}
        with self.driver.session(database=self.db_name) as session:
            ids = session.run(query, before=before, **words).single()["ids"]
        if ids:
            self.vec_db.delete(ids)

    setattr(store, method, remove_oldest)
    return True


def prefer_the_nearest() -> bool:
    """Let the preferences that are nearest to a question come first.

    Milvus' number for cosine is a similarity, and is taken for a distance: 1 minus it, the largest
    first. So the farthest come first and the nearest are cut off, and a preference that is stated
    again is not compared with the one that is there.
    """
    store = class_of("memos.vec_dbs.milvus", "MilvusVecDB")
    search = store.search
    if "1 - float(hit" not in inspect.getsource(search):
        return False

    @functools.wraps(search)
    def nearest(self: Foreign, *args: object, **options: object) -> list[Foreign]:
        found: list[Foreign] = search(self, *args, **options)
        if self._get_metric_type() != "L2":
            for item in found:
                item.score = 1 - item.score
        return found

    store.search = nearest
    return True


def score_preferences() -> bool:
    """Let a preference keep the score that it was found with.

    The local reranker is not told what the question means, and gives 0 to all. Then which six of
    those found are returned is chance; a release that drops what has less than 0.45 returns none.
    """
    retriever = class_of("memos.memories.textual.prefer_text_memory.retrievers", "NaiveRetriever")
    method = "_naive_reranker"
    rerank = getattr(retriever, method)
    if "rerank(query, prefs_mem, top_k)" not in inspect.getsource(rerank):
        return False

    @functools.wraps(rerank)
    def scored(self: Foreign, *args: object, **options: Foreign) -> list[Foreign]:
        ranked: list[Foreign] = rerank(self, *args, **options)
        if not any(item.metadata.score for item in ranked):
            scores = {found.id: found.score for found in options.get("prefs") or ()}
            for item in ranked:
                item.metadata.score = scores.get(item.id, 0.0)
        return ranked

    setattr(retriever, method, scored)
    return True


def find_memories_by_an_index() -> bool:
    """Let Neo4j find a memory by its id without a look at all of them.

    An add looks for its id before it writes, twice, and a search asks for the ids that it found.
    """
    store = class_of("memos.graph_dbs.neo4j_community", "Neo4jCommunityGraphDB")
    method = "_create_basic_property_indexes"
    inherited = getattr(store, method)
    if "(n.id)" in inspect.getsource(inherited):
        return False

    @functools.wraps(inherited)
    def with_ids(self: Foreign) -> None:
        inherited(self)
        told = importlib.import_module("neo4j.exceptions")
        query = "CREATE INDEX memory_id_index IF NOT EXISTS FOR (n:Memory) ON (n.id)"
        # like MemOS' own: it goes on without
        with (
            contextlib.suppress(told.Neo4jError, told.DriverError),
            self.driver.session(database=self.db_name) as session,
        ):
            session.run(query).consume()

    setattr(store, method, with_ids)
    return True


MENDS = (
    Mend(
        what="every search is empty, as the Neo4j store lacks search_by_fulltext",
        first="2.0.6",
        until="2.0.7",
        issue="https://github.com/MemTensor/MemOS/issues/1093",
        install=let_search_ask_for_words,
    ),
    Mend(
        what="an add without a chat model is lost, unless its mode is fast",
        first="2.0.3",
        until="2.0.22",
        issue="https://github.com/MemTensor/MemOS/issues/1950",
        install=keep_what_was_said,
    ),
    Mend(
        what="an add in the background leaves a vector in Qdrant that has no memory",
        first="2.0.0",
        until="2.0.34",
        issue="https://github.com/MemTensor/MemOS/issues/2329",
        install=delete_vectors_with_their_nodes,
    ),
    Mend(
        what="delete_memory leaves the memory, or from 2.0.11 on its vector",
        first="2.0.2",
        until="2.0.34",
        issue="https://github.com/MemTensor/MemOS/issues/2331",
        install=delete_memories_by_their_ids,
    ),
    Mend(
        what="a memory that makes room for newer ones leaves its vector in Qdrant",
        first="2.0.0",
        until="2.0.34",
        issue="https://github.com/MemTensor/MemOS/pull/1862",
        install=remove_old_memories_with_their_vectors,
    ),
    Mend(
        what="of more than six preferences a search returns those that answer least",
        first="2.0.0",
        until="2.0.8",
        issue="https://github.com/MemTensor/MemOS/pull/1145",
        install=prefer_the_nearest,
    ),
    Mend(
        what="preferences have no score, and from 2.0.7 on none is found",
        first="2.0.0",
        until="2.0.8",
        issue="https://github.com/MemTensor/MemOS/pull/1153",
        install=score_preferences,
    ),
    Mend(
        what="an add and a search look at every memory of all cubes for each id",
        first="2.0.0",
        until="2.0.34",
        issue="https://github.com/MemTensor/MemOS/issues/1926",
        install=find_memories_by_an_index,
    ),
)


def apply(
    env: Mapping[str, str],
    say: Callable[[str], object],
    mends: tuple[Mend, ...] = MENDS,
    file: Path = FILE,
) -> None:
    """Mend the MemOS that this Python imports, and say in one line what is in force.

    `file` says the same to who looks from outside the container: a log goes round.
    """
    version = running()
    known = [mend for mend in mends if mend.concerns(version)]

    def installed(mend: Mend) -> bool:
        try:
            return mend.install()
        except (ImportError, AttributeError, OSError) as error:
            # a checkout that has other modules than its release runs without
            say(f"cannot be mended here ({error}): {mend.what}")
            return False

    off = env.get(VARIABLE) == OFF
    mended = [] if off else [mend for mend in known if installed(mend)]
    left = known if off else []
    how = f"{VARIABLE}={OFF} leaves as they are" if off else "mended here"
    say(line(version, how, mended + left))
    document = {"memos": version, "mended": numbered(mended), "left": numbered(left)}
    try:
        file.write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        say(f"what is mended cannot be written into {file}: {error}")


def numbered(mends: list[Mend]) -> list[str]:
    """Return the numbers of their issues."""
    return [mend.issue.rpartition("/")[2] for mend in mends]


def line(version: str, how: str, mends: list[Mend]) -> str:
    """Return what the log says about the defects that are mended, or left."""
    defects = "; ".join(f"{mend.what} ({mend.issue})" for mend in mends)
    return f"MemOS {version}, {how}: {defects}" if mends else f"MemOS {version}: nothing is mended"

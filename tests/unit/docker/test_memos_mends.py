"""Known defects of MemOS are mended where they are, nowhere else, and never in silence."""

import json
import os
import sys
from contextlib import nullcontext
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import memos_mends
import pytest
from memos_mends import MENDS, Mend

from tests.kit.places import ROOT

ISSUE = "https://github.com/MemTensor/MemOS/issues/1"
EXTRACT, DELETE = "_get_llm_response", "delete_node_by_prams"
REMOVE = "remove_oldest_memory"
RERANK, INDEX = "_naive_reranker", "_create_basic_property_indexes"
NOWHERE = Path(os.devnull)
"""Where what is mended is written, for want of a container."""


def known(*, first: str = "2.0.5", until: str = "2.0.7", lacking: bool = True) -> Mend:
    """Return a mend that does nothing, and says whether it was needed."""
    return Mend(what="it leaks", first=first, until=until, issue=ISSUE, install=lambda: lacking)


def said(
    monkeypatch: pytest.MonkeyPatch, version: str, *mends: Mend, env: dict[str, str] | None = None
) -> str:
    """Mend a MemOS of some version; return the one line that the log has of it."""
    memos = ModuleType("memos")
    memos.__dict__["__version__"] = version
    monkeypatch.setitem(sys.modules, "memos", memos)
    lines: list[str] = []
    memos_mends.apply(env or {}, lines.append, mends or MENDS, NOWHERE)
    (line,) = lines
    return line


class Reader:
    """MemOS' reader without a chat model, as in 2.0.6."""

    def _get_llm_response(self, mem_str: str, custom_tags: list[str] | None) -> dict[str, Any]:
        del custom_tags
        return {"memory_list": [{"value": mem_str}], "summary": mem_str}


class Store:
    """MemOS' graph store, as in 2.0.6: cubes by the ids of their nodes, and vectors elsewhere."""

    db_name = "neo4j"
    config = SimpleNamespace(user_name=None)

    def __init__(self, **nodes: str) -> None:
        """Keep a node and a vector of each id."""
        self.nodes, self.vectors = nodes, set(nodes)
        self.driver = self.vec_db = self
        self.indexes: list[str] = []

    def answers(self) -> None:
        """Answer a statement, or be away."""

    def _create_basic_property_indexes(self) -> None:
        self.indexes.append("(n.user_name)")

    def delete_node(self, node: str, user_name: str | None = None) -> None:
        """Delete the node, if it is of that cube."""
        if self.nodes.get(node) == user_name:
            del self.nodes[node]

    def delete_node_by_prams(
        self, writable_cube_ids: list[str], memory_ids: list[str] | None = None
    ) -> int:
        """Delete those of a cube, and know of no vector."""
        for node in memory_ids or ():
            if self.nodes.get(node) in writable_cube_ids:
                del self.nodes[node]
        return -1

    def remove_oldest_memory(
        self, memory_type: str, keep_latest: int, user_name: str | None = None
    ) -> None:
        """Keep the last nodes, and know of no vector."""
        raise NotImplementedError(memory_type, keep_latest, user_name)

    def delete(self, ids: list[str]) -> None:
        """Delete vectors."""
        self.vectors -= set(ids)

    def session(self, *, database: str) -> nullcontext[Any]:
        """Count the nodes with an id, or delete those with some, or the first of a cube."""
        assert database == self.db_name

        def run(query: str, **words: Any) -> SimpleNamespace:
            if query.startswith("CREATE INDEX"):
                self.indexes.append(query.rpartition(" ")[2])
                return SimpleNamespace(consume=self.answers)
            if "SKIP" in query:
                assert words["type"] == "WorkingMemory"
                ago = datetime.now() - datetime.fromisoformat(words["before"])  # noqa: DTZ005 - as MemOS has it
                assert timedelta(minutes=1) <= ago < timedelta(minutes=2)
                cubes = {words["cube"]} if words["cube"] else {*self.nodes.values()}
                newest = [node for node in reversed(self.nodes) if self.nodes[node] in cubes]
                gone = newest[words["keep"] :]
                self.nodes = {node: self.nodes[node] for node in self.nodes if node not in gone}
                return SimpleNamespace(single=lambda: {"ids": gone})
            ids = words["ids"] if "ids" in words else [words["id"]]
            found = [node for node in ids if node in self.nodes]
            for node in found if "DELETE" in query else ():
                del self.nodes[node]
            return SimpleNamespace(single=lambda: {"nodes": len(found)})

        return nullcontext(SimpleNamespace(run=run))


class Preferences:
    """MemOS' way to the preferences in Milvus, as in 2.0.6: near and far by Milvus' similarity."""

    def __init__(self, **hits: float) -> None:
        """Keep what Milvus answers."""
        self.hits = hits

    def _get_metric_type(self) -> str:
        return "COSINE"

    def search(self, question: str) -> list[SimpleNamespace]:
        """Take the similarity for a distance."""
        del question
        hits: list[dict[str, Any]] = [
            {"id": name, "distance": number} for name, number in self.hits.items()
        ]
        return [SimpleNamespace(id=hit["id"], score=1 - float(hit["distance"])) for hit in hits]


class Retriever:
    """MemOS' ranking of preferences, as in 2.0.6; its reranker does not know the question."""

    given = 0.0

    def rerank(
        self, query: str, prefs_mem: list[SimpleNamespace], top_k: int
    ) -> list[tuple[SimpleNamespace, float]]:
        """Give the same to all."""
        del query
        return [(item, self.given) for item in prefs_mem[:top_k]]

    def _naive_reranker(
        self, query: str, prefs_mem: list[SimpleNamespace], top_k: int, **more: object
    ) -> list[SimpleNamespace]:
        del more
        for item, score in self.rerank(query, prefs_mem, top_k):
            item.metadata = SimpleNamespace(score=score)
        return prefs_mem[:top_k]


@pytest.fixture(autouse=True)
def memos(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Have the modules of MemOS hold classes that lack it all, and return those."""
    store = type("Neo4jGraphDB", (Store,), {})
    classes = {
        "memos.graph_dbs.neo4j": store,
        "memos.graph_dbs.neo4j_community": type(
            "Neo4jCommunityGraphDB", (store,), {INDEX: vars(Store)[INDEX]}
        ),
        "memos.mem_reader.simple_struct": type(
            "SimpleStructMemReader", (), {EXTRACT: vars(Reader)[EXTRACT]}
        ),
        "memos.vec_dbs.milvus": type("MilvusVecDB", (Preferences,), {"search": Preferences.search}),
        "memos.memories.textual.prefer_text_memory.retrievers": type(
            "NaiveRetriever", (Retriever,), {}
        ),
    }
    for name, fresh in classes.items():
        module = ModuleType(name)
        module.__dict__[fresh.__name__] = fresh
        monkeypatch.setitem(sys.modules, name, module)
    return SimpleNamespace(**{fresh.__name__: fresh for fresh in classes.values()})


@pytest.mark.parametrize(
    ("version", "concerned"),
    [
        *(("2.0.4", False), ("2.0.5", True), ("2.0.6", True), ("2.0.6.post1", True)),
        *(("2.0.7rc1", False), ("2.0.7", False), ("2.0.33", False), ("2.1", False)),
        *(("1.9.9", False), ("", False), ("unknown", False)),
    ],
)
def test_a_defect_concerns_the_releases_from_the_first_to_the_fixed_one(
    version: str, concerned: bool
) -> None:
    """Numbers are compared as numbers; a version that is none has no known defect."""
    assert known().concerns(version) is concerned


def test_what_is_mended_is_said_with_its_issue(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader of the log knows that this is not MemOS as released."""
    assert said(monkeypatch, "2.0.6", known()) == f"MemOS 2.0.6, mended here: it leaks ({ISSUE})"


@pytest.mark.parametrize(
    ("version", "mend"), [("2.0.7", known()), ("2.0.6", known(lacking=False)), ("", known())]
)
def test_what_needs_no_mending_is_said_to_need_none(
    monkeypatch: pytest.MonkeyPatch, version: str, mend: Mend
) -> None:
    """A later release, a checkout that is repaired already, one without a version."""
    assert said(monkeypatch, version, mend) == f"MemOS {version}: nothing is mended"


def test_a_variable_leaves_every_defect_as_it_is(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace
) -> None:
    """And the log names what is left."""
    line = said(monkeypatch, "2.0.6", env={"MEMOS_MENDS": "no"})

    assert line.startswith("MemOS 2.0.6, MEMOS_MENDS=no leaves as they are: every search is empty")
    assert not hasattr(memos.Neo4jGraphDB, "search_by_fulltext")
    assert "delete_node" not in vars(memos.Neo4jCommunityGraphDB)
    assert vars(memos.SimpleStructMemReader)[EXTRACT] is vars(Reader)[EXTRACT]


def test_a_search_by_words_finds_nothing_instead_of_failing(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace
) -> None:
    """So that the search by meaning beside it counts; asked as MemOS 2.0.6 does."""
    said(monkeypatch, "2.0.6", env={"MEMOS_MENDS": "yes"})

    hits = memos.Neo4jCommunityGraphDB().search_by_fulltext(
        query_words=["'boats'"],
        top_k=20,
        status="activated",
        scope="UserMemory",
        search_filter=None,
        filter=None,
        user_name="cube",
        tsquery_config="jiebaqry",
    )
    assert hits == []


@pytest.mark.parametrize("version", ["2.0.6", "2.0.20"])
def test_without_a_chat_model_a_memory_is_kept_as_it_was_said(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, version: str
) -> None:
    """Under the key that is read."""
    said(monkeypatch, version)

    answer = getattr(memos.SimpleStructMemReader(), EXTRACT)("we met", None)
    assert answer == {"memory list": [{"value": "we met"}], "summary": "we met"}


@pytest.mark.parametrize("version", ["2.0.6", "2.0.33"])
def test_a_node_that_is_deleted_takes_its_vector_along(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, version: str
) -> None:
    """One of another cube is not deleted, and keeps it."""
    said(monkeypatch, version)

    store = memos.Neo4jCommunityGraphDB(raw="ours", other="theirs", kept="ours")
    store.delete_node("raw", user_name="ours")
    store.delete_node("other", user_name="ours")

    assert set(store.nodes) == store.vectors == {"other", "kept"}


@pytest.mark.parametrize("version", ["2.0.6", "2.0.33"])
def test_a_memory_that_is_deleted_by_its_id_is_gone_with_its_vector(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, version: str
) -> None:
    """Of whatever cube, as the API asks; with a cube it is the store's own way."""
    said(monkeypatch, version)

    store = memos.Neo4jCommunityGraphDB(ours="a", theirs="b", kept="a")
    assert getattr(store, DELETE)(memory_ids=["ours", "theirs", "unknown"]) == 2
    assert set(store.nodes) == store.vectors == {"kept"}
    assert getattr(store, DELETE)(writable_cube_ids=["b"], memory_ids=["kept"]) == -1
    assert set(store.nodes) == {"kept"}


@pytest.mark.parametrize("version", ["2.0.6", "2.0.33"])
def test_memories_that_make_room_for_others_take_their_vectors_along(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, version: str
) -> None:
    """The oldest of that cube, or of all where none is named."""
    said(monkeypatch, version)

    store = memos.Neo4jCommunityGraphDB(first="a", second="a", other="b", third="a")
    for cube, kept in (("a", {"second", "other", "third"}), (None, {"other", "third"})):
        getattr(store, REMOVE)(memory_type="WorkingMemory", keep_latest=2, user_name=cube)
        assert set(store.nodes) == store.vectors == kept


@pytest.mark.parametrize("version", ["2.0.0", "2.0.33"])
def test_the_ids_of_memories_have_an_index(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, version: str
) -> None:
    """Beside those of MemOS; where Neo4j is away, the API starts as it would without."""
    told = ModuleType("neo4j.exceptions")
    told.__dict__.update(Neo4jError=RuntimeError, DriverError=ConnectionError)
    monkeypatch.setitem(sys.modules, "neo4j", ModuleType("neo4j"))
    monkeypatch.setitem(sys.modules, "neo4j.exceptions", told)

    def away() -> None:
        raise ConnectionError

    said(monkeypatch, version)
    store, lonely = memos.Neo4jCommunityGraphDB(), memos.Neo4jCommunityGraphDB()
    lonely.answers = away
    for one in (store, lonely):
        getattr(one, INDEX)()

    assert store.indexes == ["(n.user_name)", "(n.id)"]


@pytest.mark.parametrize(
    ("env", "mended", "left"), [("yes", ["1"], []), ("no", [], ["1"]), ("", ["1"], [])]
)
def test_who_looks_from_outside_reads_what_is_in_force(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: str, mended: list[str], left: list[str]
) -> None:
    """With the version of the MemOS that runs, which a checkout has of its own."""
    memos = ModuleType("memos")
    memos.__dict__["__version__"] = "2.0.6"
    monkeypatch.setitem(sys.modules, "memos", memos)
    file = tmp_path / "mends.json"

    memos_mends.apply({"MEMOS_MENDS": env}, lambda _: None, (known(),), file)

    assert json.loads(file.read_text()) == {"memos": "2.0.6", "mended": mended, "left": left}


def test_a_file_that_cannot_be_written_does_not_keep_the_api_from_starting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Somebody made the file system read-only."""
    monkeypatch.setitem(sys.modules, "memos", ModuleType("memos"))
    lines: list[str] = []

    memos_mends.apply({}, lines.append, (), tmp_path)

    assert lines[-1].startswith(f"what is mended cannot be written into {tmp_path}")


def test_the_nearest_preference_has_the_highest_score(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace
) -> None:
    """Milvus says 1 for the same vector and -1 for its opposite, and so does the score."""
    store = memos.MilvusVecDB(same=1.0, beside=0.25, opposite=-1.0)
    before = {item.id: item.score for item in store.search("tea?")}
    said(monkeypatch, "2.0.6")

    after = {item.id: item.score for item in store.search("tea?")}

    assert before == {"same": 0.0, "beside": 0.75, "opposite": 2.0}
    assert after == {"same": 1.0, "beside": 0.25, "opposite": -1.0}


@pytest.mark.parametrize(("given", "wanted"), [(0.0, [0.9, 0.5]), (0.7, [0.7, 0.7])])
def test_a_preference_keeps_the_score_that_it_was_found_with(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace, given: float, wanted: list[float]
) -> None:
    """Unless the reranker gives one of its own."""
    said(monkeypatch, "2.0.7")
    found = [SimpleNamespace(id="tea", score=0.9), SimpleNamespace(id="dogs", score=0.5)]
    items = [SimpleNamespace(id=item.id) for item in found]
    retriever = memos.NaiveRetriever()
    retriever.given = given

    ranked = getattr(retriever, RERANK)(query="tea?", prefs_mem=items, prefs=found, top_k=2)

    assert [item.metadata.score for item in ranked] == wanted


def test_what_is_repaired_already_stays(
    monkeypatch: pytest.MonkeyPatch, memos: SimpleNamespace
) -> None:
    """A checkout of 2.0.6 whose author is at work on these very things."""

    def repaired(self: Store, memory_ids: list[str]) -> None:
        self.vec_db.delete(memory_ids)

    memos.Neo4jGraphDB.search_by_fulltext = theirs = lambda *_: ["theirs"]
    memos.Neo4jCommunityGraphDB.delete_node = theirs
    setattr(memos.Neo4jCommunityGraphDB, REMOVE, theirs)
    setattr(memos.Neo4jCommunityGraphDB, DELETE, repaired)
    setattr(memos.SimpleStructMemReader, EXTRACT, theirs)
    memos.MilvusVecDB.search = theirs
    setattr(memos.NaiveRetriever, RERANK, theirs)

    def indexes(self: Store) -> None:
        self.indexes += ["CREATE INDEX theirs FOR (n:Memory) ON (n.id)"]

    setattr(memos.Neo4jCommunityGraphDB, INDEX, indexes)

    assert said(monkeypatch, "2.0.6") == "MemOS 2.0.6: nothing is mended"
    assert memos.Neo4jGraphDB.search_by_fulltext is theirs
    assert memos.Neo4jCommunityGraphDB.delete_node is theirs
    assert getattr(memos.Neo4jCommunityGraphDB, REMOVE) is theirs
    assert getattr(memos.Neo4jCommunityGraphDB, DELETE) is repaired
    assert vars(memos.SimpleStructMemReader)[EXTRACT] is theirs


@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: mend.what)
def test_the_page_for_people_has_every_mend(mend: Mend) -> None:
    """With its issue and the release that needs it no more."""
    page = (ROOT / "docs" / "memos-versions.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if mend.issue in row]

    assert any(mend.first in row and mend.until in row for row in rows)


@pytest.mark.parametrize("error", [ImportError("no module"), AttributeError("no class"), OSError()])
def test_what_cannot_be_mended_does_not_keep_the_api_from_starting(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A checkout may have the number of a release and other modules; it says so, and starts."""

    def fail() -> bool:
        raise error

    memos = ModuleType("memos")
    memos.__dict__["__version__"] = "2.0.6"
    monkeypatch.setitem(sys.modules, "memos", memos)
    mend = Mend(what="it leaks", first="2.0.5", until="2.0.7", issue=ISSUE, install=fail)
    lines: list[str] = []

    memos_mends.apply({}, lines.append, (mend,), NOWHERE)

    assert lines == [f"cannot be mended here ({error}): it leaks", "MemOS 2.0.6: nothing is mended"]

"""Known defects of MemOS are mended where they are, nowhere else, and never in silence."""

import sys
from types import ModuleType
from typing import Any

import memos_mends
import pytest
from memos_mends import MENDS, Mend

from tests.kit.places import ROOT

ISSUE = "https://github.com/MemTensor/MemOS/issues/1"


def known(*, first: str = "2.0.5", fixed: str = "2.0.7", lacking: bool = True) -> Mend:
    """Return a mend that does nothing, and says whether it was needed."""
    return Mend(what="it leaks", first=first, fixed=fixed, issue=ISSUE, install=lambda: lacking)


def said(
    monkeypatch: pytest.MonkeyPatch, version: str, *mends: Mend, env: dict[str, str] | None = None
) -> str:
    """Mend a MemOS of some version; return the one line that the log has of it."""
    memos = ModuleType("memos")
    memos.__dict__["__version__"] = version
    monkeypatch.setitem(sys.modules, "memos", memos)
    lines: list[str] = []
    memos_mends.apply(env or {}, lines.append, mends or MENDS)
    (line,) = lines
    return line


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> type[Any]:
    """Have MemOS' module of the graph store hold a class that lacks it all, and return that."""
    fresh = type("Neo4jGraphDB", (), {})
    module = ModuleType("memos.graph_dbs.neo4j")
    module.__dict__["Neo4jGraphDB"] = fresh
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return fresh


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
    monkeypatch: pytest.MonkeyPatch, store: type[Any]
) -> None:
    """And the log names what is left."""
    line = said(monkeypatch, "2.0.6", env={"MEMOS_MENDS": "no"})

    assert line.startswith("MemOS 2.0.6, MEMOS_MENDS=no leaves as they are: every search is empty")
    assert not hasattr(store, "search_by_fulltext")


def test_a_search_by_words_finds_nothing_instead_of_failing(
    monkeypatch: pytest.MonkeyPatch, store: type[Any]
) -> None:
    """So that the search by meaning beside it counts; asked as MemOS 2.0.6 does."""
    said(monkeypatch, "2.0.6", env={"MEMOS_MENDS": "yes"})

    community = type("Neo4jCommunityGraphDB", (store,), {})()
    hits = community.search_by_fulltext(
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


def test_a_method_that_is_there_stays(monkeypatch: pytest.MonkeyPatch, store: type[Any]) -> None:
    """A checkout of 2.0.6 whose author is at work on this very thing."""
    store.search_by_fulltext = lambda _: ["theirs"]

    assert "nothing" in said(monkeypatch, "2.0.6")
    assert store().search_by_fulltext() == ["theirs"]


@pytest.mark.parametrize("mend", MENDS, ids=lambda mend: mend.what)
def test_the_page_for_people_has_every_mend(mend: Mend) -> None:
    """With its issue and the release that needs it no more."""
    page = (ROOT / "docs" / "memos-versions.md").read_text(encoding="utf-8")
    rows = [row for row in page.splitlines() if mend.issue in row]

    assert any(mend.first in row and mend.fixed in row for row in rows)

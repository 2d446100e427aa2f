"""The trial itself: stage by stage, each with what it showed and how long it took."""

import json
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from scripts.core.errors import BrokenError
from scripts.core.polling import poll
from scripts.core.stack import Stack
from scripts.watch.published import API, shaped
from scripts.watch.smoke import stores
from scripts.watch.smoke.asking import ask, demand, short
from scripts.watch.smoke.memories import (
    BESIDE,
    BESIDE_CHINESE,
    CHINESE,
    DEFAULTS,
    PREFERENCE,
    SYNC,
    Memory,
)
from scripts.watch.smoke.stage import FAILED, LEFT_OUT, Stage

SETTLE = 30.0
"""Seconds for what is done in the background: a memory that is worked off, a preference."""
PATIENCE = 90.0
"""Seconds more for that, once all is tried: what comes after the traces are removed, stays."""
CUT_OFF = 2.0
"""Seconds for the API to finish a call that Ctrl-C has cut off."""
AT_ONCE = {"async_mode": "sync", "mode": "fast"}
"""How a memory is added so that nothing comes after the answer."""
KNOWN = "docs/memos-versions.md has the releases that do so, and what MEMOS_MENDS in .env does"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What is to be tried; where something is not, the reason why."""

    dimension: int
    """How many numbers a vector must have."""
    no_preference: str = ""
    in_milvus: bool = False
    """This MemOS keeps preferences in Milvus."""
    no_chinese: str = ""
    no_milvus: str = ""
    no_delete: str = ""
    no_feedback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A memory that a search has found."""

    id: str
    text: str
    score: float


@dataclass(slots=True, kw_only=True)
class Trial:
    """A trial under one cube id that nobody else has; its traces go away in any case."""

    stack: Stack
    cube: str
    scope: Scope
    say: Callable[[str], object]
    """Told what is waited for."""
    unfinished: set[str] = field(default_factory=set)
    """Ids that were answered to an add in the background, and are not worked off yet."""
    ids: dict[Memory, set[str]] = field(default_factory=dict)
    """Under which ids memories are kept."""
    now: tuple[str, float] = ("", 0.0)
    """The stage that is tried, and since when by the monotonic clock."""
    late: bool = False
    """Something may come that was waited for in vain."""

    def run(self) -> Generator[Stage]:
        """Try everything; yields the stages as they end.

        Raises BrokenError with what was asked, what was answered and where to look.
        """
        with stores.tidied(self._remove):
            for name, step, left_out in self._plan():
                if left_out:
                    yield Stage(name=name, state=LEFT_OUT, detail=left_out)
                else:
                    yield self._stage(name, step)
        yield self._stage("removed", self._absent)

    def _stage(self, name: str, step: Callable[[], str]) -> Stage:
        self.now = (name, time.monotonic())
        detail = step()
        return Stage(name=name, detail=detail, seconds=time.monotonic() - self.now[1])

    def failed(self) -> Stage:
        """Return the stage at which the trial failed."""
        name, began = self.now
        return Stage(name=name, state=FAILED, seconds=time.monotonic() - began)

    def gone(self) -> bool:
        """Say whether no trace is left, and none can come.

        What a call has brought that was cut off, and that the API has finished, is removed here.
        """
        for _ in poll(lambda: None, timeout=CUT_OFF, interval=0.5):
            with suppress(BrokenError):
                self._absent()
                return not self.late
            with suppress(BrokenError):
                stores.remove(self.stack, self.cube, in_milvus=self.scope.in_milvus)
        return False

    def _plan(self) -> tuple[tuple[str, Callable[[], str], str], ...]:
        """Return the stages in their order, and of each why it is left out, if it is."""
        scope = self.scope
        return (
            ("add", self._add, ""),
            ("defaults", self._add_with_defaults, ""),
            ("search", self._search, ""),
            ("chinese", self._chinese, scope.no_chinese),
            ("get_all", self._get_all, ""),
            ("neo4j", self._nodes, ""),
            ("qdrant", self._vectors, ""),
            ("milvus", self._milvus, scope.no_milvus),
            ("preference", self._preference, scope.no_preference),
            ("feedback", self._feedback, scope.no_feedback),
            ("delete", self._delete, scope.no_delete),
        )

    def _add(self) -> str:
        # in the middle, so that neither the order of adding nor its reverse puts it first
        before, after = BESIDE
        _, memory, _ = [self._added(text) for text in (before, SYNC.text, after)]
        self.ids[SYNC] = {memory}
        return f"memory {memory}, 2 others beside it"

    def _added(self, text: str, options: dict[str, str] = AT_ONCE) -> str:
        """Add a memory and return its id."""
        body = {
            "user_id": self.cube,
            "writable_cube_ids": [self.cube],
            "messages": [{"role": "user", "content": text}],
            **options,
        }
        answer = ask(self.stack, API, "/product/add", body)
        # a failure answers 200 as well: only an id counts
        ids: list[object] = []
        with shaped("memos"):
            ids += filter(None, (one.get("memory_id") for one in answer.get("data") or ()))
        demand(bool(ids), "memos", f"POST /product/add stored nothing: {short(answer)}")
        return str(ids[0])

    def _add_with_defaults(self) -> str:
        """Add with the API's defaults: it answers at once, and works on the memory afterwards."""
        before, began = self._present(), time.monotonic()
        answered = self._added(DEFAULTS.text, {})
        self.unfinished.add(answered)
        self.ids[DEFAULTS] = ids = self._worked_off(before, answered)
        took = time.monotonic() - began
        if not ids:
            raise BrokenError(
                f"memos: what POST /product/add stored with its defaults was gone after"
                f" {took:.1f} s",
                next_step=f"inv logs --service memos --level error; {KNOWN}",
                code="memory-lost",
            )
        if answered in ids:
            return f"kept, not worked off yet after {took:.1f} s"
        self.unfinished.discard(answered)
        return f"kept, worked off after {took:.1f} s"

    def _worked_off(self, before: set[str], answered: str) -> set[str]:
        """Wait until other memories stand for the one that was answered; return their ids.

        Some releases leave none. A chat model puts it in words of its own, so only ids tell.
        """
        ids: set[str] = set()
        for ids in poll(lambda: self._present() - before, timeout=SETTLE, interval=0.2):
            if answered not in ids:
                break
        return ids

    def _present(self) -> set[str]:
        return set(stores.nodes(self.stack, self.cube))

    def _search(self) -> str:
        """Ask in other words for both memories, with the API's defaults."""
        scores = [self._found(memory) for memory in (SYNC, DEFAULTS)]
        return f"both found first, by other words; scores {scores[0]:.2f} and {scores[1]:.2f}"

    def _chinese(self) -> str:
        for text in (BESIDE_CHINESE, CHINESE.text):
            self._added(text)
        return f"found first, by other words; score {self._found(CHINESE):.2f}"

    def _found(self, memory: Memory) -> float:
        """Return the score of a memory that a search must put first.

        A failed search answers 200 and nothing, too.
        """
        answer = self._searched(memory.question)
        ranked = found_in(answer, "text_mem")
        if not ranked:
            raise BrokenError(
                f"memos: POST /product/search found nothing, though all is stored: {short(answer)}",
                next_step=f"inv logs --service memos --level error; {KNOWN}",
                code="search-empty",
            )

        def asked_for(one: Found) -> bool:
            # a chat model may have made several of it, in words of its own
            return one.id in self.ids.get(memory, ()) or memory.text in one.text

        score = ranked[0].score
        best = max((one.score for one in ranked if not asked_for(one)), default=0.0)
        demand(
            asked_for(ranked[0]) and score > best,
            "memos",
            f"search for {memory.question!r} does not put {memory.text!r} before all others:"
            f" {short([(one.text, one.score) for one in ranked])}",
        )
        return score

    def _searched(self, question: str) -> dict[str, Any]:
        body = {"user_id": self.cube, "readable_cube_ids": [self.cube], "query": question}
        return ask(self.stack, API, "/product/search", body)

    def _get_all(self) -> str:
        body = {"user_id": self.cube, "mem_cube_ids": [self.cube], "memory_type": "text_mem"}
        answer = ask(self.stack, API, "/product/get_all", body)
        texts = json.dumps(answer, ensure_ascii=False)
        demand(SYNC.text in texts, "memos", f"get_all does not give it back: {short(answer)}")
        return "the API gives them back"

    def _nodes(self) -> str:
        found = stores.nodes(self.stack, self.cube)
        held = any(SYNC.text in text for text in found.values())
        demand(held, "neo4j", f"no node with it in Neo4j: {short(found)}")
        return f"nodes: {len(found)}"

    def _vectors(self) -> str:
        found = stores.vectors(self.stack, self.cube)
        sizes, wanted = set(found.values()), self.scope.dimension
        demand(bool(found), "qdrant", f"no point of cube {self.cube} in {stores.COLLECTION}")
        demand(sizes == {wanted}, "qdrant", f"vectors of {sizes} numbers, wanted {wanted}")
        ids = self._present()
        missing, orphans = ids - set(found), set(found) - ids
        demand(not missing, "qdrant", f"no vector of {missing}, which are in Neo4j")
        demand(not orphans, "qdrant", f"vectors without a node in Neo4j: {orphans}; {KNOWN}")
        return f"vectors: {len(found)}, of {wanted} numbers, one for each node"

    def _milvus(self) -> str:
        stores.near_and_far(self.stack, self.cube)
        return "inserted 2 vectors, found the near one, removed them"

    def _preference(self) -> str:
        """Say what one prefers, and ask for it: it comes in the background."""
        answered = self._added(PREFERENCE.text, {})
        self.unfinished.add(answered)
        began = time.monotonic()
        for answer in poll(
            lambda: self._searched(PREFERENCE.question), timeout=SETTLE, interval=1.0
        ):
            if found := found_in(answer, "pref_mem"):
                return f"{len(found)} found by other words after {time.monotonic() - began:.1f} s"
        self.late = True
        raise BrokenError(
            f"memos: no preference of cube {self.cube} was found within {SETTLE:.0f} s",
            next_step="check the chat model in .env (inv doctor); inv logs --service memos",
            code="preference-lost",
        )

    def _feedback(self) -> str:
        """Correct a memory in words; what becomes of it is the chat model's to say."""
        body = {
            "user_id": self.cube,
            "writable_cube_ids": [self.cube],
            "history": [
                {"role": "user", "content": DEFAULTS.question},
                {"role": "assistant", "content": "At the end of August."},
            ],
            "feedback_content": "No, the doctor stays away until the end of September.",
            "async_mode": "sync",
        }
        answer = ask(self.stack, API, "/product/feedback", body)
        changed = 0
        with shaped("memos"):
            records = [one.get("record") or {} for one in answer.get("data") or ()]
            changed += sum(len(record.get(kind) or ()) for record in records for kind in record)
        if not changed:
            raise BrokenError(
                f"memos: POST /product/feedback changed nothing: {short(answer)}",
                next_step="check the chat model in .env (inv doctor); inv logs --service memos",
                code="feedback-lost",
            )
        return f"changed {changed} memories"

    def _delete(self) -> str:
        """Have the API delete a memory; whether it has, the databases say."""
        (memory,) = self.ids[SYNC]
        body = {"writable_cube_ids": [self.cube], "memory_ids": [memory]}
        answer = ask(self.stack, API, "/product/delete_memory", body)
        kept = memory in self._present()
        demand(not kept, "memos", f"delete_memory left it in Neo4j: {short(answer)}; {KNOWN}")
        orphan = memory in stores.vectors(self.stack, self.cube)
        demand(not orphan, "memos", f"delete_memory left the vector in Qdrant; {KNOWN}")
        return "gone from Neo4j and Qdrant"

    def _remove(self) -> None:
        """Remove all traces, once nothing more comes; whoever does not wait leaves some."""
        try:
            with suppress(BrokenError):
                self._wait_for_the_background()
        finally:
            stores.remove(self.stack, self.cube, in_milvus=self.scope.in_milvus)

    def _wait_for_the_background(self) -> None:
        """Wait until what was added in the background is worked off: it would come afterwards.

        The API has no word for it: without Redis the calls below /product/scheduler say that
        nothing is waited for, whatever is.
        """
        said = False
        for ids in poll(self._present, timeout=PATIENCE if self.unfinished else 0.0, interval=0.5):
            self.unfinished &= ids
            if not self.unfinished:
                return
            if not said:
                self.say("waiting until the API has worked off what was added")
                said = True

    def _absent(self) -> str:
        stores.require_absent(self.stack, self.cube, in_milvus=self.scope.in_milvus)
        self.late |= bool(self.unfinished)
        if self.late:
            return "no trace of it left; what the API still works on goes with the next inv smoke"
        return "no trace of it left"


def found_in(answer: dict[str, Any], kind: str) -> list[Found]:
    """Return the memories of a search's answer, the nearest first."""
    found: list[Found] = []
    with shaped("memos"):
        for cube in (answer.get("data") or {}).get(kind) or ():
            for one in cube["memories"]:
                score = (one.get("metadata") or {}).get("relativity")
                text = str(one.get("memory"))
                found.append(Found(id=str(one.get("id")), text=text, score=float(score or 0.0)))
    return found

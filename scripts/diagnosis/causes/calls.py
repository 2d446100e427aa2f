"""Causes that the log of a running API tells while its calls fail, and answer 200 all the same.

Lines are those of MemOS 2.0.6, 2.0.7 and 2.0.33, each provoked on the real API.
"""

import re

from scripts.core.finding import Finding
from scripts.diagnosis.causes import memos
from scripts.diagnosis.failure import Cause, Failure, Signature, known_by

UP = "then: inv up --service memos"
_UNREACHABLE = r"\[Errno -?\d+\].*|.*(?:timed out|refused|disconnected).*"


@known_by(r"has no attribute '(?P<name>search_by_fulltext)'")
def search_by_words(_: Failure, match: re.Match[str]) -> Cause:
    """Every search fails in 2.0.6 (https://github.com/MemTensor/MemOS/issues/1093)."""
    return _defect(f"its Neo4j store lacks {match['name']}, so every search fails (MemOS#1093)")


@known_by(r"(?P<name>delete_node_by_prams)\(\) missing 1 required")
def delete_by_ids(_: Failure, match: re.Match[str]) -> Cause:
    """delete_memory deletes nothing up to 2.0.10 (https://github.com/MemTensor/MemOS/pull/1104)."""
    return _defect(f"its delete_memory calls {match['name']} without a cube and deletes nothing")


@known_by(r"'NaiveMemCube' object has no attribute 'pref_mem'")
def delete_by_filter(_: Failure, __: re.Match[str]) -> Cause:
    """delete_memory by filter deletes, and answers that it failed, from 2.0.11 on."""
    return _defect("its delete_memory by filter looks for a preference memory that is no more")


@known_by(rf"\[VecDB\] .*failed: (?P<why>{_UNREACHABLE})")
def vectors_unreachable(failure: Failure, match: re.Match[str]) -> Cause:
    """Qdrant is gone; the memory is answered as stored all the same."""
    return _gone(failure.neighbour("qdrant"), match["why"])


@known_by(r"\[VecDB\] .*failed: (?P<why>.+)")
def vectors_refused(failure: Failure, match: re.Match[str]) -> Cause:
    """Qdrant says no; the memory is answered as stored all the same."""
    need = failure.neighbour("qdrant")
    return Cause(
        "vectors-refused",
        f"{need} does not take or give its vectors: {match['why']}",
        f"inv logs --service {need}",
    )


@known_by(
    r"(?:ValueError|search_text): (?P<why>Cannot resolve address [\w.:-]+)",
    r"neo4j\.exceptions\.(?:ServiceUnavailable|SessionExpired): (?P<why>.+)",
    r"(?P<why>Failed to read from defunct connection)",
)
def graph_unreachable(failure: Failure, match: re.Match[str]) -> Cause:
    """Neo4j is gone (driver 5.28); a search answers 200 and nothing."""
    return _gone(failure.neighbour("neo4j"), match["why"])


@known_by(
    r"Embeddings request ended with error: (?P<why>.+?)(?:; traceback.*)?$",
    r"(?P<why>)query_embedding=query_embedding\[0\]",
    r"\[ChatFast\] error: (?P<why>)'NoneType' object is not subscriptable",
)
def embedder_unreachable(_: Failure, match: re.Match[str]) -> Cause:
    """The embedding model gives no vector; 2.0.6 swallows why and goes on without one."""
    return Cause(
        "embedder-unreachable",
        f"the embedding model does not answer MemOS: {match['why'] or 'no vector came'}",
        "inv doctor (it asks your endpoint), or of the local one: inv logs --service models",
    )


@known_by(
    r"\[Feedback Core LLM Error\].* (?P<why>No \w+ \w+ content found in text: .+?) \| response",
    r"\[LLM\] (?P<why>JSON parse failed)",
)
def chat_unreadable(_: Failure, match: re.Match[str]) -> Cause:
    """The chat model answers in prose where MemOS wants JSON."""
    return Cause(
        "chat-unreadable",
        f"the chat model answers what MemOS cannot read: {match['why']}",
        f"another MOS_CHAT_MODEL or MEMRADER_MODEL in .env, {UP}",
    )


@known_by(
    r"^openai\.\w+(?:Error|Timeout): (?P<why>.+)",
    r"\[Feedback Core LLM Error\].*?generation: (?P<why>.+?) \| response",
)
def chat_unreachable(_: Failure, match: re.Match[str]) -> Cause:
    """The chat model does not answer, or rejects the key; 2.0.6 swallows why."""
    why = "nothing came" if "NoneType" in match["why"] else match["why"]
    return Cause(
        "chat-unreachable",
        f"the chat model does not answer MemOS: {why}",
        f"inv doctor (it asks the endpoint); OPENAI_API_BASE and MEMRADER_API_BASE in .env, {UP}",
    )


@known_by(
    r"Failed to submit async memory tasks: (?P<why>.+)",
    r"Error processing (?P<why>\w+ message: .+)",
    r"Error in _process_memories_with_reader: (?P<why>.*)",
)
def scheduler_failed(_: Failure, match: re.Match[str]) -> Cause:
    """What is done in the background is not done: with Redis wanted and none there, for one."""
    redis = "redis" in match["why"].lower()
    return Cause(
        "scheduler-failed",
        f"MemOS' scheduler does not work on what was added: {match['why']}",
        f"no MEMSCHEDULER_USE_REDIS_QUEUE in .env, {UP}"
        if redis
        else "inv logs --service memos --level error",
    )


SIGNATURES: tuple[Signature, ...] = (
    *(search_by_words, delete_by_ids, delete_by_filter),
    *(memos.vectors_size, memos.neo4j_login, vectors_unreachable, vectors_refused),
    graph_unreachable,
    *(embedder_unreachable, chat_unreadable, chat_unreachable, scheduler_failed),
)
"""What knows most first."""


def explained(failure: Failure) -> Finding | None:
    """Return why a call failed, going by what was written meanwhile; None when nothing tells."""
    return next(filter(None, (signature(failure) for signature in SIGNATURES)), None)


def _defect(cause: str) -> Cause:
    return Cause(
        "memos-defect",
        f"a defect of this MemOS: {cause}",
        f"docs/memos-versions.md has the releases without it; MEMOS_MENDS=yes in .env, {UP}",
    )


def _gone(need: str, why: str) -> Cause:
    return Cause(
        "neighbour-unreachable",
        f"{need} does not answer MemOS: {why}",
        f"inv logs --service {need}; inv up --service {need}",
    )

"""MemOS while it runs: why its calls fail and answer 200, by lines of the real log."""

import pytest

from scripts.diagnosis.causes.calls import SIGNATURES, explained
from scripts.diagnosis.failure import Failure
from tests.kit.recorded import Case, sick

ADD = "8d95ee7c | path=/product/add | "
SEARCH = "be437cc2 | path=/product/search | SearchHandler - ERROR - single_cube.py:245 - "
SEARCH += "_search_text - Error in search_text: "
FEEDBACK = "c8d2353e | path=/product/feedback | memos.mem_feedback.feedback - ERROR - "
FEEDBACK += "feedback.py:742 - _get_llm_response - [Feedback Core LLM Error] Exception during chat "
STORE = "memos.graph_dbs.neo4j_community - WARNING - neo4j_community.py:186 - "
FAULTS = {
    "a search that lacks a method (2.0.6)": Case(
        said=f"{SEARCH}'Neo4jCommunityGraphDB' object has no attribute 'search_by_fulltext'",
        wanted=("memos-defect", "MemOS#1093", "MEMOS_MENDS=yes"),
    ),
    "a delete that lacks an argument (2.0.6)": Case(
        said="An error occurred while deleting memories by memory_ids: Neo4jCommunityGraphDB."
        "delete_node_by_prams() missing 1 required positional argument: 'writable_cube_ids'",
        wanted=("memos-defect", "deletes nothing", "docs/memos-versions.md"),
    ),
    "a delete by filter that looks for what is no more (2.0.33)": Case(
        said="Failed to delete memories: 'NaiveMemCube' object has no attribute 'pref_mem'",
        wanted=("memos-defect", "by filter", "docs/memos-versions.md"),
    ),
    "no embedding model (2.0.33)": Case(
        said=f"{ADD}[ChatFast] error: Embeddings request ended with error: Connection error.",
        wanted=("embedder-unreachable", "Connection error.", "inv doctor"),
    ),
    "a slow embedding model, in a search (2.0.33)": Case(
        said=f"{SEARCH}Embeddings request ended with error: Request timed out.; traceback: Trace",
        wanted=("embedder-unreachable", "MemOS: Request timed out.", "inv logs --service models"),
    ),
    "no embedding model (2.0.6, an add)": Case(
        said=f"{ADD}[ChatFast] error: 'NoneType' object is not subscriptable",
        wanted=("embedder-unreachable", "no vector came", "inv doctor"),
    ),
    "no embedding model (2.0.6, a search)": Case(
        said="    query_embedding=query_embedding[0],",
        wanted=("embedder-unreachable", "no vector came", "inv doctor"),
        evidence="query_embedding",
    ),
    "vectors of another size": Case(
        said=f"{ADD}{STORE}add_nodes_batch - [VecDB] batch insert failed: Unexpected Response\n"
        'b\'{"status":{"error":"Wrong input: Vector dimension error: expected dim: 384, got 768"}}',
        wanted=("data-mismatch", "384", "EMBEDDING_DIMENSION=384"),
        evidence="Vector dimension error",
    ),
    "Qdrant says no": Case(
        said=f"{ADD}{STORE}add_nodes_batch - [VecDB] batch insert failed: Unexpected Response: 400",
        wanted=("vectors-refused", "Unexpected Response: 400", "inv logs --service db-qdrant"),
    ),
    "Qdrant is gone": Case(
        said=f"{ADD}{STORE}search_by_embedding - [VecDB] search failed: [Errno -2] Name or service",
        wanted=("neighbour-unreachable", "db-qdrant does not", "inv up --service db-qdrant"),
    ),
    "Neo4j is gone": Case(
        said=f"{SEARCH}Cannot resolve address neo4j-docker:7687; traceback: Traceback",
        wanted=("neighbour-unreachable", "db-neo4j does not", "inv up --service db-neo4j"),
    ),
    "Neo4j hung up": Case(
        said="[add_nodes_batch] Failed to add nodes: Failed to read from defunct connection IPv4",
        wanted=("neighbour-unreachable", "db-neo4j does not", "inv logs --service db-neo4j"),
    ),
    "Neo4j rejects the password": Case(
        said="neo4j.exceptions.AuthError: {code: Neo.ClientError.Security.Unauthorized} {message:",
        wanted=("login-rejected", "db-neo4j rejects", "NEO4J_PASSWORD"),
    ),
    "a chat model that rejects the key (2.0.33)": Case(
        said=f"{ADD}memos.mem_reader.simple_struct - ERROR - [LLM] Generation failed\n"
        "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key"
        " provided: sk-abcdef0123456789'}}",
        wanted=("chat-unreachable", "Error code: 401", "inv doctor"),
        evidence="provided: ***",
    ),
    "no chat model, a feedback (2.0.33)": Case(
        said=f"{FEEDBACK}generation: Connection error. | response_text ",
        wanted=("chat-unreachable", "MemOS: Connection error.", "OPENAI_API_BASE"),
    ),
    "no chat model, a feedback (2.0.6)": Case(
        said=f"{FEEDBACK}generation: 'NoneType' object has no attribute 'replace' | response_text",
        wanted=("chat-unreachable", "nothing came", "OPENAI_API_BASE"),
    ),
    "a chat model that answers in prose": Case(
        said=f"{FEEDBACK}generation: No curly brace content found in text: I am afraid that I"
        " cannot do that. | response_text I am afraid",
        wanted=("chat-unreadable", "I am afraid that I cannot do that.", "MOS_CHAT_MODEL"),
    ),
    "a scheduler without the Redis that it wants": Case(
        said=f"{ADD}AddHandler - ERROR - single_cube.py:627 - _schedule_memory_tasks - [SingleCube"
        "View] cube=z1 Failed to submit async memory tasks: Not connected to Redis.",
        wanted=("scheduler-failed", "Not connected to Redis", "MEMSCHEDULER_USE_REDIS_QUEUE"),
    ),
    "a task that fails": Case(
        said="memos.mem_scheduler - ERROR - Error processing mem_read message: it is broken",
        wanted=("scheduler-failed", "mem_read message: it is broken", "inv logs --service memos"),
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_call_that_fails_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By what was written meanwhile; the API itself runs and is well."""
    one, seen = sick(case)

    found = explained(Failure.of(one, seen.containers[0], seen))

    assert found is not None
    code, cause, step = case.wanted
    assert found.code == code
    assert cause in found.cause
    assert step in found.next_step
    assert (case.evidence or case.said.splitlines()[-1][:60]) in found.evidence
    assert "sk-" not in found.cause + found.evidence


def test_a_log_that_tells_nothing_has_no_cause() -> None:
    """What the API writes about each call."""
    one, seen = sick(Case(said='INFO: 127.0.0.1 - "POST /product/add HTTP/1.1" 200 OK'))

    assert explained(Failure.of(one, seen.containers[0], seen)) is None


def test_every_signature_has_a_case() -> None:
    """Each is provoked at least once."""
    known = set()
    for case in FAULTS.values():
        one, seen = sick(case)
        failure = Failure.of(one, seen.containers[0], seen)
        known.add(next(signature.__name__ for signature in SIGNATURES if signature(failure)))

    assert known == {signature.__name__ for signature in SIGNATURES}

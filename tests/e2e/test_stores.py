"""What the stores hold of memories, halves included, and the repair of vectors."""

import uuid
from typing import Any

import pytest

from scripts.config.rules import schema
from scripts.core.files import Json
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import recall, remember
from tests.e2e.kit.stores import cypher, qdrant

pytestmark = pytest.mark.docker

POINTS = "neo4j_vec_db/points"


def nodes(stack: Checkout) -> list[list[Any]]:
    """Return every node with all that it holds."""
    return cypher(stack, "MATCH (n:Memory) RETURN properties(n) ORDER BY n.id")


def vectors(stack: Checkout) -> dict[str, Json]:
    """Return every point by its id."""
    body = {"limit": 10_000, "with_payload": True, "with_vector": True}
    found = qdrant(stack, "POST", f"{POINTS}/scroll", body)["result"]["points"]
    return {point["id"]: point for point in found}


def memories(stack: Checkout, *words: str) -> Json:
    """Return what `inv memories` tells; it keeps its schema."""
    document = stack.inv("memories", *words, "--format", "json").document
    assert schema.validate(document, "memories") == ()
    return document


def orphans(stack: Checkout) -> set[str]:
    """Return the codes of what `inv doctor` finds of them."""
    findings = stack.inv("doctor", "--format", "json", check=False).document["findings"]
    return {one["code"] for one in findings if one["code"].endswith("-orphaned")}


def test_what_lost_its_half_is_told_and_a_repair_touches_nothing_else(running: Checkout) -> None:
    """A vector whose node was deleted goes, a node whose vector was deleted has the same again."""
    cube = f"halves-{uuid.uuid4().hex[:8]}"
    for text in ("The red door opens at noon.", "The blue boat leaves at dawn."):
        remember(running, cube, text)
    whole = memories(running, "--cube", cube)
    assert (whole["nodes_without_vector"], whole["vectors_without_node"]) == (0, 0)
    assert whole["nodes"] == whole["vectors"] > 1
    first, second = (row["id"] for row in whole["memories"][:2])
    wanted = vectors(running)
    qdrant(running, "POST", f"{POINTS}/delete?wait=true", {"points": [first]})
    cypher(running, "MATCH (n:Memory {id: $id}) DETACH DELETE n", id=second)

    told = memories(running, "--cube", cube)

    assert (told["nodes_without_vector"], told["vectors_without_node"]) == (1, 1)
    lacking = [(row["id"], row["lacks"]) for row in told["memories"][:2]]
    assert lacking == [(second, "node"), (first, "vector")]
    assert orphans(running) == {"vectors-orphaned", "memories-orphaned"}

    kept = nodes(running)
    running.inv("memories", "--repair", "--yes")

    assert nodes(running) == kept
    wanted.pop(second)
    found = vectors(running)
    again, former = found.pop(first), wanted.pop(first)
    assert found == wanted
    assert again["payload"] == former["payload"]
    assert again["vector"] == pytest.approx(former["vector"], abs=1e-3)
    assert orphans(running) == set()
    assert recall(running, cube)
    assert running.inv("smoke").stdout

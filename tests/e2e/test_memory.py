"""A first memory without a key, and vectors that mean something."""

import json

import pytest

from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker

ALIKE = [
    ("Alice drinks green tea every morning.", "Each morning Alice has a cup of green tea."),
    ("The database refuses the connection.", "I cannot connect to the database."),
    ("The weather is lovely today.", "It's so sunny outside!"),
]
UNLIKE = [
    ("The weather is lovely today.", "He drove to the stadium."),
    ("Alice drinks green tea every morning.", "The database refuses the connection."),
    ("He plays the piano.", "The train to Berlin leaves at nine."),
]
PUBLISHED = 0.6660
"""Cosine of the third pair in the model card of Sentence Transformers' all-MiniLM-L6-v2."""


def similarities(stack: Checkout, pairs: list[tuple[str, str]]) -> list[float]:
    """Return the cosine of each pair's embeddings, as the running embedder gives them."""
    body = json.dumps({"model": "any", "input": [text for pair in pairs for text in pair]})
    container = stack.values()["CONTAINER_PREFIX"] + "memos-models"
    url = "http://127.0.0.1:8080/v1/embeddings"
    json_type = "Content-Type: application/json"
    words = ["curl", "-fsS", "-H", json_type, "-d", body, url]
    answer = stack.docker("exec", container, *words).document
    vectors = [one["embedding"] for one in answer["data"]]
    assert {len(vector) for vector in vectors} == {384}
    halves = zip(vectors[::2], vectors[1::2], strict=True)
    return [sum(a * b for a, b in zip(one, two, strict=True)) for one, two in halves]


def test_sentences_that_mean_the_same_are_near(running: Checkout) -> None:
    """Every pair that means the same is nearer than every pair that does not."""
    alike, unlike = similarities(running, ALIKE), similarities(running, UNLIKE)
    assert min(alike) > 0.6
    assert max(unlike) < 0.3
    assert alike[2] == pytest.approx(PUBLISHED, abs=0.005)


def test_a_memory_goes_through_the_whole_stack_and_out_again(running: Checkout) -> None:
    """`inv smoke` finds it by its meaning and in every store, and leaves no trace."""
    lines = running.inv("smoke").stdout.splitlines()
    stages = [line.split()[1] for line in lines]
    assert stages == [
        *("add", "defaults", "search", "chinese", "get_all", "neo4j", "qdrant", "milvus"),
        *("preference", "feedback", "delete", "removed"),
    ]
    left_out = {line.split()[1] for line in lines if line.startswith("--")}
    assert left_out == {"preference", "feedback"}


def test_smoke_says_which_service_fails(running: Checkout) -> None:
    """With Qdrant gone the API still says success; smoke does not believe it."""
    running.docker("stop", "memos-e2e-qdrant-docker")
    failed = running.inv("smoke", check=False)
    assert failed.exit_code == 5
    assert "qdrant" in failed.stderr
    assert "Traceback" not in failed.stderr

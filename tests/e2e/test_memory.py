"""A first memory without a key, and vectors that mean something."""

import json
import os
import signal

import pytest
import requests

from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.official import row

pytestmark = pytest.mark.docker

ALIKE = [
    ("Alice drinks green tea every morning.", "Each morning Alice has a cup of green tea."),
    ("The database refuses the connection.", "I cannot connect to the database."),
    ("The weather is lovely today.", "It's so sunny outside!"),
    ("爱丽丝每天早上喝绿茶。", "Alice drinks green tea every morning."),
    ("数据库拒绝连接。", "我连不上数据库。"),
]
UNLIKE = [
    ("The weather is lovely today.", "He drove to the stadium."),
    ("Alice drinks green tea every morning.", "The database refuses the connection."),
    ("He plays the piano.", "The train to Berlin leaves at nine."),
    ("爱丽丝每天早上喝绿茶。", "数据库拒绝连接。"),
    ("他弹钢琴。", "The train to Berlin leaves at nine."),
]
THRESHOLD = 0.45
"""MemOS drops what scores less, from 2.0.7 on."""
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
    """In English, in Chinese and across: what is alike is above the threshold, the rest below."""
    alike, unlike = similarities(running, ALIKE), similarities(running, UNLIKE)
    assert min(alike) > 0.7
    assert max(unlike) < THRESHOLD


def test_the_other_local_model_is_in_the_image_too(running: Checkout) -> None:
    """all-MiniLM-L6-v2 gives what its authors published."""
    code = (
        "import json; from pathlib import Path; from memos_models import minilm;"
        f" texts = {ALIKE[2]!r}; model = minilm.load(Path('/opt/models/all-MiniLM-L6-v2'));"
        " print(json.dumps(model.embed(texts).vectors))"
    )
    container = running.values()["CONTAINER_PREFIX"] + "memos-models"
    one, other = running.docker("exec", container, "python3", "-c", code).document
    assert sum(a * b for a, b in zip(one, other, strict=True)) == pytest.approx(PUBLISHED, abs=5e-3)


def test_the_centre_of_the_local_model_is_the_one_that_is_kept(running: Checkout) -> None:
    """Found anew from its weights it is the same, so no build has to find it."""
    code = (
        "import os; from pathlib import Path; from tempfile import mkdtemp; import numpy as np;"
        " from memos_models import e5, prepare; folder = Path(mkdtemp());"
        " weights = Path('/opt/models/multilingual-e5-small-centred', e5.WEIGHTS);"
        " (folder / e5.WEIGHTS).symlink_to(weights); kept = prepare.KEPT / prepare.name(folder);"
        " print(float(np.abs(np.load(kept) - prepare.found(folder)).max()))"
    )
    container = running.values()["CONTAINER_PREFIX"] + "memos-models"
    apart = running.docker("exec", container, "python3", "-c", code).document
    assert apart < 1e-4


@row("memos", "a memory goes in, is found by other words, and out again")
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


def changed(stack: Checkout, name: str, value: str) -> None:
    """Write a variable into the stack's file."""
    lines = stack.env_file.read_text().splitlines()
    others = [line for line in lines if not line.startswith(f"{name}=")]
    stack.env_file.write_text("\n".join([*others, f"{name}={value}"]) + "\n")


def cubes(stack: Checkout) -> int:
    """Return how many nodes of trials Neo4j holds."""
    query = "MATCH (n:Memory) WHERE n.user_name STARTS WITH 'smoke-' RETURN count(n)"
    answer = requests.post(
        stack.url("NEO4J_HTTP_PORT", "/db/neo4j/tx/commit"),
        json={"statements": [{"statement": query}]},
        auth=("neo4j", stack.values()["NEO4J_PASSWORD"]),
        timeout=20,
    )
    return int(answer.json()["results"][0]["data"][0]["row"][0])


def test_memos_as_it_was_released_is_red_with_the_cause(running: Checkout) -> None:
    """The search of 2.0.6 finds nothing; the API's log tells why, and the next step mends it."""
    before = running.env_file.read_text()
    try:
        changed(running, "MEMOS_MENDS", "no")
        assert "not mended: #1093" in running.inv("up", "--service", "memos").stderr
        failed = running.inv("smoke", "--format", "json", check=False)
    finally:
        running.env_file.write_text(before)
        up = running.inv("up", "--service", "memos")

    assert failed.exit_code == 5
    assert failed.document["finding"]["code"] == "memos-defect"
    assert "search_by_fulltext" in failed.document["finding"]["evidence"]
    assert cubes(running) == 0
    assert "MemOS 2.0.6, mended: #1093" in up.stderr
    assert "mended: #1093" in running.inv("ps", "--service", "memos").stdout


def test_an_embedding_model_that_does_not_answer_is_named(running: Checkout) -> None:
    """The API answers 200 and an empty list to an add; its log tells why."""
    running.docker("stop", "memos-e2e-memos-models")
    failed = running.inv("smoke", "--format", "json", check=False)
    assert failed.exit_code == 5
    assert failed.document["finding"]["code"] == "embedder-unreachable"


def test_what_a_killed_smoke_left_is_removed_by_the_next(running: Checkout) -> None:
    """No trial leaves memories in a user's stack for good."""
    with running.started("smoke") as trial:
        assert trial.stdout is not None
        while "add" not in trial.stdout.readline():
            assert trial.poll() is None
        os.killpg(trial.pid, signal.SIGKILL)
        trial.wait(timeout=150)
    assert cubes(running) > 0
    assert "removed what an earlier inv smoke left" in running.inv("smoke").stderr
    assert cubes(running) == 0

"""What was said is found by asking in other words, in English and in Chinese."""

import json
import re
import uuid
from typing import Any

import pytest
import requests

from scripts.core.polling import poll
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.stores import cypher, qdrant
from tests.kit.places import ROOT, TESTS_DATA

pytestmark = pytest.mark.docker

LANGUAGES = ("english", "chinese")
FIRST = 3
"""A memory is found that stands among so many first results."""
SIZES = {"memories": 20, "preferences": 10}
"""How many there are in each language; of ten, one may be missed."""
SETTLED = 90.0
"""Seconds for what the API does after it has answered, for forty memories on two busy cores."""

Entry = dict[str, str]


def entries(language: str, kind: str) -> list[Entry]:
    """Return memories with a question for each; written before a model was tried."""
    file = TESTS_DATA / "memories" / f"{language}.json"
    found: list[Entry] = json.loads(file.read_text(encoding="utf-8"))[kind]
    return found


def post(stack: Checkout, path: str, **body: object) -> Any:  # noqa: ANN401 - an answer's JSON
    """Call the API; give the data of its answer."""
    answer = requests.post(stack.url("MEMOS_PORT", f"/product/{path}"), json=body, timeout=60)
    return answer.json()["data"]


def told(stack: Checkout, cube: str, text: str) -> set[str]:
    """Add a memory with the API's own defaults; give the ids that it answers at once."""
    messages = [{"role": "user", "content": text}]
    data = post(stack, "add", user_id=cube, writable_cube_ids=[cube], messages=messages)
    return {one["memory_id"] for one in data}


def found(stack: Checkout, cube: str, question: str) -> list[str]:
    """Search with the API's own defaults; give the memories, the nearest first."""
    data = post(stack, "search", user_id=cube, readable_cube_ids=[cube], query=question)
    return [one["memory"] for each in data["text_mem"] for one in each["memories"]]


def nodes(stack: Checkout, cube: str) -> set[str]:
    """Return the ids of a cube's memories in Neo4j."""
    statement = "MATCH (n:Memory {user_name: $cube}) RETURN n.id"
    return {row[0] for row in cypher(stack, statement, cube=cube)}


def vectors(stack: Checkout, cube: str) -> set[str]:
    """Return the ids of a cube's vectors in Qdrant."""
    of_cube = {"must": [{"key": "user_name", "match": {"value": cube}}]}
    body = {"filter": of_cube, "limit": 1000}
    points = qdrant(stack, "POST", "neo4j_vec_db/points/scroll", body)["result"]["points"]
    return {point["id"] for point in points}


def settle(stack: Checkout, cube: str, answered: set[str]) -> None:
    """Wait until other memories have taken the place of all that were answered at once."""
    left = answered
    for left in poll(lambda: nodes(stack, cube) & answered, timeout=SETTLED, interval=0.5):
        if not left:
            break
    assert not left


@pytest.mark.parametrize("kind", ["memories", "preferences"])
def test_what_was_said_is_found_in_other_words(running: Checkout, kind: str) -> None:
    """Both lists in one cube, with the API's defaults; each vector has its memory afterwards."""
    cube = f"meaning-{uuid.uuid4().hex[:8]}"
    lists = {language: entries(language, kind) for language in LANGUAGES}
    texts = [entry["memory"] for each in lists.values() for entry in each]
    answered = [told(running, cube, text) for text in texts]
    settle(running, cube, set().union(*answered))

    missed = {
        language: [
            entry["question"]
            for entry in each
            if not any(
                entry["memory"] in memory
                for memory in found(running, cube, entry["question"])[:FIRST]
            )
        ]
        for language, each in lists.items()
    }

    assert [len(each) for each in lists.values()] == [SIZES[kind]] * len(LANGUAGES)
    assert all(len(questions) <= SIZES[kind] // 10 for questions in missed.values()), missed
    assert nodes(running, cube) == vectors(running, cube)


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_first_memory_of_the_readme_is_found(running: Checkout, page: str) -> None:
    """Its two calls, word for word but for the cube, and its question in Chinese."""
    text = (ROOT / page).read_text(encoding="utf-8")
    bodies = re.findall(r"product/(\w+) -H .*\n +-d '(\{.*\})'", text)
    (_, said), (_, asked) = [(path, json.loads(body)) for path, body in bodies]
    (chinese,) = re.findall(r"`(我[^`]*？)`", text)
    cube = {"user_id": f"readme-{uuid.uuid4().hex[:8]}"}

    assert [path for path, _ in bodies] == ["add", "search"]
    answered = {one["memory_id"] for one in post(running, "add", **{**said, **cube})}
    settle(running, cube["user_id"], answered)
    for question in (asked["query"], chinese):
        data = post(running, "search", **{**asked, **cube, "query": question})
        memories = [one["memory"] for each in data["text_mem"] for one in each["memories"]]
        assert said["messages"][0]["content"] in memories[0]


def test_vectors_of_another_model_are_told_before_memos_starts(running: Checkout) -> None:
    """Same size, other model: `inv up` ends with both names and the way back, which works."""
    cube = f"other-{uuid.uuid4().hex[:8]}"
    settle(running, cube, told(running, cube, "The tide table hangs in the hall."))
    text, set_here = running.env_file.read_text(), running.values()["MOS_EMBEDDER_MODEL"]
    back = f"MOS_EMBEDDER_MODEL={set_here}"
    running.env_file.write_text(text.replace(back, "MOS_EMBEDDER_MODEL=all-MiniLM-L6-v2"))
    try:
        refused = running.inv("up", check=False)
    finally:
        running.env_file.write_text(text)

    assert refused.exit_code == 5
    assert f"vectors of the model {set_here} are stored" in refused.stderr
    assert f"next: {back} in .env" in refused.stderr
    running.inv("up")
    assert "The tide table" in found(running, cube, "Where is the list of high water?")[0]

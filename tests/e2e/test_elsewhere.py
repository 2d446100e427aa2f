"""Databases that run elsewhere: those of another stack, asked and filled, and never changed."""

from collections.abc import Iterator

import pytest
import requests

from tests.e2e.kit.checkout import Checkout, made

pytestmark = pytest.mark.docker

PASSWORD = "their-password"
TOLD = "My sister plays the cello in Lisbon."


@pytest.fixture(scope="module")
def host(engine: Checkout) -> str:
    """An address of this machine that containers reach, too."""
    words = "{{(index .IPAM.Config 0).Gateway}}"
    return engine.docker("network", "inspect", "bridge", f"--format={words}").stdout.strip()


@pytest.fixture(scope="module")
def theirs(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """A stack of somebody else's: Qdrant and Neo4j alone."""
    passwords = ("NEO4J_PASSWORD", "MILVUS_PASSWORD", "MINIO_ROOT_PASSWORD")
    changes = {"BIND_ADDRESS": host, "ALLOW_WITHOUT_LOGIN": "yes"}
    changes |= dict.fromkeys(passwords, PASSWORD)
    folder = tmp_path_factory.mktemp("theirs")
    with made(folder, "memos-e2e-theirs", changes=changes) as stack:
        stack.inv("up", "--service", "qdrant", "--service", "neo4j")
        yield stack


@pytest.fixture(scope="module")
def ours(
    host: str, theirs: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Checkout]:
    """A stack whose memories are kept there."""
    ports = theirs.values()
    changes = {
        "EXTERNAL_QDRANT_URL": f"http://{host}:{ports['QDRANT_HTTP_PORT']}",
        "EXTERNAL_NEO4J_URL": f"bolt://{host}:{ports['NEO4J_BOLT_PORT']}",
        "NEO4J_PASSWORD": PASSWORD,
        "WITH_MILVUS": "no",
    }
    with made(tmp_path_factory.mktemp("ours"), "memos-e2e-ours", changes=changes) as stack:
        yield stack


def post(stack: Checkout, path: str, **body: object) -> str:
    """Call the API; give its answer."""
    answer = requests.post(stack.url("MEMOS_PORT", f"/product/{path}"), json=body, timeout=60)
    answer.raise_for_status()
    return answer.text


def test_what_is_wrong_there_is_told_before_anything_starts(ours: Checkout) -> None:
    """A password that is not theirs; nothing of ours is there afterwards."""
    other = ours.varied(ours.env_file.with_name("other.env"), NEO4J_PASSWORD="not-their-password")

    refused = other.inv("up", check=False)

    assert refused.exit_code == 5
    assert "rejects the login of .env" in refused.stderr
    assert ours.left() == []


def test_memories_are_kept_there_and_outlive_all_that_is_ours(
    ours: Checkout, theirs: Checkout
) -> None:
    """Smoke and doctor ask there; what is deleted here is ours alone."""
    ours.inv("up")
    containers = {one for one in ours.left() if one.startswith(f"{ours.project}-")}
    assert containers == {f"{ours.project}-{name}" for name in ("memos-api-docker", "memos-models")}
    assert "no trace of it left" in ours.inv("smoke").stdout
    looked = ours.inv("doctor").stdout
    assert looked.count("reached from the API too") == 2
    assert "neo4j: a wrong password is rejected" in looked
    cube = {"user_id": "ann", "writable_cube_ids": ["ann"], "async_mode": "sync", "mode": "fast"}
    post(ours, "add", **cube, messages=[{"role": "user", "content": TOLD}])
    held = theirs.inv("memories").stdout

    assert ours.inv("reset", "--service", "qdrant", "--yes", check=False).exit_code == 2
    deleted = ours.inv("down", "--volumes", "--yes").stderr

    assert deleted.count("its data is not this stack's") == 2
    assert ours.left() == []
    assert "ann" in held
    assert theirs.inv("memories").stdout == held
    ours.inv("up")
    question = {"query": "Which instrument is played in Portugal?", "mode": "fast"}
    assert TOLD in post(ours, "search", user_id="ann", readable_cube_ids=["ann"], **question)

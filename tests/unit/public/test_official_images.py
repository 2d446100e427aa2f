"""What a registry's answer about a tag means, and by which name a cache keeps images."""

import hashlib
from typing import Any

import pytest

from tests.public import images
from tests.public.images import Answer

OK = Answer(digest="sha256:0a")
GONE = Answer(gone=True, why="not found")
SILENT = Answer(why="i/o timeout")


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("ERROR: quay.io/minio/minio:x: not found", True),
        ("ERROR: docker.io/minio/minio:x: pull access denied, repository does not exist", True),
        ("ERROR: no such manifest: docker.io/library/neo4j:x", True),
        ("ERROR: failed to do request: Head: dial tcp: lookup quay.io: no such host", False),
        (
            "ERROR: unexpected status from HEAD request to http://h/v2/x: 429 Too Many Requests",
            False,
        ),
        ("ERROR: unexpected status from HEAD request to http://h/v2/x: 401 Unauthorized", False),
        ('ERROR: failed to do request: Head "http://h/v2/x": connect: connection refused', False),
        ("ERROR: Cannot connect to the Docker daemon", False),
        ("docker: unknown command: docker buildx", False),
    ],
)
def test_gone_is_only_what_a_registry_says_it_has_not(said: str, gone: bool) -> None:
    """A registry that is asked too often has it still."""
    before = "WARNING: of another thing\n" if said.startswith("ERROR") else ""
    answer = images.read(1, b"", f"{before}{said}\n\nRun 'docker --help'\n")

    assert (answer.digest, answer.gone, answer.why) == ("", gone, said)


def test_an_answer_has_digest_and_platforms() -> None:
    """Attestations are listed as platforms that nobody has."""
    text = (
        b'{"schemaVersion": 2, "manifests": ['
        b'{"platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},'
        b'{"platform": {"os": "linux", "architecture": "amd64"}},'
        b'{"platform": {"os": "unknown", "architecture": "unknown"}}]}'
    )

    assert images.read(0, text, "") == Answer(
        digest=f"sha256:{hashlib.sha256(text).hexdigest()}",
        platforms=("linux/amd64", "linux/arm64"),
    )


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"schemaVersion": 2, "manifests": [1]}'])
def test_an_answer_that_is_none_is_not_known(text: str) -> None:
    """And no tag is gone for it."""
    answer = images.read(0, text.encode(), "")

    assert (answer.digest, answer.gone) == ("", False)
    assert "the client's answer is no manifest" in answer.why


@pytest.mark.parametrize(
    ("answers", "code"), [([OK], 0), ([OK, SILENT], 4), ([OK, SILENT, GONE], 1), ([], 0)]
)
def test_a_tag_that_is_gone_counts_before_one_that_is_not_known(
    answers: list[Answer], code: int
) -> None:
    """The exit code of the night."""
    assert images.verdict(answers) == code


def test_a_tag_that_was_pushed_again_has_another_cache() -> None:
    """And so has another processor; the order in which they answer means nothing."""
    one: dict[str, Any] = {"a:1": OK, "b:1": OK}

    assert images.key(one) == images.key(dict(reversed(one.items())))
    assert images.key(one) != images.key({**one, "b:1": Answer(digest="sha256:0b")})
    assert images.key({"a:1": SILENT}).startswith("images-")


def test_every_image_that_somebody_pulls_is_asked_for() -> None:
    """The stack's, what its own images stand upon, and those of .devcontainer and .ci."""
    named = images.named()
    pulled = images.pulled()

    assert len(pulled) == 7
    assert {*pulled} < {*named}
    files = {file for places in named.values() for file in places}
    assert {".env.example", ".ci/in-debian", ".devcontainer/Dockerfile"} <= files
    assert not any("memos-dev" in name for name in named)

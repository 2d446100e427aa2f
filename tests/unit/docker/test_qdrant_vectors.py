"""What the Qdrant stand-in reads of a collection's vectors, and of those that come in."""

from pathlib import Path

import pytest
from qdrant_gate import LARGEST_WORTH, worth
from qdrant_json import DEEPEST, RefusedError, key_path, shallow
from qdrant_vectors import Shape


def test_what_the_version_before_wrote_is_read(tmp_path: Path) -> None:
    """It knew one dense vector without a name, and wrote no word about others."""
    text = '{"on_disk_payload":true,"vectors":{"":{"size":2,"distance":"Cosine","on_disk":true}}}'
    (tmp_path / "edge_config.json").write_text(text)

    shape = Shape.of(tmp_path)

    assert shape.document() == {"vectors": {"size": 2, "distance": "Cosine"}}
    assert shape.vectors([1, 0.5]) == [1, 0.5]
    with pytest.raises(RefusedError, match="Not existing vector name error: text"):
        shape.vectors({"text": [1, 2]})


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1])
def test_how_deep_a_body_and_a_key_may_be(depth: int) -> None:
    """Lists, objects and parts of a key count alike."""
    body: object = []
    for number in range(depth - 1):
        body = [body] if number % 2 else {"a": body}
    key = ".".join("a" * depth)

    if depth == DEEPEST:
        assert (shallow(body), key_path(key)) == (body, key)
        return
    with pytest.raises(RefusedError):
        shallow(body)
    with pytest.raises(RefusedError):
        key_path(key)


def test_a_body_of_vectors_is_worth_less_than_one_of_objects() -> None:
    """The largest body of vectors may come in, and one of nothing but empty objects may not."""
    size = 32 * 1024 * 1024
    number, nothing = b"0.0123456789,", b"{},"

    assert worth(number * (size // len(number))) < LARGEST_WORTH
    assert worth(nothing * (size // len(nothing))) > LARGEST_WORTH

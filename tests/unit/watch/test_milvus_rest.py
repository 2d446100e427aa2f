"""The two versions of Milvus' REST interface differ where their documents say."""

from scripts.watch.milvus_rest import V1, V2


def test_version_1_numbers_rows_by_itself_and_takes_one_vector() -> None:
    """https://milvus.io/api-reference/restful/v2.3.x/About.md."""
    assert not V1.own_ids
    assert V1.query([1.0]) == {"vector": [1.0]}
    assert all(path.startswith("/v1/vector/") for path in _paths(V1))


def test_version_2_wants_ids_and_takes_several_vectors() -> None:
    """https://milvus.io/api-reference/restful/v2.5.x/About.md."""
    assert V2.own_ids
    assert V2.query([1.0]) == {"data": [[1.0]], "annsField": "vector"}
    assert all(path.startswith("/v2/vectordb/") for path in _paths(V2))


def _paths(words: object) -> list[str]:
    return [getattr(words, name) for name in ("create", "insert", "search", "drop")]

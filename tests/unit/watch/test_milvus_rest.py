"""The two versions of Milvus' REST interface differ where their documents say."""

import pytest

from scripts.watch.calls.milvus_rest import V1, V2, MilvusWords


@pytest.mark.parametrize(
    ("rest", "own_ids", "query", "base"),
    [
        # https://milvus.io/api-reference/restful/v2.3.x/About.md, and v2.5.x
        (V1, False, {"vector": [1.0]}, "/v1/vector/"),
        (V2, True, {"data": [[1.0]], "annsField": "vector"}, "/v2/vectordb/"),
    ],
)
def test_a_version_has_its_own_ids_queries_and_paths(
    rest: MilvusWords, query: object, base: str, *, own_ids: bool
) -> None:
    """Version 1 numbers rows by itself and takes one vector; version 2 wants ids, takes several."""
    assert (rest.own_ids, rest.query([1.0])) == (own_ids, query)
    paths = (rest.create, rest.insert, rest.search, rest.drop)
    assert all(path.startswith(base) for path in paths)

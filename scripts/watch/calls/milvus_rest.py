"""The words of Milvus' REST interface in its two versions.

https://milvus.io/api-reference/restful/v2.3.x/About.md and v2.5.x/About.md
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PREFERENCES = ("explicit_preference", "implicit_preference")
"""The collections in which MemOS keeps preferences."""
KEEPERS = (19531, 19530)
"""Container ports of what keeps them: a store of their own where there is one, else Milvus."""


def by_cube(cube: str) -> str:
    """Return the filter for what MemOS keeps of one cube."""
    return f'payload["mem_cube_id"] == "{cube}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class MilvusWords:
    """The paths of one version of Milvus' REST interface, and how it takes a query vector."""

    create: str
    insert: str
    search: str
    drop: str
    own_ids: bool
    """Rows bring their ids; version 1 makes collections that number them by itself."""
    query: Callable[[list[float]], dict[str, Any]]


V1 = MilvusWords(
    create="/v1/vector/collections/create",
    insert="/v1/vector/insert",
    search="/v1/vector/search",
    drop="/v1/vector/collections/drop",
    own_ids=False,
    query=lambda vector: {"vector": vector},
)
V2 = MilvusWords(
    create="/v2/vectordb/collections/create",
    insert="/v2/vectordb/entities/insert",
    search="/v2/vectordb/entities/search",
    drop="/v2/vectordb/collections/drop",
    own_ids=True,
    query=lambda vector: {"data": [vector], "annsField": "vector"},
)

"""The indexes that MemOS asks for at each of its starts, on the real storage core."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import qdrant_edge as core
from qdrant_call import Call
from qdrant_collections import create_index, delete_index
from qdrant_json import Json
from qdrant_storage import Storage
from qdrant_vectors import config

NAME = "neo4j_vec_db"


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    """A storage folder with one empty collection."""
    with closing(Storage.open(tmp_path)) as found:
        found.create(NAME, config({"vectors": {"size": 3, "distance": "Cosine"}}))
        yield found


def asked(storage: Storage, kind: Json, *, field: str = "status") -> int:
    """Ask for an index as MemOS does; return how often that put all on disk."""
    collection = storage.collections[NAME]
    watched = Mock(wraps=collection.shard)
    storage.collections[NAME] = replace(collection, shard=watched)
    body = {"field_name": field, "field_schema": kind}
    answer = create_index(Call(storage, {"name": NAME}, wait=True, body=body))
    storage.collections[NAME] = collection
    assert isinstance(answer, dict)
    assert answer["status"] == "completed"
    return int(watched.flush.call_count)


def test_an_index_that_is_there_already_costs_no_wait_for_the_disk(storage: Storage) -> None:
    """Seven of them are asked for at each start of MemOS."""
    assert [asked(storage, "keyword") for _ in range(3)] == [1, 0, 0]
    assert asked(storage, {"type": "keyword"}) == 0
    assert asked(storage, "keyword", field="user_name") == 1


def test_another_kind_of_index_on_the_same_field_takes_its_place(storage: Storage) -> None:
    """And one with settings is made anew, as nobody can compare these."""
    settings = {"type": "text", "lowercase": True}
    asked(storage, "keyword")

    assert [asked(storage, one) for one in ("text", "text", settings, settings)] == [1, 0, 1, 1]
    schema = storage.get(NAME).shard.info().payload_schema
    assert schema["status"].data_type == core.PayloadSchemaType.Text
    assert asked(storage, "text") == 1  # it has settings no more


def test_an_index_that_was_dropped_is_made_again(storage: Storage) -> None:
    """On disk, as the first."""
    asked(storage, "keyword")
    delete_index(Call(storage, {"name": NAME, "field": "status"}, wait=True, body=None))

    assert asked(storage, "keyword") == 1

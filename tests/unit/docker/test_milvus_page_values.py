"""Values of Milvus become short text that a person can read."""

from enum import IntEnum

import milvus_values
import pytest


class DataType(IntEnum):
    """Stands for pymilvus' enum: only its names count."""

    INT64 = 5
    VARCHAR = 21
    ARRAY = 22
    FLOAT_VECTOR = 101


@pytest.mark.parametrize(
    ("value", "kind", "text", "look"),
    [
        (None, "VARCHAR", "null", "none"),
        ("null", "VARCHAR", "null", "text"),
        (True, "BOOL", "true", "code"),
        (9_007_199_254_740_993, "INT64", "9007199254740993", "number"),
        (0.3333333432674408, "FLOAT", "0.3333333", "number"),
        (1700000000.123, "DOUBLE", "1700000000.123", "number"),
        ({"user": "ü", "n": [1, None]}, "JSON", '{"user": "ü", "n": [1, null]}', "code"),
        (("x", "y"), "ARRAY", '["x", "y"]', "code"),
        ([0.123456, -1.0, 2, 3, 4], "FLOAT_VECTOR", "[0.1235, -1, 2, 3, …] 5 numbers", "vector"),
        ([1.0, 2.0], "FLOAT_VECTOR", "[1, 2] 2 numbers", "vector"),
        ([b"\x00\x01\x02\x03"], "BINARY_VECTOR", "0x00010203 4 bytes", "vector"),
        (b"\xff" * 64, "BINARY_VECTOR", "0xffffffffffffffff… 64 bytes", "vector"),
        ({7: 0.5}, "SPARSE_FLOAT_VECTOR", "{7: 0.5} 1 entries", "vector"),
        ("<b>", "", "<b>", "text"),
    ],
)
def test_a_value_is_shown_by_its_type(value: object, kind: str, text: str, look: str) -> None:
    """Each type has its own short form, and null is told from the text "null"."""
    assert milvus_values.cell(value, kind) == milvus_values.Cell(text=text, kind=look)


def test_a_long_text_is_cut_and_says_how_long_it_is() -> None:
    """A person sees that something is missing, and how much."""
    shown = milvus_values.cell("x" * 5000, "VARCHAR").text
    assert shown == "x" * milvus_values.TEXT_LIMIT + "… (5,000 characters)"


def test_a_text_of_exactly_the_limit_is_not_cut() -> None:
    """Nothing is cut without need."""
    text = "x" * milvus_values.TEXT_LIMIT
    assert milvus_values.shorten(text) == text


def test_a_field_tells_its_size_and_its_role() -> None:
    """Dimension, length, element type and primary key are read from pymilvus' answer."""
    vector = {"name": "v", "type": DataType.FLOAT_VECTOR, "params": {"dim": 8}}
    assert milvus_values.field(vector).size == "8 dimensions"
    key = {"name": "id", "type": DataType.INT64, "is_primary": True, "auto_id": True}
    assert milvus_values.field(key).notes == "primary key, value set by Milvus"
    tags = {
        "name": "tags",
        "type": DataType.ARRAY,
        "element_type": DataType.VARCHAR,
        "params": {"max_length": 20, "max_capacity": 8},
    }
    assert milvus_values.field(tags).size == "up to 8 VARCHAR, length up to 20"


def test_a_type_newer_than_pymilvus_is_shown_as_its_number() -> None:
    """An unknown type does not break the page."""
    assert milvus_values.field({"name": "x", "type": 999, "params": {}}).type == "999"


def test_an_index_keeps_its_own_parameters_apart_from_its_progress() -> None:
    """The answer recorded from Milvus 2.3.5 is one flat mapping."""
    described = {
        "M": "8",
        "efConstruction": "64",
        "metric_type": "COSINE",
        "index_type": "HNSW",
        "field_name": "embedding",
        "index_name": "embedding",
        "total_rows": 40,
        "indexed_rows": 30,
        "pending_index_rows": 10,
        "state": "InProgress",
    }
    index = milvus_values.index(described)
    assert index.parameters == "M=8, efConstruction=64"
    assert index.progress == "inprogress, 30 of 40 stored rows"


def test_columns_follow_the_schema_and_dynamic_ones_come_last() -> None:
    """Milvus returns the keys of a row in no certain order."""
    names = ["id", "title", "never_returned"]
    fields = [milvus_values.field({"name": name, "type": DataType.VARCHAR}) for name in names]
    rows = [{"colour": "red", "title": "a", "id": 1}, {"size": 2, "id": 2, "title": "b"}]
    columns = milvus_values.columns(fields, rows)
    assert list(columns) == ["id", "title", "colour", "size"]
    assert columns["colour"] == ""

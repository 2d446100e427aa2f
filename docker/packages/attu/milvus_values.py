"""Values, fields and indexes of Milvus as short plain text; the templates escape it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""What pymilvus gives for a field of any type; it has no types of its own."""
TEXT_LIMIT = 160
VECTOR_HEAD = 4
BYTES_HEAD = 8
_INDEX_COLUMNS = {"index_name", "field_name", "index_type", "metric_type", "state"}
_INDEX_COUNTS = {"total_rows", "indexed_rows", "pending_index_rows"}
_NOTES = {
    "is_primary": "primary key",
    "auto_id": "value set by Milvus",
    "is_partition_key": "partition key",
    "is_clustering_key": "clustering key",
    "is_dynamic": "dynamic",
    "nullable": "may be null",
    "is_function_output": "filled by a function",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One value of a table: its text, and its kind (text, number, code, vector or none)."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a collection: `size` is the dimension or the longest length allowed."""

    name: str
    type: str
    size: str
    notes: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index: its parameters, and how far Milvus has built it."""

    name: str
    field: str
    type: str
    metric: str
    parameters: str
    progress: str


def shorten(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return at most `limit` characters of the text, and say how long all of it is."""
    return text if len(text) <= limit else f"{text[:limit].rstrip()}… ({len(text):,} characters)"


def type_name(kind: object) -> str:
    """Name a data type: pymilvus gives members of an enum, or bare numbers for newer types."""
    return str(getattr(kind, "name", kind))


def _vector(value: Value) -> str:
    if isinstance(value, Sequence) and len(value) == 1 and isinstance(value[0], bytes):
        value = value[0]  # so pymilvus wraps a binary vector
    if isinstance(value, bytes):
        more = "…" if len(value) > BYTES_HEAD else ""
        return f"0x{value[:BYTES_HEAD].hex()}{more} {len(value)} bytes"
    sparse = isinstance(value, Mapping)
    parts = [f"{k}: {v:.4g}" for k, v in value.items()] if sparse else [f"{v:.4g}" for v in value]
    head = ", ".join(parts[:VECTOR_HEAD] + ["…"] * (len(parts) > VECTOR_HEAD))
    return f"{{{head}}} {len(parts)} entries" if sparse else f"[{head}] {len(parts)} numbers"


def cell(value: Value, kind: str = "") -> Cell:
    """One value for a table cell; `kind` is the name of the field's type, "" when dynamic."""
    if value is None:
        return Cell(text="null", kind="none")
    if "VECTOR" in kind:
        return Cell(text=_vector(value), kind="vector")
    if isinstance(value, str):
        return Cell(text=shorten(value), kind="text")
    if isinstance(value, int | float) and not isinstance(value, bool):
        # a FLOAT has 7 significant digits; the rest is noise of its widening to 64 bits
        return Cell(text=f"{value:.7g}" if kind == "FLOAT" else str(value), kind="number")
    plain = value if isinstance(value, Mapping | bool) else list(value)
    return Cell(text=shorten(json.dumps(plain, ensure_ascii=False, default=str)), kind="code")


def field(described: Mapping[str, Any]) -> Field:
    """Read one entry of `fields` in pymilvus' answer to describe_collection."""
    params = described.get("params", {})
    size = [f"{params['dim']} dimensions"] if "dim" in params else []
    if "max_capacity" in params:
        size.append(f"up to {params['max_capacity']} {type_name(described.get('element_type'))}")
    if "max_length" in params:
        size.append(f"length up to {params['max_length']}")
    return Field(
        name=described["name"],
        type=type_name(described["type"]),
        size=", ".join(size),
        notes=", ".join(text for key, text in _NOTES.items() if described.get(key)),
        description=described.get("description", ""),
    )


def index(described: Mapping[str, Any]) -> Index:
    """Read pymilvus' answer to describe_index."""
    known = _INDEX_COLUMNS | _INDEX_COUNTS
    extra = {key: value for key, value in described.items() if key not in known and value != ""}
    state = str(described.get("state", "")).lower()
    total, done = described.get("total_rows"), described.get("indexed_rows")
    return Index(
        name=described.get("index_name", ""),
        field=described.get("field_name", ""),
        type=described.get("index_type", ""),
        metric=described.get("metric_type", ""),
        parameters=shorten(", ".join(f"{key}={value}" for key, value in extra.items())),
        progress=state if total is None else f"{state}, {done} of {total} stored rows",
    )


def columns(fields: Sequence[Field], rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Map each column of a preview to its type: the schema's fields first, then dynamic ones."""
    present = {key: "" for row in rows for key in row}
    kinds = {item.name: item.type for item in fields if item.name in present}
    return kinds | {key: "" for key in present if key not in kinds}

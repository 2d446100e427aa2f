"""Vectors: what a collection has of them, and the vectors of points and queries. No search.

A vector is dense (a list of numbers), multi (a list of such lists) or sparse (an object of indices
and values). The one without a name is called "" by the core, and by Qdrant's `using`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import qdrant_edge as core
from qdrant_json import (
    Answer,
    Body,
    Json,
    choice,
    fields,
    id_json,
    invalid,
    items,
    not_offered,
    point_id,
    required,
    text,
    unfit_name,
    unreadable,
    whole,
    wrong,
)

LARGEST_FLOAT32 = 3.4028234663852886e38  # vectors are float32: anything above becomes infinite
LARGEST_SIZE = 65536  # numbers in a vector, as in Qdrant
LARGEST_INDEX = 2**32 - 1  # of a sparse vector

# Matters of speed and memory: accepted and without effect, since they change no answer.
DENSE_TUNING = ("on_disk", "hnsw_config", "quantization_config")
SPARSE_TUNING = ("on_disk", "full_scan_threshold")
DENSE_FIELDS = ("size", "distance", "datatype", "multivector_config")
DISTANCES = {
    name: getattr(core.Distance, name) for name in ("Cosine", "Euclid", "Dot", "Manhattan")
}
DATATYPES = {
    "float32": core.VectorStorageDatatype.Float32,
    "float16": core.VectorStorageDatatype.Float16,
    "uint8": core.VectorStorageDatatype.Uint8,
}
MODIFIERS = {"idf": core.Modifier.Idf, "none": None}
COMPARATORS = {"max_sim": core.MultiVectorComparator.MaxSim}


def config(body: Body) -> core.EdgeConfig:
    """What a new collection holds: dense vectors, sparse ones or both."""
    dense, sparse = body.get("vectors") or {}, body.get("sparse_vectors") or {}
    # an object is named `size` here, a number is the one vector's
    single = isinstance(dense, dict) and isinstance(dense.get("size"), int)
    named = {"": dense} if single else fields(dense, "vectors")
    if not named and not sparse:
        raise not_offered("a collection without vectors")
    return core.EdgeConfig(
        vectors={_name(name): _dense(one) for name, one in named.items()},
        sparse_vectors={
            _name(name): _sparse(one) for name, one in fields(sparse, "sparse_vectors").items()
        },
    )


def _name(name: str) -> str:
    """A vector's name, which is a part of a file's name on disk; 422 when it cannot be."""
    if name and unfit_name(name, before="vector_storage-"):
        raise invalid(f"vectors: {name!r} is unfit for a name")
    return name


def _dense(value: object) -> core.EdgeVectorParams:
    body = fields(value, "vectors", *DENSE_FIELDS, *DENSE_TUNING)
    required(body, "distance")
    multi = body.get("multivector_config")
    return core.EdgeVectorParams(
        whole(body, "size", 0, 1, LARGEST_SIZE),
        choice(body, "distance", DISTANCES),
        datatype=choice(body, "datatype", DATATYPES),
        multivector_config=None if multi is None else _multi(multi),
    )


def _multi(value: object) -> core.MultiVectorConfig:
    body = fields(value, "multivector_config", "comparator")
    required(body, "comparator")
    return core.MultiVectorConfig(choice(body, "comparator", COMPARATORS))


def _sparse(value: object) -> core.EdgeSparseVectorParams:
    body = fields(value or {}, "sparse_vectors", "index", "modifier")
    index = fields(body.get("index") or {}, "index", "datatype", *SPARSE_TUNING)
    return core.EdgeSparseVectorParams(
        modifier=choice(body, "modifier", MODIFIERS),
        datatype=choice(index, "datatype", DATATYPES),
    )


@dataclass(frozen=True, slots=True)
class Shape:
    """Which vectors a collection has, by name, with what was set for each."""

    dense: Mapping[str, Body]
    sparse: Mapping[str, Body]

    @classmethod
    def of(cls, folder: Path) -> "Shape":
        """Read it from the core's own settings beside the data; KeyError when there are none."""
        settings = json.loads((folder / "edge_config.json").read_text())
        return cls(settings["vectors"], settings.get("sparse_vectors") or {})

    def document(self) -> Body:
        """As Qdrant tells it in a collection's `params`."""
        known = {
            name: {key: one[key] for key in DENSE_FIELDS if one.get(key) is not None}
            for name, one in self.dense.items()
        }
        sparse = {name: _sparse_document(one) for name, one in self.sparse.items()}
        vectors = known[""] if known.keys() == {""} else known
        return {"vectors": vectors} | ({"sparse_vectors": sparse} if sparse else {})

    def names(self, value: object) -> list[str]:
        """Names of vectors of this collection, or 400."""
        names = items(value, "vector")
        for name in names:
            if name not in self.dense and name not in self.sparse:
                raise wrong(f"Not existing vector name error: {name}")
        return names

    def vectors(self, value: object) -> "core.Vector":
        """What a point has under `vector`: the one without a name, or vectors by their names.

        All is checked here, because the core writes an update to its log before it looks at the
        vectors, and the next start would then apply half of an update that was refused.
        """
        if isinstance(value, dict):
            return {name: self._fit(name, one) for name, one in value.items() if one is not None}
        one = self._fit("", value)
        return {"": one} if isinstance(one, core.SparseVector) else one

    def _fit(self, name: str, value: object) -> "core.NamedVector":
        found = vector(value)
        if name in self.sparse and isinstance(found, core.SparseVector):
            return found
        params = self.dense.get(name)
        if params is None and name not in self.sparse:
            raise wrong(f"Not existing vector name error: {name}")
        if params is None or isinstance(found, core.SparseVector):
            raise wrong("Wrong usage of sparse vectors")
        rows: list[Json] = found if found and isinstance(found[0], list) else [found]
        if rows is found and not params.get("multivector_config"):
            raise wrong("Wrong usage of multi vectors")
        for row in rows:
            if len(row) != params["size"]:
                expected = f"expected dim: {params['size']}, got {len(row)}"
                raise wrong(f"Vector dimension error: {expected}")
        return found


def _sparse_document(params: Body) -> Body:
    index = {key: params[key] for key in ("datatype",) if params.get(key) is not None}
    found = {"modifier": params.get("modifier"), "index": index or None}
    return {key: value for key, value in found.items() if value is not None}


def vector(value: object) -> "core.NamedVector":
    """A vector of any kind, each of its numbers within float32."""
    if isinstance(value, dict):
        return _sparse_vector(value)
    rows = items(value, "a vector")
    return [_numbers(row) for row in rows] if rows and isinstance(rows[0], list) else _numbers(rows)


def _numbers(value: object) -> list[float]:
    found = items(value, "a vector")
    # all at once: a body may hold millions
    if not set(map(type, found)) <= {int, float} or (
        found and not -LARGEST_FLOAT32 <= min(found) <= max(found) <= LARGEST_FLOAT32
    ):
        raise unreadable("a vector holds something that is not a 32-bit number")
    return found


def _sparse_vector(value: object) -> core.SparseVector:
    body = fields(value, "a vector", "indices", "values")
    indices, values = items(required(body, "indices"), "indices"), required(body, "values")
    if not set(map(type, indices)) <= {int} or not all(
        0 <= index <= LARGEST_INDEX for index in indices
    ):
        raise unreadable("indices hold something that is not an unsigned 32-bit number")
    if len(set(indices)) != len(indices):
        raise invalid("indices: must be unique")
    if len(indices) != len(_numbers(values)):
        raise invalid("values: must be the same length as indices")
    return core.SparseVector(indices, values)


def points(body: Body, shape: Shape) -> list[core.Point]:
    """The points of an upsert: a list of them, or lists of their ids, vectors and payloads."""
    if body.get("batch") is not None:
        return [_point(one, shape) for one in _unrolled(body["batch"])]
    return [_point(one, shape) for one in items(required(body, "points"), "points")]


def _point(value: object, shape: Shape) -> core.Point:
    body = fields(value, "a point", "id", "vector", "payload")
    payload = body.get("payload")
    return core.Point(
        point_id(required(body, "id")),
        shape.vectors(required(body, "vector")),
        None if payload is None else dict(fields(payload, "payload")),
    )


def _unrolled(value: object) -> Iterator[Body]:
    """The points of a batch, which has each of their parts as a list."""
    body = fields(value, "batch", "ids", "vectors", "payloads")
    ids, vectors = items(required(body, "ids"), "ids"), required(body, "vectors")
    payloads = items(body.get("payloads") or [None] * len(ids), "payloads")
    if isinstance(vectors, dict):
        columns = [items(column, "vectors") for column in vectors.values()]
        even = all(len(column) == len(ids) for column in columns)
        rows = (
            [dict(zip(vectors, row, strict=True)) for row in zip(*columns, strict=True)]
            if even
            else []
        )
    else:
        rows = items(vectors, "vectors")
    if not len(ids) == len(rows) == len(payloads):
        raise unreadable("ids, vectors and payloads of a batch differ in length")
    for one, row, payload in zip(ids, rows, payloads, strict=True):
        yield {"id": one, "vector": row, "payload": payload}


def points_of_vectors(body: Body, shape: Shape) -> list[core.PointVectors]:
    """New vectors for points that are there."""
    known = [
        fields(one, "a point", "id", "vector") for one in items(required(body, "points"), "points")
    ]
    return [
        core.PointVectors(point_id(required(one, "id")), shape.vectors(required(one, "vector")))
        for one in known
    ]


def selector(value: Json) -> "core.WithVectorType":
    """`with_vector`: all, none, or a list of names."""
    return False if value is None else value  # what is neither, the core refuses


def vector_json(value: "core.Vector | core.NamedVector") -> Json:
    """A vector, or vectors by their names, as JSON has it."""
    if isinstance(value, core.SparseVector):
        return {"indices": value.indices, "values": value.values}
    if isinstance(value, dict):
        return {name: vector_json(one) for name, one in value.items()}
    return value


def named(value: object) -> tuple[str | None, Json]:
    """The vector of an old search, with its name where it has one."""
    if isinstance(value, dict) and "vector" in value:
        body = fields(value, "vector", "name", "vector")
        return text(body, "name"), required(body, "vector")
    return None, value


def point_json(point: core.Record | core.ScoredPoint) -> Answer:
    """A stored or found point; what was not asked for is left out."""
    names = ("version", "score", "payload", "order_value")
    known = {name: getattr(point, name, None) for name in names}
    vectors = None if point.vector is None else vector_json(point.vector)
    known |= {"id": id_json(point.id), "vector": vectors}
    return {name: value for name, value in known.items() if value is not None}

"""Collections and the indexes of their payload: made, listed, described and deleted."""

import qdrant_edge as core
from qdrant_call import Call, Routes
from qdrant_json import Body, choice, fields, required, text, whole
from qdrant_vectors import config

# How the collection is tuned or spread over a cluster: accepted, and changes no answer here.
COLLECTION_TUNING = (
    *("hnsw_config", "optimizers_config", "wal_config", "on_disk_payload", "quantization_config"),
    *("shard_number", "replication_factor", "write_consistency_factor"),
)
DEFAULTS: Body = {
    "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
    "optimizer_config": {
        "deleted_threshold": 0.2,
        "vacuum_min_vector_number": 1000,
        "default_segment_number": 0,
        "flush_interval_sec": 5,
    },
    "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
}

INDEXES = {
    "keyword": core.PayloadSchemaType.Keyword,
    "integer": core.PayloadSchemaType.Integer,
    "float": core.PayloadSchemaType.Float,
    "geo": core.PayloadSchemaType.Geo,
    "text": core.PayloadSchemaType.Text,
    "bool": core.PayloadSchemaType.Bool,
    "datetime": core.PayloadSchemaType.Datetime,
    "uuid": core.PayloadSchemaType.Uuid,
}
# Matters of speed and memory: accepted and without effect, since they change no answer.
INDEX_TUNING = ("on_disk", "is_tenant", "is_principal", "enable_hnsw")
INTEGER_FIELDS = ("lookup", "range")
TEXT_FIELDS = ("tokenizer", "min_token_len", "max_token_len", "lowercase", "phrase_matching")
TOKENIZERS = {
    "prefix": core.TokenizerType.Prefix,
    "whitespace": core.TokenizerType.Whitespace,
    "word": core.TokenizerType.Word,
    "multilingual": core.TokenizerType.Multilingual,
}
LONGEST_TOKEN = 2**32


def list_collections(call: Call) -> object:
    """The names of all collections."""
    return {"collections": [{"name": name} for name in call.storage.names()]}


def create_collection(call: Call) -> object:
    """Make a collection."""
    body = call.fields("vectors", "sparse_vectors", *COLLECTION_TUNING)
    call.storage.create(call.path["name"], config(body))
    return True


def delete_collection(call: Call) -> object:
    """Delete a collection; false when there was none."""
    return call.storage.delete(call.path["name"])


def collection_exists(call: Call) -> object:
    """Whether there is such a collection."""
    return {"exists": call.path["name"] in call.storage.names()}


def collection_info(call: Call) -> object:
    """Counts and settings; what nothing here reads is given as Qdrant's default."""
    collection = call.collection
    info = collection.shard.info()
    params = {**collection.shape.document(), "on_disk_payload": True}
    return {
        "status": "green",
        "optimizer_status": "ok",
        "indexed_vectors_count": info.indexed_vectors_count,
        "points_count": info.points_count,
        "segments_count": info.segments_count,
        "config": {"params": params, **DEFAULTS},
        "payload_schema": {
            name: {"data_type": str(index.data_type).split(".")[1].lower(), "points": index.points}
            for name, index in info.payload_schema.items()
        },
    }


def create_index(call: Call) -> object:
    """Index a payload field; one that has this index already is left as it is."""
    body = call.fields("field_name", "field_schema")
    name, kind = text(body, "field_name"), index(required(body, "field_schema"))
    there = call.collection.shard.info().payload_schema.get(name)
    # MemOS asks for all of its indexes whenever it starts
    if there is not None and there.params is None and there.data_type == kind:
        return call.write()
    return call.write(core.UpdateOperation.create_field_index(name, kind))


def delete_index(call: Call) -> object:
    """Drop the index of a payload field."""
    return call.write(core.UpdateOperation.delete_field_index(call.path["field"]))


def index(
    value: object,
) -> "core.PayloadSchemaType | core.IntegerIndexParams | core.TextIndexParams":
    """The kind of a payload index, given as its name or as an object with `type` and more."""
    body = {"type": value} if isinstance(value, str) else fields(value, "field_schema")
    required(body, "type")
    kind: core.PayloadSchemaType = choice(body, "type", INDEXES)
    own = {"integer": INTEGER_FIELDS, "text": TEXT_FIELDS}.get(body["type"], ())
    fields(body, "field_schema", "type", *own, *INDEX_TUNING)
    given: Body = {key: body[key] for key in own if body.get(key) is not None}
    if not given:
        return kind
    if kind == core.PayloadSchemaType.Integer:
        return core.IntegerIndexParams(**given)
    lengths = {key: whole(given, key, 0, 0, LONGEST_TOKEN) for key in given if "token_len" in key}
    tokenizer = {"tokenizer": choice(given, "tokenizer", TOKENIZERS)}
    return core.TextIndexParams(**{**given, **lengths, **tokenizer})


ROUTES: Routes = {
    ("GET", "/collections"): list_collections,
    ("GET", "/collections/{name}"): collection_info,
    ("PUT", "/collections/{name}"): create_collection,
    ("DELETE", "/collections/{name}"): delete_collection,
    ("GET", "/collections/{name}/exists"): collection_exists,
    ("PUT", "/collections/{name}/index"): create_index,
    ("DELETE", "/collections/{name}/index/{field}"): delete_index,
}

"""Known causes, recognised by what programs, kernel and engine say, whatever a service is called.

Every code, what it means and what mends it: docs/causes.md. Adding one is a function in the
module of its noun, its name in SIGNATURES, a line in that table and a test.
"""

from scripts.core.finding import Finding
from scripts.diagnosis.causes import databases, engine, memos, store
from scripts.diagnosis.failure import Failure, Signature

SIGNATURES: tuple[Signature, ...] = (
    # the engine never started it, so no log can say more
    *(engine.port_taken, engine.mount_missing, engine.architecture, engine.program_missing),
    engine.image_missing,
    # what looks like everything else: a full disk breaks each program in its own words
    store.etcd_no_space,
    *(engine.disk_full, engine.read_only, engine.no_such_instruction),
    # data
    *(store.etcd_version, store.etcd_damaged, store.s3_version, store.s3_damaged),
    *(databases.store_locked, databases.graph_version, databases.graph_damaged),
    databases.vectors_version,
    store.rocksdb_damaged,
    databases.vectors_damaged,
    *(memos.vectors_size, memos.vectors_model),
    # settings and logins
    *(databases.heap_too_large, databases.setting_unknown, databases.login_unfit),
    *(databases.setting_invalid, databases.heap_exhausted),
    *(store.s3_login_unfit, store.s3_login_rejected, store.milvus_login_unfit, store.no_full_text),
    *(memos.graph_backend, memos.tokenizer, memos.qdrant_settings, memos.retriever_unset),
    *(memos.configuration_invalid, memos.folder_missing, memos.value_unreadable),
    # neighbours
    *(memos.qdrant_name, memos.qdrant_unreachable, memos.neo4j_login, memos.neo4j_unreachable),
    *(memos.milvus_unreachable, memos.nacos, memos.waits),
    *(store.waits_for_etcd, store.waits_for_s3),
    databases.graph_unavailable,
    # the program itself
    *(memos.source_unreadable, memos.source_broken, memos.source_foreign, memos.package_missing),
    # what tells least
    *(engine.too_many_files, engine.permission),
    databases.cannot_start,
    store.s3_part_ended,
    *(engine.health_check_broken, engine.killed, engine.exit_code),
)
"""What knows most first."""


def recognised(failure: Failure) -> Finding | None:
    """Return the finding of the first signature that knows why this service fails."""
    if not failure.failing:
        return None  # no log is read for one that is well
    return next(filter(None, (signature(failure) for signature in SIGNATURES)), None)

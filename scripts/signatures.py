"""Known causes, recognised by what programs, kernel and engine say, whatever a service is called.

Every code, what it means and what mends it: ../docs/causes.md. Adding one is a function in the
module of its noun, its name in SIGNATURES, a line in that table and a test.
"""

from collections.abc import Callable, Iterator

from scripts import (
    signatures_api,
    signatures_databases,
    signatures_engine,
    signatures_python,
    signatures_store,
)
from scripts.core.finding import Finding
from scripts.core.look import Container, Snapshot
from scripts.core.stack import Service
from scripts.readiness import failing

Signature = Callable[[Service, Container, Snapshot], Iterator[Finding]]

SIGNATURES: tuple[Signature, ...] = (
    # the engine never started it, so no log can say more
    signatures_engine.port_taken,
    signatures_engine.mount_missing,
    signatures_engine.program_missing,
    signatures_engine.image_missing,
    # what looks like everything else: a full disk breaks each program in its own words
    signatures_store.etcd_no_space,
    signatures_engine.disk_full,
    signatures_engine.read_only,
    signatures_engine.no_such_instruction,
    # data
    signatures_store.etcd_version,
    signatures_store.etcd_damaged,
    signatures_store.s3_damaged,
    signatures_databases.store_locked,
    signatures_databases.graph_version,
    signatures_databases.graph_damaged,
    signatures_databases.vectors_version,
    signatures_store.rocksdb_damaged,
    signatures_databases.vectors_damaged,
    signatures_api.vectors_size,
    # settings and logins
    signatures_databases.heap_too_large,
    signatures_databases.setting_unknown,
    signatures_databases.login_unfit,
    signatures_databases.setting_invalid,
    signatures_databases.heap_exhausted,
    signatures_store.s3_login_unfit,
    signatures_store.s3_login_rejected,
    signatures_store.milvus_login_unfit,
    signatures_store.no_full_text,
    signatures_api.graph_backend,
    signatures_api.tokenizer,
    signatures_api.qdrant_settings,
    signatures_api.variable_missing,
    signatures_api.folder_missing,
    signatures_api.value_unreadable,
    # neighbours
    signatures_api.qdrant_unreachable,
    signatures_api.neo4j_unreachable,
    signatures_api.milvus_unreachable,
    signatures_api.nacos,
    signatures_api.waits,
    signatures_store.waits_for_etcd,
    signatures_store.waits_for_s3,
    signatures_databases.graph_unavailable,
    # the program itself
    signatures_python.source_unreadable,
    signatures_python.source_broken,
    signatures_python.package_missing,
    # what tells least
    signatures_engine.too_many_files,
    signatures_engine.permission,
    signatures_databases.cannot_start,
    signatures_store.s3_part_ended,
    signatures_engine.health_check_broken,
    signatures_engine.killed,
    signatures_engine.exit_code,
)
"""What knows most first."""


def recognised(service: Service, container: Container, seen: Snapshot) -> Iterator[Finding]:
    """Give the findings of the first signature that knows why this service fails."""
    if not failing(service, container, seen):
        return  # no log is read for one that is well
    for signature in SIGNATURES:
        if findings := tuple(signature(service, container, seen)):
            yield from findings
            return

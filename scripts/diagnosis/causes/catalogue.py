"""Known causes, recognised by what programs, kernel and engine say, whatever a service is called.

Every code, what it means and what mends it: docs/causes.md. Adding one is a function in the
module of its noun, its name in SIGNATURES, a line in that table and a test.
"""

from scripts.core.finding import Finding
from scripts.core.look import Container, Look, State
from scripts.core.stack import Service
from scripts.diagnosis.causes import databases, engine, memos, placement, refusals, store
from scripts.diagnosis.failure import Failure, Signature

REFUSED: tuple[Signature, ...] = (
    *(placement.node_down, placement.node_silent, placement.no_node, placement.unhealthy_killed),
    placement.image_away,
    *(refusals.port_taken, refusals.port_forbidden, refusals.address_unknown),
    *(refusals.name_taken, refusals.mount_missing, engine.architecture, refusals.program_missing),
    *(refusals.image_damaged, refusals.image_missing, refusals.limit_too_small),
    *(refusals.network_foreign, refusals.network_twice, refusals.network_gone),
    *(refusals.network_used, refusals.addresses_used_up, refusals.firewall_reloaded),
    *(refusals.kernel_replaced, refusals.containerd_gone, refusals.process_limit),
    *(refusals.volume_absent, refusals.volume_used),
    *(refusals.half_removed, refusals.unstoppable, refusals.no_memory),
)
"""What the engine did not do: no log can say more."""
SIGNATURES: tuple[Signature, ...] = (
    *REFUSED,
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
    *(store.s3_login_unfit, store.clocks_apart, store.s3_login_rejected),
    *(store.milvus_login_unfit, store.no_full_text),
    *(memos.graph_backend, memos.tokenizer, memos.qdrant_settings, memos.retriever_unset),
    *(memos.configuration_invalid, memos.folder_missing, memos.value_unreadable),
    # neighbours
    engine.through_proxy,
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


def refused(said: str) -> Finding | None:
    """Return the finding of what the engine or Compose said about no service in particular."""
    nobody = Service(name="", container="", image="")
    container = Container(id="", service="", name="", state=State.CREATED, error=said)
    failure = Failure.of(nobody, container, Look())
    told = (*REFUSED, engine.disk_full, engine.read_only, engine.too_many_files, engine.permission)
    return next(filter(None, (signature(failure) for signature in told)), None)

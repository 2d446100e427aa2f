"""Neo4j, its Java machine and Qdrant: each fault by what they said of it."""

import pytest

from tests.kit.recorded import SECRET, Case, check, told

FAULTS = {
    "the heap's beginning is above its end": Case(
        said="Error occurred during initialization of VM\n"
        "Initial heap size set to a larger value than the maximum heap size",
        code="heap-too-large",
        cause="1024 MiB",
        step="lower",
    ),
    "the heap cannot be had": Case(
        said="Could not reserve enough space for 943718400000KB object heap",
        code="heap-too-large",
        cause="Java heap does not fit",
        step="_MEMORY in .env",
    ),
    "heap and page cache exceed the memory": Case(
        # https://github.com/neo4j/neo4j/issues/12689
        said="Invalid memory configuration - exceeds physical memory. Check the configured ...",
        code="heap-too-large",
        cause="does not fit",
        step="_HEAP or raise",
    ),
    "the heap is too small": Case(
        said='Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
        code="heap-exhausted",
        cause="too small",
        step="raise",
    ),
    "a size that Java cannot read": Case(
        said="Invalid maximum heap size: -Xmx12z",
        code="setting-invalid",
        cause="maximum heap size",
        step="_HEAP",
    ),
    "a size that our entry point cannot read": Case(
        said="The setting server.memory.heap.max_size is 'lots'. Expected a number with k, m"
        " or g: 512m.",
        code="setting-invalid",
        cause="server.memory.heap.max_size",
        step="in .env",
    ),
    "an unknown setting": Case(
        log="neo4j-unknown-setting",
        code="setting-unknown",
        cause="server.memory.heap.initail_size",
        evidence="Unrecognized setting",
        step="NEO4J_server_memory_heap_initail__size",
    ),
    "NEO4J_AUTH without a slash": Case(
        said="Invalid value for NEO4J_AUTH: 'hunter22'",
        code="login-invalid",
        cause="first password",
        evidence="Invalid value for NEO4J_AUTH: '***'",
        step="_PASSWORD in .env",
    ),
    "a password that is too short": Case(
        said="The server was not started: A password must be at least 8 characters.",
        code="login-invalid",
        cause="8 characters",
        step="_PASSWORD in .env",
    ),
    "our entry point refuses the login": Case(
        said="NEO4J_AUTH has an empty password, or one with a slash. Expected: neo4j/PASSWORD.",
        code="login-invalid",
        cause="no slash",
        step="in .env",
    ),
    "another process has Neo4j's data": Case(
        log="neo4j-locked",
        code="store-locked",
        fatal=False,
        cause="/data/databases/store_lock",
        evidence="Lock file has been locked by another process",
        step="docker ps --all --filter volume=",
    ),
    "another process has Neo4j's data for good": Case(
        log="neo4j-locked",
        facts={"restarts": 3, "exit_code": 1},
        code="store-locked",
        cause="another process",
        evidence="Lock file",
        step="inv restart",
    ),
    "another process has Qdrant's data": Case(
        said="ERROR cannot start on 0.0.0.0:6333: storage /qdrant/storage is in use by"
        " another process: stop that one, or name another folder in"
        " QDRANT__STORAGE__STORAGE_PATH",
        code="store-locked",
        fatal=False,
        cause="/qdrant/storage",
        step="docker ps --all",
    ),
    "a newer Neo4j wrote the data": Case(
        said="Caused by: java.lang.IllegalStateException: Unsupported component state for"
        " 'security-users': The sub-graph is unsupported",
        code="data-version",
        cause="another version than example/image:1",
        step="put the former image",
    ),
    "Neo4j's system database is damaged": Case(
        log="neo4j-damaged",
        code="data-damaged",
        cause="store files are damaged",
        evidence="Failed to load data from legacy metadata store",
        step="inv reset --service ",
    ),
    "Neo4j hides a full disk": Case(
        log="neo4j-disk-full",
        code="disk-full",
        cause="no space",
        evidence="handleOutOfDiskSpaceError",
        step="df -h",
    ),
    "Neo4j runs without its damaged database": Case(
        log="neo4j-database-damaged",
        state="running",
        facts={"health": "healthy"},
        answer='200 without "errors":[]: {"results":[],"errors":[{"code":'
        '"Neo.TransientError.General.DatabaseUnavailable"…',
        code="database-unavailable",
        cause="could not open its database",
        evidence="Neo.TransientError.General.DatabaseUnavailable",
        step="/logs/debug.log",
    ),
    "Neo4j's database is not open yet": Case(
        state="running",
        answer="Neo.TransientError.General.DatabaseUnavailable",
        code="database-unavailable",
        fatal=False,
        cause="database",
        evidence="DatabaseUnavailable",
        step="debug.log",
    ),
    "a newer Qdrant wrote the data": Case(
        said="ERROR qdrant::startup: Panic occurred in file"
        " /qdrant/lib/collection/src/shards/replica_set/mod.rs at line 309: Failed to"
        ' load local shard "./storage/c/0": Service internal error: Json error: unknown'
        " variant `gridstore`, expected `mmap`",
        code="data-version",
        cause="another version",
        step="put the former image",
    ),
    "a collection of Qdrant is damaged": Case(
        # https://github.com/qdrant/qdrant/issues/5503
        said="2024-11-20T17:15:49.595303Z ERROR qdrant::startup: Panic occurred in file"
        " /qdrant/lib/collection/src/shards/replica_set/mod.rs at line 280: Failed to"
        ' load local shard "./storage/collections/neo4j_vec_db/0": Service internal'
        " error: Json error: EOF while parsing a value at line 1 column 0    ",
        code="data-damaged",
        cause="./storage/collections/neo4j_vec_db/0",
        evidence="EOF while parsing a value",
        step="inv reset --service ",
    ),
    "a collection of our front is damaged": Case(
        said="ERROR cannot start on 0.0.0.0:6333: collection /qdrant/storage/collections/c"
        " cannot be opened: Exception('bad'). Restore a snapshot, or move the folder"
        " away to start without it",
        code="data-damaged",
        cause="/qdrant/storage/collections/c",
        step="inv reset --service ",
    ),
    "our front has a port that is none": Case(
        said="ERROR cannot start on 0.0.0.0:x: invalid literal for int() with base 10: 'x'",
        code="cannot-start",
        fatal=False,
        cause="0.0.0.0:x",
        step="compose file",
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)


def test_a_setting_that_is_only_warned_of_is_no_fault() -> None:
    """Without strict validation Neo4j starts all the same."""
    line = "11.621+0000 WARN  Unrecognized setting. No declared setting with name: a.b."

    assert told(Case(said=line)) == []


def test_what_the_official_image_echoes_of_a_login_is_hidden() -> None:
    """It prints NEO4J_AUTH as it is when it cannot read it."""
    lines = (f"neo4j/{SECRET}/x is invalid", f"Invalid value for NEO4J_AUTH: 'neo4j/{SECRET}/x'")
    (found,) = told(Case(said="\n".join(lines)))

    assert SECRET not in repr(found)

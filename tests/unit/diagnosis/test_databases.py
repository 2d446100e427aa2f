"""Neo4j, its Java machine and Qdrant: each fault by what they said of it."""

import pytest

from tests.kit.recorded import SECRET, Case, check, told

FAULTS = {
    "the heap's beginning is above its end": Case(
        said="Error occurred during initialization of VM\n"
        "Initial heap size set to a larger value than the maximum heap size",
        wanted=("heap-too-large", "1024 MiB", "lower"),
    ),
    "the heap cannot be had": Case(
        said="Could not reserve enough space for 943718400000KB object heap",
        wanted=("heap-too-large", "Java heap does not fit", "_MEMORY in .env"),
    ),
    "heap and page cache exceed the memory": Case(
        # https://github.com/neo4j/neo4j/issues/12689
        said="Invalid memory configuration - exceeds physical memory. Check the configured ...",
        wanted=("heap-too-large", "does not fit", "_HEAP or raise"),
    ),
    "the heap is too small": Case(
        said='Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
        wanted=("heap-exhausted", "too small", "raise"),
    ),
    "a size that Java cannot read": Case(
        said="Invalid maximum heap size: -Xmx12z",
        wanted=("setting-invalid", "maximum heap size", "_HEAP"),
    ),
    "a size that our entry point cannot read": Case(
        said="The setting server.memory.heap.max_size is 'lots'. Expected a number with k, m"
        " or g: 512m.",
        wanted=("setting-invalid", "server.memory.heap.max_size", "in .env"),
    ),
    "an unknown setting": Case(
        log="neo4j-unknown-setting",
        wanted=(
            "setting-unknown",
            "server.memory.heap.initail_size",
            "NEO4J_server_memory_heap_initail__size",
        ),
        evidence="Unrecognized setting",
    ),
    "NEO4J_AUTH without a slash": Case(
        said="Invalid value for NEO4J_AUTH: 'hunter22'",
        wanted=("login-invalid", "first password", "_PASSWORD in .env"),
        evidence="Invalid value for NEO4J_AUTH: '***'",
    ),
    "a password that is too short": Case(
        said="The server was not started: A password must be at least 8 characters.",
        wanted=("login-invalid", "8 characters", "_PASSWORD in .env"),
    ),
    "our entry point refuses the login": Case(
        said="NEO4J_AUTH has an empty password, or one with a slash. Expected: neo4j/PASSWORD.",
        wanted=("login-invalid", "no slash", "in .env"),
    ),
    "another process has Neo4j's data": Case(
        log="neo4j-locked",
        wanted=("store-locked", "/data/databases/store_lock", "docker ps --all --filter volume="),
        fatal=False,
        evidence="Lock file has been locked by another process",
    ),
    "another process has Neo4j's data for good": Case(
        log="neo4j-locked",
        facts={"restarts": 3, "exit_code": 1},
        wanted=("store-locked", "another process", "inv restart"),
        evidence="Lock file",
    ),
    "another process has Qdrant's data": Case(
        said="ERROR cannot start on 0.0.0.0:6333: storage /qdrant/storage is in use by"
        " another process: stop that one, or name another folder in"
        " QDRANT__STORAGE__STORAGE_PATH",
        wanted=("store-locked", "/qdrant/storage", "docker ps --all"),
        fatal=False,
    ),
    "a newer Neo4j wrote the data": Case(
        alone=True,
        said="Caused by: java.lang.IllegalStateException: Unsupported component state for"
        " 'security-users': The sub-graph is unsupported",
        wanted=("data-version", "another version than example/image:1", "put the former image"),
    ),
    "Neo4j's system database is damaged": Case(
        alone=True,
        log="neo4j-damaged",
        wanted=("data-damaged", "store files are damaged", "inv reset --service "),
        evidence="Failed to load data from legacy metadata store",
    ),
    "Neo4j hides a full disk": Case(
        log="neo4j-disk-full",
        wanted=("disk-full", "no space", "df -h"),
        evidence="handleOutOfDiskSpaceError",
    ),
    "Neo4j runs without its damaged database": Case(
        alone=True,
        log="neo4j-database-damaged",
        state="running",
        facts={"health": "healthy"},
        answer='200 without "errors":[]: {"results":[],"errors":[{"code":'
        '"Neo.TransientError.General.DatabaseUnavailable"…',
        wanted=("database-unavailable", "could not open its database", "/logs/debug.log"),
        evidence="Neo.TransientError.General.DatabaseUnavailable",
    ),
    "Neo4j's database is not open yet": Case(
        alone=True,
        state="running",
        answer="Neo.TransientError.General.DatabaseUnavailable",
        wanted=("database-unavailable", "database", "debug.log"),
        fatal=False,
        evidence="DatabaseUnavailable",
    ),
    "a newer Qdrant wrote the data": Case(
        alone=True,
        said="ERROR qdrant::startup: Panic occurred in file"
        " /qdrant/lib/collection/src/shards/replica_set/mod.rs at line 309: Failed to"
        ' load local shard "./storage/c/0": Service internal error: Json error: unknown'
        " variant `gridstore`, expected `mmap`",
        wanted=("data-version", "another version", "put the former image"),
    ),
    "a collection of Qdrant is damaged": Case(
        alone=True,
        # https://github.com/qdrant/qdrant/issues/5503
        said="2024-11-20T17:15:49.595303Z ERROR qdrant::startup: Panic occurred in file"
        " /qdrant/lib/collection/src/shards/replica_set/mod.rs at line 280: Failed to"
        ' load local shard "./storage/collections/neo4j_vec_db/0": Service internal'
        " error: Json error: EOF while parsing a value at line 1 column 0    ",
        wanted=("data-damaged", "./storage/collections/neo4j_vec_db/0", "inv reset --service "),
        evidence="EOF while parsing a value",
    ),
    "a collection of our front is damaged": Case(
        alone=True,
        said="ERROR cannot start on 0.0.0.0:6333: collection /qdrant/storage/collections/c"
        " cannot be opened: Exception('bad'). Restore a snapshot, or move the folder"
        " away to start without it",
        wanted=("data-damaged", "/qdrant/storage/collections/c", "inv reset --service "),
    ),
    "our front has a port that is none": Case(
        said="ERROR cannot start on 0.0.0.0:x: invalid literal for int() with base 10: 'x'",
        wanted=("cannot-start", "0.0.0.0:x", "compose file"),
        fatal=False,
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

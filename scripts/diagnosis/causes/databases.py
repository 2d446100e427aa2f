"""Causes that Neo4j, its Java machine and Qdrant tell.

Texts marked "recorded" come from Neo4j 5.26.4 on OpenJDK with the fault made.
"""

import re
from collections.abc import Iterable

from scripts.core.finding import DOCKER
from scripts.core.texts import last
from scripts.diagnosis.failure import Cause, Failure, damaged, data_version, known_by


@known_by(
    r"Initial heap size set to a larger value than the maximum",
    r"Could not reserve enough space for",
    r"insufficient memory for the Java Runtime",
    r"Invalid memory configuration - exceeds physical memory",
)
def heap_too_large(failure: Failure, _: re.Match[str]) -> Cause:
    """Java cannot have the heap; recorded, the last from neo4j's issue 12689."""
    memory = failure.service.memory
    limit = f"its memory limit of {memory // 2**20} MiB" if memory else "memory"
    return Cause(
        "heap-too-large",
        f"its Java heap does not fit into {limit}",
        f"lower {failure.variable('HEAP')} or raise {failure.variable('MEMORY')} in .env,"
        f" then: {failure.up}",
    )


@known_by(r"java\.lang\.OutOfMemoryError", r"OutOfMemoryError: ")
def heap_exhausted(failure: Failure, _: re.Match[str]) -> Cause:
    """The heap is too small for the data (java.lang.OutOfMemoryError)."""
    return Cause(
        "heap-exhausted",
        "its Java heap is too small for what it does",
        f"raise {failure.variable('HEAP')} (and {failure.variable('MEMORY')} with it) in .env,"
        f" then: {failure.up}",
    )


def _errors(failure: Failure) -> Iterable[str]:
    return (line for line in failure.lines if " WARN " not in line)


@known_by(r"No declared setting with name: (?P<name>[\w.-]+\w)", within=_errors)
def setting_unknown(failure: Failure, match: re.Match[str]) -> Cause:
    """A NEO4J_ variable that is no setting; recorded. As a WARN line it does no harm."""
    variable = "NEO4J_" + match["name"].replace("_", "__").replace(".", "_")
    return Cause(
        "setting-unknown",
        f"it knows no setting {match['name']} (from a variable {variable})",
        f"correct or remove {variable} in the compose file, then: {failure.up}",
    )


@known_by(
    r"Error evaluating value for setting '(?P<name>[^']+)'",
    r"The setting (?P<name>\S+) is '[^']*'\. Expected",
    r"Failed to validate '[^']*' for '(?P<name>[^']+)'",
    r"IllegalArgumentException: (?P<name>[\w.]+) declared multiple times",
    r"Invalid (?P<name>(?:initial|maximum) heap size): -Xm",
)
def setting_invalid(failure: Failure, match: re.Match[str]) -> Cause:
    """A setting has a value that cannot be; neo4j, Config.java, our entry point, and the JVM."""
    return Cause(
        "setting-invalid",
        f"the value of its setting {match['name']} cannot be used",
        f"correct it in .env ({failure.variable('HEAP')} and its like) or in the compose file,"
        f" then: {failure.up}",
    )


@known_by(
    r"Invalid value for NEO4J_AUTH",
    r"NEO4J_AUTH (?:is|has|names) ",
    r"Invalid value for password\.",
    r"Invalid admin username, it must be neo4j",
    r"A password must be at least \d+ characters",
    r"NEO4J_AUTH_PATH names",
)
def login_unfit(failure: Failure, _: re.Match[str]) -> Cause:
    """NEO4J_AUTH cannot be used; docker-neo4j's entry point (5/coredb), and ours."""
    return Cause(
        "login-invalid",
        "the first password cannot be used: 8 characters or more, no slash, not neo4j",
        f"{failure.variable('PASSWORD')} in .env, then: {failure.up}",
    )


@known_by(
    r"Lock file has been locked by another process: (?P<path>\S+?)\. ",
    r"While lock file: (?P<path>\S+): Resource temporarily unavailable",
    r"storage (?P<path>\S+) is in use by another process",
    r"(?P<path>Storage folder \S+) is already accessed by another instance",
)
def store_locked(failure: Failure, match: re.Match[str]) -> Cause:
    """Another process has its data; Neo4j recorded, Qdrant's RocksDB, our Qdrant front."""
    volume = next(iter(failure.service.volumes), "the volume")
    return Cause(
        "store-locked",
        f"another process has its data open ({match['path']})",
        f"{DOCKER} ps --all --filter volume={volume} tells who; stop that one, then:"
        f" inv restart --service {failure.name}",
        # a predecessor that is about to end lets it go before the second try
        fatal=failure.over or failure.container.restarts > 1,
    )


@known_by(
    r"originates from an newer version of neo4j",
    r"Unsupported component state for ",
    r"of a newer version than the current binaries",
    r"Format is not supported by engine|store version that is unsupported",
    of="neo4j",
)
def graph_version(failure: Failure, _: re.Match[str]) -> Cause:
    """Its data was written by a newer Neo4j (texts in the classes of 5.26.4; not recorded)."""
    return data_version(failure)


@known_by(
    r"Failed to (?:read current store version|load data from legacy metadata store)",
    r"Store file .* is (?:corrupt|invalid)|UnderlyingStorageException",
    of="neo4j",
)
def graph_damaged(_failure: Failure, _match: re.Match[str]) -> Cause:
    """Its store files are damaged; recorded with a damaged system database."""
    return damaged("its store files are damaged and cannot be read")


@known_by(r"Neo\.TransientError\.General\.DatabaseUnavailable", of="neo4j")
def graph_unavailable(failure: Failure, _: re.Match[str]) -> Cause:
    """The server runs without the database; recorded with a damaged one, the log is silent then.

    Databases are opened before the log says Started, so after that it stays so.
    """
    return Cause(
        "database-unavailable",
        "the server answers, and could not open its database; its files may be damaged",
        f"{DOCKER} exec {failure.container.name} tail -n 100 /logs/debug.log tells why",
        fatal=last(failure.lines, r"INFO +Started\.") is not None,
        resets=True,
    )


@known_by(
    r"Panic occurred in file .*(?:unknown variant|unknown field|missing field)",
    r"cannot be opened: .*(?:unknown variant|unknown field|missing field)",
    r"[Cc]annot upgrade|storage version .* is (?:newer|not supported)",
    of="qdrant",
)
def vectors_version(failure: Failure, _: re.Match[str]) -> Cause:
    """Qdrant's data has another version's shape (serde's words in Qdrant's panic)."""
    return data_version(failure)


@known_by(
    r"Failed to load local shard \\?\"(?P<path>[^\"\\]+)",
    r"collection (?P<path>\S+) cannot be opened",  # our Qdrant front
    r"(?P<path>Wal error): Can't init WAL",
    of="qdrant",
)
def vectors_damaged(_: Failure, match: re.Match[str]) -> Cause:
    """Qdrant cannot open a collection (https://github.com/qdrant/qdrant/issues/5503, 1735)."""
    return damaged(f"a collection cannot be read ({match['path']})")


@known_by(r"cannot start on (?P<where>\S+): (?P<why>.+)")
def cannot_start(failure: Failure, match: re.Match[str]) -> Cause:
    """Our Qdrant front gives up for a reason of its own, such as a port that is none."""
    return Cause(
        "cannot-start",
        f"it cannot start on {match['where']}: {match['why']}",
        f"correct its settings in the compose file, then: {failure.up}",
        fatal=failure.over,
    )

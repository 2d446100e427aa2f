"""Causes that Neo4j, its Java machine and Qdrant tell.

Texts marked "recorded" come from Neo4j 5.26.4 on OpenJDK with the fault made.
"""

from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.look import Container, Look
from scripts.core.stack import Service
from scripts.diagnosis.evidence import again, finding, heard, last, over, reset, variable


def heap_too_large(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Java cannot have the heap; recorded, the last from neo4j's issue 12689."""
    found = last(
        heard(service, container, seen),
        r"Initial heap size set to a larger value than the maximum",
        r"Could not reserve enough space for",
        r"insufficient memory for the Java Runtime",
        r"Invalid memory configuration - exceeds physical memory",
    )
    if found:
        limit = f"its memory limit of {service.memory // 2**20} MiB" if service.memory else "memory"
        heap, memory = variable(service, "HEAP"), variable(service, "MEMORY")
        yield from finding(
            service,
            "heap-too-large",
            f"its Java heap does not fit into {limit}",
            found,
            f"lower {heap} or raise {memory} in .env, then: {again(service)}",
        )


def heap_exhausted(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The heap is too small for the data (java.lang.OutOfMemoryError)."""
    told = heard(service, container, seen)
    if found := last(told, r"java\.lang\.OutOfMemoryError", r"OutOfMemoryError: "):
        heap, memory = variable(service, "HEAP"), variable(service, "MEMORY")
        yield from finding(
            service,
            "heap-exhausted",
            "its Java heap is too small for what it does",
            found,
            f"raise {heap} (and {memory} with it) in .env, then: {again(service)}",
        )


def setting_unknown(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A NEO4J_ variable that is no setting; recorded. As a WARN line it does no harm."""
    errors = [line for line in heard(service, container, seen) if " WARN " not in line]
    if found := last(errors, r"No declared setting with name: (?P<name>[\w.-]+\w)"):
        name = found["name"]
        asked = "NEO4J_" + name.replace("_", "__").replace(".", "_")
        yield from finding(
            service,
            "setting-unknown",
            f"it knows no setting {name} (from a variable {asked})",
            found,
            f"correct or remove {asked} in the compose file, then: {again(service)}",
        )


def setting_invalid(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A setting has a value that cannot be; neo4j, Config.java, our entry point, and the JVM."""
    found = last(
        heard(service, container, seen),
        r"Error evaluating value for setting '(?P<name>[^']+)'",
        r"The setting (?P<name>\S+) is '[^']*'\. Expected",
        r"Failed to validate '[^']*' for '(?P<name>[^']+)'",
        r"IllegalArgumentException: (?P<name>[\w.]+) declared multiple times",
        r"Invalid (?P<name>(?:initial|maximum) heap size): -Xm",
    )
    if found:
        yield from finding(
            service,
            "setting-invalid",
            f"the value of its setting {found['name']} cannot be used",
            found,
            f"correct it in .env ({variable(service, 'HEAP')} and its like) or in the compose file,"
            f" then: {again(service)}",
        )


def login_unfit(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """NEO4J_AUTH cannot be used; docker-neo4j's entry point (5/coredb), and ours."""
    found = last(
        heard(service, container, seen),
        r"Invalid value for NEO4J_AUTH",
        r"NEO4J_AUTH (?:is|has|names) ",
        r"Invalid value for password\.",
        r"Invalid admin username, it must be neo4j",
        r"A password must be at least \d+ characters",
        r"NEO4J_AUTH_PATH names",
    )
    if found:
        yield from finding(
            service,
            "login-invalid",
            "the first password cannot be used: 8 characters or more, no slash, not neo4j",
            found,
            f"{variable(service, 'PASSWORD')} in .env, then: {again(service)}",
        )


def store_locked(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Another process has its data; Neo4j recorded, Qdrant's RocksDB, our Qdrant front."""
    found = last(
        heard(service, container, seen),
        r"Lock file has been locked by another process: (?P<path>\S+?)\. ",
        r"While lock file: (?P<path>\S+): Resource temporarily unavailable",
        r"storage (?P<path>\S+) is in use by another process",
        r"(?P<path>Storage folder \S+) is already accessed by another instance",
    )
    if found:
        volume = service.volumes[0] if service.volumes else "the volume"
        yield from finding(
            service,
            "store-locked",
            f"another process has its data open ({found['path']})",
            found,
            f"docker ps --all --filter volume={volume} tells who; stop that one, then:"
            f" inv restart --service {service.name}",
            # a predecessor that is about to end lets it go before the second try
            fatal=over(container) or container.restarts > 1,
        )


def graph_version(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its data was written by a newer Neo4j (texts in the classes of 5.26.4; not recorded)."""
    found = last(
        heard(service, container, seen),
        r"originates from an newer version of neo4j",
        r"Unsupported component state for ",
        r"of a newer version than the current binaries",
        r"Format is not supported by engine|store version that is unsupported",
    )
    if found:
        yield from finding(
            service,
            "data-version",
            f"its data was written by another version than {service.image}",
            found,
            f"put the former image of {service.name} back into .env, then: inv up;"
            f" or {reset(service)}",
        )


def graph_damaged(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its store files are damaged; recorded with a damaged system database."""
    found = last(
        heard(service, container, seen),
        r"Failed to (?:read current store version|load data from legacy metadata store)",
        r"Store file .* is (?:corrupt|invalid)|UnderlyingStorageException",
    )
    if found:
        yield from finding(
            service,
            "data-damaged",
            "its store files are damaged and cannot be read",
            found,
            reset(service),
        )


def graph_unavailable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The server runs without the database; recorded with a damaged one, the log is silent then.

    Databases are opened before the log says Started, so after that it stays so.
    """
    told = heard(service, container, seen)
    if found := last(told, r"Neo\.TransientError\.General\.DatabaseUnavailable"):
        started = last(told, r"INFO +Started\.") is not None
        yield from finding(
            service,
            "database-unavailable",
            "the server answers, and could not open its database; its files may be damaged",
            found,
            f"docker exec {container.name} tail -n 100 /logs/debug.log tells why;"
            f" or {reset(service)}",
            fatal=started,
        )


def vectors_version(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Qdrant's data has another version's shape (serde's words in Qdrant's panic)."""
    found = last(
        heard(service, container, seen),
        r"Panic occurred in file .*(?:unknown variant|unknown field|missing field)",
        r"cannot be opened: .*(?:unknown variant|unknown field|missing field)",
        r"[Cc]annot upgrade|storage version .* is (?:newer|not supported)",
    )
    if found:
        yield from finding(
            service,
            "data-version",
            f"its data was written by another version than {service.image}",
            found,
            f"put the former image of {service.name} back into .env, then: inv up;"
            f" or {reset(service)}",
        )


def vectors_damaged(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Qdrant cannot open a collection (https://github.com/qdrant/qdrant/issues/5503, 1735)."""
    found = last(
        heard(service, container, seen),
        r"Failed to load local shard \\?\"(?P<path>[^\"\\]+)",
        r"collection (?P<path>\S+) cannot be opened",  # our Qdrant front
        r"(?P<path>Wal error): Can't init WAL",
    )
    if found:
        yield from finding(
            service,
            "data-damaged",
            f"a collection cannot be read ({found['path']})",
            found,
            reset(service),
        )


def cannot_start(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Our Qdrant front gives up for a reason of its own, such as a port that is none."""
    told = heard(service, container, seen)
    if found := last(told, r"cannot start on (?P<where>\S+): (?P<why>.+)"):
        yield from finding(
            service,
            "cannot-start",
            f"it cannot start on {found['where']}: {found['why']}",
            found,
            f"correct its settings in the compose file, then: {again(service)}",
            fatal=over(container),
        )

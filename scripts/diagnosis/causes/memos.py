"""Causes that MemOS tells when it crashes at import.

Texts were measured with MemOS 2.0.6, or recorded with the library named.
"""

import re
from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.look import Container, Look, State
from scripts.core.stack import Service
from scripts.diagnosis.evidence import (
    again,
    finding,
    heard,
    hopeless,
    last,
    neighbour,
    over,
    unreachable,
)

_UNRESOLVED = r"\[Errno -[235]\]|Name or service not known|Temporary failure in name resolution"
_REFUSED = r"refused|timed out|[Tt]imeout|No route|reset by peer|disconnected"


def graph_backend(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """NEO4J_BACKEND is unset, which means Nebula, or none that MemOS knows."""
    found = last(
        heard(service, container, seen),
        r"Can't instantiate abstract class (?P<name>NebulaGraphDB)",
        r"Unsupported graph (?:database|db) backend: (?P<name>\S+)",
    )
    if found:
        yield from finding(
            service,
            "graph-backend",
            f"the graph backend {found['name']} does not work in MemOS 2.0.6",
            found,
            "NEO4J_BACKEND=neo4j-community in .env, and no GRAPH_DB_BACKEND (it is read first);"
            f" then: {again(service)}",
        )


def tokenizer(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """chonkie finds no gpt2 tokenizer."""
    if found := last(heard(service, container, seen), r"Tokenizer not found in transformers"):
        yield from finding(
            service,
            "tokenizer-missing",
            "the gpt2 tokenizer is not in its cache, and could not be fetched",
            found,
            "HF_HUB_OFFLINE=1 in .env (and no HF_HOME), then: inv images.build; inv up",
        )


def vectors_size(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Stored vectors have another size (Qdrant's words, ours too; Milvus' words)."""
    found = last(
        heard(service, container, seen),
        r"Vector dimension error: expected dim: (?P<have>\d+), got (?P<given>\d+)",
        r"dim \(?(?P<given>\d+)\)? of field data.* schema dim \(?(?P<have>\d+)",
    )
    if found:
        yield from finding(
            service,
            "data-mismatch",
            f"vectors of {found['have']} numbers are stored, the model gives {found['given']}",
            found,
            f"EMBEDDING_DIMENSION={found['have']} in .env and the model of then; or"
            " inv reset --all (ALL data of the stack goes, after a snapshot), then: inv up",
        )


def qdrant_settings(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """QDRANT_URL or QDRANT_PATH beside QDRANT_HOST (qdrant-client)."""
    told = heard(service, container, seen)
    if found := last(told, r"Only one of <location>, <url>, <host> or <path>"):
        yield from finding(
            service,
            "setting-invalid",
            "QDRANT_URL or QDRANT_PATH is set beside QDRANT_HOST",
            found,
            f"remove QDRANT_URL and QDRANT_PATH from .env, then: {again(service)}",
        )


def qdrant_unreachable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """qdrant-client calls once, at import, and gives up; it does not say where it called."""
    told = heard(service, container, seen)
    if found := last(told, rf"qdrant_client\S*ResponseHandlingException: .*(?:{_UNRESOLVED})"):
        yield from _name_unknown(service, seen, found)
    elif found := last(told, rf"qdrant_client\S*ResponseHandlingException: .*(?:{_REFUSED})"):
        need = neighbour("qdrant", service, seen)
        yield from _unreachable(service, found, need, fatal=hopeless(service, container, seen))


def neo4j_unreachable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The driver's own exceptions (neo4j 5.28)."""
    told = heard(service, container, seen)
    if found := last(told, r"neo4j\.exceptions\.AuthError", r"Neo\.ClientError\.Security\.Unauth"):
        need = neighbour("neo4j", service, seen)
        yield from finding(
            service,
            "login-rejected",
            f"{need} rejects the password that it is given",
            found,
            "put the former NEO4J_PASSWORD back into .env, then: inv up; or"
            f" inv reset --service {need} (its data goes, after a snapshot), then: inv up",
        )
    elif found := last(told, r"neo4j\.exceptions\.ServiceUnavailable"):
        need = neighbour("neo4j", service, seen)
        yield from _unreachable(service, found, need, fatal=hopeless(service, container, seen))


def waits(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Our entry point has loaded MemOS and waits for a database (docker/memos-api/memos_start.py).

    No fault by itself while the database starts, which says itself what is wrong with it.
    """
    told = heard(service, container, seen)
    found = last(told, r"memos: (?:waiting for (?P<name>\w+) at \S+, |the databases answer)")
    if found is None or not found["name"]:
        return
    need = neighbour(found["name"], service, seen)
    # the name of a container that is just being started is not known for a moment
    long = need in seen.steady or re.search(r" [1-9]\d* s so far: ", found.string)
    if found["name"] == "qdrant" and long and re.search(_UNRESOLVED, found.string):
        yield from _name_unknown(service, seen, found)
    elif (one := seen.container(need)) is None or one.state is State.RUNNING:
        yield from unreachable(service, seen, found, need, fatal=False)


def milvus_unreachable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """pymilvus gives up after 10 s; only with preference memory on."""
    told = heard(service, container, seen)
    if found := last(told, r"Fail connecting to server on (?P<host>[\w.-]+)"):
        need = neighbour(found["host"], service, seen)
        yield from finding(
            service,
            "neighbour-unreachable",
            f"it waits for {need}, which does not answer it (preference memory is on)",
            found,
            f"inv logs --service {need}; without one: ENABLE_PREFERENCE_MEMORY=false in .env",
            fatal=hopeless(service, container, seen),
        )


def variable_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """pydantic finds a value of the configuration missing or of another kind."""
    told = heard(service, container, seen)
    if found := last(told, r"validation errors? for InternetRetrieverConfigFactory"):
        yield from finding(
            service,
            "setting-missing",
            "MEMRADER_MODEL or MEMRADER_API_BASE is not set",
            found,
            f"set both in .env (.env.example has defaults), then: {again(service)}",
        )
    elif found := last(told, r"\d+ validation errors? for (?P<name>\w*Config\w*)"):
        yield from finding(
            service,
            "setting-invalid",
            f"a value of its configuration is missing or wrong ({found['name']})",
            found,
            f"compare .env with .env.example; inv logs --service {service.name} names the fields",
        )


def folder_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """FILE_LOCAL_PATH names a folder that is not there (starlette's StaticFiles)."""
    told = heard(service, container, seen)
    if found := last(told, r"RuntimeError: Directory '(?P<path>[^']*)' does not exist"):
        yield from finding(
            service,
            "setting-invalid",
            f"FILE_LOCAL_PATH is {found['path']!r}, and the container has no such folder",
            found,
            f"remove FILE_LOCAL_PATH from .env, then: {again(service)}",
        )


def value_unreadable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A variable holds no JSON or no number: often a comment after an empty value."""
    told = heard(service, container, seen)
    found = last(
        told,
        r"JSONDecodeError: (?P<value>)",
        r"ValueError: invalid literal for int\(\) with base 10: (?P<value>'.*')",
        r"ValueError: could not convert string to float: (?P<value>'.*')",
    )
    asked = last(told, r"getenv\(\"(?P<name>\w+)\"")
    if found and asked:
        given = f"is {found['value']}, wanted a number" if found["value"] else "is no JSON"
        yield from finding(
            service,
            "setting-invalid",
            f"{asked['name']} {given}; a comment after a value is taken as part of it",
            found,
            f"correct or remove {asked['name']} in .env, then: {again(service)}",
        )


def nacos(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Settings are to come from a Nacos server that does not answer (memos/api/config.py)."""
    told = heard(service, container, seen)
    if found := last(
        told, r"(?:Error|Exception|Timeout)\b.*/nacos/v1/cs/configs", r"Nacos AK/SK fail"
    ):
        yield from finding(
            service,
            "nacos-unreachable",
            "the Nacos server of NACOS_SERVER_ADDR does not give its settings",
            found,
            f"remove NACOS_SERVER_ADDR from .env, then: {again(service)}",
            fatal=over(container),
        )


def _name_unknown(service: Service, seen: Look, found: re.Match[str]) -> Iterator[Finding]:
    running = (seen.container(need) for need in service.needs)
    yield from finding(
        service,
        "name-unknown",
        "Qdrant's host name is not known: QDRANT_URL or QDRANT_HOST is wrong",
        found,
        f"remove QDRANT_URL from .env (it beats QDRANT_HOST), then: {again(service)}",
        # a container that is down has no name
        fatal=all(one is not None and one.state is State.RUNNING for one in running),
    )


def _unreachable(
    service: Service, found: re.Match[str], need: str, *, fatal: bool
) -> Iterator[Finding]:
    yield from finding(
        service,
        "neighbour-unreachable",
        f"it called {need} while starting, and got no answer",
        found,
        f"inv logs --service {need}; then: inv restart --service {service.name}",
        fatal=fatal,
    )

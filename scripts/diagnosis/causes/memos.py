"""Causes that MemOS tells when it crashes at import, and those of a source mounted over it.

Texts were measured with MemOS 2.0.6, or recorded with the library named.
"""

import re

from scripts.core.finding import Finding
from scripts.core.look import State
from scripts.core.texts import last
from scripts.diagnosis.failure import Cause, Failure, idle, known_by, unreachable

SOURCE = "/app/src"
"""Where the compose file mounts MEMOS_SRC; a package there hides the installed one."""
_FRAME = rf'File "(?P<file>{SOURCE}/[^"]+)", line (?P<line>\d+)'
_SUPERVISOR = (
    r"memos: reload: version \d+ (?P<what>failed|does not come), nothing answers: "
    r"(?P<file>[^:/][^:]*):(?P<line>\d+): (?P<error>.+)"
)
"""How the reload's supervisor tells of code that it cannot run, and once of what stands still."""
_ERROR = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Warning)\b.*")
_UNRESOLVED = r"\[Errno -[235]\]|Name or service not known|Temporary failure in name resolution"
_REFUSED = r"refused|timed out|[Tt]imeout|No route|reset by peer|disconnected"


@known_by(
    r"Can't instantiate abstract class (?P<name>NebulaGraphDB)",
    r"Unsupported graph (?:database|db) backend: (?P<name>\S+)",
)
def graph_backend(failure: Failure, match: re.Match[str]) -> Cause:
    """NEO4J_BACKEND is unset, which means Nebula, or none that MemOS knows."""
    return Cause(
        "graph-backend",
        f"the graph backend {match['name']} does not work in MemOS",
        "NEO4J_BACKEND=neo4j-community in .env, and no GRAPH_DB_BACKEND (it is read first);"
        f" then: {failure.up}",
    )


@known_by(r"Tokenizer not found in transformers")
def tokenizer(_failure: Failure, _match: re.Match[str]) -> Cause:
    """chonkie finds no gpt2 tokenizer."""
    return Cause(
        "tokenizer-missing",
        "the gpt2 tokenizer is not in its cache, and could not be fetched",
        "HF_HUB_OFFLINE=1 in .env (and no HF_HOME), then: inv images.build; inv up",
    )


@known_by(
    r"Vector dimension error: expected dim: (?P<have>\d+), got (?P<given>\d+)",
    r"dim \(?(?P<given>\d+)\)? of field data.* schema dim \(?(?P<have>\d+)",
)
def vectors_size(_: Failure, match: re.Match[str]) -> Cause:
    """Stored vectors have another size (Qdrant's words, ours too; Milvus' words)."""
    return Cause(
        "data-mismatch",
        f"vectors of {match['have']} numbers are stored, the model gives {match['given']}",
        f"EMBEDDING_DIMENSION={match['have']} in .env and the model of then, then: inv up",
    )


@known_by(r"holds vectors of the model (?P<have>.+), wanted (?P<set>.*) \(MOS_EMBEDDER_MODEL\)")
def vectors_model(_: Failure, match: re.Match[str]) -> Cause:
    """Another model made the stored vectors (our words: the probe's, and memos_vectors.py's)."""
    have = match["have"]
    return Cause(
        "data-mismatch",
        f"vectors of the model {have} are stored, and MOS_EMBEDDER_MODEL is {match['set']}:"
        " a search among both would find anything",
        f"MOS_EMBEDDER_MODEL={have} in .env, with the address of then; or, if both are one model,"
        f" MOS_EMBEDDER_SAME_AS={have}; then: inv up",
    )


@known_by(r"Only one of <location>, <url>, <host> or <path>")
def qdrant_settings(failure: Failure, _: re.Match[str]) -> Cause:
    """QDRANT_URL or QDRANT_PATH beside QDRANT_HOST (qdrant-client)."""
    return Cause(
        "setting-invalid",
        "QDRANT_URL or QDRANT_PATH is set beside QDRANT_HOST",
        f"remove QDRANT_URL and QDRANT_PATH from .env, then: {failure.up}",
    )


@known_by(rf"qdrant_client\S*ResponseHandlingException: .*(?:{_UNRESOLVED})")
def qdrant_name(failure: Failure, _: re.Match[str]) -> Cause:
    """Nobody has the name that qdrant-client calls."""
    need = failure.neighbour("qdrant")
    return _name_unknown(failure) if failure.runs(need) else _unanswered(failure, need)


@known_by(rf"qdrant_client\S*ResponseHandlingException: .*(?:{_REFUSED})")
def qdrant_unreachable(failure: Failure, _: re.Match[str]) -> Cause:
    """qdrant-client calls once, at import, and gives up; it does not say where it called."""
    return _unanswered(failure, failure.neighbour("qdrant"))


@known_by(r"neo4j\.exceptions\.AuthError", r"Neo\.ClientError\.Security\.Unauth")
def neo4j_login(failure: Failure, _: re.Match[str]) -> Cause:
    """The driver's own exception (neo4j 5.28)."""
    need = failure.neighbour("neo4j")
    asked = failure.look.reading(need)
    if asked is not None and asked.ok:  # from us it takes the password of the settings
        return Cause(
            "login-rejected",
            f"{need} takes the password of .env, and {failure.name} gives it another one",
            f"inv config shows what {failure.name} is given (NEO4J_PASSWORD); then: {failure.up}",
        )
    return Cause(
        "login-rejected",
        f"{need} rejects the password that it is given",
        "put the former NEO4J_PASSWORD back into .env, then: inv up",
    )


@known_by(r"neo4j\.exceptions\.ServiceUnavailable")
def neo4j_unreachable(failure: Failure, _: re.Match[str]) -> Cause:
    """The driver's own exception (neo4j 5.28)."""
    return _unanswered(failure, failure.neighbour("neo4j"))


@known_by(r"memos: (?:waiting for (?P<name>\w+) at \S+, |the databases answer)")
def waits(failure: Failure, match: re.Match[str]) -> Cause | None:
    """Our entry point has loaded MemOS and waits for a database (docker/memos-api/memos_start.py).

    No fault by itself while the database starts, which says itself what is wrong with it. One that
    nobody starts never answers: a data command brings back only what ran.
    """
    if not match["name"]:
        return None
    need = failure.neighbour(match["name"])
    # the name of a container that is just being started is not known for a moment
    long = need in failure.look.steady or re.search(r" [1-9]\d* s so far: ", match.string)
    if not failure.runs(need):
        waited = need in failure.service.needs
        if waited and failure.look.container(need) is not None:
            return None
        return idle(failure, need, fatal=not waited)
    if match["name"] == "qdrant" and long and re.search(_UNRESOLVED, match.string):
        return _name_unknown(failure)
    return unreachable(failure, match, need, fatal=False)


@known_by(r"Fail connecting to server on (?P<host>[\w.-]+)")
def milvus_unreachable(failure: Failure, match: re.Match[str]) -> Cause:
    """pymilvus gives up after 10 s; only with preference memory on."""
    need = failure.neighbour(match["host"])
    return Cause(
        "neighbour-unreachable",
        f"it waits for {need}, which does not answer it (preference memory is on)",
        f"inv logs --service {need}; without one: ENABLE_PREFERENCE_MEMORY=false in .env",
        fatal=failure.hopeless,
    )


@known_by(r"validation errors? for InternetRetrieverConfigFactory")
def retriever_unset(failure: Failure, _: re.Match[str]) -> Cause:
    """pydantic finds no value for the model that reads pages."""
    return Cause(
        "setting-missing",
        "MEMRADER_MODEL or MEMRADER_API_BASE is not set",
        f"set both in .env (.env.example has defaults), then: {failure.up}",
    )


@known_by(r"\d+ validation errors? for (?P<name>\w*Config\w*)")
def configuration_invalid(failure: Failure, match: re.Match[str]) -> Cause:
    """pydantic finds a value of the configuration missing or of another kind."""
    return Cause(
        "setting-invalid",
        f"a value of its configuration is missing or wrong ({match['name']})",
        f"compare .env with .env.example; inv logs --service {failure.name} names the fields",
    )


@known_by(r"RuntimeError: Directory '(?P<path>[^']*)' does not exist")
def folder_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """FILE_LOCAL_PATH names a folder that is not there (starlette's StaticFiles)."""
    return Cause(
        "setting-invalid",
        f"FILE_LOCAL_PATH is {match['path']!r}, and the container has no such folder",
        f"remove FILE_LOCAL_PATH from .env, then: {failure.up}",
    )


@known_by(
    r"JSONDecodeError: (?P<value>)",
    r"ValueError: invalid literal for int\(\) with base 10: (?P<value>'.*')",
    r"ValueError: could not convert string to float: (?P<value>'.*')",
)
def value_unreadable(failure: Failure, match: re.Match[str]) -> Cause | None:
    """A variable holds no JSON or no number: often a comment after an empty value."""
    if (read := last(failure.lines, r"getenv\(\"(?P<name>\w+)\"")) is None:
        return None
    problem = f"is {match['value']}, wanted a number" if match["value"] else "is no JSON"
    return Cause(
        "setting-invalid",
        f"{read['name']} {problem}; a comment after a value is taken as part of it",
        f"correct or remove {read['name']} in .env, then: {failure.up}",
    )


@known_by(r"(?:Error|Exception|Timeout)\b.*/nacos/v1/cs/configs", r"Nacos AK/SK fail")
def nacos(failure: Failure, _: re.Match[str]) -> Cause:
    """Settings are to come from a Nacos server that does not answer (memos/api/config.py).

    Nobody here starts that server: where MemOS has ended for it once, waiting is in vain.
    """
    container = failure.container
    return Cause(
        "nacos-unreachable",
        "the Nacos server of NACOS_SERVER_ADDR does not give its settings",
        f"remove NACOS_SERVER_ADDR from .env, then: {failure.up}",
        fatal=container.state is not State.RUNNING or container.restarts > 0,
    )


@known_by(rf"PermissionError: .*Permission denied: '(?P<path>{SOURCE}[^']*)'")
def source_unreadable(failure: Failure, match: re.Match[str]) -> Cause:
    """The container's user (1000) may not read the mounted source."""
    return Cause(
        "source-unreadable",
        f"the container's user may not read {match['path']} of MEMOS_SRC",
        f"chmod -R a+rX on the folder of MEMOS_SRC, then: {failure.up}",
    )


def source_broken(failure: Failure) -> Finding | None:
    """The mounted source cannot be imported: its error, where it was made, by the last frame."""
    lines = failure.lines
    if (said := last(lines, _SUPERVISOR)) is not None:
        cause = _source_broken(failure, f"{said['file']}:{said['line']}", said["error"])
        # what stands in a library may wait for somebody
        final = said["what"] == "failed" or "(in " not in said["error"]
        return failure.finding(cause._replace(fatal=final), said)
    frames = [number for number, line in enumerate(lines) if re.search(r'^\s*File "', line)]
    frame = re.search(_FRAME, lines[frames[-1]]) if frames else None
    if frame is None:
        return None
    error = next(filter(None, map(_ERROR.search, lines[frames[-1] + 1 :])), None)
    what = error[0] if error is not None else "it cannot be imported"
    place = f"{frame['file'].removeprefix(SOURCE + '/')}:{frame['line']}"
    return failure.finding(_source_broken(failure, place, what), error or frame)


def _source_broken(failure: Failure, place: str, what: str) -> Cause:
    return Cause(
        "source-broken",
        f"{place} in MEMOS_SRC: {what}",
        f"mend {place}, or leave MEMOS_SRC empty in .env; then: {failure.up}",
    )


@known_by(r"Error loading ASGI app\. .+")
def source_foreign(failure: Failure, _: re.Match[str]) -> Cause:
    """The mounted source has no application of MemOS."""
    return Cause(
        "source-broken",
        "MEMOS_SRC is not a MemOS that can be started, or not readable for the container",
        f"MEMOS_SRC in .env: a checkout of MemOS, or empty; then: {failure.up}",
    )


@known_by(r"^ModuleNotFoundError: No module named '(?P<name>[^']+)'", r"^ImportError: (?P<name>.+)")
def package_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """The image lacks a package, or has another version of it."""
    return Cause(
        "import-error",
        f"its image lacks something to import: {match['name']}",
        f"leave MEMOS_SRC empty in .env, or: inv images.build; then: {failure.up}",
    )


def _name_unknown(failure: Failure) -> Cause:
    needed = [failure.look.container(need) for need in failure.service.needs]
    return Cause(
        "name-unknown",
        "Qdrant's host name is not known: QDRANT_URL or QDRANT_HOST is wrong",
        f"remove QDRANT_URL from .env (it beats QDRANT_HOST), then: {failure.up}",
        # a container that is down has no name
        fatal=all(each is not None and each.state is State.RUNNING for each in needed),
    )


def _unanswered(failure: Failure, need: str) -> Cause:
    if failure.absent(need):
        return idle(failure, need, fatal=failure.hopeless)
    return Cause(
        "neighbour-unreachable",
        f"it called {need} while starting, and got no answer",
        f"inv logs --service {need}; then: inv restart --service {failure.name}",
        fatal=failure.hopeless,
    )

"""MemOS and Python: every crash at the start by what it said."""

import pytest

from tests.kit.recorded import SECRET, Case, check, told

UNANSWERED = (
    "qdrant_client.http.exceptions.ResponseHandlingException: [Errno 111] Connection refused"
)
UNKNOWN = (
    "qdrant_client.http.exceptions.ResponseHandlingException: [Errno -2] Name or service not known"
)
STANDS = (
    "memos: reload: version 1 does not come, nothing answers: memos/api/x.py:3: it does not go on"
    " here"
)
FAULTS = {
    "no graph backend": Case(
        said="TypeError: Can't instantiate abstract class NebulaGraphDB with abstract method"
        " add_nodes_batch",
        wanted=("graph-backend", "NebulaGraphDB", "NEO4J_BACKEND=neo4j-community in .env"),
    ),
    "an unknown graph backend": Case(
        said="ValueError: Unsupported graph database backend: neo5j",
        wanted=("graph-backend", "neo5j", "NEO4J_BACKEND"),
    ),
    "no tokenizer": Case(
        said="ValueError: Tokenizer not found in transformers, tokenizers, or tiktoken",
        wanted=("tokenizer-missing", "gpt2", "HF_HUB_OFFLINE=1"),
    ),
    "Qdrant does not answer": Case(
        said=UNANSWERED,
        wanted=("neighbour-unreachable", "it called db-qdrant", "inv logs --service db-qdrant"),
        fatal=False,
        evidence="Connection refused",
    ),
    "Qdrant never answers though it is there": Case(
        said=UNANSWERED,
        facts={"restarts": 3, "exit_code": 1},
        wanted=("neighbour-unreachable", "db-qdrant", "inv restart"),
        evidence="Connection refused",
    ),
    "it waits for Qdrant": Case(
        said="memos: waiting for qdrant at http://q:6333, 5 s so far: [Errno 111] refused",
        state="running",
        wanted=("neighbour-unreachable", "it waits for db-qdrant", "inv logs --service db-qdrant"),
        fatal=False,
    ),
    "it waits for a Qdrant whose name nobody has": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 5 s so far: {UNKNOWN[-40:]}",
        state="running",
        wanted=("name-unknown", "QDRANT_URL", "remove QDRANT_URL"),
        evidence="http://q:6333",
    ),
    "it has just begun to wait, while all is well for long": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 0 s so far: {UNKNOWN[-40:]}",
        state="running",
        steady=("db-qdrant",),
        wanted=("name-unknown", "QDRANT_URL", "remove QDRANT_URL"),
        evidence="http://q:6333",
    ),
    "it waits for a Neo4j that has been well for long": Case(
        said="memos: waiting for neo4j at bolt://n:7687, 2 s so far: timed out",
        state="running",
        steady=("db-neo4j",),
        wanted=("network-cut", "it cannot reach db-neo4j", "inv down, then: inv up"),
    ),
    "Qdrant's name is wrong": Case(
        said=UNKNOWN,
        wanted=("name-unknown", "QDRANT_URL", "remove QDRANT_URL from .env"),
        evidence="Name or service not known",
    ),
    "Qdrant's name is not known, for it has no container": Case(
        said=UNKNOWN,
        absent=("db-qdrant",),
        wanted=("neighbour-unreachable", "db-qdrant, which has no container", "inv up --service"),
        fatal=False,
    ),
    "it waits for a Qdrant that has no container": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 5 s so far: {UNKNOWN[-40:]}",
        state="running",
        absent=("db-qdrant",),
        wanted=("neighbour-unreachable", "db-qdrant, which has no container", "inv up --service"),
        fatal=False,
        evidence="http://q:6333",
    ),
    "it waits for a Qdrant that nobody starts": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 0 s so far: {UNKNOWN[-40:]}",
        state="running",
        alone=True,
        wanted=("neighbour-unreachable", "it needs qdrant, which", "inv up --service"),
        evidence="http://q:6333",
    ),
    "it was well, and its Neo4j was removed": Case(
        said="neo4j.exceptions.ServiceUnavailable: Couldn't connect to neo4j-docker:7687",
        absent=("db-neo4j",),
        wanted=("neighbour-unreachable", "db-neo4j, which has no container", "inv up --service"),
        fatal=False,
    ),
    "QDRANT_PATH beside QDRANT_HOST": Case(
        said="ValueError: Only one of <location>, <url>, <host> or <path> should be specified.",
        wanted=("setting-invalid", "QDRANT_PATH", "remove QDRANT_URL and QDRANT_PATH"),
    ),
    "Neo4j does not answer": Case(
        said="neo4j.exceptions.ServiceUnavailable: Couldn't connect to neo4j-docker:7687",
        wanted=("neighbour-unreachable", "db-neo4j", "inv logs --service db-neo4j"),
        fatal=False,
    ),
    "Neo4j rejects the password": Case(
        said="neo4j.exceptions.AuthError: {code: Neo.ClientError.Security.Unauthorized}",
        wanted=("login-rejected", "db-neo4j rejects the password", "NEO4J_PASSWORD"),
    ),
    "Milvus does not answer": Case(
        said="pymilvus.exceptions.MilvusException: <MilvusException: (code=2, message=Fail"
        " connecting to server on db-milvus-1:19530, illegal connection params or server"
        " unavailable)>",
        wanted=(
            "neighbour-unreachable",
            "it waits for db-milvus,",
            "ENABLE_PREFERENCE_MEMORY=false",
        ),
        fatal=False,
    ),
    "MEMRADER_ is not set": Case(
        said="pydantic_core._pydantic_core.ValidationError: 2 validation errors for"
        " InternetRetrieverConfigFactory\n"
        "config.reader.config.llm.config.model_name_or_path",
        wanted=("setting-missing", "MEMRADER_MODEL", "set both in .env"),
        evidence="2 validation errors",
    ),
    "another value is missing": Case(
        said="pydantic_core._pydantic_core.ValidationError: 1 validation error for EmbedderConfig",
        wanted=("setting-invalid", "EmbedderConfig", "compare .env with .env.example"),
    ),
    "FILE_LOCAL_PATH names nothing": Case(
        log="python-file",
        wanted=("setting-invalid", "FILE_LOCAL_PATH is '/nowhere'", "remove FILE_LOCAL_PATH"),
        evidence="Directory '/nowhere' does not exist",
    ),
    "a comment as value": Case(
        log="python-json",
        wanted=(
            "setting-invalid",
            "MOS_RERANKER_HEADERS_EXTRA is no JSON",
            "correct or remove MOS_RERANKER_HEADERS_EXTRA",
        ),
        evidence="JSONDecodeError",
    ),
    "a word as number": Case(
        said='            "vector_dimension": int(os.getenv("EMBEDDING_DIMENSION", 1024)),\n'
        "ValueError: invalid literal for int() with base 10: '384 # numbers'",
        wanted=(
            "setting-invalid",
            "EMBEDDING_DIMENSION is '384 # numbers', wanted a number",
            "EMBEDDING_DIMENSION in .env",
        ),
    ),
    "stored vectors have another size": Case(
        said="Wrong input: Vector dimension error: expected dim: 384, got 1024",
        wanted=(
            "data-mismatch",
            "384 numbers are stored, the model gives 1024",
            "EMBEDDING_DIMENSION=384",
        ),
    ),
    "another model made the stored vectors": Case(
        said="memos: neo4j_vec_db holds vectors of the model all-MiniLM-L6-v2, wanted e5"
        " (MOS_EMBEDDER_MODEL)",
        wanted=(
            "data-mismatch",
            "vectors of the model all-MiniLM-L6-v2 are stored, and MOS_EMBEDDER_MODEL is e5",
            "MOS_EMBEDDER_MODEL=all-MiniLM-L6-v2 in .env",
        ),
    ),
    "Nacos does not answer": Case(
        said="requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='n', port=80): Max"
        " retries exceeded with url: /nacos/v1/cs/configs?dataId=d",
        wanted=("nacos-unreachable", "NACOS_SERVER_ADDR", "remove NACOS_SERVER_ADDR"),
    ),
    "settings that do not come, and it goes on without": Case(
        said="requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='n', port=80): Max"
        " retries exceeded with url: /nacos/v1/cs/configs?dataId=d",
        state="running",
        wanted=("nacos-unreachable", "NACOS_SERVER_ADDR", "remove NACOS_SERVER_ADDR"),
        fatal=False,
    ),
    "a syntax error in the source": Case(
        log="python-syntax",
        wanted=(
            "source-broken",
            "memos/api/server_api.py:3 in MEMOS_SRC: SyntaxError: invalid syntax",
            "mend memos/api/server_api.py:3, or leave MEMOS_SRC empty",
        ),
        evidence="SyntaxError",
    ),
    "a version of the source that its reload cannot run": Case(
        said="memos: reload: version 1 failed, nothing answers: memos/api/x.py:3: NameError: name"
        " 'y' is not defined",
        state="running",
        wanted=(
            "source-broken",
            "memos/api/x.py:3 in MEMOS_SRC: NameError: name 'y' is not defined",
            "mend memos/api/x.py:3, or leave MEMOS_SRC empty",
        ),
        evidence="version 1 failed",
    ),
    "a version of the source that hangs while it is imported": Case(
        said=STANDS,
        state="running",
        wanted=("source-broken", "memos/api/x.py:3 in MEMOS_SRC: it does not go on here", "mend"),
    ),
    "a version of the source that waits for somebody while it is imported": Case(
        said=f"{STANDS} (in socket.py:706 readinto)",
        state="running",
        wanted=("source-broken", "memos/api/x.py:3 in MEMOS_SRC: it does not go on here", "mend"),
        fatal=False,
    ),
    "an import error in the source": Case(
        log="python-import",
        wanted=(
            "source-broken",
            "memos/api/config.py:1 in MEMOS_SRC: ModuleNotFoundError: No module named",
            "memos/api/config.py:1",
        ),
        evidence="'memos.nothing'",
    ),
    "a name that the source lacks": Case(
        log="python-import2",
        wanted=(
            "source-broken",
            "server_api.py:1 in MEMOS_SRC: ImportError: cannot import name 'APIConfig'",
            "mend",
        ),
        evidence="ImportError",
    ),
    "any other error in the source": Case(
        log="python-zero",
        wanted=("source-broken", "ZeroDivisionError", "server_api.py:1"),
        evidence="division by zero",
    ),
    "a source without the application": Case(
        log="python-noapp",
        wanted=("source-broken", "not a MemOS that can be started", "MEMOS_SRC in .env"),
        evidence='Attribute "app" not found',
    ),
    "a source without the module": Case(
        log="python-nomod",
        wanted=("source-broken", "not a MemOS", "or empty"),
        evidence='Could not import module "memos.api.server_api"',
    ),
    "a source that may not be read": Case(
        said="PermissionError: [Errno 13] Permission denied: '/app/src/memos/__init__.py'",
        wanted=("source-unreadable", "/app/src/memos/__init__.py", "chmod -R a+rX"),
    ),
    "a package that the image lacks": Case(
        said='  File "/opt/memos/lib/python3.13/site-packages/memos/x.py", line 3, in'
        " <module>\n"
        "ModuleNotFoundError: No module named 'milvus_lite'",
        wanted=("import-error", "milvus_lite", "inv images.build"),
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_crash_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)


def test_a_key_in_what_pydantic_prints_is_hidden() -> None:
    """It shows the whole input."""
    line = (
        "1 validation error for ChatConfig [input_value={'api_key': 'abcdefgh', 'url':"
        f" 'http://me:{SECRET}@host'}}]"
    )
    (found,) = told(Case(said=line))

    assert "abcdefgh" not in found.evidence
    assert SECRET not in found.evidence


@pytest.mark.parametrize("said", ["memos: the databases answer", "json.JSONDecodeError: line 1"])
def test_what_names_nobody_is_no_fault(said: str) -> None:
    """A wait that is over, and a value of a variable that nothing names."""
    assert told(Case(said=said)) == []

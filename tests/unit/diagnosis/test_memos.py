"""MemOS and Python: every crash at the start by what it said."""

import pytest

from tests.kit.recorded import SECRET, Case, check, told

UNANSWERED = (
    "qdrant_client.http.exceptions.ResponseHandlingException: [Errno 111] Connection refused"
)
UNKNOWN = (
    "qdrant_client.http.exceptions.ResponseHandlingException: [Errno -2] Name or service not known"
)
FAULTS = {
    "no graph backend": Case(
        said="TypeError: Can't instantiate abstract class NebulaGraphDB with abstract method"
        " add_nodes_batch",
        code="graph-backend",
        cause="NebulaGraphDB",
        step="NEO4J_BACKEND=neo4j-community in .env",
    ),
    "an unknown graph backend": Case(
        said="ValueError: Unsupported graph database backend: neo5j",
        code="graph-backend",
        cause="neo5j",
        step="NEO4J_BACKEND",
    ),
    "no tokenizer": Case(
        said="ValueError: Tokenizer not found in transformers, tokenizers, or tiktoken",
        code="tokenizer-missing",
        cause="gpt2",
        step="HF_HUB_OFFLINE=1",
    ),
    "Qdrant does not answer": Case(
        said=UNANSWERED,
        code="neighbour-unreachable",
        fatal=False,
        cause="it called db-qdrant",
        evidence="Connection refused",
        step="inv logs --service db-qdrant",
    ),
    "Qdrant never answers though it is there": Case(
        said=UNANSWERED,
        facts={"restarts": 3, "exit_code": 1},
        code="neighbour-unreachable",
        cause="db-qdrant",
        evidence="Connection refused",
        step="inv restart",
    ),
    "it waits for Qdrant": Case(
        said="memos: waiting for qdrant at http://q:6333, 5 s so far: [Errno 111] refused",
        state="running",
        code="neighbour-unreachable",
        fatal=False,
        cause="it waits for db-qdrant",
        step="inv logs --service db-qdrant",
    ),
    "it waits for a Qdrant whose name nobody has": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 5 s so far: {UNKNOWN[-40:]}",
        state="running",
        code="name-unknown",
        cause="QDRANT_URL",
        evidence="http://q:6333",
        step="remove QDRANT_URL",
    ),
    "it has just begun to wait, while all is well for long": Case(
        said=f"memos: waiting for qdrant at http://q:6333, 0 s so far: {UNKNOWN[-40:]}",
        state="running",
        steady=("db-qdrant",),
        code="name-unknown",
        cause="QDRANT_URL",
        evidence="http://q:6333",
        step="remove QDRANT_URL",
    ),
    "it waits for a Neo4j that has been well for long": Case(
        said="memos: waiting for neo4j at bolt://n:7687, 2 s so far: timed out",
        state="running",
        steady=("db-neo4j",),
        code="network-cut",
        cause="it cannot reach db-neo4j",
        step="inv down, then: inv up",
    ),
    "Qdrant's name is wrong": Case(
        said=UNKNOWN,
        code="name-unknown",
        cause="QDRANT_URL",
        evidence="Name or service not known",
        step="remove QDRANT_URL from .env",
    ),
    "QDRANT_PATH beside QDRANT_HOST": Case(
        said="ValueError: Only one of <location>, <url>, <host> or <path> should be specified.",
        code="setting-invalid",
        cause="QDRANT_PATH",
        step="remove QDRANT_URL and QDRANT_PATH",
    ),
    "Neo4j does not answer": Case(
        said="neo4j.exceptions.ServiceUnavailable: Couldn't connect to neo4j-docker:7687",
        code="neighbour-unreachable",
        fatal=False,
        cause="db-neo4j",
        step="inv logs --service db-neo4j",
    ),
    "Neo4j rejects the password": Case(
        said="neo4j.exceptions.AuthError: {code: Neo.ClientError.Security.Unauthorized}",
        code="login-rejected",
        cause="db-neo4j rejects the password",
        step="NEO4J_PASSWORD",
    ),
    "Milvus does not answer": Case(
        said="pymilvus.exceptions.MilvusException: <MilvusException: (code=2, message=Fail"
        " connecting to server on db-milvus-1:19530, illegal connection params or server"
        " unavailable)>",
        code="neighbour-unreachable",
        fatal=False,
        cause="it waits for db-milvus,",
        step="ENABLE_PREFERENCE_MEMORY=false",
    ),
    "MEMRADER_ is not set": Case(
        said="pydantic_core._pydantic_core.ValidationError: 2 validation errors for"
        " InternetRetrieverConfigFactory\n"
        "config.reader.config.llm.config.model_name_or_path",
        code="setting-missing",
        cause="MEMRADER_MODEL",
        evidence="2 validation errors",
        step="set both in .env",
    ),
    "another value is missing": Case(
        said="pydantic_core._pydantic_core.ValidationError: 1 validation error for EmbedderConfig",
        code="setting-invalid",
        cause="EmbedderConfig",
        step="compare .env with .env.example",
    ),
    "FILE_LOCAL_PATH names nothing": Case(
        log="python-file",
        code="setting-invalid",
        cause="FILE_LOCAL_PATH is '/nowhere'",
        evidence="Directory '/nowhere' does not exist",
        step="remove FILE_LOCAL_PATH",
    ),
    "a comment as value": Case(
        log="python-json",
        code="setting-invalid",
        cause="MOS_RERANKER_HEADERS_EXTRA is no JSON",
        evidence="JSONDecodeError",
        step="correct or remove MOS_RERANKER_HEADERS_EXTRA",
    ),
    "a word as number": Case(
        said='            "vector_dimension": int(os.getenv("EMBEDDING_DIMENSION", 1024)),\n'
        "ValueError: invalid literal for int() with base 10: '384 # numbers'",
        code="setting-invalid",
        cause="EMBEDDING_DIMENSION is '384 # numbers', wanted a number",
        step="EMBEDDING_DIMENSION in .env",
    ),
    "stored vectors have another size": Case(
        said="Wrong input: Vector dimension error: expected dim: 384, got 1024",
        code="data-mismatch",
        cause="384 numbers are stored, the model gives 1024",
        step="EMBEDDING_DIMENSION=384",
    ),
    "Nacos does not answer": Case(
        said="requests.exceptions.ConnectTimeout: HTTPConnectionPool(host='n', port=80): Max"
        " retries exceeded with url: /nacos/v1/cs/configs?dataId=d",
        code="nacos-unreachable",
        fatal=False,
        cause="NACOS_SERVER_ADDR",
        step="remove NACOS_SERVER_ADDR",
    ),
    "a syntax error in the source": Case(
        log="python-syntax",
        code="source-broken",
        cause="memos/api/server_api.py:3 in MEMOS_SRC: SyntaxError: invalid syntax",
        evidence="SyntaxError",
        step="mend memos/api/server_api.py:3, or leave MEMOS_SRC empty",
    ),
    "an import error in the source": Case(
        log="python-import",
        code="source-broken",
        cause="memos/api/config.py:1 in MEMOS_SRC: ModuleNotFoundError: No module named",
        evidence="'memos.nothing'",
        step="memos/api/config.py:1",
    ),
    "a name that the source lacks": Case(
        log="python-import2",
        code="source-broken",
        cause="server_api.py:1 in MEMOS_SRC: ImportError: cannot import name 'APIConfig'",
        evidence="ImportError",
        step="mend",
    ),
    "any other error in the source": Case(
        log="python-zero",
        code="source-broken",
        cause="ZeroDivisionError",
        evidence="division by zero",
        step="server_api.py:1",
    ),
    "a source without the application": Case(
        log="python-noapp",
        code="source-broken",
        cause="not a MemOS that can be started",
        evidence='Attribute "app" not found',
        step="MEMOS_SRC in .env",
    ),
    "a source without the module": Case(
        log="python-nomod",
        code="source-broken",
        cause="not a MemOS",
        evidence='Could not import module "memos.api.server_api"',
        step="or empty",
    ),
    "a source that may not be read": Case(
        said="PermissionError: [Errno 13] Permission denied: '/app/src/memos/__init__.py'",
        code="source-unreadable",
        cause="/app/src/memos/__init__.py",
        step="chmod -R a+rX",
    ),
    "a package that the image lacks": Case(
        said='  File "/opt/memos/lib/python3.13/site-packages/memos/x.py", line 3, in'
        " <module>\n"
        "ModuleNotFoundError: No module named 'milvus_lite'",
        code="import-error",
        cause="milvus_lite",
        step="inv images.build",
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

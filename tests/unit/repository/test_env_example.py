"""`.env.example` explains every variable, and a copy of it changes nothing."""

import io

import pytest
from dotenv import dotenv_values

from scripts.config.rules.text import parse, uses
from scripts.config.rules.written import check_variables, read_example
from scripts.config.settings import WORKSPACE_VARIABLES
from tests.kit.places import ROOT

TEXT = (ROOT / ".env.example").read_text(encoding="utf-8")
SETTINGS = {setting.name: setting for setting in read_example(TEXT)}
FILES = {
    path.name: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docker").glob("*.yml"))
}
EMPTY_ON_PURPOSE = {
    "MOS_EMBEDDER_API_BASE",  # empty: the local model, whose address is the compose file's matter
    "OPENAI_API_BASE",  # empty: the stand-in for a chat model, beside that one
    "MEMRADER_API_BASE",
    "EMBEDDING_DIMENSION",  # empty: as many as that model's vectors have
    "MEMOS_SRC",  # empty: an empty folder beside the API's Dockerfile
    "MEMOS_PROJECT",  # empty: the same
    "MEMOS_IMAGE",  # empty: named after the release
    "WITH_MILVUS",  # empty: by the release
    "NEO4J_ADVERTISED_HOST",  # empty: the address that the ports listen on
}
PROMISED = [
    "COMPOSE_PROJECT_NAME",
    "CONTAINER_PREFIX",
    "BIND_ADDRESS",
    "IMAGE_SOURCE",
    "IMAGE_REGISTRY",
    "MEMOS_PORT",
    "NEO4J_HTTP_PORT",
    "NEO4J_BOLT_PORT",
    "QDRANT_HTTP_PORT",
    "QDRANT_GRPC_PORT",
    "MINIO_API_PORT",
    "MINIO_CONSOLE_PORT",
    "MILVUS_PORT",
    "MILVUS_METRICS_PORT",
    "ATTU_PORT",
    "NEO4J_PASSWORD",
    "MILVUS_PASSWORD",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
    "ALLOW_WITHOUT_LOGIN",
    "ENV_FILE",
]


def defaults() -> dict[str, str]:
    """Return what the compose files take for each variable when it is empty."""
    return {
        use.name: use.argument
        for file, text in FILES.items()
        for use in uses(parse(text, file))
        if use.operator == ":-"
    }


def test_every_variable_is_explained_and_every_explained_one_is_read() -> None:
    """Nobody has to read the compose files to know what can be set."""
    found = check_variables(FILES, TEXT, WORKSPACE_VARIABLES)

    assert [str(breach) for breach in found] == []


def test_a_copy_of_it_changes_nothing() -> None:
    """Every value is the compose file's default; some are empty because theirs is derived."""
    known = defaults()
    other = {
        name
        for name, setting in SETTINGS.items()
        if name in known and not setting.off and setting.value != known[name]
    }

    assert other == EMPTY_ON_PURPOSE
    assert {SETTINGS[name].value for name in other} == {""}


def test_python_dotenv_reads_the_same_values() -> None:
    """MemOS reads its settings with python-dotenv."""
    ours = {name: setting.value for name, setting in SETTINGS.items() if not setting.off}

    assert ours == dotenv_values(stream=io.StringIO(TEXT), interpolate=False)


@pytest.mark.parametrize("name", PROMISED)
def test_a_name_that_scripts_rely_on_is_there(name: str) -> None:
    """People write these names down, so they stay."""
    assert name in SETTINGS


@pytest.mark.parametrize("name", ["QDRANT_URL", "QDRANT_PATH", "MOS_RERANKER_HEADERS_EXTRA"])
def test_a_variable_that_stops_memos_from_starting_is_not_offered(name: str) -> None:
    """Upstream's own example sets these, and does not start."""
    assert name not in SETTINGS


def test_it_points_no_container_at_itself() -> None:
    """Inside a container localhost is the container."""
    assert not any("localhost" in setting.value for setting in SETTINGS.values())


def test_it_opens_nothing_to_the_network() -> None:
    """Ports stay on this machine until somebody decides otherwise, twice."""
    assert SETTINGS["BIND_ADDRESS"].value == "127.0.0.1"
    assert SETTINGS["ALLOW_WITHOUT_LOGIN"].value == ""


def test_the_image_source_is_not_decided_yet() -> None:
    """The first `inv up` finds out what works, and writes it down."""
    assert SETTINGS["IMAGE_SOURCE"].value == ""


def test_its_lines_fit_a_terminal() -> None:
    """100 columns, as everywhere here."""
    assert max(map(len, TEXT.splitlines())) <= 100

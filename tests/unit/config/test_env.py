"""Every value that cannot be right is named at once, with its origin and what was wanted."""

from pathlib import Path

import pytest

from scripts.config import settings
from scripts.config.rules.env import SHORTEST_PASSWORD, check
from scripts.core.errors import ConfigError
from tests.kit.builders import settings_of

MIRROR = "HOST or HOST:PORT/PATH, without https:// and a slash at the end"


def problems(root: Path, text: str) -> list[str]:
    """Return what is wrong with a `.env`, a line each."""
    try:
        check(settings_of(root, text))
    except ConfigError as error:
        return str(error).splitlines()
    return []


def test_the_example_itself_is_right(root: Path) -> None:
    """A fresh checkout starts with what it came with."""
    check(settings.load(root, {}))


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("MEMOS_PORT", "0", "wanted a port from 1 to 65535"),
        ("MEMOS_PORT", "65536", "wanted a port from 1 to 65535"),
        ("ATTU_PORT", "80-90", "wanted a port from 1 to 65535"),
        ("ATTU_PORT", "²", "wanted a port from 1 to 65535"),
        ("DEPLOY", "kubernetes", "wanted swarm, or nothing for plain Compose"),
        ("IMAGE_SOURCE", "mirror", "wanted registry, packages or nothing"),
        ("ENABLE_PREFERENCE_MEMORY", "True", "wanted true or false in small letters"),
        ("COMPOSE_PROJECT_NAME", "My Project", "wanted small letters, digits, - and _"),
        ("CONTAINER_PREFIX", "-two", "wanted letters, digits, -, _ and ."),
        ("ENABLE_INTERNET", "1", "wanted true or false in small letters"),
        ("ENABLE_ACTIVATION_MEMORY", "False", "wanted true or false in small letters"),
        ("MEMOS_MENDS", "off", "wanted yes or no"),
        ("MEMOS_DEBUG", "true", "wanted yes or no"),
        ("WITH_MILVUS", "on", "wanted yes, no or nothing"),
        ("RELOAD", "on", "wanted yes, no or nothing"),
        ("MOS_EMBEDDER_BACKEND", "openai", "wanted universal_api or ollama"),
        ("NEO4J_HEAP", "lots", "wanted a size such as 512m or 2g"),
        ("NEO4J_HEAP", "512", "wanted a size such as 512m or 2g"),
        ("NEO4J_PAGECACHE", "256mb", "wanted a size such as 512m or 2g"),
        ("SNAPSHOTS_KEEP", "0", "wanted a whole number from 1"),
        *(
            ("MINIO_ROOT_USER", user, "wanted 3 characters or more, no blank")
            for user in ("me", "a user")
        ),
        *(
            ("IMAGE_REGISTRY", mirror, f"wanted {MIRROR}")
            for mirror in ("https://m.example", "m.example/", "m.example:5000/hub/", "m example")
        ),
        ("NEO4J_MEMORY", "lots", "wanted a size such as 2g or 512m"),
        ("BIND_ADDRESS", "localhost", "wanted an IPv4 address such as 127.0.0.1"),
        ("BIND_ADDRESS", "::1", "wanted an IPv4 address such as 127.0.0.1"),
    ],
)
def test_a_wrong_value_is_shown_with_what_was_wanted(
    root: Path, name: str, value: str, wanted: str
) -> None:
    """One line: the file and its line, the variable, its value, what would be right."""
    assert problems(root, f"{name}={value}\n") == [f".env line 1: {name} is {value!r}, {wanted}"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("OPENAI_API_BASE=m/v1", "OPENAI_API_BASE is 'm/v1', wanted http://HOST or https://HOST"),
        ("MOS_EMBEDDER_API_KEY=sk-1", "wanted the address of the model that the key is for"),
        ("EMBEDDING_DIMENSION=1024", "the local models' vectors have 384"),
        (
            "MOS_EMBEDDER_MODEL=bge",
            "'bge', and MOS_EMBEDDER_API_BASE is empty (the default): the local models",
        ),
        ("OPENAI_API_KEY=sk-1", "is set, and OPENAI_API_BASE (the default) names no endpoint"),
        (
            "MEMRADER_API_KEY=sk-1\nMEMRADER_API_BASE=http://127.0.0.1:9/v1",
            "is set, and MEMRADER_API_BASE (.env line 2) names no endpoint",
        ),
        ("ENABLE_CHAT_API=true", "ENABLE_CHAT_API is 'true', and CHAT_MODEL_LIST is empty"),
        ("MOS_EMBEDDER_BACKEND=ollama\nEMBEDDING_DIMENSION=768", "OLLAMA_API_BASE is empty"),
        (
            "MOS_EMBEDDER_BACKEND=ollama\nOLLAMA_API_BASE=http://m:11434",
            "EMBEDDING_DIMENSION is empty",
        ),
        ("MOS_EMBEDDER_API_BASE=http://m/v1", "wanted the vector size of that embedding model"),
    ],
)
def test_values_that_contradict_each_other_are_named(root: Path, text: str, wanted: str) -> None:
    """Each alone would be right; together they cannot work."""
    (problem,) = problems(root, text)

    assert wanted in problem


@pytest.mark.parametrize(
    "text",
    [
        "EMBEDDING_DIMENSION=1024\nMOS_EMBEDDER_API_BASE=http://m/v1\nMOS_EMBEDDER_API_KEY=sk-1",
        "OPENAI_API_BASE=http://m/v1\nOPENAI_API_KEY=sk-1",
        'ENABLE_CHAT_API=true\nCHAT_MODEL_LIST=[{"backend": "openai"}]',
        "ENABLE_PREFERENCE_MEMORY=true\nIMAGE_SOURCE=registry",
        "ENABLE_PREFERENCE_MEMORY=true\nIMAGE_SOURCE=packages",
        "NEO4J_MEMORY=1.5G\nMILVUS_MEMORY=512mb\nETCD_MEMORY=1073741824",
        "COMPOSE_PROJECT_NAME=two_2\nCONTAINER_PREFIX=two.-",
        "BIND_ADDRESS=127.0.0.2",
        "NEO4J_HEAP=1G\nNEO4J_PAGECACHE=1048576k",
        "IMAGE_REGISTRY=mirror.example:5000/docker/hub",
        "MOS_EMBEDDER_BACKEND=ollama\nOLLAMA_API_BASE=http://m:11434\nEMBEDDING_DIMENSION=768",
    ],
)
def test_right_values_pass(root: Path, text: str) -> None:
    """What the example's comments describe is accepted."""
    assert problems(root, text) == []


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("NEO4J_PASSWORD", "seven77", "wanted 8 to 72 bytes"),
        ("MILVUS_PASSWORD", "five5", "wanted 6 to 72 bytes"),
        ("MINIO_ROOT_PASSWORD", "seven77", "wanted 8 to 72 bytes"),
        ("MILVUS_PASSWORD", "ü" * 37, "wanted 6 to 72 bytes"),
        ("NEO4J_PASSWORD", "pass/word", "wanted a password without one"),
    ],
)
def test_a_password_that_a_server_would_refuse_is_found_and_not_shown(
    root: Path, name: str, value: str, wanted: str
) -> None:
    """The variable and the limits are named, the password is not."""
    (problem,) = problems(root, f"{name}={value}\n")

    assert problem.startswith(f".env line 1: {name} ")
    assert wanted in problem
    assert value not in problem


def test_a_folder_that_is_no_memos_is_found(root: Path) -> None:
    """The released version would run, without a word."""
    assert problems(root, "MEMOS_SRC=no-such\n") == [
        ".env line 1: MEMOS_SRC is 'no-such', wanted MemOS: its src/ folder, with memos/ in it"
    ]


@pytest.mark.parametrize("named", ["checkout/src", "checkout"])
def test_a_checkout_is_named_by_its_source_or_by_itself(root: Path, named: str) -> None:
    """MEMOS_VERSION does not count then, whatever it is."""
    (root / "checkout" / "src" / "memos").mkdir(parents=True)

    assert problems(root, f"MEMOS_SRC={root}/{named}\nMEMOS_VERSION=latest\n") == []


@pytest.mark.parametrize("value", ["2.0.6", "2.0.7", "2.0.18", "2.1.0", "9.9.9", ""])
def test_whether_a_release_exists_only_the_index_knows(root: Path, value: str) -> None:
    """So a right form is enough here; nothing means the default."""
    assert problems(root, f"MEMOS_VERSION={value}\n") == []


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("v2.0.7", "the three numbers of a release, such as 2.0.7"),
        ("latest", "the three numbers of a release, such as 2.0.6"),
        ("2.1", "the three numbers of a release, such as 2.0.6"),
        ("2.0.7rc1", "the three numbers of a release, such as 2.0.6"),
        ("2.0.7; rm", "the three numbers of a release, such as 2.0.6"),
        ("2.0.\u0667", "the three numbers of a release, such as 2.0.6"),
        ("2.0.5", "2.0.6 or newer, such as 2.0.6"),
    ],
)
def test_what_is_no_release_is_found(root: Path, value: str, wanted: str) -> None:
    """Before a build, or a shell, gets to see it."""
    assert problems(root, f"MEMOS_VERSION={value}\n") == [
        f".env line 1: MEMOS_VERSION is {value!r}, wanted {wanted}"
    ]


@pytest.mark.parametrize(
    ("version", "reader", "wrong"),
    [
        ("2.0.8", "simple_struct", True),
        ("2.0.8", "multimodal_struct", False),
        ("2.0.7", "simple_struct", False),
    ],
)
def test_preferences_need_the_reader_that_looks_for_them(
    root: Path, version: str, reader: str, *, wrong: bool
) -> None:
    """With another one MemOS from 2.0.8 on would keep none, without a word."""
    text = f"IMAGE_SOURCE=registry\nENABLE_PREFERENCE_MEMORY=true\nMEMOS_VERSION={version}\n"
    found = problems(root, f"{text}MEM_READER_BACKEND={reader}\n")

    assert found == [
        (
            ".env line 4: MEM_READER_BACKEND is 'simple_struct', and ENABLE_PREFERENCE_MEMORY is"
            " 'true' (.env line 2): with it MemOS 2.0.8 keeps no preference;"
            " wanted multimodal_struct"
        )
    ] * int(wrong)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("WITH_MILVUS=no\nENABLE_PREFERENCE_MEMORY=true\n", True),
        (
            (
                "WITH_MILVUS=no\nENABLE_PREFERENCE_MEMORY=true\nMEMOS_VERSION=2.0.8\n"
                "MEM_READER_BACKEND=multimodal_struct\n"
            ),
            False,
        ),
        ("WITH_MILVUS=no\n", False),
    ],
)
def test_milvus_cannot_go_where_it_keeps_preferences(root: Path, text: str, *, wrong: bool) -> None:
    """Without preferences no release uses it."""
    assert [
        line.partition(",")[0] for line in problems(root, f"IMAGE_SOURCE=registry\n{text}")
    ] == [".env line 2: WITH_MILVUS is 'no'"] * wrong


@pytest.mark.parametrize("value", ["-3", "0", "many", "²", "1024.0"])
def test_a_dimension_is_a_whole_number(root: Path, value: str) -> None:
    """With a model of one's own its size must be said, and must be one."""
    text = f"MOS_EMBEDDER_API_BASE=http://m/v1\nEMBEDDING_DIMENSION={value}\n"

    assert problems(root, text) == [
        f".env line 2: EMBEDDING_DIMENSION is {value!r}, wanted a whole number such as 1024"
    ]


def test_all_problems_are_named_at_once(root: Path) -> None:
    """Nobody mends one line to learn of the next."""
    found = problems(root, "MEMOS_PORT=x\nIMAGE_SOURCE=y\nBIND_ADDRESS=z\nNEO4J_PASSWORD=p\n")

    assert len(found) == 4


def test_the_file_to_edit_is_the_next_step(root: Path) -> None:
    """With its whole path: it may be another than `.env`."""
    with pytest.raises(ConfigError) as caught:
        check(settings_of(root, "MEMOS_PORT=x\n"))

    assert caught.value.next_step.startswith(f"edit {root / '.env'}")


def test_an_open_address_wants_own_passwords_and_an_acknowledgement(root: Path) -> None:
    """Every default password and the services without a login are named."""
    found = problems(root, "BIND_ADDRESS=0.0.0.0\nNEO4J_PASSWORD=my-own-one\n")

    assert len(found) == 3
    assert any("MILVUS_PASSWORD is still the default" in line for line in found)
    assert any("MINIO_ROOT_PASSWORD is still the default" in line for line in found)
    assert any("ALLOW_WITHOUT_LOGIN=yes" in line and "ssh -L" in line for line in found)


def test_an_open_address_is_taken_with_own_passwords_and_acknowledgement(root: Path) -> None:
    """Who has done both is let through."""
    names = SHORTEST_PASSWORD
    text = "BIND_ADDRESS=192.0.2.7\nALLOW_WITHOUT_LOGIN=yes\n"

    assert problems(root, text + "".join(f"{name}=my-own-one\n" for name in names)) == []


def test_two_services_cannot_have_the_same_port(root: Path) -> None:
    """Both variables are named, before Compose or the engine would say it in their words."""
    (problem,) = problems(root, "MEMOS_PORT=7474\n")

    assert problem.startswith(
        ".env line 1: MEMOS_PORT and NEO4J_HTTP_PORT (the default) are both 7474, wanted a port"
    )


def test_a_value_is_told_with_the_one_place_that_it_comes_from(root: Path) -> None:
    """The environment beats the file, and what is nowhere is the default."""
    (root / ".env").write_text("# mine\n\nMEMOS_PORT=x\nATTU_PORT=y\nBIND_ADDRESS=192.0.2.7\n")

    with pytest.raises(ConfigError) as caught:
        check(settings.load(root, {"ATTU_PORT": "z", "NEO4J_PASSWORD": "my-own-one"}))

    told = str(caught.value).splitlines()
    assert told[:2] == [
        "the environment: ATTU_PORT is 'z', wanted a port from 1 to 65535",
        ".env line 3: MEMOS_PORT is 'x', wanted a port from 1 to 65535",
    ]
    assert all(line.startswith(".env line 5: BIND_ADDRESS is '192.0.2.7'") for line in told[2:])
    assert caught.value.next_step == (
        "unset ATTU_PORT, or export what is wanted;"
        f" edit {root / '.env'}; .env.example explains every variable"
    )


def test_what_the_environment_says_of_other_variables_is_no_value(root: Path) -> None:
    """The container gets the line of the file, so that is what is judged."""
    (root / ".env").write_text("ENABLE_ACTIVATION_MEMORY=false\n")

    check(settings.load(root, {"ENABLE_ACTIVATION_MEMORY": "False", "EDITOR": "vi"}))


def test_a_long_value_is_shown_in_part(root: Path) -> None:
    """Nobody reads a megabyte."""
    (problem,) = problems(root, f"MEMOS_SRC={'x' * 2**20}\n")

    assert len(problem) < 200
    assert problem.startswith(".env line 1: MEMOS_SRC is 'xxx")


@pytest.mark.parametrize("value", ["9" * 5000, "1" * 10])
@pytest.mark.parametrize("name", ["MEMOS_PORT", "SNAPSHOTS_KEEP", "NEO4J_HEAP", "NEO4J_MEMORY"])
def test_a_number_that_nobody_can_mean_is_wrong(root: Path, name: str, value: str) -> None:
    """More digits than Python, Compose or Java would take."""
    found = problems(root, f"{name}={value}{'m' if name == 'NEO4J_HEAP' else ''}\n")

    assert len(found) == (0 if name == "NEO4J_MEMORY" and len(value) < 16 else 1)


@pytest.mark.parametrize("value", ["~nobody-here/x", "/" + "x" * 5000])
def test_a_path_that_can_be_none_is_a_wrong_value(root: Path, value: str) -> None:
    """A home that nobody has, a name that is too long."""
    (problem,) = problems(root, f"MEMOS_SRC={value}\n")

    assert "wanted MemOS: its src/ folder" in problem


def test_bytes_of_the_environment_that_are_no_utf8_are_named(root: Path) -> None:
    """Python hands them on as letters that cannot be written."""
    environ = {"NEO4J_PASSWORD": b"gr\xfc\xdfe-12345".decode(errors="surrogateescape")}

    with pytest.raises(ConfigError, match=r"^the environment: NEO4J_PASSWORD holds bytes that are"):
        check(settings.load(root, environ))


@pytest.mark.parametrize("name", ["COMPOSE_REMOVE_ORPHANS", "COMPOSE_FILE"])
def test_a_variable_of_compose_itself_has_no_place_in_the_file(root: Path, name: str) -> None:
    """Compose would take it from there."""
    assert problems(root, f"{name}=1\n") == [
        f".env line 1: {name} would change what docker does here, wanted no such line"
    ]


@pytest.mark.parametrize(
    ("image", "version", "wrong"),
    [
        ("memos-dev/memos-api:2.0.6", "2.0.7", True),
        ("memos-dev/memos-api:2.0.7", "2.0.7", False),
        ("mine/memos:latest", "2.0.7", False),
        ("", "2.0.7", False),
    ],
)
def test_an_image_keeps_no_name_of_another_release(
    root: Path, image: str, version: str, *, wrong: bool
) -> None:
    """An old file named it after the release of then; what is built would bear a false name."""
    found = problems(root, f"MEMOS_IMAGE={image}\nMEMOS_VERSION={version}\n")

    assert [line.partition(",")[0] for line in found] == [
        f".env line 1: MEMOS_IMAGE is '{image}'"
    ] * wrong


OWN = "NEO4J_PASSWORD=of-my-own\nMILVUS_PASSWORD=of-my-own\nMINIO_ROOT_PASSWORD=of-my-own\n"
SWARM = "DEPLOY is 'swarm' (.env line 1)"


def test_a_swarm_wants_passwords_of_ones_own(root: Path) -> None:
    """What its nodes say to each other passes other machines, and is not encrypted."""
    assert problems(root, "DEPLOY=swarm\n") == [
        f"the default: {name} is still the default, and {SWARM}; wanted your own"
        for name in SHORTEST_PASSWORD
    ]
    assert problems(root, f"DEPLOY=swarm\n{OWN}") == []


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            "NODES=two",
            (
                "NODES is 'two': 'two' names no node and its address; wanted NAME=USER@HOST, with"
                " blanks between"
            ),
        ),
        (
            "BIND_ADDRESS=127.0.0.2",
            (
                f"BIND_ADDRESS is '127.0.0.2', and {SWARM}, which cannot publish on one address;"
                " wanted 127.0.0.1, with which nothing is published, or 0.0.0.0"
            ),
        ),
        (
            "MEMOS_DEBUG=yes",
            f"MEMOS_DEBUG is 'yes', and {SWARM}, where its port is not published; wanted no",
        ),
    ],
)
def test_a_swarm_cannot_keep_everything(root: Path, line: str, told: str) -> None:
    """Refused before anything is deployed."""
    assert problems(root, f"DEPLOY=swarm\n{OWN}{line}\n") == [f".env line 5: {told}"]


def test_a_swarm_has_no_source_of_this_machine(root: Path) -> None:
    """Another node would reject the task that mounts it."""
    (root / "src" / "memos").mkdir(parents=True)
    (root / "pyproject.toml").write_text('[project]\nname = "MemoryOS"\nversion = "2.0.6"\n')

    told = problems(root, f"DEPLOY=swarm\n{OWN}MEMOS_SRC={root}/src\n")

    assert told[-1].endswith(f"and {SWARM}: other nodes have no such folder; wanted nothing")


def test_a_swarm_publishes_what_has_no_login_only_when_told_to(root: Path) -> None:
    """A port of a node listens on every address, so 0.0.0.0 means what it means elsewhere."""
    wide = f"DEPLOY=swarm\n{OWN}BIND_ADDRESS=0.0.0.0\n"

    (told,) = problems(root, wide)
    assert "the API and Qdrant have no login" in told
    assert problems(root, f"{wide}ALLOW_WITHOUT_LOGIN=yes\n") == []

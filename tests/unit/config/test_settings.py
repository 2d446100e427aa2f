"""`.env` is read as Compose reads it, made private, and tells where a value comes from."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config import settings
from scripts.core import texts
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageSource
from tests.kit.builders import settings_of


def test_without_env_the_example_is_read_and_that_is_known(root: Path) -> None:
    """Commands that change nothing use the defaults and can say so."""
    found = settings.load(root, {})

    assert (found.missing, found.file) == (True, root / ".env.example")
    assert found.get("MEMOS_PORT") == "8000"


def test_the_environment_beats_the_file_which_beats_the_example(root: Path) -> None:
    """The same order as Compose has; what only MemOS reads it gets from the file alone."""
    (root / ".env").write_text("MEMOS_PORT=8001\nATTU_PORT=3001\nMY_OWN=1\n")

    found = settings.load(root, {"ATTU_PORT": "3002", "MY_OWN": "2", "EDITOR": "vi"})

    assert [
        found.get(name) for name in ("NEO4J_HTTP_PORT", "MEMOS_PORT", "ATTU_PORT", "MY_OWN")
    ] == ["7474", "8001", "3002", "1"]
    assert [found.origin(name) for name in ("NEO4J_HTTP_PORT", "MEMOS_PORT", "ATTU_PORT")] == [
        *("the default", ".env line 1", "the environment")
    ]
    assert found.overruled() == ["ATTU_PORT"]
    assert "EDITOR" not in found.names()


def test_an_empty_value_means_the_default_and_an_unknown_name_is_empty(root: Path) -> None:
    """As in the compose file, where `${NAME:-default}` stands; to ask is no error."""
    assert settings_of(root, "MEMOS_PORT=\n").get("MEMOS_PORT") == "8000"
    assert settings_of(root, "").get("NO_SUCH_NAME") == ""


def test_env_file_names_another_file(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is found from the folder where the user is, and nothing is missing then."""
    (root / "sub").mkdir()
    monkeypatch.chdir(root / "sub")
    (root / "sub" / ".env.two").write_text("MEMOS_PORT=9000\n")

    found = settings.load(root, {"ENV_FILE": ".env.two"})

    assert (found.file, found.missing) == (root / "sub" / ".env.two", False)
    assert found.get("MEMOS_PORT") == "9000"


def test_an_env_file_that_is_not_there_is_an_error(root: Path) -> None:
    """What the user names is never replaced by the defaults without a word."""
    with pytest.raises(ConfigError, match="ENV_FILE names '/no/such") as caught:
        settings.load(root, {"ENV_FILE": "/no/such.env"})

    assert "cp " in caught.value.next_step
    assert "unset ENV_FILE" in caught.value.next_step


@pytest.mark.parametrize("environ", [{}, {"ENV_FILE": ".env"}])
def test_a_folder_in_the_place_of_the_file_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    """Neither read nor taken for a file that is not there; Docker makes such folders."""
    monkeypatch.chdir(root)
    (root / ".env").mkdir()

    with pytest.raises(ConfigError, match=r"/\.env is a folder, wanted a file"):
        settings.load(root, environ)


def test_a_device_in_the_place_of_the_file_is_an_error(root: Path) -> None:
    """It would be read once, or never end."""
    with pytest.raises(ConfigError, match=r"^/dev/null is a device or a pipe, wanted a file"):
        settings.load(root, {"ENV_FILE": "/dev/null"})


def refuse(monkeypatch: pytest.MonkeyPatch, method: str, name: str) -> None:
    """Make a method of Path fail for files of that name; for root the system never would."""
    real = getattr(Path, method)

    def refused(self: Path, *words: str, **named: str) -> object:
        if self.name == name:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *words, **named)

    monkeypatch.setattr(Path, method, refused)


def test_whose_file_it_is_that_cannot_be_read_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that `sudo inv up` made; with what to do instead."""
    monkeypatch.setattr(Path, "owner", lambda _: "somebody")
    refuse(monkeypatch, "read_bytes", ".env")

    with pytest.raises(ConfigError) as caught:
        settings_of(root, "A=1\n")

    assert str(caught.value) == f"{root}/.env belongs to somebody, and you may not read it"
    assert caught.value.next_step.startswith("run this as somebody, or let ENV_FILE name")


def test_a_folder_that_hides_the_file_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not the same as a file that is not there."""
    refuse(monkeypatch, "is_dir", ".env")

    with pytest.raises(ConfigError, match=rf"^{root} belongs to "):
        settings_of(root, "")


def test_an_owner_without_a_name_is_another_user(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container, where a number is all there is."""
    refuse(monkeypatch, "read_bytes", ".env")
    refuse(monkeypatch, "owner", ".env")

    with pytest.raises(ConfigError, match="belongs to another user"):
        settings_of(root, "")


def test_comments_blank_lines_quotes_and_a_byte_order_mark_are_read(root: Path) -> None:
    """Files that other editors and systems made are read too."""
    found = settings_of(root, '\ufeffA=1\n\n# B=2\nexport C="three words"\r\nD=\n')

    assert {line.name: line.value for line in found.lines.values()} == {
        "A": "1",
        "C": "three words",
        "D": "",
    }


@pytest.mark.parametrize(
    ("text", "line", "shown"),
    [
        ("A=1\nNAME\n", 2, "NAME"),
        ("bad-name=secret\n", 1, "bad-name=…"),
        ("A='secret\n", 1, "A=…"),
        ("\n\n=secret\n", 3, "=…"),
    ],
)
def test_a_line_that_is_no_assignment_is_named_without_its_value(
    root: Path, text: str, line: int, shown: str
) -> None:
    """The message has the file, the line and the name, but no value: it may be a secret."""
    with pytest.raises(ConfigError) as caught:
        settings_of(root, text)

    assert f".env line {line}: {shown!r} is no NAME=value" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert caught.value.next_step.startswith(f"edit {root / '.env'}")


def test_a_made_env_is_the_example_and_private(root: Path) -> None:
    """It will hold passwords, so only its owner may read it."""
    file = settings.create(root)

    assert file.read_text() == (root / ".env.example").read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert settings.load(root, {}).missing is False


def test_a_chosen_image_source_is_kept_in_the_file(root: Path) -> None:
    """The empty line is filled in, everything else stays, and the file stays private."""
    found = settings.load(root, {"ENV_FILE": str(settings.create(root))})
    before = found.file.read_text()

    settings.choose_source(found, ImageSource.PACKAGES)

    assert found.file.read_text() == before.replace("IMAGE_SOURCE=\n", "IMAGE_SOURCE=packages\n")
    assert settings.load(root, {}).image_source is ImageSource.PACKAGES
    assert stat.S_IMODE(found.file.stat().st_mode) == 0o600


def test_a_secret_is_known_by_its_name() -> None:
    """Passwords, keys, tokens and secrets, but not every word that holds these letters."""
    secrets = ["NEO4J_PASSWORD", "OPENAI_API_KEY", "SOME_TOKEN", "CLIENT_SECRET", "AK", "SK"]
    secrets += ["MOS_RERANKER_HEADERS_EXTRA", "OSS_ACCESS_KEY_ID", "NEO4J_AUTH", "CHAT_MODEL_LIST"]
    others = ["KEYBOARD", "MOS_MAX_TOKENS", "TOKENIZER", "MEMOS_PORT", "TASK"]

    assert list(filter(texts.is_secret, [*secrets, *others])) == secrets


@pytest.mark.parametrize(
    ("password", "written"),
    [
        ("plain-password", "neo4j/plain-password"),
        # as Compose 2.26.1 wrote it
        ("q'\"x$y: #1234", "'neo4j/q''\"x$$y: #1234'"),
        ('tab\t"quoted"', '"neo4j/tab\\t\\"quoted\\""'),
    ],
)
def test_a_secret_is_masked_however_it_is_written(root: Path, password: str, written: str) -> None:
    """The quotes that YAML puts around a value do not give it away."""
    found = settings.load(root, {"NEO4J_PASSWORD": password})

    quote = written[0] if written[0] in "'\"" else ""
    assert texts.masked(f"NEO4J_AUTH: {written} end", found.secrets()) == (
        f"NEO4J_AUTH: {quote}neo4j/********{quote} end"
    )


def test_a_secret_that_holds_another_is_masked_whole(root: Path) -> None:
    """The longest first, or the rest of it would show."""
    found = settings_of(root, "NEO4J_PASSWORD=password1\nMILVUS_PASSWORD=password1-and-more\n")

    assert texts.masked("password1-and-more password1", found.secrets()) == "******** ********"


@pytest.mark.parametrize(
    ("name", "value", "secrets"),
    [
        (
            "CHAT_MODEL_LIST",
            (
                '[{"backend": "deepseek", "api_base": "http://10.0.0.1:1234", "api_key": "sk-1",'
                ' "model_name_or_path": "deepseek-r1", "support_models": ["deepseek-r1"],'
                ' "more": {"pass": "long-enough", "effort": "high"}}, {"api_key": "EMPTY"}]'
            ),
            ["sk-1", "long-enough"],
        ),
        (
            "MOS_RERANKER_HEADERS_EXTRA",
            '{"Authorization": "Bearer key-of-it"}',
            ["Bearer key-of-it", "key-of-it"],
        ),
        ("CHAT_MODEL_LIST", "[broken", []),
    ],
)
def test_what_is_secret_in_json_is_one_by_itself_too(
    root: Path, name: str, value: str, secrets: list[str]
) -> None:
    """A log has the key and not the whole list; addresses and models stay to be read."""
    known = settings.load(root, {})
    found = replace(known, exported={name: value})

    assert set(found.secrets()) - set(known.secrets()) == {value, *secrets}


@pytest.mark.parametrize(
    ("value", "secrets"), [("neo4j/pass-word", ["pass-word"]), ("none", []), ("neo4j", [])]
)
def test_of_a_login_the_password_is_secret(value: str, secrets: list[str]) -> None:
    """The user's name is the database's too."""
    assert list(texts.secrets_in("NEO4J_AUTH", value)) == secrets


def test_a_short_secret_is_masked_where_it_stands_alone(root: Path) -> None:
    """As a value between blanks or quotes; within other text it would blot out what is none."""
    found = settings_of(root, "OPENAI_API_KEY=80\n")

    assert texts.masked("port: 8000\nkey: 80\nquoted: '80'\nan: 127.0.0.1:80", found.secrets()) == (
        "port: 8000\nkey: ********\nquoted: '********'\nan: 127.0.0.1:80"
    )


def test_words_that_stand_for_no_key_are_not_masked(root: Path) -> None:
    """EMPTY is the example's way to say that there is no key."""
    assert texts.masked("KEY: EMPTY", settings.load(root, {}).secrets()) == "KEY: EMPTY"


def test_rows_tell_value_and_source_of_every_variable(root: Path) -> None:
    """Environment, line of the file, or default; secrets are masked wherever they come from."""
    (root / ".env").write_text("ATTU_PORT=3001\nNEO4J_PASSWORD=my-own-one\nOPENAI_API_KEY=EMPTY\n")
    environ = {"MEMOS_PORT": "8001"}
    rows = {row[0]: row[1:] for row in settings.rows(settings.load(root, environ))}

    assert rows["MEMOS_PORT"] == ("8001", "the environment")
    assert rows["ATTU_PORT"] == ("3001", ".env line 1")
    assert rows["QDRANT_HTTP_PORT"] == ("6333", "the default")
    assert rows["NEO4J_PASSWORD"] == ("********", ".env line 2")
    assert rows["OPENAI_API_KEY"] == ("EMPTY", ".env line 3")
    assert list(rows) == sorted(rows)


EMBEDDER = "MOS_EMBEDDER_API_BASE=http://m/v1\nEMBEDDING_DIMENSION=1024\n"


def test_without_a_model_of_ones_own_compose_starts_the_local_one(root: Path) -> None:
    """The profile and the size of its vectors are set together."""
    found = settings_of(root, "")

    assert found.local_embedder
    assert found.stand_in_chats == ("OPENAI_API_BASE", "MEMRADER_API_BASE")
    assert found.for_compose() == {
        "ENV_FILE": str(root / ".env"),
        "BUILD_SETTINGS": str(root / ".cache" / "build-settings"),
        "COMPOSE_PROFILES": "models",
        "EMBEDDING_DIMENSION": "384",
        "OPENAI_API_BASE": "",
        "MEMRADER_API_BASE": "",
    }


OWN_MODELS = "\n".join(
    f"{name}_API_BASE=http://m/v1" for name in ("MOS_EMBEDDER", "OPENAI", "MEMRADER")
)


@pytest.mark.parametrize(
    ("text", "profiles"),
    [
        ("ENABLE_PREFERENCE_MEMORY=true", ("models", "preferences")),
        (f"ENABLE_PREFERENCE_MEMORY=true\n{OWN_MODELS}", ("preferences",)),
        (OWN_MODELS, ()),
    ],
)
def test_preference_memory_is_a_part_of_its_own(
    root: Path, text: str, profiles: tuple[str, ...]
) -> None:
    """Its store belongs to the package-built images; others have Milvus for it."""
    found = settings_of(root, text)

    assert found.choice.profiles == profiles
    assert found.for_compose().get("COMPOSE_PROFILES", "") == ",".join(profiles)


def test_with_a_model_of_ones_own_compose_is_told_nothing_of_the_local_one(root: Path) -> None:
    """The user's dimension stays the user's."""
    found = settings_of(
        root, f"{EMBEDDER}OPENAI_API_BASE=http://c/v1\nMEMRADER_API_BASE=http://c/v1\n"
    )

    assert found.for_compose().keys() == {"ENV_FILE", "BUILD_SETTINGS", "COMPOSE_PROFILES"}
    assert found.for_compose()["COMPOSE_PROFILES"] == ""  # of the environment none counts


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("NO_PROXY=a,b\nno_proxy=.c", "a,b,.c"),
        ("CONTAINER_NO_PROXY=x\nno_proxy=.c", "x,.c"),
        ("NO_PROXY=a\nno_proxy=a", "a"),
        ("CONTAINER_NO_PROXY=x", None),
        ("NO_PROXY=", None),
    ],
)
def test_what_is_called_past_a_proxy_is_called_so_in_containers(
    root: Path, text: str, named: str | None
) -> None:
    """Beside the stack's own names, which the compose file puts into NO_PROXY of all of them."""
    assert settings_of(root, text).for_compose().get("CONTAINER_NO_PROXY") == named


@pytest.mark.parametrize("nobody", ["", "http://127.0.0.1:9/v1"])
def test_each_chat_endpoint_that_names_nobody_is_the_stand_ins(root: Path, nobody: str) -> None:
    """Files of before hold an address where nobody answers; Compose then takes its own default."""
    chat = f"OPENAI_API_BASE={nobody}\nMEMRADER_API_BASE=http://c/v1\n"
    found = settings_of(root, f"{EMBEDDER}{chat}")

    assert found.stand_in_chats == ("OPENAI_API_BASE",)
    wanted = {"COMPOSE_PROFILES": "models", "OPENAI_API_BASE": ""}
    assert wanted.items() <= found.for_compose().items()
    assert found.for_compose().keys().isdisjoint({"MEMRADER_API_BASE", "EMBEDDING_DIMENSION"})


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 384), ("MOS_EMBEDDER_API_BASE=http://m/v1\nEMBEDDING_DIMENSION=1024\n", 1024)],
)
def test_vectors_have_the_size_of_the_model_that_answers(root: Path, text: str, size: int) -> None:
    """The local one's is known, for another it is said."""
    assert settings_of(root, text).dimension == size


def test_with_ollama_the_local_model_is_not_started(root: Path) -> None:
    """It does not speak Ollama's protocol."""
    assert not settings_of(root, "MOS_EMBEDDER_BACKEND=ollama\n").local_embedder


@pytest.mark.parametrize(
    ("value", "path"), [("../MemOS/src", "../MemOS/src"), ("/opt/MemOS/src", "/opt/MemOS/src")]
)
def test_a_memos_checkout_is_seen_from_the_file(root: Path, value: str, path: str) -> None:
    """Compose would look from its own folder, so it gets an absolute path."""
    found = settings_of(root, f"MEMOS_SRC={value}\n")

    assert found.for_compose()["MEMOS_SRC"] == str((root / path).resolve())

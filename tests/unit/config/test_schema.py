"""Breaches read like sentences, and never show a secret."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from scripts.config.rules import schema
from scripts.config.rules.schema import SCHEMAS, Breach, require, validate
from scripts.core.errors import ConfigError, ExitCode

KINDS = {"enum": ["http", "bolt"]}


@pytest.fixture
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Messages":
    """A function that validates a document against a schema made for one test."""
    monkeypatch.setattr(schema, "SCHEMAS", tmp_path)
    return Messages(tmp_path)


class Messages:
    """Call it with a schema and a document for the lines that a user would read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, rules: object, document: object) -> list[str]:
        (self.folder / "made.schema.json").write_text(json.dumps(rules), encoding="utf-8")
        return [str(breach) for breach in validate(document, "made")]


def test_a_breach_says_file_service_key_found_and_wanted() -> None:
    """The message has its five parts in this order."""
    breach = Breach(
        file="docker-compose.yml",
        service="milvus",
        key="healthcheck.start_interval",
        found="nothing",
        wanted="a duration such as 500ms",
    )

    assert str(breach) == (
        "docker-compose.yml: service milvus: healthcheck.start_interval:"
        " found nothing, wanted a duration such as 500ms"
    )


def test_parts_that_a_breach_lacks_leave_no_trace() -> None:
    """Without file, service and key only found and wanted are left."""
    assert str(Breach("", "null", "object")) == "found null, wanted object"


def test_no_breach_is_no_error() -> None:
    """`require` lets a good document pass."""
    require(())


def test_all_breaches_are_one_configuration_error() -> None:
    """A user reads everything at once, and what to do next; the exit code is 2."""
    breaches = [Breach("a", "1", "2"), Breach("b", "3", "4")]

    with pytest.raises(ConfigError) as caught:
        require(breaches)

    assert str(caught.value) == (
        "2 rules are broken\n  a: found 1, wanted 2\n  b: found 3, wanted 4"
    )
    assert "nox -s schema" in caught.value.next_step
    assert caught.value.exit_code is ExitCode.CONFIG


def test_a_single_breach_is_one_rule() -> None:
    """In words as people would say it."""
    with pytest.raises(ConfigError, match="one rule is broken"):
        require([Breach("", "1", "2")])


@pytest.mark.parametrize(
    ("rules", "document", "message"),
    [
        ({"type": "object"}, [1], "found [1], wanted object"),
        ({"type": ["object", "null"]}, 1, "found 1, wanted object or null"),
        ({"const": "early"}, "late", 'found "late", wanted "early"'),
        (KINDS, "htp", 'found "htp", wanted http (one of http, bolt)'),
        (KINDS, 5, "found 5, wanted one of http, bolt"),
        ({"minimum": 3}, 2, "found 2, wanted minimum 3"),
        ({"minimum": 3, "description": "three or more"}, 2, "found 2, wanted three or more"),
        (False, 1, "found 1, wanted no such key"),
        ({"maxItems": 0}, [{}], "found a list of 1, wanted maxItems 0"),
        ({"type": "string"}, {"a": 1}, "found a mapping, wanted string"),
        ({"maxLength": 9}, "x" * 90, f'found "{"x" * 58}…, wanted maxLength 9'),
        ({"items": {"const": 1}}, [1, 2], "[1]: found 2, wanted 1"),
        (
            {"anyOf": [{"type": "string"}, {"properties": {"a": {"const": 1}}, "type": "object"}]},
            {"a": 2},
            "a: found 2, wanted 1",
        ),
        (
            {"anyOf": [{"type": "string"}], "description": "a name"},
            {"a": 2},
            "found a mapping, wanted a name",
        ),
    ],
)
def test_a_message_says_what_was_found_and_what_is_wanted(
    messages: Messages, rules: object, document: object, message: str
) -> None:
    """A description says what is wanted; without one the rule itself does."""
    assert [message] == messages(rules, document)


def test_every_missing_key_is_told_once_with_its_description(messages: Messages) -> None:
    """jsonschema reports each missing key by itself; nobody reads one twice."""
    rules = {
        "required": ["a", "b"],
        "properties": {"a": {"description": "a name"}, "b": {"type": "string"}},
    }

    assert messages(rules, {}) == [
        "a: found nothing, wanted a name",
        "b: found nothing, wanted the key b",
    ]


@pytest.mark.parametrize(
    ("rules", "key", "wanted"),
    [
        ({"properties": {"target": {}, "path": {}}}, "traget", "target (one of target, path)"),
        ({}, "a", "no such key"),
        ({"propertyNames": {"enum": ["x-open"]}}, "x-opne", "one of x-open"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(
    messages: Messages, rules: dict[str, object], key: str, wanted: str
) -> None:
    """A typo is answered with the nearest known key, if any; it is the key that is named."""
    closed = {"additionalProperties": "propertyNames" in rules}

    assert messages(rules | closed, {key: 1}) == [
        f"{key}: found a key that is not known, wanted {wanted}"
    ]


@pytest.mark.parametrize("name", ["password", "api_key", "SECRET", "token"])
def test_a_secret_is_never_shown(messages: Messages, name: str) -> None:
    """A value whose name says that it is a secret stays out of the message."""
    found = messages({"properties": {name: {"minLength": 90}}}, {name: "hunter2"})

    assert found == [f"{name}: found a text that is not shown, wanted minLength 90"]


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "null"),
        (12345678, "a value of another type that is not shown"),
        (["hunter2"], "a value of another type that is not shown"),
        ({"a": "hunter2"}, "a mapping"),
    ],
)
def test_a_secret_of_the_wrong_type_is_not_shown_either(
    messages: Messages, value: object, found: str
) -> None:
    """A password made of digits is a number when somebody forgets the quotes."""
    assert messages({"properties": {"password": {"type": "string"}}}, {"password": value}) == [
        f"password: found {found}, wanted string"
    ]


def test_a_service_is_named_only_where_the_path_leads_through_one(messages: Messages) -> None:
    """`services` that is a list, as in what `ps` prints, keeps its index in the key."""
    rules = {"properties": {"services": {"items": {"type": "object"}}}}

    assert messages(rules, {"services": [1]}) == ["services[0]: found 1, wanted object"]


def test_an_unknown_schema_is_a_bug() -> None:
    """Nobody but us names schemas."""
    with pytest.raises(FileNotFoundError):
        validate({}, "there-is-none")


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.json")), ids=lambda path: path.name)
def test_every_schema_is_a_schema(path: Path) -> None:
    """What stands in schemas/ keeps to JSON Schema 2020-12, and is found by `validate`."""
    rules = json.loads(path.read_text(encoding="utf-8"))

    Draft202012Validator.check_schema(rules)

    assert rules["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert path.name.endswith(".schema.json")

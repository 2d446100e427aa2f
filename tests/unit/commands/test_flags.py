"""Wrong values of flags are configuration errors that say what was wanted."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts.commands import flags
from scripts.config import selection
from scripts.core.errors import ConfigError
from tests.kit.builders import service, stack
from tests.kit.places import ROOT

STACK = stack(
    service("memos", container="memos-api-docker"),
    service("neo4j", container="neo4j-docker"),
    service("milvus", container="milvus-standalone"),
)


NO_DAYS = ("2026-13-99", "2026-02-30", "2026-01-31T25:00")
ENDS = ("", ":00+08:00", ":00.123456789Z")
REFUSED = {
    "timeout": (
        *(flags.seconds, "a number of seconds", "300"),
        ("0", "-1", "", "5m", "nan", "inf", "1e999", "five"),
    ),
    "tail": (flags.count, "a whole number", "200", ("-1", "1.5", "", "many", "²", "٣")),
    "since": (
        *(flags.moment, "a duration or a time", "10m"),
        # a wrong form, then days and hours that no calendar has
        (*("", "10", "yesterday", "10 m", "31.01.2026", "10m\n", "20260131", "٣m"), *NO_DAYS),
    ),
}


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        *((flags.seconds, text, number) for text, number in (("300", 300), ("1.5", 1.5))),
        *((flags.seconds, "1e3", 1000), (flags.count, "0", 0), (flags.count, "200", 200)),
        *((flags.moment, text, text) for text in ("10m", "1h30m", "1.5h", "2026-01-31")),
        *((flags.moment, f"2026-01-31T12:00{text}", f"2026-01-31T12:00{text}") for text in ENDS),
    ],
)
def test_a_number_a_count_and_a_moment_are_taken(
    parse: Callable[[str, str], object], text: str, value: object
) -> None:
    """Seconds may have a fraction, zero is a count; a moment is handed on to Compose as it is."""
    assert parse("some-flag", text) == value


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, (*_, texts) in REFUSED.items() for text in texts]
)
def test_what_is_no_number_count_or_moment_is_refused(name: str, text: str) -> None:
    """Before Compose is asked, with the flag as it is typed, the value and an example."""
    parse, wanted, example, _ = REFUSED[name]

    with pytest.raises(ConfigError) as caught:
        parse(name, text)

    assert f"--{name} is {text!r}, wanted {wanted}" in str(caught.value)
    assert f"--{name} {example}" in caught.value.next_step


def test_an_output_format_is_text_or_json() -> None:
    """Both are taken, anything else is a configuration error that names both."""
    assert [flags.form("text"), flags.form("json")] == ["text", "json"]
    with pytest.raises(ConfigError, match="--format is 'yaml', wanted text or json") as caught:
        flags.form("yaml")
    assert caught.value.next_step == "--format json"


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ([], ("memos", "neo4j", "milvus")),
        (["neo4j"], ("neo4j",)),
        (["milvus-standalone", "memos"], ("memos", "milvus")),
        (["neo4j", "neo4j-docker"], ("neo4j",)),
    ],
)
def test_services_are_named_by_service_or_container(named: list[str], found: object) -> None:
    """Either name is taken, repeated or not; none means all; the file's order is kept."""
    assert selection.services(STACK, named) == found


@pytest.mark.parametrize(
    ("named", "guess"), [("milvsu", "did you mean milvus?"), ("neo4j-dokcer", "neo4j-docker?")]
)
def test_a_misspelt_service_gets_the_nearest_name(named: str, guess: str) -> None:
    """The message has the wrong name and the nearest one, the next step all of them."""
    with pytest.raises(ConfigError) as caught:
        selection.services(STACK, ["memos", named])

    assert f"there is no service {named!r}" in str(caught.value)
    assert guess in str(caught.value)
    assert caught.value.next_step == "one of: memos, neo4j, milvus"


def test_a_service_that_resembles_none_gets_no_guess() -> None:
    """A guess that is no help is not made."""
    with pytest.raises(ConfigError) as caught:
        selection.services(STACK, ["xyz"])

    assert str(caught.value) == "there is no service 'xyz'"


def test_one_of_what_is_kept_is_counted_from_one() -> None:
    """1 is the first; what is not there is told with how many there are."""
    assert flags.chosen("run", 2, ["a", "b"]) == "b"
    for number in (0, 3):
        with pytest.raises(ConfigError, match=f"--run is {number}, wanted 1 to 2"):
            flags.chosen("run", number, ["a", "b"])


@pytest.mark.parametrize("text", ["3.10", "2.7", "3", "3.13.1", "3.x", "python3.13", "", "3.१३"])
def test_a_python_that_is_too_old_or_none_is_refused(text: str) -> None:
    """Wheels are for a minor version from 3.11 on."""
    assert flags.pythons(["3.11", "3.14"]) == ("3.11", "3.14")
    with pytest.raises(ConfigError, match=r"--python is .*, wanted a version from 3\.11 on"):
        flags.pythons(["3.13", text])


def test_the_oldest_python_is_the_one_that_the_project_wants() -> None:
    """It stands in pyproject.toml too."""
    text = (ROOT / "pyproject.toml").read_text()

    assert f'requires-python = ">=3.{flags.OLDEST_PYTHON}"' in text


def test_data_groups_are_those_of_the_services_that_are_named() -> None:
    """Each once; all for none; a reset must be told which."""
    grouped = replace(
        STACK,
        services=tuple(
            replace(one, data_group="" if one.name == "memos" else one.name)
            for one in STACK.services
        ),
    )
    assert selection.data_groups(grouped, ["neo4j-docker", "neo4j"]) == ("neo4j",)
    assert selection.data_groups(grouped, []) == ("neo4j", "milvus")
    assert selection.groups_to_reset(grouped, ["milvus"], every=True) == ("neo4j", "milvus")
    with pytest.raises(ConfigError, match="memos keeps no data of its own"):
        selection.data_groups(grouped, ["neo4j", "memos"])
    with pytest.raises(ConfigError, match="no service is named"):
        selection.groups_to_reset(grouped, [], every=False)

"""A file of variables: every value is read back as it was, and no name that a shell would obey."""

import io
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.errors import ConfigError
from scripts.loop import host_env

ODD = st.text(st.sampled_from("a \t\n$`'\"\\{}()!#=;~*&|<>é中\u2028\x85"), max_size=12)
VALUES = st.dictionaries(
    st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True),
    ODD | st.text(st.characters(codec="utf-8", exclude_characters="\r\0")),
    max_size=5,
)


@given(VALUES)
def test_python_dotenv_reads_every_value_as_it_was(values: dict[str, str]) -> None:
    """Whatever is in it; a shell is asked in tests/functional/loop."""
    read = dotenv_values(stream=io.StringIO(host_env.text(values)))

    assert {name: read.get(name) for name in values} == values


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("bolt://127.0.0.1:7687", "A=bolt://127.0.0.1:7687"),
        ("two words", "A='two words'"),
        ("", "A=''"),
        ("it's", 'A="it\'s"'),
        ("$HOME", "A='$HOME'"),
        ("${HOME}", 'A="${MEMOS_DEV_DOLLAR}{HOME}"'),
        ("\\", 'A="\\\\${MEMOS_DEV_NOTHING}"'),
    ],
)
def test_a_value_is_written_as_plainly_as_can_be(value: str, form: str) -> None:
    """People read the file too."""
    assert host_env.text({"A": value}).splitlines()[-1] == form


@pytest.mark.parametrize("value", ["one\rtwo", "one\0two"])
def test_what_no_file_can_hold_is_told_by_its_name(value: str) -> None:
    """And not by its value, which may be a secret."""
    with pytest.raises(ConfigError, match="MY_KEY holds") as told:
        host_env.text({"MY_KEY": value})

    assert "one" not in str(told.value)


def test_a_name_that_no_shell_takes_is_left_out() -> None:
    """It could be a command."""
    assert host_env.text({"A;rm": "x", "B-C": "x", "1A": "x", "A": "y"}) == "A=y\n"


def test_what_a_shell_evaluates_names_the_file_in_quotes() -> None:
    """Its folder may have blanks."""
    assert host_env.shell_lines(Path("/a b/.env.host")) == "set -a; . '/a b/.env.host'; set +a"

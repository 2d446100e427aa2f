"""A settings file means the same to all that read it, or is refused with what to write instead."""

import io
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from scripts.config import env_text
from scripts.core.errors import ConfigError
from tests.kit.builders import settings_of
from tests.kit.places import ROOT

SECRET = "sk-live$SECRETpart"
TEXTS = st.lists(st.text(st.sampled_from("A=b 1#\"'\\$\r\t\u00a0é{}"), max_size=8))


@given(TEXTS)
def test_a_plain_line_reads_as_dotenv_reads_it(lines: list[str]) -> None:
    """Whatever is read without python-dotenv; what is not plain is left to it."""
    text = "\n".join(lines)
    plain = env_text._plain_lines(text)  # noqa: SLF001 - `lines` hides which of the two has read

    assert plain in {None, env_text._dotenv_lines(text)}  # noqa: SLF001 - as above


def test_the_example_is_plain() -> None:
    """And so is what most people make of it: python-dotenv is not loaded for it."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")

    assert env_text._plain_lines(text) == env_text._dotenv_lines(text)  # noqa: SLF001 - as above


@given(TEXTS)
def test_what_has_no_problem_is_what_dotenv_reads_with_all_its_replacements(
    lines: list[str],
) -> None:
    """Which is how MemOS reads a file outside of a container."""
    text = "\n".join(f"N{number}={line}" for number, line in enumerate(lines))
    found = env_text.lines(text)
    read = dotenv_values(stream=io.StringIO(text))

    if not any(line.problem for line in found):
        assert {line.name: line.value for line in found} == read


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"A='{SECRET}'", SECRET),
        ("A=pa$5", "pa$5"),
        ("A=pa#ss", "pa#ss"),
        ("A=two words # said", "two words"),
        ('A="two words" # said', "two words"),
        ('export A="a\\nb"', "a\nb"),
        ("A = 1", "1"),
        ("A=it's", "it's"),
        ('A={"a": "b c"}', '{"a": "b c"}'),
        ('A="grüße-12345"\r\n', "grüße-12345"),
    ],
)
def test_what_all_read_alike_is_taken(text: str, value: str) -> None:
    """Quotes, blanks, comments and line ends of Windows as well."""
    (line,) = env_text.lines(text)

    assert (line.value, line.problem) == (value, "")


PLAIN = "wanted A=VALUE, with nothing around it and nothing behind"
SINGLE = "wanted single quotes around the value: A='…'"
NO_WAY = "wanted another value: no file can hold this one so that all read it alike"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (f"A={SECRET}", SINGLE),  # https://github.com/docker/compose/issues/10419
        (f'A="{SECRET}"', SINGLE),
        ("A=a$$b", SINGLE),
        ("A=${HOME}", NO_WAY),
        ("A='${HOME}'", NO_WAY),
        ("A= # said", PLAIN),
        ("A=x\t# said", PLAIN),
        ("A=1\rB=2", PLAIN),
        ("'A'=1", PLAIN),
        ("A='a\\\\b'", PLAIN),
        ("A=a\x1c", PLAIN),
        ('A="a\r\nb"', "wanted one line"),
    ],
)
def test_what_is_read_differently_is_told_with_what_to_write_instead(
    text: str, wanted: str
) -> None:
    """Compose, python-dotenv and we are the readers; no value is shown."""
    problem = env_text.lines(text)[0].problem

    assert problem.endswith(wanted)
    assert "SECRET" not in problem


def test_what_to_write_instead_is_read_alike() -> None:
    """Whatever the value is."""
    assert env_text.form("A", SECRET) == f"'{SECRET}'"
    assert env_text.form("A", "plain") == "plain"
    assert env_text.form("A", "it's $HOME") is None


def test_a_difference_stops_before_anything_starts(root: Path) -> None:
    """With file and line; all of them at once."""
    with pytest.raises(ConfigError) as caught:
        settings_of(root, f"# mine\nOPENAI_API_KEY={SECRET}\nMILVUS_PASSWORD=a$b-secret\n")

    first, second = str(caught.value).splitlines()
    assert first.startswith(".env line 2: OPENAI_API_KEY holds a $: Compose would put something")
    assert second.startswith(".env line 3: MILVUS_PASSWORD holds a $")
    assert "secret" not in str(caught.value).lower()
    assert caught.value.next_step.startswith(f"edit {root / '.env'}")


@pytest.mark.parametrize(
    ("encoding", "named"),
    [
        ("latin-1", "WINDOWS-1252"),
        ("cp1252", "WINDOWS-1252"),
        ("gbk", "GBK"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
    ],
)
def test_another_encoding_is_named_with_its_line(root: Path, encoding: str, named: str) -> None:
    """Compose would hand on the bytes, and a database would get another password."""
    text = "MEMOS_PORT=8000\nNEO4J_PASSWORD=" + ("密码-12345" if named == "GBK" else "grüße-12345")
    (root / ".env").write_bytes(text.encode(encoding))
    line = 1 if named == "UTF-16" else 2

    with pytest.raises(ConfigError) as caught:
        env_text.text_of(root / ".env")

    assert str(caught.value) == f".env line {line} is not UTF-8 (it looks like {named})"
    assert f"iconv -f {named} -t UTF-8 {root / '.env'}" in caught.value.next_step


def test_a_nul_byte_is_named_with_its_line(root: Path) -> None:
    """No variable of a process can hold it."""
    (root / ".env").write_bytes(b"MEMOS_PORT=8000\nMEMOS_SRC=/a\0b\n")

    with pytest.raises(ConfigError, match=r"\.env line 2 holds a NUL byte"):
        env_text.text_of(root / ".env")


def test_a_byte_order_mark_is_no_part_of_the_first_name(root: Path) -> None:
    """Windows' editors write it; all readers leave it out."""
    (root / ".env").write_bytes("\ufeffMEMOS_PORT=8001\r\n".encode())

    assert env_text.lines(env_text.text_of(root / ".env"))[0].name == "MEMOS_PORT"

"""JSON that is not ours is read within bounds, and made into nothing that it is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pytest

from scripts.core.foreign import documents, records

DEEP = 100_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" * DEEP + "]" * DEEP, id="deeper than Python goes"),
        pytest.param('{"a":' * 61 + "1" + "}" * 61, id="a little too deep"),
        pytest.param("[" * DEEP, id="deep, and not whole"),
        pytest.param("[1, NaN]", id="no number"),
        pytest.param("-Infinity", id="no end"),
        pytest.param("9" * 5000, id="a number that Python does not read"),
        pytest.param(b"\xff\xfe{", id="half a letter"),
        pytest.param(b'"\xff"', id="no text"),
        pytest.param("", id="nothing"),
        pytest.param("1 2", id="two"),
    ],
)
def test_what_is_no_document_is_a_value_error(text: str | bytes) -> None:
    """The one error that every reader knows; never one of Python's own bounds."""
    with pytest.raises(ValueError, match=r"."):
        documents.parsed(text)


def test_what_programs_send_is_read() -> None:
    """In any encoding of JSON, as deep as the bound, however broad."""
    value = {"a": ["ä", 1.5, None, True, {"b": {}}]}
    nested = json.loads("[" * 60 + "]" * 60)

    for code in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert documents.parsed(json.dumps(value, ensure_ascii=False).encode(code)) == value
    assert documents.parsed(json.dumps(nested)) == nested
    assert len(documents.parsed(json.dumps([[1, {}]] * 100_000))) == 100_000


def test_a_document_that_is_too_long_is_not_begun() -> None:
    """Its memory would be many times its length."""
    with pytest.raises(ValueError, match="it is longer than 10 bytes"):
        documents.parsed(" " * 11, most=10)


def test_a_value_without_an_end_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """YAML can make one that holds itself, or ten of itself ten times over."""
    monkeypatch.setattr(documents, "PARTS", 1000)  # millions take seconds
    circle: list[object] = []
    circle.append(circle)
    laughs: object = []
    for _ in range(50):
        laughs = [laughs] * 10

    for value in (circle, laughs):
        with pytest.raises(ValueError, match="it is deeper than 60 levels"):
            documents.require_shallow(value)


class Word(StrEnum):
    """One of two."""

    ONE = "one"
    TWO = "two"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a record."""

    size: int


@dataclass(frozen=True, kw_only=True)
class Record:
    """One of every kind of field."""

    name: str
    word: Word
    parts: tuple[Part, ...] = ()
    ids: Mapping[str, str] | None = None
    at: float | None = None
    well: bool = False


FINE = {"name": "n", "word": "two"}


def test_a_record_is_made_of_a_document() -> None:
    """Each value by the type of its field; what is left out is as the record has it."""
    more = {"parts": [{"size": 3}], "ids": {"a": "b"}, "at": 2, "well": True}

    assert records.made(Record, FINE) == Record(name="n", word=Word.TWO)
    assert records.made(Record, FINE | more) == Record(
        name="n", word=Word.TWO, parts=(Part(size=3),), ids={"a": "b"}, at=2.0, well=True
    )
    assert records.made(Record, FINE | {"at": None}).at is None


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "it is [], wanted an object"),
        ({"name": "n"}, "word is missing"),
        (FINE | {"naem": "n"}, "'naem' is a key that is not known"),
        (FINE | {"name": 1}, "name is 1, wanted a text"),
        (FINE | {"name": None}, "name is None, wanted a text"),
        (FINE | {"word": "three"}, "word is 'three', wanted one of one, two"),
        (FINE | {"word": ["one"]}, r"word is ['one'], wanted one of one, two"),
        (FINE | {"parts": {}}, "parts is {}, wanted a list"),
        (FINE | {"parts": [1]}, "parts[0] is 1, wanted an object"),
        (FINE | {"parts": [{"size": 1.0}]}, "parts[0].size is 1.0, wanted a whole number"),
        (FINE | {"parts": [{"size": True}]}, "parts[0].size is True, wanted a whole number"),
        (FINE | {"parts": [{"size": 1 << 70}]}, "wanted a smaller number"),
        (FINE | {"ids": ["a"]}, "ids is ['a'], wanted an object"),
        (FINE | {"ids": {"a": 1}}, "ids.'a' is 1, wanted a text"),
        (FINE | {"at": "1"}, "at is '1', wanted a number"),
        (FINE | {"at": 1e999}, "at is inf, wanted a number"),
        (FINE | {"at": 10**400}, "wanted a smaller number"),
        (FINE | {"well": 1}, "well is 1, wanted true or false"),
        (FINE | {"name": ["x" * 9000]}, "…, wanted a text"),
    ],
)
def test_a_document_of_another_shape_says_where(document: object, told: str) -> None:
    """With the wrong value, shortened, and what was wanted."""
    with pytest.raises(ValueError, match=r".") as caught:
        records.made(Record, document)

    assert told in str(caught.value)
    assert len(str(caught.value)) < 200

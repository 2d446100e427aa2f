"""Pure: documents turned into frozen dataclasses by the types of their fields, or refused."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from scripts.core.foreign.documents import Json

T = TypeVar("T")

SHOWN = 60
"""Characters of a wrong value that a message quotes."""
LARGEST = 1 << 63
"""What an integer stays below: such a count or size is none."""
PLAIN: Mapping[object, tuple[type, str]] = {
    str: (str, "a text"),
    bool: (bool, "true or false"),
    int: (int, "a whole number"),
    float: (float, "a number"),
}


def made(kind: type[T], document: Json, *, at: str = "") -> T:
    """Return a dataclass of this kind; ValueError says what in the document is of another shape.

    Fields may be texts, numbers, words of a StrEnum, dataclasses, and tuples and mappings of these.
    """
    if not isinstance(document, dict):
        raise _wrong(at, document, "an object")
    of: Any = kind  # a dataclass, which no type of the standard library says
    known = {field.name: field for field in fields(of) if field.init}
    types = get_type_hints(kind)
    prefix = f"{at}." if at else ""
    if unknown := next((name for name in document if name not in known), None):
        raise ValueError(f"{prefix}{_quoted(unknown)} is a key that is not known")
    for name, field in known.items():
        if name not in document and field.default is field.default_factory is MISSING:
            raise ValueError(f"{prefix}{name} is missing")
    return kind(
        **{name: _value(types[name], given, f"{prefix}{name}") for name, given in document.items()}
    )


def _value(wanted: Any, value: Json, at: str) -> Any:  # noqa: ANN401 - a type, and a value of it
    words = get_args(wanted)
    match get_origin(wanted):
        case origin if origin is UnionType:
            (only,) = (word for word in words if word is not NoneType)
            return None if value is None else _value(only, value, at)
        case origin if origin is tuple:
            if not isinstance(value, list):
                raise _wrong(at, value, "a list")
            return tuple(_value(words[0], one, f"{at}[{n}]") for n, one in enumerate(value))
        case origin if origin is Mapping:
            if not isinstance(value, dict):
                raise _wrong(at, value, "an object")
            return {
                key: _value(words[1], one, f"{at}.{_quoted(key)}") for key, one in value.items()
            }
    if isinstance(wanted, type) and is_dataclass(wanted):
        return made(wanted, value, at=at)
    if isinstance(wanted, type) and issubclass(wanted, StrEnum):
        if value not in list(wanted):
            raise _wrong(at, value, f"one of {', '.join(wanted)}")
        return wanted(value)
    return _plain(wanted, value, at)


def _plain(wanted: object, value: Json, at: str) -> Json:
    kind, name = PLAIN[wanted]
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and abs(value) >= LARGEST:
        raise _wrong(at, value, "a smaller number")
    if kind is float and whole:
        return float(value)
    if not isinstance(value, kind) or (kind is int and not whole):
        raise _wrong(at, value, name)
    if isinstance(value, float) and not math.isfinite(value):
        raise _wrong(at, value, name)
    return value


def _wrong(at: str, value: Json, wanted: str) -> ValueError:
    return ValueError(f"{at or 'it'} is {_quoted(value)}, wanted {wanted}")


def _quoted(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"

"""Pure: the only reader of JSON that is not ours: never deeper or longer than anybody needs."""

import json
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value of any shape: a schema or the engine's documentation knows it, a type cannot say it."""
DEPTH = 60
"""Levels of arrays and objects: the deepest that any program of the stack sends has 20. What walks
through a document takes several frames a level, of which Python has 1000."""
MOST = 32 << 20
"""Bytes of a document, which may take twenty times that in memory; the ids of 100,000 memories are
4 MB."""
PARTS = 4_000_000
"""Arrays and objects of a document."""


def parsed(text: str | bytes, *, most: int = MOST) -> Json:
    """Return the value of a JSON text.

    Raises ValueError for what is no JSON, for NaN and Infinity, which are none, and for a text that
    is longer than `most` or deeper than DEPTH.
    """
    if len(text) > most:
        raise ValueError(f"it is longer than {most:,} bytes")
    if isinstance(text, bytes):
        text = text.decode(json.detect_encoding(text))
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    require_shallow(value)
    return value


def require_shallow(value: object) -> None:
    """Raise ValueError for a value that is too deep to walk through, or that has no end.

    It goes down level by level: a recursion would meet the end that this keeps others from.
    """
    level, left = [value], PARTS
    for _ in range(DEPTH + 1):
        parts = [one for one in level if isinstance(one, (dict, list))]
        left -= len(parts)
        if not parts:
            return
        if left < 0:
            break
        level = [
            one for part in parts for one in (part.values() if isinstance(part, dict) else part)
        ]
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"it is deeper than {DEPTH} levels")


def _no_number(word: str) -> Json:
    raise ValueError(f"{word} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)

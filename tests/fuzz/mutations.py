"""Inputs that a reader may meet: what it reads every day, changed a little or much."""

import json
import random
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.targets import Target

VALUES: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        10**30,
        "",
        "x",
        "\u202ex\x1b]52;c;\x07",
        "\ud800",
        "9" * 5000,
    ),
    *([], {}, [[]], {"a": {}}, ["x"] * 50),
)
"""What stands where something else should."""


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return the inputs of a target: anything, and what it reads, with changes."""
    return st.one_of(
        st.binary(max_size=2000),
        st.builds(changed, st.sampled_from(target.seeds), st.integers(0), st.just(target.words)),
    )


def changed(seed: bytes, number: int, words: tuple[bytes, ...] = ()) -> bytes:
    """Return an input with some changes; the same number makes the same."""
    chance = random.Random(number)
    try:
        document = json.loads(seed)
    except ValueError:
        return _spoilt(seed, chance, words)
    for _ in range(chance.randint(1, 4)):
        document = _replaced(document, chance)
    data = json.dumps(document).encode()
    return data if chance.random() < 0.8 else _spoilt(data, chance, words)


def _replaced(document: Any, chance: random.Random) -> Any:  # noqa: ANN401 - JSON
    """Put something else somewhere into a document, or take something away."""
    if not isinstance(document, (dict, list)) or not document or chance.random() < 0.2:
        return deep(chance.randint(2, 5000)) if chance.random() < 0.1 else _something(chance)
    key = chance.choice([*document] if isinstance(document, dict) else [*range(len(document))])
    if chance.random() < 0.1:
        del document[key]
    elif isinstance(document, dict) and chance.random() < 0.1:
        document[f"{key}{chance.choice(('', 'x'))}"] = document.pop(key)
    else:
        document[key] = _replaced(document[key], chance)
    return document


def _something(chance: random.Random) -> Any:  # noqa: ANN401 - JSON
    return deepcopy(chance.choice(VALUES))


def deep(levels: int) -> Any:  # noqa: ANN401 - JSON
    """Return a list in a list in a list."""
    found: Any = 1
    for _ in range(min(levels, 400)):  # what json itself still writes
        found = [found]
    return found


def _spoilt(data: bytes, chance: random.Random, words: tuple[bytes, ...]) -> bytes:
    """Change bytes: some flipped, cut out, doubled, or put in."""
    spoilt = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randint(0, len(spoilt))
        match chance.randint(0, 4):
            case 0 if at < len(spoilt):
                spoilt[at] ^= 1 << chance.randint(0, 7)
            case 1:
                del spoilt[at : at + chance.choice((1, 8, 512, len(spoilt)))]
            case 2:
                spoilt[at:at] = spoilt[at : at + chance.choice((1, 8, 512))] * chance.choice(
                    (1, 50)
                )
            case 3 if words:
                spoilt[at:at] = chance.choice(words)
            case _:
                spoilt[at : at + 1] = chance.randbytes(chance.choice((1, 4, 12)))
    return bytes(spoilt)

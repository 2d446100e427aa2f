"""What the engine says of a container, as a closed set of words."""

import json
from pathlib import Path

import pytest

from scripts.core.look import ALIVE, GONE, Health, State

SCHEMAS = Path(__file__).parents[3] / "schemas"


def test_the_word_of_a_newer_engine_is_no_error() -> None:
    """It is neither well nor ended: no rule speaks of it."""
    assert State("hibernating") is State.UNKNOWN
    assert State.UNKNOWN not in ALIVE | GONE
    assert Health("none") is Health.NONE


@pytest.mark.parametrize(
    ("schema", "absent"), [("ps.schema.json", ["absent"]), ("stacks.schema.json", [])]
)
def test_the_schemas_know_every_state(schema: str, absent: list[str]) -> None:
    """A state that is new here is one that readers of the JSON must be told of."""
    text = " ".join((SCHEMAS / schema).read_text(encoding="utf-8").split())

    assert json.dumps([*absent, *State])[1:-1] in text.replace(' "elsewhere",', "")

"""What a step of a workflow hands on: any value as it is, and every secret as one to be masked."""

from pathlib import Path

import pytest

from scripts.core.errors import ConfigError
from scripts.loop import workflow
from tests.kit.workflows import assignments

GIVEN = {
    "PLAIN": "a b",
    "LINES": "one\nB=2\nEOF",
    "EMPTY": "",
    "NEO4J_PASSWORD": "s e%c\nret",
    "MOS_EMBEDDER_API_KEY": "EMPTY",
    "RUNNER_TEMP": "/elsewhere",
    "NODE_OPTIONS": "--inspect",
}


def test_every_value_comes_through_as_it_is(tmp_path: Path) -> None:
    """Behind what other steps have exported; what a runner refuses is left out."""
    target = tmp_path / "env"
    target.write_text("BEFORE=1\n")

    workflow.export(GIVEN, target)

    found = dict(assignments(target.read_text()))
    refused = {"RUNNER_TEMP", "NODE_OPTIONS"}
    assert found == {"BEFORE": "1", **{k: v for k, v in GIVEN.items() if k not in refused}}


def test_all_secrets_are_masked_the_longest_first() -> None:
    """Each on one line, as a runner reads it; a key that says there is none is no secret."""
    assert workflow.masks(GIVEN, ["12345678", "and a longer one"]).splitlines() == [
        "::add-mask::and a longer one",
        "::add-mask::s e%25c%0Aret",
        "::add-mask::12345678",
    ]


def test_outside_a_workflow_it_is_told_what_to_type() -> None:
    """There is no file to write to."""
    with pytest.raises(ConfigError, match="GITHUB_ENV names no file") as error:
        workflow.file({"GITHUB_ENV": ""})

    assert error.value.next_step == 'eval "$(inv env --host)"'

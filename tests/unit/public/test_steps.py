"""Whether a step of a workflow runs, and with which words: as GitHub reads its expressions."""

from typing import Any

import pytest

from tests.kit import workflows

CONTEXT: dict[str, Any] = {
    "github": {"event_name": "push"},
    "steps": {"cache": {"outputs": {"cache-hit": "true"}}},
}


@pytest.mark.parametrize(
    ("condition", "failed", "runs"),
    [
        ("success()", False, True),
        ("success()", True, False),
        ("failure()", False, False),
        ("failure()", True, True),
        ("always()", True, True),
        ("steps.cache.outputs.cache-hit == 'true'", False, True),
        ("steps.cache.outputs.cache-hit == 'true'", True, False),
        ("steps.cache.outputs.cache-hit != 'true' && github.event_name == 'push'", False, False),
        ("steps.none.outputs.x != '' || github.event_name == 'push'", False, True),
        ("always() && steps.none.outputs.x != ''", True, False),
        ("${{ !failure() }}", False, True),
    ],
)
def test_a_condition_means_what_it_means_on_a_runner(
    condition: str, failed: bool, runs: bool
) -> None:
    """Without a function of its own a step runs only while nothing failed."""
    assert workflows.holds(condition, CONTEXT, failed=failed) is runs


@pytest.mark.parametrize("expression", ["contains(github.ref, 'v')", "a + b", "'open", "a[0]"])
def test_what_this_reader_does_not_know_is_an_error(expression: str) -> None:
    """Rather than a step that silently does not run."""
    with pytest.raises(ValueError, match="not known here"):
        workflows.value(expression, CONTEXT)


def test_an_expression_in_words_is_its_value() -> None:
    """What is not there is empty, and a boolean is written as GitHub writes it."""
    text = "${{ github.event_name }}-${{ secrets.NONE }}-${{ github.event_name == 'push' }}"

    assert workflows.filled(text, CONTEXT) == "push--true"


def test_on_is_a_key_and_no_boolean() -> None:
    """As YAML 1.2 has it."""
    assert workflows.parsed("on: push\nyes: true\n") == {"on": "push", "yes": True}

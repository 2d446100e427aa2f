"""What a client of `inv mcp` is given of what a task has left."""

import json
from pathlib import Path

import pytest
from mcp_types import CallToolResult, TextContent

from scripts.config.settings import Settings
from scripts.core.files import Json
from scripts.live.masks import Mask
from scripts.live.tasks import Result
from scripts.serve.mcp import server, tools

MASK = Mask(
    Settings(
        root=Path("/checkout"),
        file=Path("/checkout/.env"),
        missing=False,
        defaults={"NEO4J_PASSWORD": "correct-horse"},
    )
)


def given(name: str, done: Result, *lines: str) -> CallToolResult:
    """Return what is given of a task that has told these lines."""
    tail = server.Tail()
    for line in lines:
        tail.add(line)
    return server.answer(tools.chosen(name, write=True), done, tail, MASK)


def texts(result: CallToolResult) -> list[str]:
    """Return its texts."""
    return [one.text for one in result.content if isinstance(one, TextContent)]


def test_only_the_last_lines_are_handed_on() -> None:
    """What a client is given has an end; how much is missing is said."""
    half = "x" * (server.LONGEST // 2)

    result = given("logs", Result(exit_code=0), "the first", half, half)

    assert result.structured_content == {"lines": [half, half], "left_out": 1}


def test_a_document_of_something_sick_is_no_error_and_comes_with_its_words() -> None:
    """A sick service is data; why, and what to do, is what a person would have read."""
    document = {"findings": [{"cause": "it rejects correct-horse"}], "exit_code": 5}

    result = given("findings", Result(exit_code=5, document=document), "next: say correct-horse")

    assert not result.is_error
    assert result.structured_content["findings"] == [{"cause": "it rejects ********"}]
    assert json.loads(texts(result)[0]) == result.structured_content
    assert texts(result)[1] == "next: say ********"


@pytest.mark.parametrize(
    ("name", "document"),
    [("status", None), ("restart", {"event": "result", "verdict": "refused"}), ("logs", None)],
)
def test_what_was_refused_is_an_error_in_the_words_of_a_terminal(name: str, document: Json) -> None:
    """A model reads what a person would, and mends its call."""
    lines = ("error: no engine is running", "next: inv up")

    result = given(name, Result(exit_code=3, document=document), *lines)

    assert result.is_error
    assert texts(result) == ["\n".join(lines)]

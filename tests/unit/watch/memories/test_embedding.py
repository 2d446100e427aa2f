"""The model that MemOS is configured with, asked by a few lines in the API's container."""

import io
import json
import sys
from collections.abc import Callable, Sequence
from typing import Any
from urllib.request import Request

import pytest

from scripts.core.errors import BrokenError
from scripts.core.process import Completed
from scripts.watch.memories.embedding import SCRIPT, embedder

Run = Callable[[Sequence[str], str], Completed]
KEY = "sk-very-secret"


def answering(stdout: str, stderr: str = "", exit_code: int = 0) -> Run:
    """Return what runs words and gives this answer, whatever they are."""

    def run(words: Sequence[str], stdin: str) -> Completed:
        assert words[:2] == ["python", "-c"]
        assert json.loads(stdin)
        return Completed(argv=tuple(words), exit_code=exit_code, stdout=stdout, stderr=stderr)

    return run


def test_each_text_has_its_vector() -> None:
    """In the order of the texts, which go over stdin and are no argument."""
    embed = embedder(answering("[[1, 2], [3, 4]]"), 2)

    assert embed(["one", "two"]) == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("stdout", "stderr", "code", "told"),
    [
        ("", "a warning\nHTTPError: HTTP Error 401: no", 1, "it says HTTPError: HTTP Error 401"),
        ("[[1, 2, 3], [1, 2, 3]]", "", 0, "2 vectors of 3 numbers, wanted 2"),
        ("[[1, 2]]", "", 0, "1 vectors of 2 numbers, wanted 2"),
        ("[[1, 2], [1]]", "", 0, "2 vectors of 1, 2 numbers, wanted 2"),
        ("<html>", "", 0, "its answer has another shape"),
        ("[1, 2]", "", 0, "its answer has another shape"),
    ],
    ids=["it refuses", "another size", "too few", "two sizes", "no JSON", "no vectors"],
)
def test_a_model_that_gives_no_such_vectors_is_told(
    stdout: str, stderr: str, code: int, told: str
) -> None:
    """Nothing is written with less than all of them."""
    with pytest.raises(BrokenError, match=told):
        embedder(answering(stdout, stderr, code), 2)(["one", "two"])


class Opened(io.BytesIO):
    """An answer of a server."""


def ran(monkeypatch: pytest.MonkeyPatch, answer: object) -> dict[str, Any]:
    """Run the script as Python does in the container; give its request."""
    asked: dict[str, Any] = {}

    def urlopen(request: Request, timeout: float) -> Opened:
        assert isinstance(request.data, bytes)
        asked.update(url=request.full_url, body=json.loads(request.data), timeout=timeout)
        asked["key"] = request.get_header("Authorization")
        if isinstance(answer, Exception):
            raise answer
        return Opened(json.dumps(answer).encode())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    monkeypatch.setattr(sys, "stdin", io.StringIO('["one", "two"]'))
    for name, value in {"API_BASE": "http://m:1/v1/", "API_KEY": KEY, "MODEL": "mini"}.items():
        monkeypatch.setenv(f"MOS_EMBEDDER_{name}", value)
    exec(compile(SCRIPT, "script", "exec"), {"__name__": "script"})  # noqa: S102 - it is ours
    return asked


def test_the_script_asks_as_memos_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key comes from the container's own environment; rows may come in any order."""
    rows = [{"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}]

    asked = ran(monkeypatch, {"data": rows})

    assert asked["url"] == "http://m:1/v1/embeddings"
    assert asked["body"] == {"model": "mini", "input": ["one", "two"]}
    assert asked["key"] == f"Bearer {KEY}"
    assert json.loads(capsys.readouterr().out) == [[1.0], [2.0]]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError("connection refused"), "OSError: connection refused"),
        (ValueError(f"Invalid header value b'Bearer {KEY}'"), "ValueError"),
    ],
    ids=["nobody answers", "a header"],
)
def test_the_script_says_why_and_never_the_key(
    monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    """A line is enough, and no traceback."""
    with pytest.raises(SystemExit) as end:
        ran(monkeypatch, error)

    assert end.value.code == told

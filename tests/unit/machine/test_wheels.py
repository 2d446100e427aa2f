"""Whether arm64 has all pinned packages, by what uv says."""

from pathlib import Path

import pytest

from scripts.machine.wheels import Answer, ask, without
from tests.kit.fakes import FakeRunner

PINS = """a==1 \\
    --hash=sha256:0 \\
    --hash=sha256:1
jieba==0.42 \\
    --hash=sha256:2
b==2 --hash=sha256:3
"""
OFFLINE = """error: Failed to fetch: `https://mirror.example/simple/a/`
  Caused by: dns error
"""
DISABLED = """No solution found when resolving dependencies:
Because a was not found in the cache, your requirements are unsatisfiable.
hint: Wheels were unavailable
because the network was disabled.
"""
LACKS = """  \u00d7 No solution found when resolving dependencies:
  \u2570\u2500\u25b6 Because a==1 has no wheels with a matching platform tag
      and you require a==1, your requirements are unsatisfiable.

      hint: Wheels are available on: `win_amd64`
"""


@pytest.mark.parametrize(
    ("stderr", "exit_code", "answer"),
    [
        ("Would install 2 packages", 0, Answer()),
        (OFFLINE, 2, Answer(unknown="Caused by: dns error")),
        ("/python: No module named uv", 1, Answer(unknown="/python: No module named uv")),
        (DISABLED, 1, Answer(unknown="because the network was disabled.")),
        (
            *(LACKS, 1),
            Answer(
                lacks="Because a==1 has no wheels with a matching platform tag and you require"
                " a==1, your requirements are unsatisfiable."
            ),
        ),
    ],
)
def test_only_what_an_index_said_is_a_lack(
    tmp_path: Path, runner: FakeRunner, stderr: str, exit_code: int, answer: Answer
) -> None:
    """Who cannot ask does not know."""
    file = tmp_path / "requirements.txt"
    file.write_text(PINS)
    runner.answer("uv pip install --dry-run", stderr=stderr, exit_code=exit_code)

    assert ask(file, "3.13", runner, {"PIP_INDEX_URL": "https://mirror.example/simple"}) == answer

    (call,) = runner.calls
    assert call.argv[call.argv.index("--python-version") + 1] == "3.13"
    assert call.env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"


def test_packages_that_are_built_everywhere_are_not_asked_for() -> None:
    """With their hashes; what only begins like one stays."""
    assert without(PINS, frozenset({"jieba"})) == PINS.replace(
        "jieba==0.42 \\\n    --hash=sha256:2\n", ""
    )
    assert without("jieba3k==1\n", frozenset({"jieba"})) == "jieba3k==1\n"

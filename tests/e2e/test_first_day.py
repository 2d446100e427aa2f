"""docs/first-day.md, typed as it stands: from a clone to an edited line that answers, and on.

In both languages the commands are the same (tests/unit/repository/test_readme.py). What is another
here: MemOS is cloned from a repository that is made of the release on PyPI, with one test, because
GitHub need not be in reach; the port in the address of the API, and by the environment all ports
and names, because another stack may run, and no Milvus, which saves a minute.
"""

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, Ran, checkout
from tests.e2e.kit.workbench import copied
from tests.kit import documents
from tests.kit.places import ROOT

pytestmark = pytest.mark.docker

DOCUMENT = ROOT / "docs" / "first-day.md"
UPSTREAM, API = "https://github.com/MemTensor/MemOS", "127.0.0.1:8000"
AUTHOR = ("-c", "user.name=me", "-c", "user.email=me@example.org")


def upstream(folder: Path) -> Path:
    """Make a repository of MemOS as it is on PyPI, with a test."""
    root = releases.source(folder, "2.0.6").parent
    tests = root / "tests" / "api"
    tests.mkdir(parents=True)
    (tests / "test_one.py").write_text("def test_one() -> None:\n    import memos\n")
    for words in (("init",), ("add", "."), (*AUTHOR, "commit", "--message", "all")):
        subprocess.run(["git", *words], cwd=root, check=True, capture_output=True)
    return root


@pytest.fixture(scope="module")
def typed(
    engine: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Ran]]:
    """Type every command of the document, in its order; give what each left behind."""
    folder = tmp_path_factory.mktemp("day")
    root = copied(folder / "memos-dev")
    names = checkout(folder, "memos-e2e-day", root=root)
    stack = Checkout(
        root=root, env_file=names.env_file, project=names.project, engine=engine.engine_env()
    )
    values = {
        name: value
        for name, value in names.values().items()
        if name.endswith(("_PORT", "_PREFIX", "_PROJECT_NAME"))
    }
    environ = {**os.environ, **stack.engine, **values, "WITH_MILVUS": "no"}
    environ.pop("ENV_FILE", None)
    others = {
        UPSTREAM: f"{upstream(folder)} MemOS",
        API: f"127.0.0.1:{values['MEMOS_PORT']}",
    }
    found = {}
    try:
        for command in documents.commands(DOCUMENT.read_text(encoding="utf-8")):
            here = command
            for old, new in others.items():
                here = here.replace(old, new)
            found[command] = run(here, root, environ)
        yield found
    finally:
        run("./dev inv down --volumes --yes", root, environ)
        assert stack.left() == []


def run(command: str, root: Path, environ: Mapping[str, str]) -> Ran:
    """Type a command; it must succeed."""
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=root,
        env=environ,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return Ran(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def of(typed: Mapping[str, Ran], words: str) -> Ran:
    """Return what the command with these words left behind."""
    return next(ran for command, ran in typed.items() if words in command)


def test_the_edited_line_answers_after_six_commands(typed: Mapping[str, Ran]) -> None:
    """The sixth is the question, and its answer has the words of the fourth."""
    *before, question = list(typed)[:6]

    assert "Hello from my edit" in before[3]
    assert '"message":"Hello from my edit"' in typed[question].stdout
    assert "answers" in of(typed, "inv reload").stdout


def test_the_editor_and_the_debugger_are_ready(typed: Mapping[str, Ran]) -> None:
    """Its tasks lie in the checkout of MemOS; the API listens for a debugger."""
    assert ".vscode/launch.json" in of(typed, "inv editor").stdout
    assert "a debugger attaches to" in of(typed, "inv up --debug").stderr


def test_the_tests_of_memos_are_run(typed: Mapping[str, Ran]) -> None:
    """By pytest, with what it is given."""
    assert "1 passed" in of(typed, "memos.test").stdout

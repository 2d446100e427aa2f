"""`inv memos.test`: MemOS' own tests of the checkout, by the Python that has been made for it."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.kit.changes import put
from tests.kit.checkout import Checkout
from tests.kit.places import ROOT

TESTS = """
import pytest

@pytest.mark.parametrize("one", ["a", "b"])
def test_well(one):
    pass

def test_ill():
    assert False
"""


@pytest.fixture
def memos(at: Checkout) -> Path:
    """Return a checkout of MemOS with an environment of its own, which MEMOS_SRC names."""
    folder = at.folder / "MemOS"
    (folder / "src" / "memos").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "tests" / "test_all.py").write_text(TESTS)
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "test_no.py").write_text("def test_no():\n    assert False\n")
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@" >>{at.folder}/said 2>&1\n'
    )
    python.chmod(0o755)
    put("MEMOS_SRC", str(folder))(at)
    for name in ("tokenizer.py", "on_host"):
        part = Path("docker", "memos-api", name)
        (at.root / part).symlink_to(ROOT / part)
    return folder


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ((), 1, "1 failed, 2 passed"),
        (("-k", "well"), 0, "2 passed, 1 deselected"),
        (("-k", "nobody"), 5, "3 deselected"),
        (("elsewhere",), 1, "1 failed"),
        (("--no-such-flag",), 4, "unrecognized arguments"),
    ],
    ids=["all", "some", "none", "a file", "a wrong flag"],
)
def test_what_pytest_gives_is_the_exit_code(
    at: Checkout,
    memos: Path,
    words: tuple[str, ...],
    code: int,
    told: str,
) -> None:
    """It is told what is run; the tests are those of the checkout, unless others are named."""
    assert at.inv("memos.test", "--", *words) == code

    assert told in (at.folder / "said").read_text()
    shown = at.shown()
    assert f"in {memos}" in shown.err
    assert "the checkout's own .venv" in shown.err


ENVIRON = """import os

def test_one():
    {assertion}
"""


def test_the_tests_have_what_the_api_is_given(at: Checkout, memos: Path) -> None:
    """And read no file of variables: MemOS would take one above it over what it is given."""
    at.config["services"]["memos"]["environment"]["MOS_CHAT_MODEL"] = "one"
    names = ("MOS_CHAT_MODEL", "PYTHON_DOTENV_DISABLED", "HF_HOME")
    assertion = f"print([os.environ[name] for name in {names}])"
    (memos / "tests" / "test_all.py").write_text(ENVIRON.format(assertion=assertion))

    assert at.inv("memos.test", "--", "-s") == 0

    home = at.root / ".cache" / "memos-test" / "host" / "huggingface"
    assert f"['one', '1', '{home}']" in (at.folder / "said").read_text()
    assert home.is_dir()
    assert "not running" not in at.shown().err


def test_without_a_stack_the_tests_are_run_all_the_same(at: Checkout, memos: Path) -> None:
    """Most of them call nothing; it is told what is missing."""
    assertion = "assert 'MOS_CHAT_MODEL' not in os.environ"
    (memos / "tests" / "test_all.py").write_text(ENVIRON.format(assertion=assertion))
    at.state["containers"]["id-neo4j"] = at.container("neo4j", "exited")

    assert at.inv("memos.test") == 0
    assert "not running: neo4j; tests that call it fail; next: inv up" in at.shown().err

    at.patch.setenv("DOCKER_HOST", f"unix://{at.folder}/nowhere")
    assert at.inv("memos.test") == 0
    assert "without the stack's variables: " in at.shown().err


OLD_DOTENV = """import os

def load_dotenv(**_):
    os.environ["READ"] = "yes"
"""
READS = """import os
import dotenv

def test_one():
    dotenv.load_dotenv(override=True)
    assert "READ" not in os.environ
"""


@pytest.mark.parametrize("engine", [True, False], ids=["beside a stack", "without one"])
def test_no_env_file_is_read_by_an_old_dotenv_either(
    at: Checkout, memos: Path, *, engine: bool
) -> None:
    """Before 1.2 it listens to no variable, and MemOS' own lock has 1.1.1."""
    package = memos / "src" / "dotenv"
    package.mkdir()
    (package / "__init__.py").write_text("from .main import load_dotenv\n")
    (package / "main.py").write_text(OLD_DOTENV)
    (memos / "tests" / "test_all.py").write_text(READS)
    if not engine:
        at.patch.setenv("DOCKER_HOST", f"unix://{at.folder}/nowhere")

    assert at.inv("memos.test") == 0, (at.folder / "said").read_text()


def test_what_cannot_be_written_for_the_tests_is_told(at: Checkout, memos: Path) -> None:
    """As on a full disk; they are run all the same, as without a stack."""
    assertion = "assert 'MOS_CHAT_MODEL' not in os.environ"
    (memos / "tests" / "test_all.py").write_text(ENVIRON.format(assertion=assertion))
    (at.root / ".env.host").mkdir()

    assert at.inv("memos.test") == 0
    told = at.shown().err
    assert "without the stack's variables: " in told
    assert ".env.host" in told


def test_without_tests_it_is_the_settings_that_are_wrong(at: Checkout, memos: Path) -> None:
    """Exit code 2, and what to name instead."""
    (memos / "tests" / "test_all.py").unlink()

    assert at.inv("memos.test") == 2

    assert "there are no tests in" in at.shown().err

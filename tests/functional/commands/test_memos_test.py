"""`inv memos.test`: MemOS' own tests of the checkout, by the Python that has been made for it."""

import shlex
import sys
from pathlib import Path

import pytest

from tests.kit.changes import put
from tests.kit.checkout import Checkout

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


def test_no_file_of_variables_is_read_by_what_is_tested(at: Checkout, memos: Path) -> None:
    """MemOS would take the checkout's over what it is given, and packages of ours this one's."""
    (memos / "tests" / "test_all.py").write_text(
        "import os\n\ndef test_one():\n    assert os.environ['PYTHON_DOTENV_DISABLED'] == '1'\n"
    )

    assert at.inv("memos.test") == 0


def test_without_tests_it_is_the_settings_that_are_wrong(at: Checkout, memos: Path) -> None:
    """Exit code 2, and what to name instead."""
    (memos / "tests" / "test_all.py").unlink()

    assert at.inv("memos.test") == 2

    assert "there are no tests in" in at.shown().err

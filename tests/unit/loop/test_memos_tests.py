"""Which tests of MemOS are run, and with what."""

from pathlib import Path

import pytest

from scripts.config import settings
from scripts.config.release import LOCKS
from scripts.core.errors import ConfigError
from scripts.loop.memos_tests import Run, prepared
from tests.kit.fakes import FakeRunner, checkout
from tests.kit.places import ROOT

PROJECT = '[project]\nname = "MemoryOS"\nversion = "2.0.6"\ndependencies = ["openai>=1.77"]\n'


@pytest.fixture
def memos(tmp_path: Path) -> Path:
    """Return a checkout of MemOS with tests, of which one wants torch."""
    folder = tmp_path / "MemOS"
    for name, text in {
        "src/memos/__init__.py": '__version__ = "2.0.6"\n',
        "pyproject.toml": PROJECT,
        "tests/test_one.py": "import memos\n",
        "tests/llms/test_hf.py": "import os\nimport torch\n",
        "tests/llms/test_openai.py": "import torchless\n",
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return folder


@pytest.fixture
def said() -> list[str]:
    """Return what is told."""
    return []


@pytest.fixture
def runner() -> FakeRunner:
    """Environments can be made, and have what is asked for."""
    return FakeRunner().answer("")


def run(source: Path | str, runner: FakeRunner, said: list[str], *words: str) -> Run:
    """Prepare a run with MEMOS_SRC."""
    root = Path(source).parent / "workspace"
    root.mkdir(exist_ok=True)
    (root / ".env.example").write_text(f"MEMOS_VERSION=2.0.6\nMEMOS_SRC={source}\n")
    locks = root / LOCKS
    if not locks.exists():
        locks.parent.mkdir(parents=True)
        locks.symlink_to(ROOT / LOCKS)
    environ = {"PATH": ""}
    at = checkout(root, runner, environ, said.append)
    return prepared(settings.load(root, environ), words, at)


def test_the_environment_of_the_checkout_is_used_as_it_is(
    memos: Path, runner: FakeRunner, said: list[str]
) -> None:
    """With all tests: what they import is its maker's business. The words reach pytest."""
    python = memos / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()

    found = run(memos / "src", runner, said, "-k", "a or b")

    assert found.argv == [str(python), "-m", "pytest", "-o", "testpaths=tests", "-k", "a or b"]
    assert found.folder == memos
    quiet = memos / "workspace" / "docker" / "memos-api" / "on_host"
    assert found.variables["PYTHONPATH"] == f"{quiet}:{memos / 'src'}"
    assert "the tests of MemOS 2.0.6" in found.told
    assert "python -m pytest -o testpaths=tests -k 'a or b'" in found.told
    assert f"{memos}/.venv, the checkout's own .venv" in found.told
    assert said == []


def test_one_of_ours_is_made_where_it_has_none(
    memos: Path, runner: FakeRunner, said: list[str]
) -> None:
    """Without what is 5 GiB: the tests that import it are left out, and named."""
    found = run(memos, runner, said)

    made = memos.parent / "workspace" / ".cache" / "memos-tests"
    assert found.argv[-1] == "--ignore=tests/llms/test_hf.py"
    assert found.environment.folder.parent.parent == made
    wanted = (found.environment.folder.parent / "requirement.txt").read_text()
    pinned = (found.environment.folder.parent / "constraint.txt").read_text()
    assert wanted == "openai>=1.77\npytest\n"
    assert "openai==1." in pinned
    assert (
        "torch, which are 5 GiB, a few tests fail, and these are left out: tests/llms/test_hf.py"
        in (said[-1])
    )


def test_one_of_the_checkout_without_pytest_is_told(
    memos: Path, runner: FakeRunner, said: list[str]
) -> None:
    """And ours is made."""
    python = memos / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    runner.answer(f"{python} pytest", exit_code=1)

    found = run(memos, runner, said)

    assert found.environment.folder != memos / ".venv"
    assert said[0] == f"{memos}/.venv, the checkout's own .venv, has no pytest: it is not used"


def test_a_src_without_a_project_is_tested_with_what_the_stack_runs_it_on(
    memos: Path, runner: FakeRunner, said: list[str]
) -> None:
    """It says nothing of what it wants."""
    (memos / "pyproject.toml").unlink()

    found = run(memos, runner, said)

    wanted = (found.environment.folder.parent / "requirement.txt").read_text()
    assert wanted.startswith("pytest\n")
    assert "qdrant-client==1.14.3\n" in wanted


def test_without_a_checkout_there_is_nothing_to_test(
    tmp_path: Path, runner: FakeRunner, said: list[str]
) -> None:
    """The released MemOS has no tests with it."""
    root = tmp_path / "workspace"
    root.mkdir()
    (root / ".env.example").write_text("MEMOS_VERSION=2.0.6\nMEMOS_SRC=\n")

    with pytest.raises(ConfigError, match=r"MEMOS_SRC is empty.*wanted a checkout") as raised:
        prepared(settings.load(root, {}), (), checkout(root, runner, {}, said.append))
    assert "set MEMOS_SRC to its path" in raised.value.next_step


def test_a_checkout_without_tests_is_told(memos: Path, runner: FakeRunner, said: list[str]) -> None:
    """As what PyPI has of MemOS."""
    for file in memos.glob("tests/**/*.py"):
        file.unlink()

    with pytest.raises(ConfigError, match=r"there are no tests in .*/MemOS/tests"):
        run(memos, runner, said)
    assert runner.calls == []


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ('[dependency-groups]\ntest = ["py test"]\n', "py test"),
        ('[tool.poetry.group.test.dependencies]\nx = "^abc"\n', r"x is '\^abc'"),
    ],
)
def test_what_is_no_requirement_is_told_with_its_file(
    memos: Path, runner: FakeRunner, said: list[str], group: str, told: str
) -> None:
    """Settings refuse it before, in what the API needs; here it is in what only tests do."""
    (memos / "pyproject.toml").write_text(PROJECT + group)

    with pytest.raises(ConfigError, match=rf"MemOS/pyproject\.toml cannot be resolved: .*{told}"):
        run(memos, runner, said)
    assert runner.calls == []

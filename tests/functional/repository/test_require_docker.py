"""Tests with containers are skipped loudly where they cannot run, and fail where that is asked."""

import sys
from pathlib import Path

import pytest

from scripts.core.process import Completed, run
from tests.kit.places import ROOT

TEST = '''
import pytest


@pytest.mark.docker
def test_with_containers() -> None:
    """Never runs here."""
    raise AssertionError("it ran")


def test_without() -> None:
    """Runs always."""
'''


@pytest.fixture
def outcome(tmp_path: Path) -> "Outcome":
    """A function that runs two tests where no engine answers."""
    (tmp_path / "test_two.py").write_text(TEST)
    return Outcome(tmp_path)


class Outcome:
    """Call it with words for pytest."""

    def __init__(self, folder: Path) -> None:
        """Remember where the tests lie."""
        self.folder = folder

    def __call__(self, *words: str) -> Completed:
        """Run the tests with the rule of our conftest."""
        argv = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider"]
        argv += ["-c", str(ROOT / "pyproject.toml"), str(self.folder), *words]
        env = {"DOCKER_HOST": f"unix://{self.folder}/none.sock", "PYTHONPATH": str(ROOT)}
        return run(argv, env=env, timeout=60)


def test_what_cannot_run_is_skipped_and_counted(outcome: Outcome) -> None:
    """The other tests run, and the last lines say what was not tried."""
    done = outcome()

    assert done.exit_code == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "NOT TRIED: 1 tests with containers" in done.stdout


def test_what_must_run_and_cannot_fails(outcome: Outcome) -> None:
    """In CI a skipped promise is a broken one."""
    done = outcome("--require-docker")

    assert done.exit_code == 1, done.stdout
    assert "1 passed, 1 error" in done.stdout or "1 failed, 1 passed" in done.stdout
    assert "--require-docker: no engine answers" in done.stdout
    assert "it ran" not in done.stdout

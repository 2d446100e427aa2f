"""What a process of `inv api.host` runs when Python starts: no .env of a checkout counts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.places import ROOT

QUIET = ROOT / "docker" / "memos-api" / "on_host"
OLD = """
import os
def load_dotenv(*paths, override=False):
    os.environ["NEO4J_URI"] = "of the checkout"
    return True
"""
ASK = """
import os
from dotenv import load_dotenv
from dotenv.main import load_dotenv as the_same
load_dotenv(override=True), the_same("/a/.env")
print(os.environ["NEO4J_URI"], os.environ.get("NEXT", "no other"))
"""


def said(*folders: Path, **variables: str) -> str:
    """Return what a Python with these folders on its path says after it has read a .env."""
    path = os.pathsep.join(map(str, folders))
    env = {"PYTHONPATH": path, "NEO4J_URI": "given", "PATH": os.environ["PATH"], **variables}
    argv = [sys.executable, "-c", ASK]
    return subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Make a python-dotenv that listens to no variable; return its folder."""
    package = tmp_path / "old" / "dotenv"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from .main import load_dotenv\n")
    (package / "main.py").write_text(OLD)
    return package.parent


def test_an_env_file_does_not_count_where_that_is_said(old: Path) -> None:
    """Whatever python-dotenv there is."""
    assert said(old) == "of the checkout no other"
    assert said(QUIET, old, PYTHON_DOTENV_DISABLED="1") == "given no other"
    assert said(QUIET, old, PYTHON_DOTENV_DISABLED="0") == "of the checkout no other"


def test_another_module_of_its_name_is_run_too(old: Path, tmp_path: Path) -> None:
    """A system or an environment may have one of its own."""
    (tmp_path / "sitecustomize.py").write_text('import os; os.environ["NEXT"] = "another"\n')

    assert said(QUIET, old, tmp_path, PYTHON_DOTENV_DISABLED="1") == "given another"


def test_a_python_without_dotenv_starts_as_ever() -> None:
    """The user's commands may be of any environment."""
    file = str(QUIET / "sitecustomize.py")
    code = f"import runpy, sys; sys.modules['dotenv'] = None; runpy.run_path({file!r}); print(1)"
    env = {"PYTHON_DOTENV_DISABLED": "1"}
    argv = [sys.executable, "-c", code]

    assert subprocess.run(argv, env=env, capture_output=True, check=True).stdout == b"1\n"

"""What transformers finds in its own files is found once, and never of another transformers."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import memos_structure
import pytest

FINDS = """
import os
asked = []

def create_import_structure_from_path(module_path):
    asked.append(str(module_path))
    folder = os.path.dirname(module_path) if os.path.isfile(module_path) else module_path
    return {frozenset({"torch"}): {"modeling": set(os.listdir(folder))}}
"""
ASKS = """
from pathlib import Path
from transformers.utils.import_utils import create_import_structure_from_path
here = Path(__file__)
found = create_import_structure_from_path(here)
again = create_import_structure_from_path(here.parent)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a package that looks into its own files as transformers does."""
    home = tmp_path / "site" / "transformers"
    for folder in (home, home / "utils", home / "models"):
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
    (home / "utils" / "import_utils.py").write_text(FINDS)
    (home / "models" / "__init__.py").write_text(ASKS)
    monkeypatch.syspath_prepend(str(home.parent))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield home
    forget()


def forget() -> None:
    """Let the next import be a first one."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
        del sys.modules[name]


def started(file: Path) -> tuple[ModuleType, list[str]]:
    """Import the package as a start does; return its models, and which folders it looked into."""
    forget()
    before = list(sys.meta_path)
    memos_structure.use(file)
    models = importlib.import_module("transformers.models")
    sys.meta_path[:] = before
    return models, sys.modules[memos_structure.MODULE].asked


def kept(file: Path) -> None:
    """Keep what an import finds, as the build of the image does."""
    forget()
    before = list(sys.meta_path)
    memos_structure.keep(file)
    sys.meta_path[:] = before


def test_a_start_looks_into_no_folder_and_finds_the_same(package: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    models, asked = started(file)
    assert asked == [str(package / "models" / "__init__.py"), str(package / "models")]
    kept(file)
    known, unasked = started(file)
    assert unasked == []
    assert known.found == models.found == known.again


def test_another_transformers_is_looked_through_anew(package: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept"
    kept(file)
    module = package / "utils" / "import_utils.py"
    module.write_text(FINDS + "# another release\n")
    (package / "models" / "new.py").touch()
    models, asked = started(file)
    assert asked == [str(package / "models")]
    assert "new.py" in models.found[frozenset({"torch"})]["modeling"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"[1]", b"\xff", b'{"known": {"a": 1}, "made_of": []}', b'{"known": 1}']
)
def test_a_damaged_file_is_none(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "kept"
    file.write_bytes(damage)
    models, _ = started(file)
    assert models.found[frozenset({"torch"})]["modeling"] >= {"__init__.py"}


def test_a_function_of_another_name_is_let_be(package: Path, tmp_path: Path) -> None:
    kept(tmp_path / "kept")
    (package / "utils" / "import_utils.py").write_text("")
    (package / "models" / "__init__.py").write_text("found = 1")
    models = None
    forget()
    memos_structure.use(tmp_path / "kept")
    models = importlib.import_module("transformers.models")
    assert models.found == 1


def test_nothing_is_kept_where_there_is_no_transformers(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    sys.modules["transformers"] = None  # type: ignore[assignment] # how Python is told so
    try:
        memos_structure.keep(file)
    finally:
        del sys.modules["transformers"]
        sys.meta_path.pop(0)
    assert not file.exists()

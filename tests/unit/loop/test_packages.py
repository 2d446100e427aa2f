"""What an environment holds, and what MemOS wants of it that it lacks."""

import json
import shlex
from pathlib import Path

import pytest

from scripts.config import settings
from scripts.config.settings import Settings
from scripts.core.errors import ConfigError
from scripts.loop import packages
from scripts.loop.environment import Environment
from scripts.loop.packages import Contents
from tests.kit.checkout import lay_out
from tests.kit.fakes import FakeRunner

PROJECT = """
[project]
name = "MemoryOS"
version = "2.0.6"
dependencies = ["fastapi[all] (>=0.115,<1)", "pywin32; sys_platform == 'win32'"]
[project.optional-dependencies]
tree-mem = ["neo4j (>=5.28.1,<6.0.0)"]
"""
WHOLE = dict.fromkeys(
    ("fastapi", "neo4j", "qdrant-client", "pymilvus", "chonkie", "jieba", "pika", "pip"), ("1.0",)
)


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    """Return the settings of a stack whose MemOS is a checkout."""
    folder = tmp_path / "my MemOS"
    (folder / "src" / "memos").mkdir(parents=True)
    (folder / "src" / "memos" / "__init__.py").write_text('__version__ = "2.0.6"\n')
    (folder / "pyproject.toml").write_text(PROJECT)
    root = tmp_path / "checkout"
    lay_out(root)
    (root / ".env").write_text(f"MEMOS_SRC={folder}\n")
    return settings.load(root, {})


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Return an environment that nobody runs."""
    return Environment(python=tmp_path / "e v" / "bin" / "python", origin="somebody's")


def test_what_is_installed_is_read_by_the_names_of_folders(environment: Environment) -> None:
    """Whichever way a name is written."""
    said = json.dumps({"python": [3, 12], "packages": {"Qdrant_Client": "1.14.3", "x": ""}})
    runner = FakeRunner().answer("-c", said)

    found = packages.read(environment, runner)

    assert found.python == (3, 12)
    assert found.packages == {"qdrant-client": ("1.14.3",), "x": ("",)}


@pytest.mark.parametrize("said", ["", "[]", '{"python": 3}', '{"python": [3], "packages": []}'])
def test_an_environment_whose_python_does_not_run_is_told(
    environment: Environment, said: str
) -> None:
    """With its own last words."""
    runner = FakeRunner().answer("-c", said, stderr="no module named encodings", exit_code=1)

    with pytest.raises(ConfigError, match=r"does not run: no module named encodings") as told:
        packages.read(environment, runner)

    assert str(environment.folder) in told.value.next_step


def test_all_that_is_wanted_is_enough(own: Settings, environment: Environment) -> None:
    """What other systems want is not wanted here."""
    packages.require(environment, Contents(python=(3, 11), packages=WHOLE), own)


@pytest.mark.parametrize("pip", [True, False])
def test_what_is_lacking_is_named_with_how_it_is_had(
    own: Settings, environment: Environment, *, pip: bool
) -> None:
    """In the versions that are tried here; uv's environments have no pip."""
    here = {name: WHOLE[name] for name in WHOLE if name not in {"neo4j", "fastapi"}}
    here = here if pip else {name: here[name] for name in here if name != "pip"}

    with pytest.raises(ConfigError, match="lacks fastapi, neo4j, debugpy") as told:
        packages.require(environment, Contents(python=(3, 11), packages=here), own, "debugpy")

    step = shlex.split(told.value.next_step)
    assert step[:3] == ([str(environment.python), "-m", "pip"] if pip else ["uv", "pip", "install"])
    assert "neo4j==5.28.1" in step
    assert step[-1] == "debugpy"


def test_a_python_that_loads_no_version_is_told(own: Settings, environment: Environment) -> None:
    """Though MemOS itself would take it."""
    with pytest.raises(
        ConfigError, match=r"is Python 3\.10; what loads the API wants 3\.11 or newer"
    ) as told:
        packages.require(environment, Contents(python=(3, 10), packages=WHOLE), own)

    assert told.value.next_step == f"{environment.replaced}; then the same again"


def test_other_versions_are_told_and_no_obstacle(own: Settings) -> None:
    """Of what is there alone."""
    here = {"fastapi": ("0.1",), "neo4j": ("5.30",)}

    (told,) = packages.drift(Contents(python=(3, 11), packages=here), own)

    assert told.startswith("fastapi is 0.1, it wants ")


def test_an_environment_is_made_with_what_the_image_has(own: Settings) -> None:
    """Each word as a shell takes it; where nothing is pinned, with what the checkout wants."""
    assert own.memos_source is not None
    folder = own.memos_source.folder.parent

    words = shlex.split(packages.made_by(folder, own))
    assert words[:4] == ["python3", "-m", "venv", f"{folder}/.venv"]
    assert words[4:6] == ["&&", f"{folder}/.venv/bin/pip"]

    (folder / "pyproject.toml").write_text(PROJECT.replace("fastapi[all]", "unheard-of"))
    unpinned = shlex.split(packages.made_by(folder, settings.load(own.root, {})))
    assert unpinned[-4:] == ["-e", str(folder), "-r", str(own.locks / "extras.in")]

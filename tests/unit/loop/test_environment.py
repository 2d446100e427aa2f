"""The Python environment of a checkout of MemOS is found where somebody has put it."""

from pathlib import Path

import pytest

from scripts.loop.environment import Environment, found, has
from tests.kit.fakes import FakeRunner


def program(file: Path) -> Path:
    """Make a program that nobody runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o755)
    return file


def test_the_one_in_the_checkout_comes_first(tmp_path: Path) -> None:
    """Nobody is asked then."""
    python = program(tmp_path / ".venv" / "bin" / "python")
    program(tmp_path / "venv" / "bin" / "python")

    environment = found(tmp_path, {}, FakeRunner())

    assert environment == Environment(python=python, origin="the checkout's own .venv")
    assert environment.folder == tmp_path / ".venv"
    assert environment.replaced.startswith(f"remove {tmp_path}/.venv, and make one of Python 3.11")


def test_a_place_without_python_is_none(tmp_path: Path) -> None:
    """It was begun, or its Python is gone."""
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")

    assert found(tmp_path, {}, FakeRunner()) is None


def test_poetry_is_asked_where_the_checkout_is_its(tmp_path: Path) -> None:
    """Without the environment of ours, which is activated."""
    poetry = program(tmp_path / "bin" / "poetry")
    python = program(tmp_path / "elsewhere" / "bin" / "python")
    runner = FakeRunner().answer("poetry env info", f"{python}\n")
    runner.answer(f"env -u VIRTUAL_ENV {poetry} --directory {tmp_path}", f"{python}\n")
    environ = {"PATH": str(tmp_path / "bin")}

    assert found(tmp_path, environ, runner) is None
    (tmp_path / "poetry.lock").touch()
    environment = found(tmp_path, environ, runner)

    assert environment is not None
    assert (environment.python, environment.origin) == (python, "poetry's for this checkout")
    assert f"poetry --directory {tmp_path} env use 3.11" in environment.replaced
    assert found(tmp_path, {"PATH": ""}, runner) is None


@pytest.mark.parametrize("said", ["", "python\n", "/nowhere/bin/python\n"])
def test_poetry_may_have_none(tmp_path: Path, said: str) -> None:
    """It says nothing then, or of one that is gone."""
    program(tmp_path / "bin" / "poetry")
    (tmp_path / "poetry.lock").touch()
    runner = FakeRunner().answer("env info", said, exit_code=int(not said))

    assert found(tmp_path, {"PATH": str(tmp_path / "bin")}, runner) is None


@pytest.mark.parametrize(("exit_code", "there"), [(0, True), (1, False)])
def test_a_package_is_asked_for_in_the_environment_itself(exit_code: int, *, there: bool) -> None:
    """By its own Python."""
    environment = Environment(python=Path("/e/bin/python"), origin="")
    runner = FakeRunner().answer("/e/bin/python -c pytest", exit_code=exit_code)

    assert has(environment, "pytest", runner) is there


def test_uv_may_keep_it_under_another_name(tmp_path: Path) -> None:
    """In the checkout, or elsewhere."""
    python = program(tmp_path / "of-uv" / "bin" / "python")
    environ = {"UV_PROJECT_ENVIRONMENT": "of-uv"}

    assert found(tmp_path, environ, FakeRunner()) is None
    (tmp_path / "pyproject.toml").touch()
    environment = found(tmp_path, environ, FakeRunner())

    assert environment is not None
    assert environment.python == python
    assert environment.origin == "uv's, by UV_PROJECT_ENVIRONMENT=of-uv"
    assert environment.replaced.startswith(f"uv sync --directory {tmp_path} --python 3.11")


@pytest.mark.parametrize("name", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_an_activated_one_is_the_last_choice(tmp_path: Path, name: str) -> None:
    """Where the checkout has none of its own."""
    python = program(tmp_path / "active" / "bin" / "python")
    environ = {name: str(tmp_path / "active")}

    environment = found(tmp_path, environ, FakeRunner())
    assert environment is not None
    assert (environment.python, environment.origin) == (python, f"the activated one, by {name}")
    assert environment.replaced.startswith("deactivate it, or activate one of Python 3.11")

    program(tmp_path / ".venv" / "bin" / "python")
    own = found(tmp_path, environ, FakeRunner())
    assert own is not None
    assert own.origin == "the checkout's own .venv"


def test_our_own_environment_is_not_taken_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`./dev` activates it, and it has nothing of MemOS."""
    program(tmp_path / "ours" / "bin" / "python")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "ours"))

    assert found(tmp_path, {"VIRTUAL_ENV": str(tmp_path / "ours")}, FakeRunner()) is None

"""An environment for MemOS' tests is made once, and anew for other packages."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.loop.made_environment import Packages, made
from scripts.machine.groups import BROUGHT
from tests.kit.fakes import FakeRunner, checkout

PACKAGES = Packages(wanted=("pytest", "openai>=1"), pinned=("openai==1.99",))


@pytest.fixture
def runner() -> FakeRunner:
    """Everything that is asked for works."""
    return FakeRunner().answer("")


def here(root: Path, runner: FakeRunner, said: list[str] | None = None) -> Checkout:
    """Return a checkout of ours on a machine without uv."""
    say = (said if said is not None else []).append
    return checkout(root, runner, {"PATH": str(root / "bin")}, say)


def program(file: Path) -> Path:
    """Make a program that nobody runs."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o755)
    return file


def test_pip_of_ours_makes_it_where_there_is_no_uv(tmp_path: Path, runner: FakeRunner) -> None:
    """With the packages that the stack runs on; it is told, for it takes a minute."""
    said: list[str] = []
    folder = tmp_path / "cache" / "one"

    environment = made(folder, PACKAGES, here(tmp_path, runner, said))

    install = f"{sys.executable} -m pip --python {folder}/venv/bin/python install"
    assert environment.python == folder / "venv" / "bin" / "python"
    assert runner.commands()[0] == f"{sys.executable} -m venv --without-pip {folder}/venv"
    assert runner.commands()[1].startswith(install)
    assert said == [f"making {folder}/venv with pip: 2 requirements"]
    assert (tmp_path / "cache" / "one" / "requirement.txt").read_text() == "pytest\nopenai>=1\n"
    assert (tmp_path / "cache" / "one" / "constraint.txt").read_text() == "openai==1.99\n"


def test_uv_makes_it_where_there_is_one(tmp_path: Path, runner: FakeRunner) -> None:
    """The user's own first, else the one that `dev` has brought."""
    brought = program(tmp_path / BROUGHT)
    made(tmp_path / "cache" / "one", PACKAGES, here(tmp_path, runner))
    own = program(tmp_path / "bin" / "uv")
    made(tmp_path / "cache" / "two", PACKAGES, here(tmp_path, runner))

    words = [command.split()[:3] for command in runner.commands()]
    assert words == [
        *(
            [str(uv), *after]
            for uv in (brought, own)
            for after in (["venv", "--quiet"], ["pip", "install"])
        )
    ]


def test_it_is_kept_until_other_packages_are_wanted(tmp_path: Path, runner: FakeRunner) -> None:
    """Another pin is another package; so is it when its Python is gone."""
    folder, at = tmp_path / "cache" / "one", here(tmp_path, runner)
    made(folder, PACKAGES, at)
    python = program(folder / "venv" / "bin" / "python")

    made(folder, PACKAGES, at)
    assert len(runner.calls) == 2

    made(folder, replace(PACKAGES, pinned=()), at)
    assert len(runner.calls) == 4
    assert not python.exists()
    made(folder, replace(PACKAGES, pinned=()), at)
    assert len(runner.calls) == 6


def test_one_that_could_not_be_filled_is_made_anew(tmp_path: Path, runner: FakeRunner) -> None:
    """What the installer said is kept, and its last words are told."""
    folder, at = tmp_path / "cache" / "one", here(tmp_path, runner)
    runner.answer("pip install", stderr="looking\nerror: no such package: openai\n", exit_code=1)

    for calls in (2, 4):
        with pytest.raises(RefusedError, match="no such package: openai") as raised:
            made(folder, PACKAGES, at)
        log = tmp_path / "cache" / "one" / "install.log"
        assert f"read {log}" in raised.value.next_step
        assert log.read_text().startswith("looking")
        assert len(runner.calls) == calls

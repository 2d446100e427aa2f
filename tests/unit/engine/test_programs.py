"""Where `docker compose` comes from when no engine has brought it."""

from pathlib import Path

import pytest

from scripts.engine.places import places
from scripts.engine.private import programs
from tests.kit.fakes import FakeRunner, checkout, no_program

ENVIRON = {"PATH": "/usr/bin"}


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return the list in which each fetch is noted; none is there yet."""
    found: list[Path] = []

    monkeypatch.setattr(programs, "bring", lambda here: found.append(here.root))
    monkeypatch.setattr(programs, "present", lambda *_: bool(found))
    return found


def have(root: Path, runner: FakeRunner) -> object:
    """Return the environment in which Compose is found."""
    return programs.have(checkout(root, runner, ENVIRON))


def test_compose_that_is_there_is_used_as_it_is(
    tmp_path: Path, runner: FakeRunner, fetched: list[Path]
) -> None:
    """Nothing is fetched, and nothing added to the environment."""
    runner.answer("compose version", "2.26.1\n")

    assert have(tmp_path, runner) == {}
    assert fetched == []


@pytest.mark.parametrize("missing", ["docker", "plugin"])
def test_without_compose_the_private_engines_programs_do(
    tmp_path: Path, runner: FakeRunner, fetched: list[Path], missing: str
) -> None:
    """There may be no docker, or one without the plugin; they are fetched once, not started."""
    if missing == "docker":
        runner.fail("compose version", no_program("docker"))
    else:
        runner.answer("compose version", stderr="no such command", exit_code=1)

    first = have(tmp_path, runner)

    assert first == have(tmp_path, runner)
    assert fetched == [tmp_path]
    assert isinstance(first, dict)
    assert first["PATH"] == f"{places(tmp_path).docker.parent}:/usr/bin"
    assert all(command.endswith("version --short") for command in runner.commands())

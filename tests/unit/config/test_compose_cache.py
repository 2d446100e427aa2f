"""What Compose resolved is kept exactly as long as it could not resolve to something else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.config import compose_cache
from scripts.config.compose import Compose
from tests.kit.fakes import FakeRunner

Change = Callable[[Path, dict[str, str]], object]


def fingerprint(folder: Path, environ: dict[str, str]) -> str:
    """Return the fingerprint of the files in a folder."""
    composed = Compose(
        files=(folder / "docker-compose.yml",),
        env_file=folder / ".env",
        env={"DOCKER_HOST": "unix:///run/docker.sock"},
        runner=FakeRunner(),
    )
    return compose_cache.fingerprint(composed, environ)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A compose file with a variable, and settings with another one."""
    (tmp_path / "docker-compose.yml").write_text("services: {a: {image: 'a:${TAG:-1}'}}")
    (tmp_path / ".env").write_text("PORT=${BASE}1\n")
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        lambda at, _: (at / "docker-compose.yml").write_text("services: {}"),
        lambda at, _: (at / "docker-compose.yml").unlink(),
        lambda at, _: (at / ".env").write_text("PORT=2\n"),
        lambda _, env: env.update(TAG="2"),
        lambda _, env: env.update(BASE="80"),
        lambda _, env: env.update(COMPOSE_PROFILES="x"),
        lambda at, env: env.update(DOCKER_CONFIG=str(at)),
        lambda at, env: env.update(PATH=str(at)),
    ],
    ids=["file", "no file", "settings", "variable", "of .env", "compose", "docker", "program"],
)
def test_what_compose_would_see_is_noticed(folder: Path, change: Change) -> None:
    """A file's contents, a variable that one names, and the programs themselves."""
    program = folder / "docker"
    program.touch(mode=0o755)
    environ = {"PATH": "/nowhere", "HOME": str(folder)}
    before = fingerprint(folder, environ)

    change(folder, environ)

    assert fingerprint(folder, environ) != before


def test_the_rules_are_those_of_every_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module or schema that changes in a folder below reads the file anew."""
    assert {"resolved.py", "stack.schema.json"} <= {file.name for file in compose_cache.rules()}
    rule = tmp_path / "rules" / "below" / "rule.py"
    rule.parent.mkdir(parents=True)
    rule.touch()
    monkeypatch.setattr(compose_cache, "RULES", (tmp_path / "rules",))
    before = fingerprint(folder, {})
    rule.write_text("changed = True")

    assert list(compose_cache.rules()) == [rule]
    assert fingerprint(folder, {}) != before


def test_what_compose_does_not_see_is_no_change(folder: Path) -> None:
    """Another shell has another SHLVL; a file that is touched says the same as before."""
    before = fingerprint(folder, {"SHLVL": "1", "PATH": "/one/shell"})
    (folder / ".env").write_text("PORT=${BASE}1\n")

    assert fingerprint(folder, {"SHLVL": "2", "PATH": "/another/shell"}) == before


def test_it_is_kept_for_its_inputs_alone_and_for_its_owner(tmp_path: Path) -> None:
    """It holds passwords."""
    compose_cache.keep(tmp_path / "stack", "one", "name: t\n", {"name": "t"})

    assert compose_cache.read(tmp_path / "stack", "one") == ("name: t\n", {"name": "t"})
    assert compose_cache.read(tmp_path / "stack", "two") is None
    assert (tmp_path / "stack" / compose_cache.FILE).stat().st_mode & 0o077 == 0
    assert [file.name for file in (tmp_path / "stack").iterdir()] == [compose_cache.FILE]


def test_files_are_approved_until_they_or_the_rules_change(folder: Path, tmp_path: Path) -> None:
    """Whatever Compose resolves them to now; nothing is approved that was not kept."""
    files = [folder / "docker-compose.yml"]
    stack = tmp_path / "stack"
    assert not compose_cache.approved(stack, files)

    compose_cache.keep(stack, "one", "", {}, written=compose_cache.written(files))
    assert compose_cache.approved(stack, files)

    files[0].write_text("services: {}")
    assert not compose_cache.approved(stack, files)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"inputs": "one"}'])
def test_what_somebody_else_wrote_there_is_not_taken(tmp_path: Path, text: str) -> None:
    """Compose is asked instead."""
    (tmp_path / compose_cache.FILE).write_text(text)

    assert compose_cache.read(tmp_path, "one") is None


def test_where_nothing_can_be_kept_compose_is_asked_each_time(tmp_path: Path) -> None:
    """A cache that cannot be written is no reason to fail."""
    (tmp_path / "file").touch()
    compose_cache.keep(tmp_path / "file" / "stack", "one", "", {})

    assert compose_cache.read(tmp_path / "file" / "stack", "one") is None

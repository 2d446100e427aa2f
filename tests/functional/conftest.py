"""What stands in for the world in functional tests: an engine on a socket, a docker on PATH."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.engine.api import Api
from tests.kit.fake_engine import FakeEngine
from tests.kit.servers import unix


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine that has nothing; what a test wants of another it says by a fixture."""
    return FakeEngine({})


@pytest.fixture
def api(engine: FakeEngine, tmp_path: Path) -> Iterator[Api]:
    """Return the way to the engine, over a socket in a temporary folder."""
    with unix(engine.respond, tmp_path / "engine.sock") as endpoint:
        yield Api(endpoint, timeout=10)


@pytest.fixture
def fake_docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a `docker` on PATH, made from the lines of a shell script.

    It gives the folder of the script; each call's words are added to `calls` there.
    """
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(script: str) -> Path:
        file = folder / "docker"
        file.write_text(f'#!/bin/sh\nhere={folder}\necho "$*" >> $here/calls\n{script}\n')
        file.chmod(0o755)
        return folder

    return write

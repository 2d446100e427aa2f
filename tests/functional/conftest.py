"""What stands in for the world in functional tests: an engine on a socket, a docker on PATH."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.engine.api import Api
from tests.kit.checkout import Checkout, services
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


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Run the stack's services as a process; give their ports."""
    with services() as ports:
        yield ports


@pytest.fixture
def kind() -> type[Checkout]:
    """Return what the checkout is; where its stack keeps data, a module says so."""
    return Checkout


@pytest.fixture
def at(
    kind: type[Checkout],
    tmp_path: Path,
    ports: list[int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Checkout]:
    """Return a checkout on which `inv` works, and nothing of this machine's own settings."""
    checkout = kind(tmp_path, ports)
    checkout.enter(monkeypatch, capsys)
    yield checkout
    checkout.close()

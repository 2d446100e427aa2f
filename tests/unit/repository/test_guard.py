"""The guard of unit tests holds: nothing of the world is within reach."""

import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.core.polling import poll
from scripts.core.process import run


def _look() -> None:
    for _ in poll(lambda: None, timeout=60, interval=1):
        pass


@pytest.mark.parametrize(
    "reach",
    [
        lambda: subprocess.run(["true"], check=False),
        lambda: run(["true"]),
        lambda: socket.create_connection(("127.0.0.1", 9)),
        lambda: socket.socket().bind(("127.0.0.1", 0)),
        lambda: time.sleep(1),
        _look,
    ],
    ids=["subprocess", "sh", "connect", "bind", "sleep", "poll"],
)
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_reaching_for_the_world_fails_the_test(reach: Callable[[], object]) -> None:
    """Whichever way: a process, a socket, or waiting in real time."""
    with pytest.raises(pytest.fail.Exception, match="a unit test"):
        reach()


def test_the_users_environment_is_not_seen() -> None:
    """A DOCKER_HOST or a password in the shell changes no result."""
    assert {name for name in os.environ if name.startswith(("DOCKER", "COMPOSE", "NEO4J"))} == set()
    assert not Path(os.environ["HOME"]).exists()

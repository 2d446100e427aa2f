"""Unit tests reach nothing: no process, no socket, no sleep, an empty environment."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from scripts.core import polling

# a busy machine is no failure: nothing here is about time
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")
FORBIDDEN = (
    *("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec"),
    *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"),
)
"""Audit events (https://docs.python.org/3/library/audit_events.html)."""
KEPT = ("PATH", "LANG", "TMPDIR", "PYTEST", "COV")
"""How the names of variables begin that a test may see."""
_guarded = [False]


def _audit(event: str, details: tuple[object, ...]) -> None:
    if _guarded[0] and event in FORBIDDEN:
        pytest.fail(f"a unit test reached for the world: {event} {details}")


def _sleep(seconds: float) -> None:
    pytest.fail(f"a unit test slept for {seconds} s")


@pytest.fixture(scope="session")
def audited() -> None:
    """Install one hook, switched on and off: there is no way to remove it.

    Not before the first unit test: while a hook in Python runs, Python 3.11 lets no second thread
    begin under coverage ("Cannot install a trace function while another …"), and functional tests
    have many.
    """
    sys.addaudithook(_audit)


@pytest.fixture(autouse=True)
def nothing_of_the_world(
    audited: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Make processes, sockets and sleeping fail the test, and leave an almost empty environment."""
    del audited
    for name in [name for name in os.environ if not name.startswith(KEPT)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(time, "sleep", _sleep)
    defaults = polling.poll.__kwdefaults__ or {}
    monkeypatch.setitem(defaults, "sleep", _sleep)  # was bound when poll was defined
    _guarded[0] = True
    yield
    _guarded[0] = False

"""A lock whose holder stands still: Ctrl-Z in another terminal."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.core.errors import RefusedError
from scripts.core.files import LOCK, held, holder
from scripts.core.polling import poll
from tests.kit.fakes import raising


def test_a_holder_that_was_stopped_is_told_with_what_lets_it_go_on(tmp_path: Path) -> None:
    """To wait for it would be for ever."""
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(words) as other, held(tmp_path, "up"):
        try:
            (tmp_path / "lock").write_text(f"inv up, pid {other.pid}\n")
            os.kill(other.pid, signal.SIGSTOP)
            stat = Path(f"/proc/{other.pid}/stat")
            for state in poll(lambda: stat.read_text().split()[2], timeout=5, interval=0.01):
                if state == "T":
                    break
            with pytest.raises(RefusedError) as caught, held(tmp_path, "down"):
                pass
        finally:
            other.kill()

    assert f"inv up, pid {other.pid}, which is stopped (Ctrl-Z)" in str(caught.value)
    assert f"kill -CONT {other.pid}" in caught.value.next_step


def test_who_holds_a_lock_can_be_asked_without_taking_it(tmp_path: Path) -> None:
    """Whoever begins meanwhile waits for nobody; one that was killed has left its name."""
    assert holder(tmp_path) == ""

    with held(tmp_path, "restart"):
        assert holder(tmp_path) == f"inv restart, pid {os.getpid()}"

    assert holder(tmp_path) == ""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    (tmp_path / LOCK).write_text(f"inv up, pid {ended.pid}\n")
    assert holder(tmp_path) == ""


def test_a_lock_of_another_user_is_somebodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it does cannot be read, or its process not be asked."""
    (tmp_path / LOCK).write_text("inv up, pid 1\n")
    monkeypatch.setattr(os, "kill", raising(PermissionError()))

    assert holder(tmp_path) == "somebody"

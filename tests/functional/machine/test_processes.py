"""Real processes: whether one is the same, what it uses, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from scripts.machine import processes

DEAF = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1); time.sleep(60)"
)
WITH_CHILD = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-u", "-c", {DEAF!r}], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def running(script: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a script in Python until it has printed a line; it is gone afterwards."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True
    ) as found:
        assert found.stdout is not None
        line = found.stdout.readline().strip()
        try:
            yield found, line
        finally:
            found.kill()


def alive(pid: int) -> bool:
    """Say whether a process of this number is there."""
    return processes.birth(pid) != ""


def test_a_process_keeps_the_words_for_its_beginning_until_it_ends() -> None:
    """By which it is told from the next one of its number; one that has ended has none."""
    with running("print(1); import time; time.sleep(60)") as (found, _):
        born = processes.birth(found.pid)
        assert born == processes.birth(found.pid) != ""
        assert processes.birth(os.getpid()) != ""
        found.kill()
        os.waitid(os.P_PID, found.pid, os.WEXITED | os.WNOWAIT)  # nobody has heard of its end
        assert processes.birth(found.pid) == ""

    assert processes.birth(found.pid) == ""


def test_its_beginning_is_a_moment_of_this_day() -> None:
    """The seconds since 1970, as `inv ps` tells its age."""
    with running("print(1); import time; time.sleep(60)") as (found, _):
        parent = processes.began(os.getpid())
        assert 0 < parent <= processes.began(found.pid)
    assert processes.began(found.pid) == 0


def test_what_it_uses_is_counted_with_its_children() -> None:
    """Some megabytes each, and CPU since they began."""
    with running(WITH_CHILD) as (found, child):
        both = processes.family(found.pid)
        assert both == (found.pid, int(child))
        used, alone = processes.used(both), processes.used([found.pid])
        assert used is not None
        assert alone is not None
        assert used[0] > alone[0] > 1 << 20
        assert used[1] > 0
        os.kill(int(child), signal.SIGKILL)
    assert processes.used([found.pid]) is None


@pytest.mark.parametrize("script", [DEAF, WITH_CHILD], ids=["deaf", "with a deaf child"])
def test_what_does_not_end_when_asked_is_ended_with_its_children(script: str) -> None:
    """After its time; nothing of it is left."""
    with running(script) as (found, line):
        family = processes.family(found.pid)

        processes.end(found.pid, grace=0.3)

        found.wait()
        assert line
        assert not any(map(alive, family))


@pytest.mark.parametrize("script", [DEAF, WITH_CHILD], ids=["deaf", "with a deaf child"])
def test_what_is_stopped_alone_leaves_what_it_has_started(script: str) -> None:
    """A server ends, what it was asked to do goes on."""
    with running(script) as (found, line):
        processes.stop(found.pid, grace=0.3)

        assert found.wait() in {-signal.SIGTERM, -signal.SIGKILL}
        if script is WITH_CHILD:
            assert alive(int(line))
            os.kill(int(line), signal.SIGKILL)
        processes.stop(found.pid, grace=0.1)


def test_to_end_what_has_ended_is_no_error() -> None:
    """It may end between the look and the call."""
    with running("print(1)") as (found, _):
        found.wait()
        processes.end(found.pid, grace=0.1)

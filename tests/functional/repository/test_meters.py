"""What `nox -s bench` counts as our own process while it waits, and what it does not."""

import os
import sys
from pathlib import Path

from tests.bench import meters

WAITS = """
import subprocess, sys, time
hoard = "bytes(bytearray(b'x') * 150_000_000)"
subprocess.run([sys.executable, "-c", hoard], check=True)
def work():
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
work()
print("started: the first", flush=True)
time.sleep(0.3)
print("started: the last", flush=True)
time.sleep(0.3)
print("ready", flush=True)
work()
"""


def test_only_the_waiting_counts_and_only_the_memory_of_the_process_itself(tmp_path: Path) -> None:
    """Neither what it does before the first start, nor its end, nor what a child of it held."""
    argv = [sys.executable, "-c", WAITS]
    cost = meters.run(argv, cwd=tmp_path, env=os.environ, mark="started")

    assert cost.waiting < 30
    assert 5 < cost.memory < 100


def test_without_a_mark_nothing_of_the_process_itself_is_metered(tmp_path: Path) -> None:
    """Plain Compose says nothing that could be one."""
    cost = meters.run([sys.executable, "-c", "print(1)"], cwd=tmp_path, env=os.environ)

    assert (cost.waiting, cost.memory) == (0.0, 0.0)

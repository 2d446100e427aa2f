"""The network in which several machines are tried is one, and nothing is left of it."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machines.network import Node, lab, network
from tests.kit.places import ROOT

pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("ip") is None, reason="it takes root, and iproute2"
    ),
]
CALL = """
import socket, sys, time
begun = time.monotonic()
try:
    socket.create_connection((sys.argv[1], 1), timeout=1.0)
except ConnectionRefusedError:
    print(time.monotonic() - begun)
except OSError:
    print("nobody")
"""
ENDLESS = """
import os, pathlib
from tests.e2e.machines.network import lab, network
with lab() as folder, network(folder, "one") as (one,):
    print(one.pid, folder, flush=True)
    os.kill(os.getpid(), 9)
"""


@pytest.fixture(scope="module")
def nodes() -> Iterator[tuple[Node, ...]]:
    """Two machines."""
    with lab() as folder, network(folder, "one", "two") as nodes:
        yield nodes


def called(one: Node, two: Node) -> str:
    """Return how many seconds the other takes to refuse a call, or that nobody does."""
    return one.run(sys.executable, "-c", CALL, two.address).stdout.strip()


def test_a_node_answers_while_its_cable_is_in(nodes: tuple[Node, ...]) -> None:
    """Also after it was out."""
    one, two = nodes
    with two.unplugged():
        assert called(one, two) == "nobody"
    assert called(one, two) != "nobody"


def test_a_slow_cable_is_as_slow_as_it_is_told(nodes: tuple[Node, ...]) -> None:
    """Some of each way."""
    one, two = nodes
    called(one, two)  # who has the address is asked once
    with two.delayed(200):
        called(one, two)
        assert float(called(one, two)) >= 0.2


def test_it_sees_itself_only(nodes: tuple[Node, ...]) -> None:
    """Neither the interfaces, nor the processes of this machine, which has no address there."""
    one, _ = nodes
    assert one.run("sh", "-c", "hostname; ls /sys/class/net").stdout.split() == [
        "one",
        "eth0",
        "lo",
    ]
    assert one.run(sys.executable, "-c", "import os; print(os.getppid())").stdout == "0\n"
    here = subprocess.run(["ip", "addr"], capture_output=True, text=True, check=True).stdout
    assert one.address not in here


def test_nothing_outlives_who_was_killed() -> None:
    """What a node runs ends with it; its folder goes when the next lab is made."""
    killed = subprocess.run(
        [sys.executable, "-c", ENDLESS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pid, folder = killed.stdout.split()
    for _ in range(50):
        if not Path("/proc", pid).exists():
            break
        time.sleep(0.1)
    assert not Path("/proc", pid).exists()
    with lab():
        assert not Path(folder).exists()

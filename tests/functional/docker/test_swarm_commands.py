"""Commands that wait for their neighbours, where a Swarm starts all at once."""

import re
import socket
import subprocess
from contextlib import ExitStack
from typing import Any

import pytest

from scripts.config.rules.text import parse
from tests.kit.places import ROOT

BASE = ROOT / "docker" / "docker-compose.yml"
WRITTEN: Any = parse(BASE.read_text(encoding="utf-8"), BASE.name)
SERVICES: dict[str, Any] = WRITTEN["services"]
WAITING = [name for name in SERVICES if "x-swarm-command" in SERVICES[name]]
ADDRESS = re.compile(r"/dev/tcp/[\w.-]+/\d+")
PATIENCE = 30.0
"""Seconds for what waits a second at a time."""


@pytest.mark.parametrize("name", WAITING)
def test_it_begins_what_it_is_for_once_all_are_there(name: str) -> None:
    """And not while one of them is still missing."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(2)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))  # nobody listens yet
        ports = iter(one.getsockname()[1] for one in sockets)
        *words, _, _, _ = (
            str(word).replace("$$", "$") for word in SERVICES[name]["x-swarm-command"]
        )
        script, count = ADDRESS.subn(lambda _: f"/dev/tcp/127.0.0.1/{next(ports)}", words[2])
        assert count == len(sockets)
        argv = [*words[:2], script, *words[3:], "echo", "begun"]
        waiting = held.enter_context(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True))
        held.callback(waiting.kill)
        sockets[0].listen()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(0.3)
        sockets[1].listen()

        assert waiting.communicate(timeout=PATIENCE)[0] == "begun\n"


def test_who_needs_others_waits_for_them() -> None:
    """By its own entry point, by such a command, or because it asks them only when it is asked."""
    waits = {name for name in SERVICES if SERVICES[name].get("x-start") == "early"} | {*WAITING}

    needing = {name for name in SERVICES if SERVICES[name].get("depends_on")}
    assert needing - waits == {"attu"}


def test_its_end_is_the_command_that_it_takes_the_place_of() -> None:
    """Word by word."""
    for name in WAITING:
        command = SERVICES[name]["command"]
        assert SERVICES[name]["x-swarm-command"][-len(command) :] == command

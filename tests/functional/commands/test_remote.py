"""An engine on another machine, as it is used: with an ssh that goes nowhere."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.core.polling import poll, until_none
from scripts.engine.remote import keeper, link
from scripts.engine.remote import state as states
from scripts.engine.remote.address import noted
from scripts.engine.remote.state import Forward, Phase, State
from scripts.machine import processes, program
from tests.kit.checkout import Checkout
from tests.kit.fake_ssh import FakeSsh

PATIENCE = 20.0


@pytest.fixture
def ssh(at: Checkout, tmp_path: Path) -> Iterator[FakeSsh]:
    """Let the engine of the checkout be on another machine, which `far` leads to."""
    found = FakeSsh(at.folder / "bin")
    at.patch.setattr(program, "PROGRAM", at.program())
    at.patch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    at.patch.setenv("REMOTE", f"far{at.socket}")
    yield found
    at.inv("remote", "--close")


def test_what_looks_opens_the_link_and_down_ends_it(at: Checkout, ssh: FakeSsh) -> None:
    """One process of ssh for all of it; the ports of this machine are told as taken."""
    assert at.inv("ps", "--format", "json") == 0
    shown = at.shown()
    assert f"opening the link to ssh://far{at.socket}" in shown.err
    assert at.inv("ps") == 0
    assert len(ssh.calls("-N")) == 1
    at.shown()

    for document in poll(lambda: _link(at), timeout=PATIENCE, interval=0.05):
        if document["ports"]:
            break
    assert document["state"] == "open"
    assert document["engine"].startswith("26.1.5")
    # the services of this test run on this very machine
    assert all(port["error"].startswith("taken here by ") for port in document["ports"])
    assert at.inv("remote") == 0
    assert "state       open, since" in at.shown().out

    at.state["containers"] = {}
    at.close()
    assert at.inv("down") == 0
    assert f"the link to far{at.socket} is closed" in at.shown().err
    assert _link(at)["state"] == "closed"


def test_a_keeper_that_was_killed_leaves_nothing_in_the_way(at: Checkout, ssh: FakeSsh) -> None:
    """Its ssh is ended by the next one; and a link is closed that the settings name no longer."""
    assert at.inv("ps") == 0
    at.shown()
    pid = _link(at)["pid"]
    os.kill(pid, signal.SIGKILL)
    until_none(lambda: _link(at)["state"] != "closed", timeout=PATIENCE, interval=0.05)

    assert at.inv("ps") == 0
    assert "opening the link" in at.shown().err
    assert len(ssh.calls("-N")) == 2
    assert _link(at)["pid"] not in {pid, None}

    at.patch.setenv("REMOTE", "")
    assert at.inv("remote", "--close") == 0
    assert f"the link to ssh://far{at.socket} is closed" in at.shown().err


def _link(at: Checkout) -> dict[str, Any]:
    assert at.inv("remote", "--format", "json") == 0
    found: dict[str, Any] = at.document("remote")
    return found


def test_a_link_can_be_held_in_the_foreground(at: Checkout, ssh: FakeSsh) -> None:
    """What `inv up` has done beside itself, to see what it says; here until nobody needs it."""
    at.patch.setattr(keeper, "IDLE", 0.0)
    at.state["containers"] = {}

    assert at.inv("remote", "--keep", f"far{at.socket}") == 0
    assert len(ssh.calls("-N")) == 1
    assert at.inv("remote", "--keep", "-far") == 2
    assert "--keep is '-far', which is no address for ssh" in at.shown().err


def test_a_keeper_that_cannot_even_begin_is_told_with_its_own_words(
    at: Checkout, ssh: FakeSsh
) -> None:
    """Nobody waits for a link that it would open."""
    del ssh
    broken = ["sh", "-c", "echo 'error: no module named remote' >&2; exit 1"]
    at.patch.setattr(program, "PROGRAM", broken)
    at.patch.setattr(link, "PATIENCE", 1e6)

    assert at.inv("ps") == 4
    shown = at.shown().err
    assert f"the link to ssh://far{at.socket} is not there: no module named remote" in shown
    assert "next: read " in shown


def test_without_a_remote_engine_there_is_no_link(at: Checkout) -> None:
    """And nothing is opened or closed."""
    assert at.inv("remote", "--format", "json") == 0
    assert at.document("remote") == {"address": "", "state": "none", "others": []}
    assert at.inv("remote") == 0
    assert "REMOTE=USER@HOST in .env names another" in at.shown().out
    assert at.inv("remote", "--close") == 0
    assert "no link was open" in at.shown().err


def test_links_that_are_not_of_the_engine_are_shown_beside_it(at: Checkout) -> None:
    """Those to the nodes of a Swarm, by ssh and without."""
    pid = os.getpid()
    for written in ("me@two.example", "unix:///run/docker.sock"):
        address = noted(written)
        open_ = State(
            address=str(address),
            phase=Phase.OPEN,
            since=0,
            root=str(at.root),
            pid=pid,
            started=processes.birth(pid),
            forwards=(Forward(port=8000, service="memos"),),
        )
        states.write(states.folder(at.root, address), open_)

    assert at.inv("remote", "--format", "json") == 0
    found = at.document("remote")
    assert found["address"] == ""
    assert {one["address"] for one in found["others"]} == {
        "ssh://me@two.example",
        "unix:///run/docker.sock",
    }
    assert {one["ports"][0]["service"] for one in found["others"]} == {"memos"}
    assert at.inv("remote") == 0
    told = at.shown().out
    assert "ssh://me@two.example" in told
    assert "unix:///run/docker.sock, without ssh" in told


def test_a_wrong_address_keeps_nobody_from_closing_links(at: Checkout) -> None:
    """What only opens a link is not asked for."""
    at.patch.setenv("REMOTE", "no address")
    assert at.inv("remote") == 2
    assert at.inv("remote", "--close") == 0


@pytest.mark.parametrize(
    ("line", "code", "told", "step"),
    [
        ("Host key verification failed.", 2, "ssh does not know the key of far", "ssh far"),
        ("me@far: Permission denied (publickey).", 2, "does not let us in", "ssh-copy-id"),
        ("ssh: connect to host far port 22: Connection refused", 3, "is not reached", "ssh far"),
    ],
)
def test_what_ssh_refuses_ends_each_command_before_anything_is_done(
    at: Checkout, ssh: FakeSsh, line: str, code: int, told: str, step: str
) -> None:
    """With one message and what to do; no other engine is taken instead."""
    ssh.refuse(line)

    for words in (["up"], ["ps"], ["down"]):
        assert at.inv(*words) == code
        shown = at.shown().err
        assert shown.count("error: ") == 1
        assert told in shown
        assert step in shown.partition("next: ")[2]
    assert at.calls() == []


def test_a_remote_that_is_no_address_means_no_other_engine(at: Checkout) -> None:
    """Also for what only looks, or stops."""
    at.patch.setenv("REMOTE", "-oProxyCommand=touch")

    for words in (["ps"], ["down"], ["remote"], ["engine.env"]):
        assert at.inv(*words) == 2
        assert "REMOTE is '-oProxyCommand=touch'" in at.shown().err


def test_the_engine_of_docker_host_is_reached_the_same_way(at: Checkout, ssh: FakeSsh) -> None:
    """REMOTE is one of three ways to name it; a shell that `engine.env` was read in is the same."""
    at.patch.delenv("REMOTE")
    at.patch.setenv("DOCKER_HOST", f"ssh://far{at.socket}")

    assert at.inv("engine.env") == 0
    (line,) = at.shown().out.splitlines()
    at.patch.setenv("DOCKER_HOST", line.removeprefix("export DOCKER_HOST="))
    assert at.inv("engine.status") == 0
    assert f"at ssh://far{at.socket} (yours)" in at.shown().out
    assert len(ssh.calls("-N")) == 1

    assert at.inv("remote", "--close") == 0
    assert at.inv("engine.status") == 0  # the shell still has it
    assert len(ssh.calls("-N")) == 2


def test_doctor_tells_how_the_link_is(at: Checkout, ssh: FakeSsh) -> None:
    """Beside the version of the engine."""
    assert at.inv("doctor", "--format", "json") in {0, 5}
    areas = {one["area"]: one["detail"] for one in at.document("doctor")["areas"]}
    assert f"(far{at.socket})" in areas["engine"]
    assert "the link by ssh is open since" in areas["engine"]
    assert len(ssh.calls("-N")) == 1

"""`inv up --debug`: what differs for one start, what is told of it, and what it must not touch."""

import pytest

from tests.kit import servers
from tests.kit.changes import put
from tests.kit.checkout import Checkout

LABEL = "dev.memos.debugger"
OVERLAY = "docker-compose.debug.yml"


def asked(at: Checkout) -> str:
    """Return the last of what docker was asked, with all files."""
    return (at.folder / "calls").read_text().splitlines()[-1]


def test_a_debugger_is_there_for_one_start(at: Checkout) -> None:
    """Its compose file lies over the others then, and where it attaches is told."""
    assert at.inv("up", "--debug", "--timeout", "20") == 0

    told = at.shown().err
    assert "a debugger attaches to 127.0.0.1:5678 (docs/debugger.md)" in told
    assert "the environment beats" not in told  # a flag is not the environment
    assert f"{OVERLAY} --progress" in asked(at)
    assert "MEMOS_DEBUG" not in at.env_file.read_text()

    assert at.inv("up", "--timeout", "20") == 0
    assert "debugger" not in at.shown().err
    assert OVERLAY not in asked(at)


def test_a_variable_keeps_it(at: Checkout) -> None:
    """With another port, too; it is on loopback whatever the others listen on."""
    put("MEMOS_DEBUG", "yes")(at)
    put("MEMOS_DEBUG_PORT", "6001")(at)
    put("BIND_ADDRESS", "127.0.0.2")(at)

    assert at.inv("up", "--timeout", "20") == 0
    assert "a debugger attaches to 127.0.0.1:6001 (docs/debugger.md)" in at.shown().err
    assert OVERLAY in asked(at)


def test_a_port_that_is_taken_is_told_with_its_variable(at: Checkout) -> None:
    """Before anything is touched, as of all other ports."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")
    with servers.tcp(servers.silent) as port:
        put("MEMOS_DEBUG_PORT", str(port))(at)
        published = {"target": 5678, "published": str(port), "host_ip": "127.0.0.1"}
        at.config["services"]["memos"]["ports"].append({**published, "protocol": "tcp"})

        assert at.inv("up", "--debug") == 5

    told = at.shown().err
    assert f"memos: port {port} is taken by" in told
    assert "give MEMOS_DEBUG_PORT another port" in told
    assert not any("create" in call for call in at.calls())


@pytest.mark.parametrize("value", ["true", "on"])
def test_another_word_than_yes_or_no_is_refused(at: Checkout, value: str) -> None:
    """It opens a door, so nobody shall guess."""
    put("MEMOS_DEBUG", value)(at)

    assert at.inv("up") == 2
    assert f"MEMOS_DEBUG is '{value}', wanted yes or no" in at.shown().err


def test_whoever_looks_is_told_while_it_is_on(at: Checkout) -> None:
    """The container says so itself, as the settings know nothing of one start's flag."""
    at.state["containers"]["id-memos"]["Config"]["Labels"][LABEL] = "127.0.0.1:5678"

    assert at.inv("ps", "--format", "json") == 0
    rows = {row["service"]: row["debugger"] for row in at.document("ps")["services"]}
    assert {name for name, where in rows.items() if where} == {"memos"}

    assert at.inv("doctor") == 0
    assert "a debugger may attach to it at 127.0.0.1:5678, without any login" in at.shown().out

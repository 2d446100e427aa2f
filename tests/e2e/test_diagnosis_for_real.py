"""What `inv doctor` finds on a real engine."""

import json
import socket
import sys

import pytest

from scripts.config.rules import schema
from tests.e2e.kit.checkout import Checkout

pytestmark = pytest.mark.docker


def test_a_healthy_stack_has_no_fatal_finding(running: Checkout) -> None:
    """Exit code 0; every login was tried for real, and a wrong one was rejected."""
    document = running.inv("doctor", "--format", "json").document
    assert schema.validate(document, "doctor") == ()
    assert [one for one in document["findings"] if one["fatal"]] == []


def test_a_taken_port_is_found_without_a_stack(other: Checkout) -> None:
    """Exit code 5, the port, its holder and the variable; nothing was started."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", int(other.values()["MEMOS_PORT"])))
        holder.listen()
        ran = other.inv("doctor", "--format", "json", check=False)
    fatal = [one for one in ran.document["findings"] if one["fatal"]]
    assert (ran.exit_code, [one["code"] for one in fatal]) == (5, ["port-taken"])
    assert "MEMOS_PORT" in fatal[0]["next_step"]
    assert other.left() == []


def test_without_the_named_engine_it_says_so_and_goes_on(stack: Checkout) -> None:
    """A DOCKER_HOST where nobody answers is fatal, and `.env` is still judged."""
    nobody = {"DOCKER_HOST": "tcp://127.0.0.1:9"}
    words = [sys.executable, "-m", "scripts.commands.program", "doctor", "--format", "json"]
    ran = stack.run(words, env=nobody, check=False)
    codes = {one["code"] for one in json.loads(ran.stdout)["findings"] if one["fatal"]}
    assert (ran.exit_code, codes) == (5, {"engine-unusable"})
    assert "Traceback" not in ran.stderr

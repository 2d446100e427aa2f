"""`inv wait`: for scripts that begin after somebody else's `inv up`."""

import json

import pytest

from tests.kit.checkout import Checkout
from tests.kit.fakes import raising


def test_what_answers_is_not_waited_for(at: Checkout) -> None:
    """As `inv up` means ready; nothing is started, and docker is asked for nothing else."""
    assert at.inv("wait", "--service", "memos") == 0

    assert "waiting for memos, 300 s at most" in at.shown().err
    assert [call for call in at.calls() if call.split()[0] in {"up", "create", "start"}] == []


def test_programs_get_the_events_of_a_start(at: Checkout) -> None:
    """The result is the last line."""
    assert at.inv("wait", "--format", "json") == 0

    events = [json.loads(line) for line in at.shown().out.splitlines()]
    assert {one["service"] for one in events if one["event"] == "ready"} == set(
        at.config["services"]
    )
    assert (events[-1]["verdict"], events[-1]["exit_code"]) == ("ready", 0)


@pytest.mark.parametrize("state", ["absent", "exited", "created"])
def test_what_has_yet_to_come_is_waited_for(at: Checkout, state: str) -> None:
    """Until time is up: then it is told how it is, and who might have forgotten what."""
    if state == "absent":
        del at.state["containers"]["id-etcd"]
    else:
        at.state["containers"]["id-etcd"] = at.container("etcd", state)

    assert at.inv("wait", "--service", "etcd", "--timeout", "0.2") == 6

    shown = at.shown().err
    how = "no container" if state == "absent" else state
    assert f"error: time is up: etcd: {how}" in shown
    assert "next: inv ps shows how they are; inv up starts them" in shown


def test_waiting_ends_at_once_where_it_cannot_help(at: Checkout) -> None:
    """With the cause and the next step."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "paused")

    assert at.inv("wait", "--timeout", "600") == 5

    shown = at.shown().err
    assert "etcd: it is paused" in shown
    assert "inv restart --service etcd" in shown


def test_without_an_engine_nothing_can_be_waited_for(at: Checkout) -> None:
    """3, as everywhere; JSON has its last line all the same."""
    at.patch.setenv("DOCKER_HOST", f"unix://{at.folder}/nowhere")

    assert at.inv("wait", "--format", "json") == 3

    last = at.document("event")
    assert (last["verdict"], last["exit_code"]) == ("refused", 3)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--timeout", "soon"), "--timeout"),
        (("--service", "neo5j"), "did you mean neo4j?"),
    ],
)
def test_wrong_flags_are_told(at: Checkout, words: tuple[str, ...], told: str) -> None:
    """2, and nothing is waited for."""
    assert at.inv("wait", *words) == 2
    assert told in at.shown().err


def test_ctrl_c_ends_it(at: Checkout) -> None:
    """130; what somebody else starts goes on."""
    at.patch.setattr("scripts.start.up.Observer.look", raising(KeyboardInterrupt()))

    assert at.inv("wait") == 130
    assert "goes on running" in at.shown().err

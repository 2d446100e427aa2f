"""`inv shell`: which container, whose shell, and whose exit code."""

import os
from collections.abc import Callable

import pytest

from scripts.commands.flows import shell
from scripts.core.look import HostProcess
from scripts.machine import processes
from scripts.watch import on_host
from tests.kit.checkout import Checkout

HAS_A_SHELL = {"id-memos": "sh", "id-neo4j": "sh"}


@pytest.fixture
def at(at: Checkout) -> Checkout:
    """Return a checkout whose images have a shell, with but for one; docker's exec works."""
    at.state["files"] = dict(HAS_A_SHELL)
    at.answer("exec --interactive", "exit 5")
    return at


def last(at: Checkout) -> str:
    """Return what docker was asked last."""
    return at.calls()[-1]


def test_a_shell_runs_where_it_was_asked_for_and_gives_its_exit_code(at: Checkout) -> None:
    """By the name of the service, or of its container; without a terminal as a pipe."""
    for name in ("memos", "memos-docker"):
        assert at.inv("shell", "--service", name) == 5
        assert " id-memos /bin/sh -c " in last(at)
        assert "--tty" not in last(at)


def test_a_command_needs_no_shell_in_the_image(at: Checkout) -> None:
    """Its words are handed on as they were typed."""
    assert at.inv("shell", "--service", "etcd", "--", "etcdctl", "get", "a b") == 5
    assert last(at).endswith(" id-etcd etcdctl get a b")


def test_an_image_without_a_shell_is_told(at: Checkout) -> None:
    """With what can be run there all the same."""
    assert at.inv("shell", "--service", "etcd") == 2

    told = at.shown().err
    assert "error: the image of etcd has no shell (docker.io/library/etcd:1.2)" in told
    assert "next: inv shell --service etcd -- PROGRAM" in told


def test_it_is_whose_the_compose_file_says_or_root(at: Checkout) -> None:
    """Where an entry point becomes another user, files of root would be in its way."""
    at.config["services"]["neo4j"]["x-shell-user"] = "neo4j"

    assert at.inv("shell", "--service", "neo4j") == 5
    assert " --user neo4j id-neo4j " in last(at)
    assert at.inv("shell", "--service", "neo4j", "--root") == 5
    assert " --user 0 id-neo4j " in last(at)


@pytest.mark.parametrize(
    ("state", "told", "step"),
    [
        ("exited", "memos does not run: it is exited", "inv up --service memos"),
        ("restarting", "memos does not run: it is restarting", "inv up --service memos"),
        ("paused", "memos is paused: nothing runs in it", "inv restart --service memos"),
        ("", "memos has no container", "inv up --service memos"),
    ],
)
def test_a_container_that_does_not_run_is_told(
    at: Checkout, state: str, told: str, step: str
) -> None:
    """With the command that starts it; docker is not asked."""
    if state:
        at.state["containers"]["id-memos"]["State"]["Status"] = state
    else:
        del at.state["containers"]["id-memos"]

    assert at.inv("shell", "--service", "memos", "--", "ls") == 2

    shown = at.shown().err
    assert f"error: {told}" in shown
    assert f"next: {step}" in shown
    assert not any("exec" in call for call in at.calls())


def test_an_api_on_this_machine_has_no_container_to_look_into(at: Checkout) -> None:
    """The command that brings it back is told."""
    me, folder = os.getpid(), at.folder
    process = HostProcess(
        pid=me, started=processes.birth(me), folder=folder, port=1, log=folder, state=folder
    )
    on_host.note(at.root / ".cache" / "memos-test", process)

    assert at.inv("shell", "--service", "memos", "--", "ls") == 2

    told = at.shown().err
    assert f"error: memos runs on this machine (pid {me}), in no container" in told
    assert "next: inv api.container" in told
    assert at.inv("shell", "--service", "neo4j", "--", "ls") == 5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--service names none"),
        (("--service", "memos", "--service", "neo4j"), "--service names memos and neo4j"),
        (("--service", "memo"), "there is no service 'memo'; did you mean memos?"),
    ],
)
def test_another_number_of_services_than_one_is_told(
    at: Checkout, words: tuple[str, ...], told: str
) -> None:
    """And a name that is none, with the nearest."""
    assert at.inv("shell", *words) == 2
    assert told in at.shown().err


@pytest.mark.parametrize("left", [130, 0], ids=["docker 26", "docker 28"])
def test_ctrl_c_reaches_what_runs_in_the_container(at: Checkout, left: int) -> None:
    """Without a terminal docker's exec hands no signal on: what was started is sought there.

    The exit code is 130, also with a docker that thinks all is well.
    """

    def ended(argv: list[str], *, interrupted: Callable[[], object], **_: object) -> int:
        marks.append(next(word for word in argv if word.startswith("INV_SHELL=")))
        interrupted()
        return left

    marks: list[str] = []
    at.patch.setattr(shell, "attached", ended)

    assert at.inv("shell", "--service", "memos", "--", "sleep", "60") == 130
    assert "kill -INT" in (at.folder / "calls").read_text()
    assert last(at).endswith(f" sh {marks[0].partition('=')[2]}")

"""What a manager tells of nodes and tasks, and what that is as containers."""

from typing import Any

import pytest

from scripts.core.look import Container, Health, State
from scripts.core.units import SECOND, nanoseconds
from scripts.engine.containers import container
from scripts.engine.swarm import nodes, tasks
from scripts.engine.swarm.nodes import Node
from scripts.engine.swarm.tasks import Known
from tests.kit import swarms
from tests.kit.swarms import service, task

WEB = service("web", volume="test_web")
NOW = nanoseconds("2026-11-28T03:01:00Z")


def known(*made: dict[str, Any], of: dict[str, Any] = WEB, **more: Any) -> Known:
    """Return what the manager of two nodes knows, of one service and these tasks."""
    down = more.pop("down", "")
    found = (swarms.node(name, "down" if name == down else "ready") for name in swarms.MEMBERS)
    everything = {one.id: one for one in map(nodes.node, found)}
    return Known(nodes=everything, services=[of], tasks=made, **{"lost": {}, **more})


def seen(known: Known, now: int = NOW) -> Container:
    """Return the service's container as it is seen without its node's engine."""
    (run,) = tasks.runs(known)
    return container(tasks.document(run, known, now))


@pytest.mark.parametrize(
    ("word", "state", "health"),
    [
        ("preparing", State.CREATED, Health.NONE),
        ("starting", State.RUNNING, Health.STARTING),
        ("running", State.RUNNING, Health.HEALTHY),
        ("failed", State.RESTARTING, Health.NONE),
    ],
)
def test_a_task_is_seen_as_a_container_without_its_nodes_engine(
    word: str, state: State, health: Health
) -> None:
    """It runs only once its check has passed, so the manager knows its health too."""
    one = seen(known(task(WEB, 1, word, on="two")))

    assert (one.service, one.state, one.health) == ("web", state, health)
    assert (one.node, one.address, one.kept) == ("two", "192.0.2.2", True)


def test_what_nobody_wants_has_ended() -> None:
    """With no replica it is as a container that was stopped, whatever is left of its tasks."""
    idle = service("web", replicas=0)

    assert seen(known(of=idle)).state is State.EXITED
    assert seen(known(task(idle, 1, "failed", on="two"), of=idle)).state is State.EXITED


def test_one_that_was_just_deployed_is_yet_to_start() -> None:
    """There is no task of it yet."""
    assert seen(known()).state is State.CREATED


def test_tasks_that_failed_before_are_its_restarts() -> None:
    """One after the other, with the last of their ends; what ran well before counts no more."""
    made = (
        task(WEB, 1, "failed", on="two", exit_code=9),
        task(WEB, 2, "shutdown", on="two"),
        task(WEB, 3, "failed", on="two", error="task: non-zero exit (1)", exit_code=1),
        task(WEB, 4, "rejected", error="No such image: example/web:1"),
        task(WEB, 5, "starting", on="two"),
    )

    one = seen(known(*made))

    assert (one.restarts, one.error) == (2, "No such image: example/web:1")
    assert seen(known(*made, task(WEB, 6, "running", on="two"))).error == ""


def test_who_has_ended_by_itself_was_refused_by_nobody() -> None:
    """Its exit code says so: it may still come, and three times are a crash loop as elsewhere."""
    ended = task(WEB, 1, "failed", on="two", error="task: non-zero exit (3)", exit_code=3)

    for one in (seen(known(ended)), seen(known(ended, task(WEB, 2, "ready", on="two")))):
        assert (one.error, one.exit_code) == ("", 3)


def test_one_try_that_fails_says_nothing_yet() -> None:
    """A node may still be taking away the network of the task before; the next one finds it."""
    first = task(WEB, 1, "rejected", error="network ant4sw3qbiue not found")
    second = task(WEB, 2, "rejected", error="network ant4sw3qbiue not found")

    assert seen(known(first)).error == ""
    assert seen(known(first, task(WEB, 2, "preparing", on="two"))).error == ""
    assert seen(known(first, second)).error == "network ant4sw3qbiue not found"


def test_failures_of_long_ago_are_no_restarts() -> None:
    """The manager keeps the last five tasks for ever."""
    old = task(WEB, 1, "failed", on="two", at="2026-11-27T03:00:{:02}Z")

    assert seen(known(old, task(WEB, 1, "running", on="two"))).restarts == 0


def test_who_waits_for_a_place_says_why_after_a_while() -> None:
    """A moment after a change another one may be about to leave the port."""
    waits = task(WEB, 1, "pending", error="no suitable node (no place)")

    assert seen(known(waits), now=nanoseconds(waits["CreatedAt"]) + SECOND).error == ""
    assert seen(known(waits)).error == "no suitable node (no place)"


def test_a_node_that_is_down_is_told_before_what_comes_of_it() -> None:
    """Swarm makes another task, which waits: for its data is there."""
    former = task(WEB, 1, "running", on="two")
    waits = task(WEB, 2, "pending", error="no suitable node (1 node not available)")

    before, after = seen(known(former, down="two")), seen(known(former, waits, down="two"))

    assert (before.state, before.error) == (State.UNKNOWN, "node two is down")
    assert (after.state, after.node, after.error) == (State.CREATED, "two", "node two is down")


def test_an_engine_that_does_not_answer_makes_its_containers_unknown() -> None:
    """The manager may still take it for well, for a quarter of a minute."""
    one = seen(known(task(WEB, 1, "running", on="two"), lost={"node-two": "refused"}))

    assert (one.state, one.error) == (State.UNKNOWN, "node two does not answer: refused")


def test_what_its_engine_says_of_a_container_stays() -> None:
    """What the Swarm knows is added: the node, earlier ends, and that it is kept running."""
    facts = known(
        task(WEB, 1, "failed", on="two", error="non-zero exit", exit_code=3),
        task(WEB, 2, "running", on="two"),
    )
    (run,) = tasks.runs(facts)
    found = swarms.container("web-2", WEB, Health={"Status": "unhealthy"})

    one = container(tasks.document(run, facts, NOW, found))

    assert (one.id, one.health, one.exit_code) == ("web-2", Health.UNHEALTHY, 3)
    assert (one.node, one.restarts, one.kept) == ("two", 1, True)


def test_a_manager_is_reached_where_the_others_reach_it() -> None:
    """It tells 0.0.0.0 of itself."""
    manager, worker = (nodes.node(swarms.node(name)) for name in swarms.MEMBERS)

    assert (manager.address, worker.address) == ("192.0.2.1", "192.0.2.2")
    assert (manager.manager, worker.manager, worker.memory) == (True, False, 2**33)


@pytest.mark.parametrize(
    ("state", "availability", "problem"),
    [
        ("ready", "active", ""),
        ("down", "active", "down"),
        ("ready", "drain", "drained"),
        ("ready", "pause", "paused"),
        ("unknown", "active", "unknown"),
    ],
)
def test_why_a_node_gets_no_tasks(state: str, availability: str, problem: str) -> None:
    """By what it is, and by what its owner wants."""
    assert nodes.node(swarms.node("two", state, Availability=availability)).problem == problem


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("node.labels.disk==ssd", True),
        ("node.labels.disk == hdd", False),
        ("node.labels.other!=x", True),
        ("node.hostname==two", True),
        ("node.id!=node-two", False),
        ("node.role==manager", False),
        ("engine.labels.os==odd", True),
    ],
)
def test_a_node_fits_what_it_meets(constraint: str, *, fits: bool) -> None:
    """What cannot be judged here is left to the Swarm."""
    two = Node(id="node-two", name="two", labels={"disk": "ssd"})

    assert two.fits([constraint]) is fits


def test_nodes_are_named_with_their_addresses() -> None:
    """By blanks or commas apart; an address alone is one for ssh."""
    assert nodes.ways("one=me@a.example, two=ssh://b:2222 three=unix:///run/c.sock") == {
        "one": "ssh://me@a.example",
        "two": "ssh://b:2222",
        "three": "unix:///run/c.sock",
    }
    assert nodes.problem("one=a two=b") == ""
    assert nodes.problem("one=a two=b one=c") == "one is named twice"
    assert nodes.problem("one=a two") == "'two' names no node and its address"

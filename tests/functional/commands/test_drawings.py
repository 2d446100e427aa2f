"""`inv timeline` and `inv graph`: how a start went, and how all is now."""

import pytest

from scripts.core.files import Json
from scripts.start.history import runs
from tests.kit.changes import built
from tests.kit.checkout import Checkout

MILVUS = "docker.io/library/milvus:1.2"


def timeline(at: Checkout) -> Json:
    """Return the last start as JSON; nothing says any more that it goes on."""
    assert not list((at.root / ".cache").rglob(runs.GOING))
    at.shown()
    assert at.inv("timeline", "--format", "json") == 0
    return at.document("timeline")


def test_a_start_is_drawn_as_text_and_as_a_page(at: Checkout) -> None:
    """`timeline` says how it went, `graph` how all is now; both write the same page."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    assert at.inv("up", "--timeout", "20") == 0
    at.shown()

    assert at.inv("timeline") == 0
    assert "* etcd" in at.shown().out
    assert at.inv("timeline", "--format", "json") == 0
    found = at.document("timeline")
    assert [row["service"] for row in found["services"] if row["critical"]] == ["etcd"]

    assert at.inv("graph", "--service", "qdrant") == 0
    assert at.shown().out == "✓ qdrant  ready\n"
    assert "</html>" in (at.root / ".cache" / "memos-test" / "stack.html").read_text()


@pytest.mark.parametrize(
    ("number", "told"), [("1", "no start has been kept"), ("x", "--run is 'x'")]
)
def test_a_start_that_is_not_kept_is_told(at: Checkout, number: str, told: str) -> None:
    """With what to type instead."""
    assert at.inv("timeline", "--run", number) == 2
    assert told in at.shown().err


def test_what_comes_before_the_first_container_is_shown(at: Checkout) -> None:
    """Each build and each pull with its name, and making the containers, one after the other."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    built(at, "qdrant")
    del at.state["images"][MILVUS]
    at.answer("pip config", "true")
    for words in ("build --progress", "pull docker.io", " create "):
        at.answer(words, "sleep 0.3")

    assert at.inv("up", "--timeout", "20") == 0

    found = timeline(at)
    noted = [one for one in found["phases"] if one["name"] != "checks"]
    titles = [f"{one['name']} {one['what']}".strip() for one in noted]
    assert titles == ["build qdrant", "pull milvus", "create"]
    assert [(one["outcome"], one["critical"]) for one in noted] == [("done", True)] * 3
    assert at.inv("timeline") == 0
    assert "→ build qdrant" in at.shown().out


def test_a_start_that_fails_before_its_first_container_is_kept_with_why(at: Checkout) -> None:
    """A pull that cannot be: how far it came, what it said, and what to type."""
    del at.state["images"][MILVUS]
    at.answer("pull docker.io", "sleep 0.3; echo 'dial tcp: lookup x: no such host' >&2; exit 1")

    assert at.inv("up") == 4

    told = at.shown().err
    found = timeline(at)
    assert (found["verdict"], found["phases"][-1]["outcome"]) == ("refused", "failed")
    assert f"error: {found['why']}\n" in told
    assert f"next: {found['next_step']}\n" in told
    assert {one["started"] for one in found["services"]} == {None}
    assert at.inv("timeline") == 0
    shown = at.shown().out
    assert f"{found['why']}\nnext: {found['next_step']}\n" in shown
    assert "no container started" in shown


def test_ctrl_c_in_a_build_is_kept_as_far_as_it_came(at: Checkout) -> None:
    """The build was stopped, and is shown so."""
    built(at, "qdrant")
    at.answer("pip config", "true")
    at.answer("build --progress", "sleep 0.3; kill -INT $PPID; exec sleep 600")

    assert at.inv("up") == 130

    found = timeline(at)
    assert (found["verdict"], found["why"]) == ("interrupted", "")
    assert [one["outcome"] for one in found["phases"] if one["name"] == "build"] == ["stopped"]


def test_a_port_that_is_taken_is_why_a_start_came_to_nothing(at: Checkout) -> None:
    """It is on the screen of who typed it, and here for who did not."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")

    assert at.inv("up") == 5

    found = timeline(at)
    assert found["verdict"] == "broken"
    assert "is taken by" in found["why"]


def test_a_name_that_is_wrong_is_no_start(at: Checkout) -> None:
    """Nothing was begun."""
    assert at.inv("up", "--service", "nobody") == 2

    assert not list((at.root / ".cache").rglob("run*.json"))
    assert at.inv("timeline") == 2


def test_a_start_that_got_no_engine_is_shown_without_one(at: Checkout) -> None:
    """Where it came to nothing is what is asked; the page would show a stack that nobody knows."""
    at.patch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    at.state["containers"]["id-memos"] = at.container("memos", "exited")
    assert at.inv("up") == 5
    at.patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    at.shown()

    assert at.inv("timeline") == 0

    shown = at.shown()
    assert "is taken by" in shown.out
    assert "not written as a page: DOCKER_HOST=unix:///nowhere.sock is set, but no" in shown.err


def test_a_restart_shows_how_long_it_took_to_stop(at: Checkout) -> None:
    """What runs goes on until then, so it is what a start waits for."""
    at.answer(" stop ", "sleep 0.3")
    at.state["containers"]["id-etcd"] = at.container("etcd", "exited")

    assert at.inv("restart", "--service", "etcd", "--timeout", "20") == 0

    assert [one["name"] for one in timeline(at)["phases"] if one["name"] != "checks"] == ["stop"]

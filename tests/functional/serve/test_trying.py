"""A memory added and searched for from the page, as anybody asks the API."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest

from scripts.config import workspace
from scripts.config.workspace import Workspace
from scripts.core.checkout import Checkout as Here
from scripts.core.process import run_beside
from scripts.live.feed import Feed
from scripts.live.looking.asked import sources
from scripts.serve.page import trying
from tests.kit.checkout import Checkout, services
from tests.kit.fake_engine import FakeEngine
from tests.kit.live import Viewer, following, served
from tests.kit.places import TESTS_DATA
from tests.kit.servers import unix

SECRET = "correct-horse-battery"
BREAD = "She bakes bread on Sundays."
TOLD = (TESTS_DATA / "metrics" / "api.txt").read_text(encoding="utf-8")


@pytest.fixture
def ports(request: pytest.FixtureRequest) -> Iterator[list[int]]:
    """Run services with a memory of a cube, or with what a test wants; give their ports."""
    held = {"nodes": {"me": {"id-1": f"{BREAD} {SECRET}"}}, "scores": {"bakes/bread": 0.75}}
    with services(**{**held, **getattr(request, "param", {})}) as ports:
        yield ports


@pytest.fixture
def here(at: Checkout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Return the checkout as a command sees it; its engine answers, and its API tells."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    at.env_file.write_text(f"IMAGE_SOURCE=registry\nNEO4J_PASSWORD={SECRET}\n")
    at.config["services"]["memos"]["x-metrics"] = 9464
    at.state["checks"] = {"id-memos": (0, TOLD)}
    with unix(FakeEngine(at.state).respond, at.socket):
        at.serve()
        environ = dict(os.environ)
        yield Here(root=at.root, environ=environ, runner=run_beside, say=lambda _: None)


@pytest.fixture
def viewer(here: Here) -> Iterator[Viewer]:
    """Return somebody who is let in."""
    feed = Feed(here)
    part = partial(trying.routes, lambda: workspace.look(here), feed.masked)
    with served(feed, parts=[part]) as viewer:
        yield viewer


def tried(viewer: Viewer, **sent: object) -> tuple[int, dict[str, object]]:
    """Send what the page sends; give the status and what was answered."""
    token = json.loads(viewer.ask("/session").body)["token"]
    answer = viewer.ask("/try", "POST", json.dumps(sent), X_Token=token)
    found = json.loads(answer.body)
    assert found.pop("seconds", 0.0) >= 0.0
    return answer.status, found


def test_a_memory_is_found_that_was_added(viewer: Viewer) -> None:
    """By its score; no secret is in it."""
    assert tried(viewer, add="The baker bakes bread.") == (
        *(200, {"memories": [{"text": "The baker bakes bread."}]}),
    )

    status, found = tried(viewer, search="Who bakes?")
    assert status == 200
    assert found == {
        "memories": [
            {"text": f"user: {BREAD} ********\n", "score": 0.75},
            {"text": "user: The baker bakes bread.\n", "score": 0.75},
        ]
    }


def test_a_cube_that_is_named_is_another_one(viewer: Viewer) -> None:
    """Nothing of it is among those of nobody in particular."""
    tried(viewer, add="They bake bread.", cube="them")

    assert tried(viewer, search="Who bakes?", cube="them")[1] == {
        "memories": [{"text": "user: They bake bread.\n", "score": 0.75}]
    }
    assert tried(viewer, search="Who bakes?", cube="nobody") == (200, {"memories": []})


@pytest.mark.parametrize(
    ("ports", "error"),
    [
        (
            {"faults": {"/product/add": (200, {"code": 200, "data": []})}},
            "memos: POST /product/add stored nothing: ",
        ),
        (
            {"faults": {"/product/add": (500, {"message": f"no {SECRET}"})}},
            'memos: POST /product/add answered 500: {"message": "no ********"}',
        ),
        (
            {"faults": {"/product/add": (200, {"code": 200, "data": [7]})}},
            "memos: its answer has another shape than it should",
        ),
    ],
    indirect=["ports"],
)
def test_what_goes_wrong_is_told_with_its_next_step(viewer: Viewer, error: str) -> None:
    """A failure that answers 200 too; no secret in the words of the API."""
    status, told = tried(viewer, add="tea")

    assert status == 500
    assert str(told["error"]).startswith(error)
    assert told["next"] == "inv logs --service memos"


def test_an_api_that_does_not_run_is_not_asked(at: Checkout, viewer: Viewer) -> None:
    """Somebody else may listen there by now."""
    at.state["containers"]["id-memos"]["State"]["Status"] = "exited"

    assert tried(viewer, search="tea") == (
        *(500, {"error": "memos does not run", "next": "inv up --service memos"}),
    )


@pytest.mark.parametrize(
    "sent",
    [
        *({}, {"cube": "me"}, {"add": ""}, {"add": " "}, {"add": 1}, {"add": "x" * 2001}),
        *({"add": "a", "search": "b"}, {"add": "a", "cube": ""}, {"add": "a", "other": "b"}),
        {"search": "a", "cube": "x" * 101},
    ],
)
def test_what_cannot_be_meant_is_refused(viewer: Viewer, sent: dict[str, object]) -> None:
    """400, and what was expected."""
    status, told = tried(viewer, **sent)

    assert status == 400
    assert told.keys() == {"error", "next"}
    assert str(told["error"]).startswith("what was sent cannot be tried: ")


def test_the_stack_is_looked_for_beside_the_server(here: Here) -> None:
    """It takes seconds, and the streams of all viewers go on meanwhile."""
    loops: list[object] = []

    def look() -> Workspace:
        with suppress(RuntimeError):  # there is none
            loops.append(asyncio.get_running_loop())
        return workspace.look(here)

    feed = Feed(here)
    with served(feed, parts=[partial(trying.routes, look, feed.masked)]) as viewer:
        assert tried(viewer, search="tea")[0] == 200

    assert loops == []


def test_nobody_else_tries(viewer: Viewer) -> None:
    """Without the token of changes, from another page; and a link is no try."""
    token = viewer.access.change_token
    body = json.dumps({"add": "tea"})

    assert viewer.ask("/try", "POST", body).status == 403
    assert viewer.ask("/try", "POST", body, cookie="", X_Token=token).status == 401
    foreign = "http://evil.example"
    assert viewer.ask("/try", "POST", body, X_Token=token, Origin=foreign).status == 403
    assert viewer.ask("/try", "GET").status == 405


def test_the_document_has_what_memos_counts_and_keeps(here: Here) -> None:
    """As `inv metrics` and `inv memories` have it, asked beside the look."""
    with following(Feed(here, sources=sources())) as follower:
        document = follower.until(lambda one: {"memos", "memories"} <= one.keys())

    assert document["memos"]["api"]["calls"][0]["count"] == 12
    assert document["memos"]["silent"] == []
    assert document["memos"].keys() == {"api", "silent"}
    assert [row["cube"] for row in document["memories"]["cubes"]] == ["me"]
    assert document["memories"]["nodes_without_vector"] == 1

"""Logs and actions over real HTTP: resumed, agreed to, refused; nothing secret in either."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from scripts.core.checkout import Checkout as Here
from scripts.core.process import run
from scripts.engine.api import Api
from scripts.live import tasks
from scripts.live.actions import Actions
from scripts.live.feed import Feed
from scripts.live.lines import Book, Source
from scripts.serve.page import actions, logs
from tests.kit.checkout import lay_out
from tests.kit.fake_engine import END
from tests.kit.live import PATIENCE, Viewer, served
from tests.kit.servers import unix
from tests.kit.writing import World, at

SECRET = "correct-horse-battery"
OPTIONS = {"service": ["etcd"]}


@pytest.fixture
def here(tmp_path: Path) -> Here:
    """Return a checkout without an engine."""
    lay_out(tmp_path / "checkout")
    (tmp_path / "checkout" / ".env").write_text(f"NEO4J_PASSWORD={SECRET}\n")
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/none", "HOME": str(tmp_path), "PATH": ""}
    return Here(root=tmp_path / "checkout", environ=environ, runner=run, say=print)


@pytest.fixture
def feed(here: Here) -> Feed:
    """Return the feed of the checkout."""
    return Feed(here, keep=True)


@pytest.fixture
def ended() -> threading.Event:
    """Return what is set when an action has ended."""
    return threading.Event()


@pytest.fixture
def doing(here: Here, feed: Feed, ended: threading.Event) -> Actions:
    """Return what runs tasks."""

    def changed() -> None:
        if "ended" in found.document().get("action", {}):
            ended.set()

    found = Actions(here, feed.history, feed.mask.mask, changed)
    return found


@pytest.fixture
def viewer(feed: Feed, doing: Actions) -> Iterator[Viewer]:
    """Return somebody who is let in, and may act."""
    with served(feed, parts=[partial(actions.routes, doing)]) as viewer:
        yield viewer


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what puts lines of Python in the place of inv."""

    def put(code: str) -> None:
        monkeypatch.setattr(tasks, "PROGRAM", (sys.executable, "-c", f"import sys\n{code}"))

    put("print(sys.argv[1:])")
    return put


def post(viewer: Viewer, path: str, **sent: object) -> tuple[int, dict[str, object]]:
    """Send what the page sends; give the status and what was answered."""
    token = json.loads(viewer.ask("/session").body)["token"]
    answer = viewer.ask(path, "POST", json.dumps(sent), X_Token=token)
    return answer.status, json.loads(answer.body)


@pytest.mark.usefixtures("program")
def test_what_was_agreed_to_is_done(viewer: Viewer, doing: Actions, ended: threading.Event) -> None:
    """The answer to a plan is a question, that to an action its number."""
    status, plan = post(viewer, "/plan", task="restart", options=OPTIONS)
    assert (status, plan["plan"], plan["question"]) == (
        *(200, ["inv restart --service etcd"]),
        "Restart this?",
    )

    assert post(viewer, "/action", task="restart", options=OPTIONS, plan=plan["id"]) == (
        *(202, {"id": 1}),
    )

    assert ended.wait(PATIENCE)
    assert doing.document()["action"]["lines"] == [
        "['restart', '--service', 'etcd', '--format', 'text']"
    ]


@pytest.mark.usefixtures("program")
def test_what_was_not_agreed_to_is_shown_anew(viewer: Viewer, doing: Actions) -> None:
    """With what is to be agreed to."""
    status, told = post(viewer, "/action", task="restart", options=OPTIONS, plan="made up")

    assert status == 409
    assert told.keys() == {"error", "next", "plan", "question", "id"}
    assert doing.document() == {"actions": []}


def test_what_is_refused_says_why(
    viewer: Viewer,
    doing: Actions,
    program: Callable[[str], None],
    ended: threading.Event,
    tmp_path: Path,
) -> None:
    """In the words of the task, or that another one runs; without secrets."""
    program(f"print('error: no {SECRET} here'); print('next: inv doctor'); sys.exit(4)")
    assert post(viewer, "/plan", task="reset", options=OPTIONS) == (
        *(409, {"error": "no ******** here", "next": "inv doctor"}),
    )
    go = tmp_path / "go"
    program(
        f"import pathlib, time\nprint({SECRET!r}, flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)"
    )
    assert post(viewer, "/action", task="smoke")[0] == 202
    status, told = post(viewer, "/action", task="smoke")
    assert (status, told["error"]) == (409, "inv smoke runs")
    go.touch()
    assert ended.wait(PATIENCE)
    assert doing.document()["action"]["lines"] == ["********"]


@pytest.mark.parametrize(
    "body",
    [
        *("", "[]", "{", "1", '{"task": 1}', '{"task": "up", "options": []}', "[" * 100),
        *('{"task": "engine.remove"}', '{"task": "up", "plan": 7}'),
        '{"task": "reset", "options": {"yes": true}}',
        '{"task": "down", "options": {"service": ["--volumes"]}}',
        '{"task": "' + "x" * 70000 + '"}',
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(viewer: Viewer, doing: Actions, body: str) -> None:
    """400, and what was expected; nothing is run."""
    token = json.loads(viewer.ask("/session").body)["token"]
    for path in ("/plan", "/action"):
        answer = viewer.ask(path, "POST", body, X_Token=token)
        assert answer.status == 400
        assert json.loads(answer.body).keys() == {"error", "next"}
        assert len(answer.body) < 500
    assert doing.document() == {"actions": []}


@pytest.mark.parametrize("path", ["/plan", "/action"])
def test_nobody_else_acts(viewer: Viewer, path: str) -> None:
    """Without the cookie, without the token, from another page; and a link is no action."""
    token = viewer.access.change_token
    body = json.dumps({"task": "smoke"})

    assert viewer.ask(path, "POST", body, cookie="", X_Token=token).status == 401
    assert viewer.ask(path, "POST", body).status == 403
    assert viewer.ask(path, "POST", body, X_Token=viewer.access.token).status == 403
    foreign = "http://evil.example"
    assert viewer.ask(path, "POST", body, X_Token=token, Origin=foreign).status == 403
    assert viewer.ask(path, "POST", body, X_Token=token, Sec_Fetch_Site="same-site").status == 403
    assert viewer.ask(path, "GET").status == 405


def test_who_may_only_look_is_told_so(here: Here, feed: Feed) -> None:
    """403 for whatever it is."""
    looking = Actions(here, feed.history, str, lambda: None, read_only=True)
    with served(feed, parts=[partial(actions.routes, looking)]) as viewer:
        for path in ("/plan", "/action"):
            status, told = post(viewer, path, task="smoke")
            assert (status, told["error"]) == (403, "this page is read-only")


@pytest.fixture
def world() -> World:
    """Return web and db; each has written a line."""
    world = World()
    world.wrote("id-web", (1, "INFO <script>alert(1)</script>"))
    world.wrote("id-db", (2, f"ERROR {SECRET}"))
    return world


@pytest.fixture
def reader(world: World, feed: Feed, tmp_path: Path) -> Iterator[Viewer]:
    """Return somebody who is let in, and may read their logs."""
    with unix(world.engine.respond, tmp_path / "engine.sock") as endpoint:
        source = Source(
            api=Api(endpoint, timeout=PATIENCE),
            project="memos-test",
            names=("web", "db"),
            cache=tmp_path,
            mask=feed.mask.mask,
        )
        book = Book(lambda: source)
        with served(feed, parts=[partial(logs.routes, book)]) as viewer:
            yield viewer
        book.close()
        world.engine.tell(None)
        for live in list(world.engine.live.values()):
            live.put(END)


def test_logs_come_and_are_resumed_after_a_break(reader: Viewer, world: World) -> None:
    """Each line once; what is kept comes again where the place is not known."""
    stream = reader.stream("/logs")
    place, data = stream.until("lines")
    assert data == {
        "lines": [
            [1, "web", at(1), "info", "INFO <script>alert(1)</script>"],
            [2, "db", at(2), "error", "ERROR ********"],
        ],
        "first": True,
    }
    world.writes("id-db", (3, "three"))
    place, data = stream.until("lines")
    stream.close()
    world.writes("id-db", (4, "four"))

    again = reader.stream("/logs", Last_Event_ID=place)
    assert [line[4] for line in again.until("lines")[1]["lines"]] == ["four"]
    again.close()
    other = reader.stream("/logs?service=web", Last_Event_ID=f"other{place}")
    assert other.until("lines")[1]["lines"][0][1] == "web"
    other.close()


def test_nobody_else_reads_logs(reader: Viewer) -> None:
    """Not without the cookie, and not from another page."""
    assert reader.ask("/logs", cookie="").status == 401
    assert reader.ask("/logs", Origin="http://evil.example").status == 403

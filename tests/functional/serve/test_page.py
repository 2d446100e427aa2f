"""The page over real HTTP: who is let in, what is refused, and that streams are resumed."""

import http.client
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from scripts.core.checkout import Checkout as Here
from scripts.core.errors import ConfigError, RefusedError, StackError
from scripts.core.polling import until_none
from scripts.core.process import run
from scripts.live.feed import Feed
from scripts.serve.page.server import IDLE, listening
from tests.kit.checkout import lay_out
from tests.kit.live import PATIENCE, Viewer, served


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    """Return the feed of a checkout without an engine."""
    lay_out(tmp_path / "checkout")
    environ = {"DOCKER_HOST": f"unix://{tmp_path}/none", "HOME": str(tmp_path), "PATH": ""}
    return Feed(Here(root=tmp_path / "checkout", environ=environ, runner=run, say=print))


@pytest.fixture
def viewer(feed: Feed) -> Iterator[Viewer]:
    """Return somebody who is let in."""
    with served(feed) as viewer:
        yield viewer


def test_the_token_opens_the_page_and_the_page_is_there(viewer: Viewer) -> None:
    """It leads to an address without it."""
    led = viewer.ask(f"/?token={viewer.access.token}", cookie="")

    assert (led.status, led.headers["location"]) == (303, "/")
    page = viewer.ask("/")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for path, kind in (("/page.js", "text/javascript"), ("/page.css", "text/css")):
        assert viewer.ask(path).headers["content-type"].startswith(kind)


def test_who_comes_from_elsewhere_is_led_on_by_a_page_of_ours(viewer: Viewer) -> None:
    """A browser sends a strict cookie only where its own site has led it."""
    led = viewer.ask(f"/?token={viewer.access.token}", cookie="", Sec_Fetch_Site="cross-site")

    assert led.status == 200
    assert 'content="0;url=/"' in led.body
    assert "set-cookie" in led.headers


@pytest.mark.parametrize("path", ["/", "/page.js", "/session", "/nothing", "/?token=wrong"])
def test_every_answer_forbids_what_a_page_must_not_do(viewer: Viewer, path: str) -> None:
    """A refusal too."""
    for answer in (viewer.ask(path), viewer.ask(path, cookie="")):
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"


ATTACKS = {
    "no cookie": ({"cookie": ""}, 401),
    "an old cookie": ({"cookie": "memos-page-1=0"}, 401),
    "a wrong host": ({"Host": "evil.example"}, 421),
    "a name that was pointed here": ({"Host": "evil.example:{port}"}, 421),
    "another port": ({"Host": "127.0.0.1:1"}, 421),
    "a foreign origin": ({"Origin": "http://evil.example"}, 403),
    "no origin at all": ({"Origin": "null"}, 403),
    "another port's page": ({"Origin": "http://127.0.0.1:1"}, 403),
    "a page elsewhere": ({"Sec_Fetch_Site": "cross-site"}, 403),
    "a page of another port": ({"Sec_Fetch_Site": "same-site"}, 403),
}


@pytest.mark.parametrize("path", ["/", "/page.js", "/session", "/stream"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused(viewer: Viewer, path: str, attack: str) -> None:
    """On every address; what is answered says what is wrong, and nothing of the stack."""
    headers, status = ATTACKS[attack]
    sent = viewer.ask(
        path, **{k: v.replace("{port}", str(viewer.port)) for k, v in headers.items()}
    )

    assert sent.status == status
    assert "checkout" not in sent.body
    if path != "/":
        assert json.loads(sent.body).keys() == {"error", "next"}


@pytest.mark.parametrize("token", ["", "wrong", "{token}"])
def test_a_change_without_its_token_is_refused(viewer: Viewer, token: str) -> None:
    """The address' own is not that."""
    token = token.replace("{token}", viewer.access.token)

    assert viewer.ask("/session", "POST", "{}", X_Token=token).status == 403


def test_the_token_of_changes_is_told_to_the_page_alone(viewer: Viewer) -> None:
    """Together with what the page must know of its server."""
    session = json.loads(viewer.ask("/session").body)

    assert session["token"] == viewer.access.change_token
    assert (session["read_only"], len(session["boot"])) == (False, 8)
    assert viewer.ask("/nothing", "POST", "{}", X_Token=session["token"]).status == 404


def test_what_is_not_there_says_so(viewer: Viewer) -> None:
    """Also what a path could lead to beside the page's own files."""
    for path in ("/nothing", "/../app.py", "/files/page.html", "/%2e%2e/app.py", "//page.js"):
        assert viewer.ask(path).status == 404
    assert viewer.ask("/page.js", "POST", X_Token=viewer.access.change_token).status == 405


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 70000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"nonsense\r\n\r\n",
    ],
    ids=["a path", "a header", "two hosts", "no HTTP"],
)
def test_a_request_that_is_none_is_refused(viewer: Viewer, request_line: bytes) -> None:
    """And the next one is answered."""
    with socket.create_connection(("127.0.0.1", viewer.port), timeout=20) as connection:
        connection.sendall(request_line)
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 4")
    assert viewer.ask("/").status == 200


def test_the_stream_begins_with_the_state_and_goes_on_with_changes(
    viewer: Viewer, feed: Feed
) -> None:
    """A browser that comes back gets what it missed, and no more."""
    with closing(viewer.stream()) as stream:
        first, state = stream.until("state")
        assert not state["engine"]["answers"]
        feed.put(memos={"adds": 1})
        number, change = stream.until("change")
    assert change == {"memos": {"adds": 1}}
    assert number != first

    feed.put(memos={"adds": 2})
    with closing(viewer.stream(Last_Event_ID=number)) as stream:
        assert stream.until("change")[1] == {"memos": {"adds": 2}}
    assert "event: state" not in stream.text


@pytest.mark.parametrize(
    "last", ["0000-1", "nonsense", "{boot}-999999", "{boot}-", "-", "{boot}-²"]
)
def test_who_has_something_else_gets_the_whole_state(viewer: Viewer, last: str) -> None:
    """As after another start of the server."""
    boot = json.loads(viewer.ask("/session").body)["boot"]
    sent = last.replace("{boot}", boot).encode().decode("latin-1")

    with closing(viewer.stream(Last_Event_ID=sent)) as stream:
        assert next(iter(stream))[0] == "state"


def test_a_server_that_ends_says_goodbye(feed: Feed) -> None:
    """So the page knows that nobody will answer, and need not guess."""
    with served(feed) as viewer:
        stream = viewer.stream()
        stream.until("state")
    assert [kind for kind, _, _ in stream][-1] == "bye"
    stream.close()


def test_the_next_server_takes_up_where_one_was_killed(feed: Feed) -> None:
    """The same port and the same secret: an open page comes back by itself."""
    with served(feed) as viewer:
        cookie = viewer.cookie
    with served(feed, port=viewer.port) as again:
        assert again.ask("/", cookie=cookie).status == 200
    with served(feed, "another secret", port=viewer.port) as other:
        assert other.ask("/", cookie=cookie).status == 401


def test_a_viewer_that_hangs_up_is_missed_by_nobody(viewer: Viewer, feed: Feed) -> None:
    """The last one that goes ends the looking."""
    for _ in range(3):
        stream = viewer.stream()
        stream.until("state")
        stream.close()
    with closing(viewer.stream()) as stream:
        stream.until("state")
        assert feed.looking
        assert viewer.ask("/").status == 200
    until_none(lambda: feed.looking, timeout=PATIENCE, interval=0.01)
    assert not feed.looking


def test_who_connects_and_says_nothing_keeps_nobody_out(viewer: Viewer, feed: Feed) -> None:
    """Nor one who says half a request; the oldest of them go, and streams stay."""
    stream = viewer.stream()
    stream.until("state")
    address = ("127.0.0.1", viewer.port)
    with ExitStack() as ends, closing(stream):
        many = [ends.enter_context(socket.create_connection(address, 20)) for _ in range(IDLE + 9)]
        for one in many[-5:]:
            one.sendall(b"GET / HTTP/1.1\r\nHost:")

        assert viewer.ask("/").status == 200
        assert many[0].recv(1) == b""
        feed.put(memos={"adds": 1})
        assert stream.until("change")


def test_an_error_is_told_in_json_and_ends_nothing(
    viewer: Viewer, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of ours with its next step, a bug with its kind alone."""
    del feed
    for error, status in (
        (ConfigError("it is wrong", next_step="mend it"), 400),
        (RefusedError("it is held", next_step="wait"), 409),
        (StackError("it is odd", next_step="inv doctor"), 500),
        (ZeroDivisionError("a secret"), 500),
    ):

        def broken(_: Path, error: Exception = error) -> bytes:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(Path, "read_bytes", broken)
            sent = viewer.ask("/page.js")
        assert sent.status == status
        assert "a secret" not in sent.body
        assert json.loads(sent.body).keys() == {"error", "next"}
    assert viewer.ask("/page.js").status == 200


def test_a_port_that_is_taken_is_told_with_who_has_it() -> None:
    """It is named, so no other one is taken in its place."""
    with closing(listening(0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match=rf"port {port} is taken by .*pid") as caught:
            listening(port)

        assert "--port" in caught.value.next_step
        with closing(listening(0, again=port)) as other:
            assert other.getsockname()[1] != port


@pytest.mark.parametrize(("port", "why"), [(65536, "above 65535"), (6000, "browsers refuse")])
def test_a_port_of_no_page_is_refused(port: int, why: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigError, match=why):
        listening(port)


def test_only_this_machine_is_listened_to() -> None:
    """Whatever BIND_ADDRESS says: the page has a token, and no encryption."""
    with closing(listening(0)) as listens:
        assert listens.getsockname()[0] == "127.0.0.1"


def test_it_speaks_http_1_1_to_many_at_once(viewer: Viewer) -> None:
    """A browser keeps its connections."""
    connection = http.client.HTTPConnection("127.0.0.1", viewer.port, timeout=20)
    with closing(connection):
        for _ in range(3):
            connection.request("GET", "/page.js", headers={"Cookie": viewer.cookie})
            assert connection.getresponse().read()

"""The page over Milvus, spoken to over HTTP; a fake stands in for pymilvus."""

import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import milvus_page
import pytest
import requests
from milvus_page import COOKIE, create_app
from milvus_reader import Library
from milvus_sessions import GUESS_SECONDS, MAX_GUESSES, MAX_SESSIONS, SESSION_SECONDS
from werkzeug.serving import make_server

HOSTILE = '<script>alert("x")</script>'
PASSWORD = "correct horse"
ROWS = 250


class FakeError(Exception):
    """Stands for pymilvus' MilvusException."""


@dataclass
class FakeMilvus:
    """One Milvus with four collections; remembers what was called and with which options."""

    down: bool = False
    closed: int = 0
    states: dict[str, str] = field(
        default_factory=lambda: {
            "full": "Loaded",
            "empty": "Loaded",
            "asleep": "NotLoad",
            "broken": "Loaded",
        }
    )
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def connect(self, **options: Any) -> "FakeClient":
        """Make a client, as pymilvus.MilvusClient(...) does."""
        self.note("connect", **options)
        if options["password"] != PASSWORD:
            raise FakeError("Fail connecting to server") from FakeError("UNAUTHENTICATED")
        return FakeClient(self)

    def note(self, call: str, **options: object) -> None:
        """Remember a call; fail when Milvus is down."""
        self.calls.append((call, options))
        if self.down:
            raise FakeError("StatusCode.UNAVAILABLE: Connection refused")


class FakeClient:
    """The calls of MilvusClient that the page may make; any other is an AttributeError."""

    def __init__(self, milvus: FakeMilvus) -> None:
        self.milvus = milvus

    def list_collections(self, **options: object) -> list[str]:
        """Name all collections."""
        self.milvus.note("list_collections", **options)
        return list(self.milvus.states)

    def get_load_state(self, name: str, **options: object) -> dict[str, str]:
        """Tell the load state."""
        self.milvus.note("get_load_state", **options)
        return {"state": self.milvus.states[name]}

    def get_collection_stats(self, name: str, **options: object) -> dict[str, int]:
        """Count what is stored."""
        self.milvus.note("get_collection_stats", **options)
        return {"row_count": len(name)}

    def describe_collection(self, name: str, **options: object) -> dict[str, object]:
        """Describe the schema."""
        self.milvus.note("describe_collection", **options)
        if name not in self.milvus.states:
            raise FakeError(f"can't find collection[collection={name}]")
        fields = [
            {"name": "id", "type": "INT64", "is_primary": True},
            {"name": "vector", "type": "FLOAT_VECTOR", "params": {"dim": 8}},
        ]
        return {"description": HOSTILE, "fields": fields, "enable_dynamic_field": True}

    def list_indexes(self, name: str, **options: object) -> list[str]:
        """Name the indexes."""
        self.milvus.note("list_indexes", **options)
        return [] if name == "asleep" else ["vector_index"]

    def describe_index(self, _name: str, index: str, **options: object) -> dict[str, object]:
        """Describe an index."""
        self.milvus.note("describe_index", **options)
        return {"index_name": index, "field_name": "vector", "index_type": "HNSW", "M": "8"}

    def query(self, name: str, **options: Any) -> list[dict[str, object]]:
        """Count or give rows."""
        self.milvus.note("query", **options)
        if name == "broken":
            raise FakeError(f"segment lost {HOSTILE}")
        rows = ROWS if name == "full" else 0
        if options["output_fields"] == ["count(*)"]:
            return [{"count(*)": rows}]
        wanted = min(rows, options["limit"])
        return [{"id": i, "vector": [0.5] * 8, HOSTILE: HOSTILE} for i in range(wanted)]

    def close(self) -> None:
        """Drop the connection."""
        self.milvus.closed += 1


@dataclass
class Site:
    """The running page: its address, its Milvus, and a clock that a test moves (seconds)."""

    url: str
    milvus: FakeMilvus
    now: list[float]


class Visitor:
    """One browser: keeps its cookie, follows redirects, sends what its forms hold."""

    def __init__(self, site: Site) -> None:
        self.url = site.url
        self.session = requests.Session()
        self.session.trust_env = False

    def get(self, path: str = "/") -> requests.Response:
        """Open a page."""
        return self.session.get(self.url + path, timeout=5)

    def post(self, path: str, *, origin: str = "", **form: str) -> requests.Response:
        """Send a form, from this site or from another origin."""
        headers = {"Origin": origin or self.url}
        return self.session.post(self.url + path, data=form, headers=headers, timeout=5)

    def login(self, password: str = PASSWORD, **form: str) -> requests.Response:
        """Send the login form."""
        known = {"address": "milvus-standalone:19530", "user": "root", "password": password}
        return self.post("/login", **(known | form))


@pytest.fixture
def site() -> Iterator[Site]:
    """Run the page on a free port of loopback, over a fake Milvus."""
    milvus, now = FakeMilvus(), [0.0]
    library = Library(connect=milvus.connect, errors=(FakeError,))
    app = create_app("http://milvus-standalone:19530", lambda: library, lambda: now[0])
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield Site(f"http://127.0.0.1:{server.server_port}", milvus, now)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def stranger(site: Site) -> Iterator[Visitor]:
    """Open a browser that is not logged in."""
    visitor = Visitor(site)
    with visitor.session:
        yield visitor


@pytest.fixture
def visitor(stranger: Visitor) -> Visitor:
    """Open a browser that is logged in."""
    assert stranger.login().status_code == 200
    return stranger


def test_the_form_is_there_at_once_with_the_address_filled_in(stranger: Visitor) -> None:
    """Neither Milvus nor pymilvus is needed for it, and it says what it stands in for."""
    answer = stranger.get()
    assert answer.status_code == 200
    assert "<html" in answer.text
    assert 'value="http://milvus-standalone:19530"' in answer.text
    assert "a stand-in for Attu" in answer.text


def test_the_health_call_answers_as_attu_does(stranger: Visitor) -> None:
    """Attu 2.4 wraps its answers in data and statusCode."""
    assert stranger.get("/api/v1/healthy").json() == {"data": {"status": 200}, "statusCode": 200}


def test_a_login_leads_to_the_collections(site: Site, visitor: Visitor) -> None:
    """Names, row counts and load states are listed; every call has a time limit."""
    page = visitor.get().text
    assert page.index(">asleep<") < page.index(">full<")
    assert ">250<" in page
    assert "not loaded" in page
    assert "unknown" in page  # the broken one says so in its line, the others are there
    assert all(options["timeout"] == 5 for _, options in site.milvus.calls)


def test_a_login_shares_no_connection_with_another(site: Site, visitor: Visitor) -> None:
    """Or a wrong password could be served by somebody else's right one."""
    assert visitor.get().ok
    assert site.milvus.calls[0][1]["dedicated"] is True


def test_the_cookie_cannot_be_read_or_sent_by_others(site: Site, stranger: Visitor) -> None:
    """It is random, HttpOnly, SameSite=Strict, and holds nothing of the login."""
    stranger.login()
    redirect = stranger.login().history[0]
    cookie = redirect.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert len(redirect.cookies[COOKIE]) >= 43
    assert PASSWORD not in cookie
    assert site.milvus.closed == 1  # the first login's connection ended with its cookie


def test_a_wrong_password_is_named_and_never_sent_back(site: Site, stranger: Visitor) -> None:
    """The form comes again with what was typed, without the password and without a cookie."""
    answer = stranger.login("not this one", user="ann")
    assert answer.status_code == 401
    assert "refused this user and password" in answer.text
    assert 'value="ann"' in answer.text
    assert "not this one" not in answer.text
    assert not stranger.session.cookies
    assert not site.milvus.closed


def test_milvus_that_is_down_is_named_with_its_address(site: Site, stranger: Visitor) -> None:
    """The connection that was half made is closed again."""
    site.milvus.down = True
    answer = stranger.login()
    assert answer.status_code == 504
    assert "does not answer at milvus-standalone:19530" in answer.text


def test_milvus_that_goes_down_later_gives_an_error_page(site: Site, visitor: Visitor) -> None:
    """The session lives on: the page works again when Milvus does."""
    site.milvus.down = True
    assert visitor.get().status_code == 504
    assert visitor.get("/collections/full").status_code == 504
    site.milvus.down = False
    assert visitor.get().status_code == 200


def test_an_address_that_is_none_is_refused_before_anything_is_asked(
    site: Site, stranger: Visitor
) -> None:
    """The wrong value is shown, escaped."""
    answer = stranger.login(address=HOSTILE)
    assert answer.status_code == 400
    assert HOSTILE not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert site.milvus.calls == []


def test_a_collection_shows_schema_indexes_and_its_first_rows(visitor: Visitor) -> None:
    """One hundred rows at most; vectors are shortened."""
    page = visitor.get("/collections/full").text
    assert "primary key" in page
    assert "8 dimensions" in page
    assert "HNSW" in page
    assert page.count("[0.5, 0.5, 0.5, 0.5, …] 8 numbers") == 100


def test_what_milvus_holds_is_escaped_everywhere(visitor: Visitor) -> None:
    """Descriptions, names of dynamic fields, values and error texts are only text."""
    for name in ("full", "broken", "empty", "asleep"):
        page = visitor.get(f"/collections/{name}").text
        assert HOSTILE not in page
        assert "&lt;script&gt;" in page


def test_a_collection_that_is_not_loaded_says_how_to_load_it(site: Site, visitor: Visitor) -> None:
    """The page does not load it on its own, and names the missing index."""
    site.milvus.calls.clear()
    page = visitor.get("/collections/asleep").text
    assert "is not loaded" in page
    assert "load_collection" in page
    assert "once vector has an index" in page
    assert "query" not in [call for call, _ in site.milvus.calls]


def test_a_collection_that_fails_shows_what_is_known_of_it(visitor: Visitor) -> None:
    """Schema and indexes are there; in place of the rows stands what Milvus said."""
    answer = visitor.get("/collections/broken")
    assert answer.status_code == 200
    assert "primary key" in answer.text
    assert "segment lost" in answer.text


def test_an_empty_collection_says_so(visitor: Visitor) -> None:
    """An empty table would look like a fault."""
    assert "has no rows" in visitor.get("/collections/empty").text


def test_a_milvus_without_collections_says_so(site: Site, visitor: Visitor) -> None:
    """A fresh stack has none."""
    site.milvus.states.clear()
    assert "no collections yet" in visitor.get().text


def test_a_collection_that_does_not_exist_is_404(visitor: Visitor) -> None:
    """The page leads back to the list."""
    answer = visitor.get("/collections/gone")
    assert answer.status_code == 404
    assert "no such collection" in answer.text


def test_a_stranger_sees_no_collection(site: Site, stranger: Visitor) -> None:
    """Without a session each address leads to the form, and Milvus is not asked."""
    assert "Log in to Milvus" in stranger.get("/collections/full").text
    stranger.session.cookies.set(COOKIE, "guessed")
    assert "Your session has ended" in stranger.get().text
    assert site.milvus.calls == []


def test_a_logout_ends_the_session_on_the_server(site: Site, visitor: Visitor) -> None:
    """A cookie kept by somebody is worth nothing after it."""
    token = visitor.session.cookies[COOKIE]
    assert "Log in to Milvus" in visitor.post("/logout").text
    assert COOKIE not in visitor.session.cookies
    assert site.milvus.closed == 1
    visitor.session.cookies.set(COOKIE, token)
    assert "Your session has ended" in visitor.get().text


def test_a_session_ends_when_unused(site: Site, visitor: Visitor) -> None:
    """Use prolongs it; half an hour without any ends it and drops the password."""
    site.now[0] += SESSION_SECONDS - 1
    assert "Collections" in visitor.get().text
    site.now[0] += SESSION_SECONDS - 1
    assert "Collections" in visitor.get().text
    site.now[0] += SESSION_SECONDS + 1
    assert "Your session has ended" in visitor.get().text
    assert site.milvus.closed == 1


def test_the_number_of_sessions_is_bounded(site: Site, stranger: Visitor) -> None:
    """The longest unused one goes first."""
    for _ in range(MAX_SESSIONS + 1):
        site.now[0] += 1
        stranger.session.cookies.clear()
        assert stranger.login().ok
    assert site.milvus.closed == 1


def test_a_form_from_another_site_is_refused(site: Site, stranger: Visitor) -> None:
    """SameSite guards the session; this guards the login itself."""
    answer = stranger.post("/login", origin="http://elsewhere.example", address="x", user="root")
    assert answer.status_code == 403
    assert site.milvus.calls == []


@pytest.mark.parametrize(
    ("host", "may"),
    [
        ("rebound.example.com:3000", False),
        ("milvus-attu:3000", True),
        ("localhost:3000", True),
        ("192.0.2.7", True),
        ("laptop.local:3000", True),
    ],
)
def test_a_name_that_everybody_can_give_to_it_is_refused(
    site: Site, stranger: Visitor, host: str, *, may: bool
) -> None:
    """A page of the web whose name leads here sees nothing, and can log nobody in."""
    answer = stranger.session.get(site.url, headers={"Host": host}, timeout=5)
    assert answer.status_code == (200 if may else 403)
    form = {"address": "milvus-standalone:19530", "user": "root", "password": PASSWORD}
    headers = {"Host": host, "Origin": f"http://{host}"}
    answer = stranger.session.post(f"{site.url}/login", data=form, headers=headers, timeout=5)
    assert answer.ok is may


def test_where_others_may_open_it_any_name_will_do() -> None:
    """They may have called the machine anything."""
    assert milvus_page.known_host("box.example.com:3000", "0.0.0.0")
    assert not milvus_page.known_host("box.example.com:3000", "127.0.0.1")


@pytest.mark.parametrize(
    "address", ["neo4j-docker:7687", "10.0.0.1:22", "https://milvus-standalone"]
)
def test_no_other_address_is_asked(site: Site, stranger: Visitor, address: str) -> None:
    """A stranger does not learn from the page what listens where."""
    answer = stranger.login(address=address)
    assert answer.status_code == 403
    assert "reads Milvus at milvus-standalone:19530 alone" in answer.text
    assert site.milvus.calls == []


def test_passwords_cannot_be_tried_at_will(site: Site, stranger: Visitor) -> None:
    """After some wrong ones nobody is let in for a while, and Milvus is not asked."""
    for _ in range(MAX_GUESSES):
        assert stranger.login("wrong").status_code == 401
    asked = len(site.milvus.calls)
    answer = stranger.login()
    assert answer.status_code == 429
    assert f"Try again in {GUESS_SECONDS:.0f} seconds" in answer.text
    assert len(site.milvus.calls) == asked
    site.now[0] += GUESS_SECONDS
    assert stranger.login().ok


def test_nothing_is_changed_by_a_link(visitor: Visitor) -> None:
    """Login and logout answer POST only."""
    assert visitor.get("/logout").status_code == 405
    assert visitor.get("/login").status_code == 405
    assert "Collections" in visitor.get().text


@pytest.mark.parametrize("path", ["/", "/collections/gone", "/nowhere", "/static/page.css"])
def test_every_answer_has_the_security_headers(visitor: Visitor, path: str) -> None:
    """No script, no frame, nothing from elsewhere, nothing kept."""
    headers = visitor.get(path).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"


def test_the_page_names_no_other_host_and_no_script(visitor: Visitor) -> None:
    """It works without network."""
    for path in ("/", "/collections/full", "/collections/asleep"):
        page = visitor.get(path).text
        assert "<script" not in page
        assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in visitor.get("/static/page.css").text


def test_the_password_is_never_logged(stranger: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    """Who logged in where is logged; a line break in a name makes no second line."""
    with caplog.at_level(logging.DEBUG):
        stranger.login()
        stranger.login("not this one", user="ann\nroot")
    assert "login as 'root' at milvus-standalone:19530: accepted" in caplog.text
    assert "login as 'ann\\nroot'" in caplog.text
    assert PASSWORD not in caplog.text
    assert "not this one" not in caplog.text


def test_a_mistake_of_the_page_itself_is_not_blamed_on_milvus(site: Site, visitor: Visitor) -> None:
    """The log has the traceback, the page has none."""
    del site.milvus.calls
    answer = visitor.get("/collections/full")
    assert answer.status_code == 500
    assert "Milvus is not at fault" in answer.text
    assert "Traceback" not in answer.text


def test_a_form_that_is_too_large_is_refused(stranger: Visitor) -> None:
    """Nobody fills the memory with it."""
    assert stranger.login("x" * 100_000).status_code == 413


def start(port: int | str) -> subprocess.Popen[str]:
    """Start the page as its image does, without pymilvus being needed."""
    return subprocess.Popen(
        [sys.executable, "-B", milvus_page.__file__],
        env={**os.environ, "SERVER_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_program_serves_until_it_is_told_to_stop() -> None:
    """SIGTERM, which `docker stop` sends, ends it at once with exit code 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with start(port) as program:
        try:
            assert program.stderr
            assert "Serving on" in program.stderr.readline()
            visitor = Visitor(Site(f"http://127.0.0.1:{port}", FakeMilvus(), []))
            with visitor.session, ExitStack() as halves:
                for _ in range(150):  # who sends half a request keeps nobody else from it
                    half = halves.enter_context(socket.create_connection(("127.0.0.1", port)))
                    half.sendall(b"POST /login HTTP/1.1\r\nContent-Length: 9\r\n\r\n")
                assert "<html" in visitor.get().text
            program.terminate()
            assert program.wait(5) == 0
        finally:
            program.kill()


@pytest.mark.parametrize("port", ["http", "0", "65536"])
def test_a_port_that_is_none_is_named(port: str) -> None:
    """The value and what was expected are in one line."""
    with start(port) as program:
        _, errors = program.communicate(timeout=5)
    assert program.returncode == 1
    assert errors == (
        f"SERVER_PORT is '{port}'; expected a number from 1 to 65535, for example 3000.\n"
    )

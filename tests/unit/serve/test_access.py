"""Who is let in, and who is not: every way that was thought of, and each is refused."""

import pytest

from scripts.serve.page.access import Access, LogIn, Refusal

PORT = 4173
HOST = f"127.0.0.1:{PORT}"
ACCESS = Access(PORT, "a secret")
COOKIE = f"memos-page-{PORT}="


def cookie(access: Access = ACCESS) -> str:
    """Return the cookie that a browser gets, as it sends it back."""
    found = access.judged("GET", "/", f"token={access.token}", {"host": HOST})
    assert isinstance(found, LogIn)
    return found.cookie.partition(";")[0]


def judged(path: str = "/", query: str = "", method: str = "GET", **headers: str) -> object:
    """Return what becomes of a request; `-` stands for `_` in the names of headers."""
    given = {"host": HOST, "cookie": cookie()} | headers
    names = {name.replace("_", "-"): value for name, value in given.items() if value}
    found = ACCESS.judged(method, path, query, names)
    return found.status if isinstance(found, Refusal) else found


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_who_has_the_cookie_is_answered(host: str) -> None:
    """By each name of this machine that the server has."""
    assert judged(host=host) is None
    assert judged("/page.js", host=host, origin=f"http://{host}") is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "127.0.0.1",
        "127.0.0.1:80",
        "evil.example",
        f"evil.example:{PORT}",
        f"127.0.0.1.evil.example:{PORT}",
        f"0.0.0.0:{PORT}",
        f"127.0.0.1:{PORT}, evil.example",
        f"LOCALHOST.:{PORT}",
    ],
)
def test_a_name_that_is_not_ours_is_refused(host: str) -> None:
    """A page of a name that leads here (DNS rebinding) sends that name, token or not."""
    assert judged(host=host) == 421
    assert judged(query=f"token={ACCESS.token}", host=host) == 421


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "http://evil.example",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        f"https://{HOST}",
        f"http://{HOST}.evil.example",
        f"http://{HOST}, http://evil.example",
    ],
)
def test_another_origin_is_refused(origin: str) -> None:
    """The browser sends our cookie along from every port of this machine."""
    for method in ("GET", "POST"):
        assert judged(method=method, origin=origin, x_token=ACCESS.change_token) == 403
    assert judged(query=f"token={ACCESS.token}", origin=origin) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "anything"])
def test_what_another_page_asks_for_is_refused(site: str) -> None:
    """Another port of this machine is the same site to a browser, and another server all the
    same."""
    assert judged(sec_fetch_site=site) == 403
    assert judged("/page.js", sec_fetch_site=site, sec_fetch_mode="no-cors") == 403
    assert judged("/", f"token={ACCESS.token}", sec_fetch_site=site, sec_fetch_mode="cors") == 403


@pytest.mark.parametrize("site", ["", "none", "same-origin"])
def test_what_was_typed_and_what_our_page_asks_for_is_answered(site: str) -> None:
    """The same of an old browser, which says nothing."""
    assert judged(sec_fetch_site=site) is None


def test_the_token_gives_a_cookie_that_no_script_reads() -> None:
    """It goes to no other site, and is not the token itself."""
    found = judged(query=f"token={ACCESS.token}", cookie="")

    assert isinstance(found, LogIn)
    assert found.cookie.startswith(COOKIE)
    assert found.cookie.endswith("; HttpOnly; SameSite=Strict; Path=/")
    assert ACCESS.token not in found.cookie
    assert not found.foreign


def test_a_link_elsewhere_lets_in_too() -> None:
    """From the file that opens a browser, or the terminal of an editor: led on by a page of ours,
    since a browser sends no strict cookie on where another page has led it."""
    found = judged(
        query=f"token={ACCESS.token}",
        cookie="",
        sec_fetch_site="cross-site",
        sec_fetch_mode="navigate",
    )

    assert isinstance(found, LogIn)
    assert found.foreign


@pytest.mark.parametrize(
    "query",
    ["", "token=", "token=wrong", f"token={ACCESS.token}x", f"token={ACCESS.token}&token=x"],
)
def test_without_the_token_nobody_is_let_in(query: str) -> None:
    """Other users of this machine, above all."""
    assert judged(query=query, cookie="") == 401


@pytest.mark.parametrize("path", ["/page.js", "/stream", "/session", "//"])
def test_the_token_counts_at_the_door_alone(path: str) -> None:
    """No other address carries it, so none is in a history or a log."""
    assert judged(path, f"token={ACCESS.token}", cookie="") == 401


@pytest.mark.parametrize(
    "sent",
    [
        "",
        COOKIE,
        f"{COOKIE}{ACCESS.token}",
        f"{COOKIE}{ACCESS.change_token}",
        cookie(Access(PORT, "another secret")),
        cookie().replace(str(PORT), "4174"),
        f"other={cookie().partition('=')[2]}",
        "\xff",
    ],
    ids=[
        "none",
        "empty",
        "the token",
        "the other token",
        "an old one",
        "of a port",
        "named",
        "odd",
    ],
)
def test_another_cookie_lets_nobody_in(sent: str) -> None:
    """Neither one of a server that ended as it was asked to."""
    assert judged(cookie=sent) == 401


def test_the_cookie_is_found_among_others() -> None:
    """Those of other ports of this machine come along."""
    assert judged(cookie=f"a=1; {cookie()}; b") is None


@pytest.mark.parametrize("token", ["", "wrong", ACCESS.token, f"{ACCESS.change_token}, x", "\xff"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_a_change_without_its_token_is_refused(method: str, token: str) -> None:
    """The cookie alone changes nothing: a form of another page would send it."""
    assert judged("/action", method=method, x_token=token) == 403


def test_a_change_with_its_token_is_let_through() -> None:
    """As the page has it from `GET /session`."""
    assert judged("/action", method="POST", x_token=ACCESS.change_token) is None
    assert judged("/action", method="POST", x_token=ACCESS.change_token, cookie="") == 401


def test_port_80_is_not_said_by_browsers() -> None:
    """Then the name alone is ours."""
    access = Access(80, "a secret")
    headers = {"host": "localhost", "origin": "http://localhost"}

    assert isinstance(access.judged("GET", "/", f"token={access.token}", headers), LogIn)

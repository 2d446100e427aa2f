"""The attack list: what somebody might send to the server of the page, and how it is refused."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.e2e.kit.browser import ELSEWHERE
from tests.e2e.kit.live_page import Visitor

SCRIPT = "<img src=x onerror=window.taken=1><script>window.taken=1</script>"
"""What would run if a text were taken for HTML."""
COOKIE, TOKEN, JSON = "Cookie", "X-Token", {"Content-Type": "application/json"}
PLAN = b'{"task": "restart", "options": {"service": ["qdrant"]}}'
OPTION = b'{"task": "restart", "options": {"service": ["--all"]}}'
OTHER = b'{"task": "engine.remove", "options": {"yes": true}}'
UNPLANNED = b'{"task": "reset", "options": {"all": true}}'
KNOWN = "{port}"
"""In headers: the server's port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One request, and the status that it must be answered with."""

    name: str
    status: tuple[int, ...]
    method: str = "GET"
    path: str = "/"
    without: tuple[str, ...] = ()
    """Headers that a page of ours sends, and this does not."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Headers that differ."""
    body: bytes = b""


REFUSED = (
    *(
        Attack(name=f"no cookie: {path}", status=(401,), path=path, without=(COOKIE,))
        for path in ("/", "/page.js", "/page.css", "/session", "/stream", "/logs?service=memos")
    ),
    Attack(name="a wrong token", status=(401,), path="/?token=wrong", without=(COOKIE,)),
    Attack(name="an empty token", status=(401,), path="/?token=", without=(COOKIE,)),
    Attack(name="a cookie that was guessed", status=(401,), changed={COOKIE: "page=guessed"}),
    *(
        Attack(name=f"Host {host}", status=(421,), path=path, changed={"Host": host})
        for host in (f"{ELSEWHERE}:{KNOWN}", "127.0.0.1:1", "127.0.0.1", "0.0.0.0:{port}", "")
        for path in ("/", "/stream")
    ),
    *(
        Attack(name=f"{name} {value}: {path}", status=(403,), path=path, changed={name: value})
        for name, value in (
            ("Origin", "http://" + ELSEWHERE),
            ("Origin", "null"),
            ("Origin", "http://127.0.0.1:1"),
            ("Sec-Fetch-Site", "cross-site"),
        )
        for path in ("/session", "/stream")
    ),
    *(
        Attack(
            name=f"POST {path} {name}",
            status=(401, 403),
            method="POST",
            path=path,
            without=without,
            changed={**JSON, **changed},
            body=PLAN,
        )
        for path in ("/plan", "/action", "/try")
        for name, without, changed in (
            ("without a cookie", (COOKIE,), {}),
            ("without a token", (TOKEN,), {}),
            ("with a wrong token", (), {TOKEN: "wrong"}),
            ("from another site", (), {"Origin": f"http://{ELSEWHERE}"}),
        )
    ),
    *(
        Attack(name=f"{name}: POST {path}", status=wanted, method="POST", path=path, **more)
        for path in ("/plan", "/action")
        for name, wanted, more in (
            ("a form", (400, 415), {"body": b"task=restart"}),
            ("no JSON", (400,), {"body": b"{", "changed": JSON}),
            ("a task that is no action", (400, 404, 422), {"body": OTHER, "changed": JSON}),
            ("a flag as a name", (400, 422), {"body": OPTION, "changed": JSON}),
        )
    ),
    Attack(
        name="a change without its plan",
        status=(400, 409, 422),
        method="POST",
        path="/action",
        changed=JSON,
        body=UNPLANNED,
    ),
    *(
        Attack(name=f"a file elsewhere: {path}", status=(400, 404), path=path)
        for path in ("/../.env", "/%2e%2e/.env", "/..%2f.env", "//etc/passwd", "/page.py")
    ),
    *(
        Attack(name=f"a change by {method}", status=(404, 405), method=method, path="/action")
        for method in ("GET", "PUT", "DELETE", "OPTIONS")
    ),
)


def refused(visitor: Visitor) -> Iterator[tuple[str, str]]:
    """Send each attack; yield its name, and what is wrong with the answer, "" for nothing."""
    for attack in REFUSED:
        headers = {**visitor.headers, **attack.changed}
        headers = {
            name: value.replace(KNOWN, str(visitor.port))
            for name, value in headers.items()
            if name not in attack.without
        }
        answer = visitor.ask(attack.path, attack.method, headers, attack.body)
        good = answer.status in attack.status
        yield attack.name, "" if good else f"{answer.status} {answer.body[:200]!r}"


def outdated(visitor: Visitor, now: Visitor) -> str:
    """Show the cookie that an earlier server gave; return what is wrong with the answer.

    Its name has the port: it is given that of now, for the worst case.
    """
    cookie = re.sub(r"\d+=", f"{now.port}=", visitor.headers[COOKIE], count=1)
    answer = now.ask("/", headers={COOKIE: cookie})
    return "" if answer.status == 401 else f"{answer.status} {answer.body[:200]!r}"

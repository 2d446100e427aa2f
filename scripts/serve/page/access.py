"""Pure: who is let in. Nobody who lacks the token, and no page of another server.

A browser sends the cookies of 127.0.0.1 to every port of it, and calls all of them one site: so
Host and Origin are compared whole, and a change needs a second secret in a header, which no other
page can send or read.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Of every answer."""
HTTP_PORT = 80
READING = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"", "none", "same-origin"})
"""What a browser says in Sec-Fetch-Site of what was typed, and of our own page."""
FOREIGN = "another page asked for this, not this one"
LOG_IN = "inv page prints the address that lets you in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    error: str
    next_step: str = LOG_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """The token was right: the browser gets its cookie."""

    cookie: str
    """The header that sets it."""
    foreign: bool
    """Another page led here: the browser keeps the cookie, and sends it from the next page on."""


class Access:
    """The rules of one server: its port, and the secrets that let somebody in."""

    def __init__(self, port: int, secret: str) -> None:
        """Let in who has what is made from `secret`, on this port of this machine."""
        self._port = port
        names = ("127.0.0.1", "localhost", "[::1]")
        self._hosts = {f"{name}:{port}" for name in names}
        if port == HTTP_PORT:  # which a browser leaves out
            self._hosts |= {*names}
        self._origins = {f"http://{host}" for host in self._hosts}
        self._cookie_name = f"memos-page-{port}"
        self.token, self._cookie, self.change_token = (
            hmac.new(secret.encode(), what.encode(), hashlib.sha256).hexdigest()
            for what in ("token", "cookie", "change")
        )

    def judged(
        self, method: str, path: str, query: str, headers: Mapping[str, str]
    ) -> Refusal | LogIn | None:
        """Return why a request is refused, or that it logs in; None where it is to be answered.

        `headers` by their names in small letters, those that came twice with a comma between.
        """
        if headers.get("host", "") not in self._hosts:
            step = f"through a tunnel too: ssh -L {self._port}:127.0.0.1:{self._port} HOST"
            told = f"this server answers as 127.0.0.1:{self._port} alone"
            return Refusal(status=421, error=told, next_step=step)
        if headers.get("origin", "") not in {"", *self._origins}:
            return Refusal(status=403, error=FOREIGN)
        own = headers.get("sec-fetch-site", "") in OWN_SITES
        given = parse_qs(query).get("token", []) if path == "/" and method in READING else []
        if given and headers.get("sec-fetch-mode", "navigate") == "navigate":
            return self._log_in(given, foreign=not own)
        return self._refusal(method, headers) if own else Refusal(status=403, error=FOREIGN)

    def _refusal(self, method: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request of no other page is refused."""
        if not any(_same(one, self._cookie) for one in self._cookies(headers.get("cookie", ""))):
            return Refusal(status=401, error="you are not logged in here")
        if method not in READING and not _same(headers.get("x-token", ""), self.change_token):
            step = "send X-Token as GET /session has it"
            return Refusal(status=403, error="a change needs the token of the page", next_step=step)
        return None

    def _log_in(self, given: list[str], *, foreign: bool) -> Refusal | LogIn:
        if not all(_same(one, self.token) for one in given):
            return Refusal(status=401, error="this token is not the one of this server")
        cookie = f"{self._cookie_name}={self._cookie}; HttpOnly; SameSite=Strict; Path=/"
        return LogIn(cookie=cookie, foreign=foreign)

    def _cookies(self, header: str) -> list[str]:
        """Return the values of our cookie; of one that came twice both."""
        pairs = (part.strip().partition("=") for part in header.split(";"))
        return [value for name, _, value in pairs if name == self._cookie_name]


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that tells nothing of where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())

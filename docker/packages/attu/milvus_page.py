"""A small read-only web page over Milvus, standing in for Attu on port 3000."""

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from types import FrameType
from urllib.parse import urlsplit

import waitress
from flask import Flask, Response, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from milvus_problem import Address, Problem, parse_address
from milvus_reader import PREVIEW_ROWS, Library, Reader, load_pymilvus
from milvus_sessions import Brake, Sessions
from werkzeug.exceptions import HTTPException

COOKIE = "milvus_page_session"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # not no-referrer: browsers would then send "Origin: null" with our own forms
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
LOOPBACK = "127.0.0.1"
# What the whole internet can look up, and so may lead anywhere: it ends like `.com`.
PUBLIC_NAME = re.compile(r".*\.(?:[a-z]{2,}|xn--[a-z0-9-]+)\.?")
OWN_NAMES = (".localhost", ".localdomain", ".local", ".lan", ".home", ".internal", ".home.arpa")
# Whoever sends half a request holds a connection, of which waitress serves 100 for 2 minutes each.
CONNECTIONS = 1000
IDLE_SECONDS = 15
_LOG = logging.getLogger("milvus_page")


class Page:
    """What answers each address of the site."""

    def __init__(
        self, milvus_url: str, load: Callable[[], Library], sessions: Sessions, brake: Brake
    ) -> None:
        self._milvus_url, self._load = milvus_url, load
        self._sessions, self._brake = sessions, brake

    def home(self) -> ResponseReturnValue:
        """Show the collections, or the login form."""
        reader = self._reader()
        if reader is None:
            problem = None
            if COOKIE in request.cookies:
                title = "Your session has ended."
                problem = Problem(title, "Log in again.", HTTPStatus.OK)
            return self._form(self._milvus_url, "root", problem)
        return render_template("collections.html", reader=reader, summaries=reader.summaries())

    def collection(self, name: str) -> ResponseReturnValue:
        """Show one collection; whoever is not logged in is sent to the form."""
        reader = self._reader()
        if reader is None:
            return redirect("/", HTTPStatus.SEE_OTHER)
        details = reader.details(name)
        return render_template(
            "collection.html", reader=reader, details=details, limit=PREVIEW_ROWS
        )

    def login(self) -> ResponseReturnValue:
        """Try the login; a refused one shows the form again, without the password."""
        address = request.form.get("address", "").strip()
        user = request.form.get("user", "").strip()
        try:
            password = request.form.get("password", "")
            known = self._known(address)
            self._brake.check()
            reader = Reader(self._load(), known, user, password)
        except Problem as problem:
            if problem.status == HTTPStatus.UNAUTHORIZED:
                self._brake.wrong()
            _LOG.info("login as %r at %r: %s", user, address, problem)
            return self._form(address, user, problem)
        _LOG.info("login as %r at %s: accepted", user, reader.address)
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = make_response(redirect("/", HTTPStatus.SEE_OTHER))
        token = self._sessions.add(reader)
        response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    def logout(self) -> ResponseReturnValue:
        """End the session."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        response = make_response(redirect("/", HTTPStatus.SEE_OTHER))
        response.delete_cookie(COOKIE, httponly=True, samesite="Strict")
        return response

    def problem(self, problem: Problem) -> ResponseReturnValue:
        """Show what is wrong, inside the frame of the page."""
        page = render_template("problem.html", reader=self._reader(), problem=problem)
        return page, problem.status

    def _known(self, address: str) -> Address:
        """Read the address; no other is asked, or strangers would learn what listens where."""
        asked, known = parse_address(address), parse_address(self._milvus_url)
        if asked != known:
            title = f"This page reads Milvus at {known} alone."
            raise Problem(title, "MILVUS_URL of its container names that.", HTTPStatus.FORBIDDEN)
        return known

    def _reader(self) -> Reader | None:
        return self._sessions.find(request.cookies.get(COOKIE, ""))

    @staticmethod
    def _form(address: str, user: str, problem: Problem | None) -> ResponseReturnValue:
        page = render_template("login.html", address=address, user=user, problem=problem)
        return page, problem.status if problem else HTTPStatus.OK


def healthy() -> ResponseReturnValue:
    """Answer as Attu 2.4 does: this server runs; it says nothing about Milvus."""
    return {"data": {"status": 200}, "statusCode": 200}


def known_host(authority: str, published_on: str) -> bool:
    """Whether HOST:PORT is ours: an address, or a name that not everybody can give to us.

    A name of the internet may be made to lead here by its owner. Where the port is published to
    others, they may have given this machine any name.
    """
    host = re.sub(r":\d*$", "", authority.lower())
    public = PUBLIC_NAME.fullmatch(host) and not host.rstrip(".").endswith(OWN_NAMES)
    return not public or not published_on.startswith("127.")


def _refuse_other_sites() -> None:
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        title = "This form was sent from another site."
        raise Problem(title, f"Open {request.host_url} itself.", HTTPStatus.FORBIDDEN)


def _add_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    return response


def _http_problem(error: HTTPException) -> Problem:
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Problem(f"{status.phrase}.", "Go back to the list of collections.", status)
    title = "This page made a mistake; Milvus is not at fault."
    return Problem(title, "`inv logs --service attu` shows where.", status)


def create_app(
    milvus_url: str,
    load: Callable[[], Library] = load_pymilvus,
    clock: Callable[[], float] = time.monotonic,
    published_on: str = LOOPBACK,
) -> Flask:
    """Build the site; `load` and `clock` (seconds) are replaced in tests.

    `published_on` is the address of this machine that the port is published on.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    page = Page(milvus_url, load, Sessions(clock), Brake(clock))
    app.add_url_rule("/", view_func=page.home)
    app.add_url_rule("/collections/<name>", view_func=page.collection)
    app.add_url_rule("/login", view_func=page.login, methods=["POST"])
    app.add_url_rule("/logout", view_func=page.logout, methods=["POST"])
    app.add_url_rule("/api/v1/healthy", view_func=healthy)

    def refuse_other_names() -> None:
        if not known_host(request.host, published_on):
            title = f"“{request.host[:80]}” is no name of this page."
            raise Problem(title, "Open it by its address.", HTTPStatus.FORBIDDEN)

    app.before_request(refuse_other_names)
    app.before_request(_refuse_other_sites)
    app.after_request(_add_headers)
    app.register_error_handler(Problem, page.problem)
    app.register_error_handler(HTTPException, lambda e: page.problem(_http_problem(e)))
    return app


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def main() -> None:
    """Serve on SERVER_PORT (3000) until SIGTERM, for the Milvus that MILVUS_URL names.

    PUBLISHED_ON is the address of this machine that the port is published on (127.0.0.1).
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name in ("grpc_proxy", "https_proxy", "http_proxy"):
        os.environ.pop(name, None)  # gRPC would send the calls to Milvus through it
    port = os.environ.get("SERVER_PORT", "3000")
    if not port.isdecimal() or not 0 < int(port) < 2**16:
        sys.exit(f"SERVER_PORT is {port!r}; expected a number from 1 to 65535, for example 3000.")
    signal.signal(signal.SIGTERM, _stop)
    app = create_app(
        os.environ.get("MILVUS_URL") or "milvus-standalone:19530",
        published_on=os.environ.get("PUBLISHED_ON") or LOOPBACK,
    )
    waitress.serve(
        app,
        host="0.0.0.0",
        port=int(port),
        threads=8,
        ident=None,
        connection_limit=CONNECTIONS,
        channel_timeout=IDLE_SECONDS,
        cleanup_interval=IDLE_SECONDS // 3,
        asyncore_use_poll=True,  # select() knows 1024 at most
    )


if __name__ == "__main__":
    main()

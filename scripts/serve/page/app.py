"""The page as an ASGI application: its files, its session, and the guard before all of it.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scripts.core.errors import ConfigError, EngineError, RefusedError, StackError
from scripts.core.foreign.documents import Json
from scripts.serve.page.access import HEADERS, Access, LogIn, Refusal

FILES = Path(__file__).with_name("files")
TYPES = {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"}
NAMES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}
STATUSES: Mapping[type[StackError], int] = {ConfigError: 400, RefusedError: 409, EngineError: 503}
"""What an error of ours is in HTTP; any other one is 500."""
FORBIDDEN = 403
READ_ONLY = "read-only"
"""The code of an error of who may only look."""
ONWARD = (
    '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/">'
    "<title>MemOS</title>"
)
"""A page of ours that leads on: only then a browser that came from elsewhere sends the cookie."""

Judged = Callable[[Exception], StackError]
Mask = Callable[[Json], Json]


def app(
    access: Access,
    routes: Sequence[Route],
    session: Mapping[str, object],
    judged: Judged,
    mask: Mask,
) -> ASGIApp:
    """Return the application: the page's own routes and these, behind the guard.

    `session` is what `GET /session` gives beside the token of changes; `judged` makes an error of
    ours of any exception, `mask` hides the secrets in what is told of it.
    """

    async def told(_: Request, error: Exception) -> Response:
        return refused(error if isinstance(error, StackError) else judged(error), mask)

    async def described(_: Request) -> Response:
        return JSONResponse({"token": access.change_token, **session})

    own = [Route(path, _file) for path in NAMES]
    inner = Starlette(
        routes=[*own, Route("/session", described), *routes],
        exception_handlers={StackError: told, HTTPException: _unknown, Exception: told},
    )
    return Guard(inner, access)


def refused(error: StackError, mask: Mask) -> Response:
    """Return what a program reads of an error."""
    told = mask({"error": str(error), "next": error.next_step})
    known = (status for kind, status in STATUSES.items() if isinstance(error, kind))
    return JSONResponse(told, FORBIDDEN if error.code == READ_ONLY else next(known, 500))


async def _file(request: Request) -> Response:
    path = request.url.path
    return Response((FILES / NAMES[path]).read_bytes(), media_type=TYPES[path])


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = error.detail if isinstance(error, HTTPException) else str(error)
    return JSONResponse({"error": text, "next": "GET / is the page"}, status)


class Guard:
    """Lets through what `Access` lets in, and puts the headers on every answer."""

    def __init__(self, inner: ASGIApp, access: Access) -> None:
        """Stand before `inner`."""
        self._inner, self._access = inner, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        if scope["type"] != "http":
            return
        verdict = self._access.judged(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            _headers(scope["headers"]),
        )
        inner = self._inner if verdict is None else _answer(verdict, scope["path"])
        await inner(scope, receive, guarded)


def _answer(verdict: Refusal | LogIn, path: str) -> Response:
    if isinstance(verdict, LogIn):
        cookie = {"Set-Cookie": verdict.cookie}
        if verdict.foreign:
            return HTMLResponse(ONWARD, headers=cookie)
        return Response(status_code=303, headers={"Location": "/", **cookie})
    if path == "/":
        return PlainTextResponse(f"{verdict.error}\n{verdict.next_step}\n", verdict.status)
    return JSONResponse({"error": verdict.error, "next": verdict.next_step}, verdict.status)


def _headers(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in raw:
        name, text = key.decode("latin-1"), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found


_HEADERS = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

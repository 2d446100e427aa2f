"""A small REST front over Qdrant's storage core, for a development stack without Qdrant's server.

Read from the environment, with Qdrant's own names: QDRANT__STORAGE__STORAGE_PATH (./storage),
QDRANT__SERVICE__HOST (0.0.0.0), QDRANT__SERVICE__HTTP_PORT (6333; 0 takes a free one),
QDRANT__SERVICE__API_KEY (none: open). PUBLISHED_ON is the address of this machine that its port is
published on (127.0.0.1). Exit code 0 after SIGTERM, 1 when it cannot start.
"""

import json
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import qdrant_collections
import qdrant_reads
import qdrant_writes
import uvicorn
from qdrant_call import Call, Handler
from qdrant_gate import LARGEST_BODY, LOOPBACK, Gate
from qdrant_json import RefusedError, not_offered, shallow
from qdrant_storage import Storage, StorageError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

Endpoint = Callable[[Request], Awaitable[Response]]

VERSION = {"title": "qdrant - vector search engine", "version": "1.15.3"}
# Open without a key, as in Qdrant. They answer at once: nothing listens before all is loaded.
HEALTH = {
    "/healthz": "healthz check passed",
    "/livez": "healthz check passed",
    "/readyz": "all shards are ready",
}
# Longer than clients keep an idle connection (httpx: 5 s), so that they are the ones to close it.
KEEP_ALIVE_SECONDS = 75
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
NOT_FOUND = 404
UNTRANSLATABLE = (TypeError, ValueError, OverflowError, RecursionError)
STOP_SECONDS = 2  # for requests that are under way when SIGTERM comes

ROUTES = {**qdrant_collections.ROUTES, **qdrant_writes.ROUTES, **qdrant_reads.ROUTES}
# The rest of Qdrant 1.15's routes (from its OpenAPI description): any method is answered with 501.
NOT_OFFERED = (
    *("/aliases", "/cluster", "/cluster/{rest:path}", "/dashboard", "/issues", "/locks"),
    *("/metrics", "/telemetry", "/snapshots", "/snapshots/{snapshot}", "/collections/aliases"),
    *("/collections/{name}/aliases", "/collections/{name}/cluster"),
    *("/collections/{name}/shards", "/collections/{name}/shards/{rest:path}"),
    *("/collections/{name}/snapshots", "/collections/{name}/snapshots/{rest:path}"),
)

log = logging.getLogger("qdrant")


def refusal(error: Exception) -> RefusedError:
    """The answer to an error: ours, or the core's, which it raises without a class of its own."""
    text = str(error).splitlines()[0] if str(error) else repr(error)
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, UNTRANSLATABLE):
        return RefusedError(400, f"Format error in JSON body: {text}")
    if type(error) is not Exception or text.startswith("Service runtime error"):
        return RefusedError(500, f"Service internal error: {error!r}")
    if text.startswith("No point with id"):
        return RefusedError(404, f"Not found: {text} found")
    return RefusedError(400, f"Wrong input: {text}")


def endpoint(handler: Handler, storage: Storage, gate: Gate) -> Endpoint:
    """An HTTP endpoint that answers with what `handler` returns or raises, in Qdrant's envelope."""

    async def answer(request: Request) -> Response:
        started = time.perf_counter()
        try:
            gate.check(request.headers)
            if (reason := gate.why_not(request.headers)) is not None:
                return PlainTextResponse(reason, 401)
            async with gate.body(request) as text:
                call = Call(
                    storage,
                    request.path_params,
                    request.query_params.get("wait") == "true",
                    shallow(json.loads(text, parse_constant=_no_constant)) if text else {},
                )
                content, status = {"result": handler(call), "status": "ok"}, 200
        except Exception as error:
            if isinstance(error, HTTPException | ClientDisconnect):
                raise  # a body too large, or one whose sender is gone
            refused = refusal(error)
            content, status = {"status": {"error": refused.text}}, refused.status
            if status != NOT_FOUND:  # an everyday answer
                log.warning("%d %s %r: %r", status, request.method, request.url.path, refused.text)
        return JSONResponse(content | {"time": time.perf_counter() - started}, status)

    return answer


def _no_constant(name: str) -> object:
    raise ValueError(f"`{name}` is not JSON")


def no_handler(_: Call) -> object:
    """The answer to a route of Qdrant that is not offered."""
    raise not_offered("this call")


def plain(text: str) -> Endpoint:
    """An endpoint that always answers with `text`."""

    async def answer(_: Request) -> Response:
        return PlainTextResponse(text)

    return answer


async def version(_: Request) -> Response:
    """What a client asks first, to compare versions."""
    return JSONResponse(VERSION)


async def gone(_request: Request, _: Exception) -> Response:
    """What a client that left in the middle of its request would get."""
    return PlainTextResponse("client closed the connection", 400)


async def no_route(request: Request, _: Exception) -> Response:
    """The answer to a path and method that are no route of Qdrant."""
    text = f"Not found: {request.method} {request.url.path} is no route of Qdrant"
    return JSONResponse({"status": {"error": text}, "time": 0.0}, NOT_FOUND)


def application(storage: Storage, gate: Gate) -> Starlette:
    """The web application; version and health are open to all, the rest to those let in."""
    routes = [Route("/", version), *(Route(path, plain(text)) for path, text in HEALTH.items())]
    for (method, path), handler in ROUTES.items():
        routes.append(Route(path, endpoint(handler, storage, gate), methods=[method]))
    refuse = endpoint(no_handler, storage, gate)
    routes.append(Route("/collections/{name}", refuse, methods=["PATCH"]))
    routes.extend(Route(path, refuse, methods=METHODS) for path in NOT_OFFERED)
    failed = {NOT_FOUND: no_route, 405: no_route, ClientDisconnect: gone}
    return Starlette(routes=routes, exception_handlers=failed, max_body_size=LARGEST_BODY)


def serve(storage: Storage, listener: socket.socket, gate: Gate) -> None:
    """Answer requests until SIGTERM or SIGINT, which ends in SystemExit(0)."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server takes both while it runs, stops in order, and then raises them once more.
        signal.signal(number, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        application(storage, gate),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def main(environment: Mapping[str, str]) -> int:
    """Open the storage, listen, serve; the exit code."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO)
    host = environment.get("QDRANT__SERVICE__HOST", "0.0.0.0")
    port = environment.get("QDRANT__SERVICE__HTTP_PORT", "6333")
    path = Path(environment.get("QDRANT__STORAGE__STORAGE_PATH", "storage")).absolute()
    try:
        storage = Storage.open(path)
        listener = socket.create_server((host, int(port)))
    except (StorageError, OSError, ValueError, OverflowError) as error:
        log.error("cannot start on %s:%s: %s", host, port, error)  # noqa: TRY400 - a known cause
        return 1
    # Without it an answer waits 40 ms for the client: asyncio sets it only on sockets it made.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address, free = listener.getsockname()[:2]
    log.info("%d collections, listening on %s:%d", len(storage.collections), address, free)
    key = environment.get("QDRANT__SERVICE__API_KEY", "")
    try:
        serve(storage, listener, Gate(key, environment.get("PUBLISHED_ON") or LOOPBACK))
    finally:
        storage.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))

"""What is done for a viewer: a plan is asked for, agreed to, and carried out."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scripts.core.errors import ConfigError
from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.live.actions import Actions, AnotherPlanError
from scripts.serve.page.streams import Streams

MOST = 1 << 16
"""Bytes of what is sent."""
ACCEPTED, CONFLICT = 202, 409


def routes(doing: Actions, _: Streams) -> list[Route]:
    """Return how a task is planned and run."""

    async def plan(request: Request) -> Response:
        task, options, _ = _wanted(await asked(request))
        found = await run_in_threadpool(doing.plan, task, options)
        return JSONResponse(found.document())

    async def act(request: Request) -> Response:
        task, options, agreed = _wanted(await asked(request))
        try:
            number = await run_in_threadpool(doing.begin, task, options, agreed)
        except AnotherPlanError as error:
            told = {"error": str(error), "next": error.next_step}
            return JSONResponse({**told, **error.plan.document()}, CONFLICT)
        return JSONResponse({"id": number}, ACCEPTED)

    return [Route("/plan", plan, methods=["POST"]), Route("/action", act, methods=["POST"])]


async def asked(request: Request) -> dict[str, Json]:
    """Return the JSON object that was sent; ConfigError for anything else, and for too much."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST:
            raise _wrong(f"over {MOST} bytes")
    try:
        found = documents.parsed(body)
    except ValueError as error:
        raise _wrong("no JSON") from error
    if not isinstance(found, dict):
        raise _wrong("no object")
    return found


def _wanted(sent: dict[str, Json]) -> tuple[str, dict[str, Json], str]:
    task, options, plan = sent.get("task"), sent.get("options", {}), sent.get("plan") or ""
    if not isinstance(task, str) or not isinstance(options, dict) or not isinstance(plan, str):
        raise _wrong("no task with options")
    return task, options, plan


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"what was sent is {what}", next_step='{"task": "smoke", "options": {}}')

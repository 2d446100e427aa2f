"""A memory added, or searched for, from the page: with the API's defaults, as anybody would."""

import time
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError
from scripts.core.foreign.documents import Json
from scripts.engine.containers import containers
from scripts.serve.page.actions import asked
from scripts.serve.page.streams import Streams
from scripts.watch import on_host
from scripts.watch.published import API, running, shaped
from scripts.watch.smoke.asking import ask, demand, short
from scripts.watch.smoke.trial import found_in

CUBE = "me"
"""Whose memories these are where nobody is named: the README's first memory is there too."""
LONGEST = {"add": 2000, "search": 2000, "cube": 100}
"""Letters of what is sent."""
SHOWN = 500
"""Letters of a memory that are sent back."""

Look = Callable[[], Workspace]
Mask = Callable[[Json], Json]


def routes(look: Look, mask: Mask, _: Streams) -> list[Route]:
    """Return how it is tried; `look` finds the stack, `mask` hides its secrets."""

    async def tried(request: Request) -> Response:
        word, text, cube = _wanted(await asked(request))
        found = await run_in_threadpool(lambda: _tried(look(), word, text, cube))
        return JSONResponse(mask(found))

    return [Route("/try", tried, methods=["POST"])]


def _wanted(sent: dict[str, Json]) -> tuple[str, str, str]:
    """Return what is to be done, the text, and the cube; ConfigError for anything else."""
    words = {name: sent[name] for name in ("add", "search") if name in sent}
    given = {"cube": CUBE, **sent}
    for name in (*words, "cube"):
        value = given[name]
        if not isinstance(value, str) or not value.strip() or len(value) > LONGEST[name]:
            raise _wrong(f"{name} is no text of 1 to {LONGEST[name]} letters")
    if len(words) != 1 or given.keys() - {*words, "cube"}:
        raise _wrong("wanted is one of add and search, and a cube or none")
    ((word, text),) = words.items()
    return word, text, given["cube"]


def _wrong(what: str) -> ConfigError:
    return ConfigError(f"what was sent cannot be tried: {what}", next_step='{"search": "tea"}')


def _tried(space: Workspace, word: str, text: str, cube: str) -> dict[str, Any]:
    """Make the call; BrokenError with what is wrong and where to look."""
    there = on_host.seen(space.cache, containers(space.api, space.stack.project))
    stack, began = running(space.stack, there), time.monotonic()
    if word == "search":
        answer = ask(stack, API, "/product/search", {"user_id": cube, "query": text})
        found = found_in(answer, "text_mem")
        memories = [{"text": one.text[:SHOWN], "score": round(one.score, 3)} for one in found]
    else:
        messages = [{"role": "user", "content": text}]
        answer = ask(stack, API, "/product/add", {"user_id": cube, "messages": messages})
        # a failure answers 200 as well: only an id counts
        with shaped("memos"):
            kept = [one for one in answer.get("data") or () if one.get("memory_id")]
            memories = [{"text": str(one.get("memory"))[:SHOWN]} for one in kept]
        demand(bool(kept), "memos", f"POST /product/add stored nothing: {short(answer)}")
    return {"memories": memories, "seconds": round(time.monotonic() - began, 3)}

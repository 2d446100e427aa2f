"""Serves the tools over stdin and stdout; each call is a task of ours, as it is typed."""

import json
import os
import signal
import tomllib
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from scripts.config import settings, workspace
from scripts.config.rules import schema
from scripts.core.checkout import Checkout
from scripts.core.errors import CHECKOUT, StackError
from scripts.core.process import run_beside
from scripts.live import masks, tasks
from scripts.live.masks import Mask
from scripts.live.tasks import Result
from scripts.serve.mcp import tools
from scripts.serve.mcp.tools import Tool

LINES = "lines"
"""The schema of what a task gives that writes lines."""
LONGEST = 100_000
"""Characters of lines that are handed on, the last ones."""
AT_ONCE = 2
"""Tasks that run beside each other; more would wait for each other's processor."""


def serve(checkout: Checkout, *, write: bool) -> None:
    """Serve until the client closes stdin, or a signal; stdout carries the protocol alone."""
    anyio.run(_serve, Calls(checkout, write=write))


def server(calls: "Calls") -> Server[Any]:
    """Return what speaks the protocol for these calls."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Server(
        project["name"],
        version=project["version"],
        instructions=tools.INSTRUCTIONS,
        on_list_tools=calls.listed,
        on_call_tool=calls.called,
    )


async def _serve(calls: "Calls") -> None:
    speaks = server(calls)
    async with stdio_server() as (reading, writing), anyio.create_task_group() as group:
        group.start_soon(_ended_by_signal, calls)
        await speaks.run(reading, writing, speaks.create_initialization_options())
        group.cancel_scope.cancel()


async def _ended_by_signal(calls: "Calls") -> None:
    """End at once: the thread that reads stdin hears of no signal, and would be waited for."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            calls.interrupt()
            os._exit(tasks.SIGNALLED + number)


class Calls:
    """Answers a client."""

    def __init__(self, checkout: Checkout, *, write: bool) -> None:
        """Work on this checkout; with `write` also what changes something."""
        self._checkout, self._write = checkout, write
        self._places = anyio.CapacityLimiter(AT_ONCE)
        self._running: set[tasks.Running] = set()

    async def listed(self, *_: object) -> types.ListToolsResult:
        """Return what may be called."""
        offered = tools.offered(write=self._write).values()
        return types.ListToolsResult(tools=list(map(described, offered)))

    async def called(self, _: object, params: types.CallToolRequestParams) -> types.CallToolResult:
        """Run the task of a tool; what is wrong with a call is told as its result."""
        try:
            tool = tools.chosen(params.name, write=self._write)
            words = tools.words(tool, params.arguments or {})
            mask = await anyio.to_thread.run_sync(self._mask)
            tail = Tail()
            async with self._places:
                done = await self._ended(tasks.Running(self._checkout, words, tail.add))
        except StackError as error:
            return failed([f"error: {error}", f"next: {error.next_step}"])
        return answer(tool, done, tail, mask)

    def _mask(self) -> Mask:
        """Return what hides the secrets of the settings, and of the containers as they are."""
        here = settings.load(self._checkout.root, self._checkout.environ, strict=False)
        try:
            space = workspace.look(replace(self._checkout, runner=run_beside, say=lambda _: None))
        except (StackError, OSError):  # the task says what is wrong
            return Mask(here)
        given = masks.given(space.api, space.stack.project)
        return Mask(here, given, space.stack.names())

    async def _ended(self, running: tasks.Running) -> Result:
        """Wait for a task; one whose caller cancels it, or has gone, hears Ctrl-C."""
        self._running.add(running)
        try:
            return await anyio.to_thread.run_sync(running.wait, abandon_on_cancel=True)
        except anyio.get_cancelled_exc_class():
            running.interrupt()
            raise
        finally:
            self._running.discard(running)

    def interrupt(self) -> None:
        """Let all that runs hear Ctrl-C; each cleans up after itself."""
        for running in self._running:
            running.interrupt()


class Tail:
    """The last lines of a task; older ones are counted."""

    def __init__(self) -> None:
        """Nothing was written yet."""
        self.lines: deque[str] = deque()
        self.left_out = 0
        self._long = 0

    def add(self, line: str) -> None:
        """Take the next line."""
        self.lines.append(line)
        self._long += len(line)
        while self._long > LONGEST:
            self._long -= len(self.lines.popleft())
            self.left_out += 1


def described(tool: Tool) -> types.Tool:
    """Return a tool as clients are told of it."""
    file = schema.SCHEMAS / f"{tool.gives or LINES}.schema.json"
    hints = types.ToolAnnotations(
        read_only_hint=not tool.writes, destructive_hint=False, open_world_hint=False
    )
    return types.Tool(
        name=tool.name,
        description=tool.does,
        input_schema=tool.arguments,
        output_schema=json.loads(file.read_text(encoding="utf-8")),
        annotations=hints,
    )


def answer(tool: Tool, done: Result, tail: Tail, mask: Mask) -> types.CallToolResult:
    """Return what a task has left, without secrets: its document, its lines, or its error."""
    told = [mask.mask(line) for line in tail.lines]
    if tool.gives:
        document = done.document
        refused = not document or document.get("verdict") == "refused"
    else:
        document = {"lines": told, "left_out": tail.left_out}
        refused = done.exit_code != 0
    if refused:
        return failed(told)
    document = mask.document(document)
    texts = [json.dumps(document, ensure_ascii=False)]
    if tool.gives and done.exit_code:
        texts.append("\n".join(told))  # what is wrong, in words
    return types.CallToolResult(content=_texts(texts), structured_content=document)


def failed(lines: Iterable[str]) -> types.CallToolResult:
    """Return an error: what is wrong and the next step, as a terminal has them."""
    return types.CallToolResult(content=_texts(["\n".join(lines)]), is_error=True)


def _texts(texts: Iterable[str]) -> list[types.ContentBlock]:
    return [types.TextContent(text=text) for text in texts]

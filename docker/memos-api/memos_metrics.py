"""What the API tells of itself, for Prometheus and `inv metrics`, on a second port.

MemOS counts its scheduler's tasks with prometheus_client, and serves the counts nowhere
(https://github.com/MemTensor/MemOS/issues/1544). Here they are served, beside the calls that the
API answers. These are counted where uvicorn hands them over, so nothing of MemOS is changed; and
the second port is one more socket of the same server, so there is no thread for it, and a version
that ends hands over both. The table for people is docs/metrics.md.
"""

import asyncio
import json
import logging
import socket
import sys
import time
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import memos_mends
import uvicorn
from uvicorn.config import STARTUP_FAILURE

Foreign: TypeAlias = Any
"""What ASGI hands around."""
PATH = "/metrics"
CONTENT = b"text/plain; version=0.0.4; charset=utf-8"
"""https://prometheus.io/docs/instrumenting/exposition_formats/"""
CALLS = frozenset(
    {"add", "search", "chat", "feedback", "get_all", "get_memory", "delete_memory", "suggestions"}
)
"""What follows /product/ in the paths that have a name of their own; all others are one."""
OTHER = "other"
BOUNDS = tuple(
    float(f"{one}e{power}")
    for power in (-3, -2, -1, 0, 1)
    for one in (1, 1.25, 1.6, 2, 2.5, 3.2, 4, 5, 6.3, 8)
)
"""Seconds. Each is a quarter more than the one before: between two, little is left to guess."""
FAILED = 500
"""What uvicorn answers where the application does not."""


class Numbers:
    """A number for each set of labels: a counter that only grows, or a gauge."""

    def __init__(self, name: str, kind: str, meaning: str) -> None:
        """Begin without any."""
        self.name, self.kind, self.meaning = name, kind, meaning
        self._values: dict[str, float] = {}

    def add(self, amount: float = 1, **labels: str) -> None:
        """Add to one of them."""
        key = braced(labels)
        self._values[key] = self._values.get(key, 0) + amount

    def lines(self) -> Iterator[str]:
        """Yield them as Prometheus reads them."""
        yield from head(self.name, self.kind, self.meaning)
        yield from (f"{self.name}{key} {value}" for key, value in self._values.items())


class Times:
    """How long the calls of each name took."""

    def __init__(self, name: str, meaning: str) -> None:
        """Begin without any."""
        self.name, self.meaning = name, meaning
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def add(self, seconds: float, call: str) -> None:
        """Count a call."""
        counts = self._counts.setdefault(call, [0] * (len(BOUNDS) + 1))
        counts[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[call] = self._seconds.get(call, 0) + seconds

    def lines(self) -> Iterator[str]:
        """Yield them as Prometheus reads them."""
        yield from head(self.name, "histogram", self.meaning)
        for call, counts in self._counts.items():
            below = 0
            for bound, count in zip((*map(repr, BOUNDS), "+Inf"), counts, strict=True):
                below += count
                yield f"{self.name}_bucket{braced({'call': call, 'le': bound})} {below}"
            yield f"{self.name}_sum{braced({'call': call})} {self._seconds[call]!r}"
            yield f"{self.name}_count{braced({'call': call})} {below}"


def head(name: str, kind: str, meaning: str) -> Iterator[str]:
    """Yield what stands before the numbers of one metric."""
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} {kind}"


def braced(labels: dict[str, str]) -> str:
    """Return labels as they stand behind a name."""
    pairs = (f'{name}="{escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(pairs)}}}" if labels else ""


def escaped(value: str) -> str:
    """Return the value of a label as it stands between quotes."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Counted:
    """An ASGI application whose calls are counted, and told of to who asks on the other port."""

    def __init__(self, app: Foreign, told_at: Collection[int]) -> None:
        """Serve this application, and what is told on these ports."""
        self.app, self.told_at = app, told_at
        self.calls = Numbers("memos_api_calls_total", "counter", "Calls that were answered")
        self.running = Numbers("memos_api_calls_in_flight", "gauge", "Calls not answered yet")
        self.times = Times("memos_api_call_seconds", "Seconds until a call was answered to its end")
        self.about = (*version(), *mends())
        self.failed = False

    async def __call__(self, scope: Foreign, receive: Foreign, send: Foreign) -> None:
        """Hand a call on, or tell."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif (scope.get("server") or ("", 0))[1] in self.told_at:
            await self._tell(scope["path"], send)
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Foreign, receive: Foreign, send: Foreign) -> None:
        call, status, began = named(scope["path"]), FAILED, time.perf_counter()

        async def noted(message: Foreign) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.running.add(call=call)
        try:
            await self.app(scope, receive, noted)
        finally:
            self.running.add(-1, call=call)
            self.calls.add(call=call, status=str(status))
            self.times.add(time.perf_counter() - began, call)

    async def _tell(self, path: str, send: Foreign) -> None:
        if path != PATH:
            await answer(send, 404, f"only {PATH} is here\n".encode())
            return
        try:
            await answer(send, 200, await self.text())
        except Exception as error:
            if not self.failed:
                self.failed = True
                logging.getLogger("uvicorn.error").exception("memos: the metrics cannot be told")
            await answer(send, 500, f"the metrics cannot be told: {error!r}\n".encode())

    async def text(self) -> bytes:
        """Return all numbers, and those of MemOS where it has loaded what counts them."""
        parts = (
            one for numbers in (self.calls, self.running, self.times) for one in numbers.lines()
        )
        ours = "\n".join((*self.about, *parts, "")).encode()
        library = sys.modules.get("prometheus_client")
        # a thread, for it may be long where many users have labels of their own
        theirs = await asyncio.to_thread(library.generate_latest) if library else b""
        return ours + theirs


def named(path: str) -> str:
    """Return what a call is counted as."""
    root, _, rest = path.removeprefix("/").partition("/")
    first = rest.partition("/")[0]
    return first if root == "product" and first in CALLS else OTHER


def version() -> Iterator[str]:
    """Yield which MemOS this is, and since when all is counted."""
    yield from head("memos_api_info", "gauge", "Which MemOS runs; always 1")
    yield f"memos_api_info{braced({'version': memos_mends.running()})} 1"
    name = "memos_api_start_time_seconds"
    yield from head(name, "gauge", "Since when all is counted, in seconds since 1970")
    yield f"{name} {time.time():.3f}"


def mends() -> Iterator[str]:
    """Yield which known defects are mended in it, or left."""
    try:
        found = json.loads(memos_mends.FILE.read_text(encoding="utf-8"))
        states = [(state, str(issue)) for state in ("mended", "left") for issue in found[state]]
    except (OSError, ValueError, LookupError, TypeError):
        return
    yield from head("memos_api_mend", "gauge", "Known defects of this MemOS by issue; always 1")
    for state, issue in states:
        yield f"memos_api_mend{braced({'issue': issue, 'state': state})} 1"


async def answer(send: Foreign, status: int, body: bytes) -> None:
    """Send a whole answer."""
    headers = [(b"content-type", CONTENT), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Config(uvicorn.Config):
    """How an application is served on the first of these sockets, and told of on the others."""

    def __init__(self, app: str, sockets: Sequence[socket.socket]) -> None:
        """Know the application by its name."""
        super().__init__(app)
        self.sockets = sockets

    def load(self) -> None:
        """Find the application, and count its calls from now on."""
        super().load()
        told_at = {one.getsockname()[1] for one in self.sockets[1:]}
        self.loaded_app = Counted(self.loaded_app, told_at)
        logging.getLogger("uvicorn.access").addFilter(worth_a_line)


def worth_a_line(record: logging.LogRecord) -> bool:
    """Say whether a line of the access log is one that people look for."""
    return not (isinstance(record.args, tuple) and PATH in record.args)


def serve(app: str, sockets: Sequence[socket.socket]) -> None:
    """Serve until told to stop, as `uvicorn.run` does."""
    server = uvicorn.Server(Config(app, sockets))
    with suppress(KeyboardInterrupt):
        server.run(sockets=list(sockets))
    if not server.started:
        sys.exit(STARTUP_FAILURE)

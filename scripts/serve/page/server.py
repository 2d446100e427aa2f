"""The server of the page: one socket on this machine's own address, until it is asked to end."""

import asyncio
import errno
import secrets
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from scripts.core.errors import ConfigError, RefusedError, StackError, unexpected
from scripts.core.stack import LAST_PORT, REFUSED_BY_BROWSERS
from scripts.live.feed import Feed
from scripts.machine import ports
from scripts.serve.page import app, streams
from scripts.serve.page.access import Access
from scripts.serve.page.streams import Part, Streams

HOST = "127.0.0.1"
LONGEST = 16384
"""Bytes of a request before its body, or of what is not yet a request."""
IDLE = 100
"""Connections without a request that stay open; each takes a file of this process."""
GRACE = 2
"""Seconds for answers under way when it ends."""


def listening(port: int, again: int = 0) -> socket.socket:
    """Return a socket that listens: on that port, or for 0 on `again` if it is free, or on any.

    Raises ConfigError for no port of a page, RefusedError for one that is taken.
    """
    if port > LAST_PORT or port in REFUSED_BY_BROWSERS:
        what = "above 65535" if port > LAST_PORT else "one that browsers refuse to open"
        raise ConfigError(
            f"--port is {port}, {what}",
            next_step="for example: --port 8080; without it, a free one",
        )
    for one in (port,) if port else (again, 0):
        try:
            return socket.create_server((HOST, one))
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            if port:
                held = error.errno == errno.EADDRINUSE
                why = f"is taken by {ports.owner(port)}" if held else "is not for this user"
                step = "inv page takes a free port, or name another: --port N"
                raise RefusedError(f"port {port} {why}", next_step=step) from error
    raise RefusedError("no port is free", next_step="ss -ltn shows who listens")


class Connection(H11Protocol):
    """One of a viewer, or of anybody on this machine: for a new one the oldest idle one goes.

    So who opens many and says nothing keeps nobody out; a limit of all would do just that.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Take a new one."""
        super().connection_made(transport)
        self.began = self.loop.time()
        others = (one for one in self.connections if isinstance(one, Connection))
        idle = [one for one in others if one.idle]
        if len(idle) > IDLE:
            min(idle, key=lambda one: one.began).transport.abort()

    @property
    def idle(self) -> bool:
        """Say whether it is open and nothing is answered on it."""
        answering = self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        return not answering and not self.transport.is_closing()


class Server(uvicorn.Server):
    """Serves one feed. Without requests it does nothing at all, not even look at the clock."""

    def __init__(
        self,
        feed: Feed,
        access: Access,
        parts: Sequence[Part] = (),
        *,
        read_only: bool = False,
        judged: Callable[[Exception], StackError] = unexpected,
    ) -> None:
        """Serve what `feed` tells, and what these parts do, to whom `access` lets in."""
        boot = secrets.token_hex(4)
        self.streams = Streams(boot)
        others = (route for part in parts for route in part(self.streams))
        routes = [*streams.routes(feed, self.streams), *others]
        session = {"read_only": read_only, "boot": boot}
        super().__init__(
            uvicorn.Config(
                app.app(access, routes, session, judged, feed.masked),
                loop="asyncio",
                http=Connection,
                backlog=IDLE,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                h11_max_incomplete_event_size=LONGEST,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asked = asyncio.Event()

    async def main_loop(self) -> None:
        """Wait until somebody asks it to end: uvicorn's own loop looks ten times a second."""
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._asked.wait()
        self.streams.end()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal for what it asks."""
        super().handle_exit(sig, frame)
        self.end()

    def end(self) -> None:
        """Ask it to end, from any thread."""
        self.should_exit = True
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._asked.set)

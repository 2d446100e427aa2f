"""How a version serves: when the supervisor says so, and no longer than it says."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from memos_metrics import Config
from uvicorn import Server
from uvicorn.lifespan.on import LifespanOn

from memos_reload import where
from memos_reload.wire import Channel

Foreign: TypeAlias = Any
"""What ASGI hands around, and the servers of another event loop."""
FRESH = 0.7
"""Seconds for a caller to say what it wants, once it is connected to a version that ends."""
TICK = 0.05


class Version(Server):
    """A server that has started all that it needs before it takes the first connection."""

    def __init__(
        self, app: str, channel: Channel, source: Path, sockets: Sequence[socket.socket]
    ) -> None:
        """Serve an application for the supervisor behind this channel, on bound sockets."""
        super().__init__(Config(app, sockets))
        self.channel, self.source, self.sockets = channel, source, sockets

    def load(self) -> None:
        """Find the application."""
        self.config.load()
        self.config.lifespan_class = gate(self._turn, self._failed)

    def serve_all(self) -> None:
        """Serve until told to stop."""
        self.run(sockets=list(self.sockets))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, wait, and take connections."""
        await super().startup(sockets)
        self.channel.say(answers=True)

    async def _turn(self) -> None:
        """Wait until the version before takes no connections any more."""
        self._told = asyncio.Event()
        asyncio.get_running_loop().add_reader(self.channel.end, self._hear)
        self.channel.say(ready=True)
        await self._told.wait()

    def _hear(self) -> None:
        heard = [message["do"] for message in self.channel.heard()]
        if not heard:  # the supervisor is gone, and with it the one that ends us
            os.killpg(0, signal.SIGKILL)
        if "serve" in heard:
            self._told.set()
        if "stop" in heard:
            self._stop()

    def _stop(self) -> None:
        """Take no connection from now on; uvicorn itself would do so up to 0.1 s later."""
        loop, servers = asyncio.get_running_loop(), list[Foreign](self.servers)
        for server in servers:
            if isinstance(server, asyncio.base_events.Server):
                # closed, it would forget the connections that it has just taken
                for one in server.sockets:
                    loop.remove_reader(one.fileno())
            else:  # uvloop's does not
                server.close()
        for connection in self.server_state.connections - self._fresh():
            connection.shutdown()
        self._leave(FRESH)
        self.channel.say(closed=True)

    def _leave(self, seconds: float) -> None:
        """End when all who are connected have said what they want: else that would be lost."""
        # at least once later: a connection that was just taken is not known yet
        if seconds == FRESH or (seconds > 0 and self._fresh()):
            asyncio.get_running_loop().call_later(TICK, self._leave, seconds - TICK)
        else:
            self.should_exit = True

    def _fresh(self) -> set[Foreign]:
        connections = self.server_state.connections
        return {one for one in connections if getattr(one, "cycle", one) is None}

    def _failed(self, text: str) -> None:
        self.channel.say(failed=asdict(where.of_text(text, self.source)))


def gate(turn: Callable[[], Awaitable[None]], failed: Callable[[str], object]) -> type[LifespanOn]:
    """Return a lifespan that has not started before its turn has come."""

    class Gate(LifespanOn):
        async def startup(self) -> None:
            await super().startup()
            if not self.should_exit:
                await turn()

        async def send(self, message: Foreign) -> None:
            if message["type"] == "lifespan.startup.failed":
                failed(str(message.get("message", "")))
            await super().send(message)

    return Gate

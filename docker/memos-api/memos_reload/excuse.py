"""What callers are told while no version answers because the last one failed: 503, and why."""

import asyncio
import socket
from collections.abc import Sequence

READ = 1.0
"""Seconds for a caller to say what it wants."""
STATUS = "HTTP/1.1 503 Service Unavailable"


class Excuse:
    """Answers each call on the listening sockets, until a version can."""

    def __init__(self, listening: Sequence[socket.socket]) -> None:
        """Answer nobody yet."""
        self._listening = listening
        self._servers: list[asyncio.Server] = []
        self._why = ""

    async def start(self, why: str) -> None:
        """Tell every caller why there is no version."""
        self._why = why
        if self._servers:
            return
        for one in self._listening:
            self._servers.append(await asyncio.start_server(self._answer, sock=one.dup()))

    def stop(self) -> None:
        """Leave the callers to a version."""
        for server in self._servers:
            server.close()
        self._servers = []

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = f"memos: reload: {self._why}\n".encode()
        head = f"{STATUS}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}"
        try:
            await asyncio.wait_for(reader.read(65536), READ)
            writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode() + body)
            await writer.drain()
        except (OSError, TimeoutError):
            return
        finally:
            writer.close()

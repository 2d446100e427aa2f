"""One port for two protocols, as Milvus has it: who begins as HTTP/2 is handed on to gRPC."""

import asyncio
import http
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

HTTP2 = b"PRI * HTTP/2.0\r\n"
"""What each HTTP/2 connection begins with: https://www.rfc-editor.org/rfc/rfc9113#section-3.4"""
LARGEST_HEAD = 64 * 1024
"""Bytes of a request line and its headers."""
LARGEST_BODY = 32 * 1024 * 1024
"""Bytes of a body."""
IDLE = 75.0
"""Seconds until a connection that asks nothing is closed; longer than clients keep theirs."""
PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request of REST."""

    method: str
    path: str
    authorization: str
    body: bytes
    whole: bool = True
    """Whether the body was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered to it."""

    status: int = 200
    content: object


Rest = Callable[[Question], Awaitable[Answer]]


class BadRequestError(Exception):
    """A request that is none of HTTP, or too large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Takes each connection to the one that speaks its protocol."""

    grpc_port: int
    """On loopback."""
    rest: Rest
    known: Callable[[str], bool]
    """Says whether an Authorization header is the login: nobody else's large body is read."""

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until one of the two ends hangs up."""
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first = await asyncio.wait_for(reader.readexactly(3), IDLE)
            if HTTP2.startswith(first):
                await self._hand_on(first, reader, writer)
            else:
                await self._converse(first, reader, writer)
        await _hang_up(writer)

    async def _hand_on(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.grpc_port)
        behind_writer.write(first)
        ways = {
            asyncio.create_task(_copy(reader, behind_writer)),
            asyncio.create_task(_copy(behind_reader, writer)),
        }
        try:
            # a connection of gRPC is over as soon as either end closes it
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _hang_up(behind_writer)

    async def _converse(
        self, first: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while first:
            try:
                question = await asyncio.wait_for(self._question(first, reader), IDLE)
                answer = await self.rest(question)
                again = question.whole
            except (BadRequestError, asyncio.LimitOverrunError, ValueError) as error:
                answer, again = (
                    Answer(status=400, content={"code": 400, "message": str(error)}),
                    False,
                )
            writer.write(_http(answer, again=again))
            await writer.drain()
            first = await asyncio.wait_for(reader.read(1), IDLE) if again else b""

    async def _question(self, first: bytes, reader: asyncio.StreamReader) -> Question:
        """Read one request whose first bytes were read already."""
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *rest = head.strip("\r\n").split("\r\n")
        method, _, more = line.partition(" ")
        target, _, version = more.partition(" ")
        if len(head) > LARGEST_HEAD or not version.startswith("HTTP/1."):
            raise BadRequestError(f"{line[:80]!r} is no request of HTTP/1.1, and not gRPC")
        pairs = (header.partition(":") for header in rest)
        headers = {name.strip().lower(): value.strip(" \t") for name, _, value in pairs}
        if "transfer-encoding" in headers:
            raise BadRequestError("a body needs a Content-Length")
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= LARGEST_BODY:
            raise BadRequestError(f"a body of {length} bytes, at most {LARGEST_BODY} are read")
        # clients send a password as UTF-8, whose bytes are blanks to Latin-1 now and then
        login = headers.get("authorization", "").encode("latin-1").decode(errors="replace")
        # a small one is read in any case: who hangs up on a client that still sends is not heard
        whole = length <= PIECE or self.known(login)
        return Question(
            method=method,
            path=target.partition("?")[0],
            authorization=login,
            body=await reader.readexactly(length) if whole else b"",
            whole=whole,
        )


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE):
        writer.write(piece)
        await writer.drain()


def _http(answer: Answer, *, again: bool) -> bytes:
    text = json.dumps(answer.content, ensure_ascii=False, default=str).encode()
    lines = (
        f"HTTP/1.1 {answer.status} {http.HTTPStatus(answer.status).phrase}",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(text)}",
        f"Connection: {'keep-alive' if again else 'close'}",
    )
    return "\r\n".join((*lines, "", "")).encode() + text

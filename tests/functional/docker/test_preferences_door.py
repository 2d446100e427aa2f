"""The door of the preferences store: one port for REST and for gRPC, on real sockets."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine

import pytest
from preferences_door import LARGEST_BODY, PIECE, Answer, Door, Question

GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
LOGIN = "Bearer root:secret"
Asked = list[Question]
Trial = Callable[[int, Asked], Coroutine[None, None, None]]


async def _at_the_door(trial: Trial) -> None:
    """Run a trial with a door's port; behind it an echo stands for gRPC."""
    asked: Asked = []

    async def rest(question: Question) -> Answer:
        asked.append(question)
        return Answer(status=200, content={"path": question.path})

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(1024):
            writer.write(piece)
            await writer.drain()
        await _closed(writer)

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as behind:
        grpc_port = behind.sockets[0].getsockname()[1]
        door = Door(grpc_port=grpc_port, rest=rest, known=lambda given: given == LOGIN)
        async with await asyncio.start_server(door.enter, "127.0.0.1", 0) as front:
            await trial(front.sockets[0].getsockname()[1], asked)
    # each end of a connection notices that the other is gone
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        _, left = await asyncio.wait(others, timeout=10)
        assert left == set()


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def _said(port: int, *words: bytes) -> bytes:
    """Say words one after the other, hang up, return all that is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for word in words:
        writer.write(word)
        await writer.drain()
        await asyncio.sleep(0.01)
    if writer.can_write_eof():
        writer.write_eof()
    heard = await asyncio.wait_for(reader.read(), 10)
    await _closed(writer)
    return heard


def _run(trial: Trial) -> None:
    asyncio.run(_at_the_door(trial))


def _request(path: str, body: bytes = b"", *headers: str) -> bytes:
    lines = (f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


def test_what_begins_as_http2_reaches_grpc_unchanged() -> None:
    """Also when its first bytes come one by one."""

    async def trial(port: int, asked: Asked) -> None:
        whole = await _talk(port, GREETING + b"\0" * 200_000)
        pieces = await _talk(port, *(GREETING[i : i + 1] for i in range(len(GREETING))))

        assert whole == GREETING + b"\0" * 200_000
        assert pieces == GREETING
        assert asked == []

    _run(trial)


async def _talk(port: int, *words: bytes) -> bytes:
    """Say words, and read as many bytes as were said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard: Awaitable[bytes] = asyncio.create_task(reader.readexactly(sum(map(len, words))))
    for word in words:
        writer.write(word)
        await writer.drain()
    result = await asyncio.wait_for(heard, 10)
    await _closed(writer)
    return result


def test_everything_else_is_asked_as_rest_on_one_connection() -> None:
    """Path, login and body arrive; the connection stays for the next question."""

    async def trial(port: int, asked: Asked) -> None:
        first = _request("/a?b=c", b'{"x": 1}', "Authorization: Bearer root:sécret密à")
        heard = await _said(port, first, _request("/d"))

        assert heard.count(b"HTTP/1.1 200 OK") == 2
        assert json.loads(heard.rpartition(b"\r\n")[2]) == {"path": "/d"}
        assert asked == [
            Question(
                method="POST", path="/a", authorization="Bearer root:sécret密à", body=b'{"x": 1}'
            ),
            Question(method="POST", path="/d", authorization="", body=b""),
        ]

    _run(trial)


@pytest.mark.parametrize(
    "said",
    [
        b"SSH-2.0-client\r\n\r\n",
        b"GET / HTTP/3\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"POST / HTTP/1.1\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n".encode(),
        b"GET / HTTP/1.1\r\nX: " + b"x" * 80_000 + b"\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so_and_the_connection_ends(said: bytes) -> None:
    """With 400; nobody behind the door is asked."""

    async def trial(port: int, asked: Asked) -> None:
        heard = await _said(port, said)

        assert heard.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"Connection: close" in heard
        assert asked == []

    _run(trial)


def test_a_large_body_is_read_only_with_the_login() -> None:
    """A stranger is answered at once, and what he sends takes no memory."""
    body = b"x" * (PIECE + 1)

    async def trial(port: int, asked: Asked) -> None:
        half = _request("/stranger", body)[:-PIECE]
        heard = await _said(port, half)
        assert b"Connection: close" in heard
        assert b"200 OK" in await _said(port, _request("/owner", body, f"Authorization: {LOGIN}"))
        assert [(one.path, one.body) for one in asked] == [("/stranger", b""), ("/owner", body)]

    _run(trial)


@pytest.mark.parametrize("said", [b"", b"PO", b"POST / HTTP/1.1\r\n", _request("/a", b"{}")[:-1]])
def test_whoever_hangs_up_in_the_middle_gets_nothing(said: bytes) -> None:
    """And the door stays open for others."""

    async def trial(port: int, asked: Asked) -> None:
        assert await _said(port, said) == b""
        assert asked == []
        assert b"200 OK" in await _said(port, _request("/next"))

    _run(trial)


def test_where_grpc_does_not_listen_the_connection_just_ends() -> None:
    """As a port without a server would."""

    async def trial(port: int, asked: Asked) -> None:
        door = Door(grpc_port=1, rest=_nobody, known=lambda _: False)
        async with await asyncio.start_server(door.enter, "127.0.0.1", 0) as front:
            heard = await _said(front.sockets[0].getsockname()[1], GREETING)

        assert (heard, asked, port > 0) == (b"", [], True)

    _run(trial)


async def _nobody(question: Question) -> Answer:
    raise AssertionError(question)

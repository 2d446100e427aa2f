"""Server-sent events: a stream goes on until its reader or the server ends, and is resumed.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractContextManager, suppress

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from scripts.live.feed import Cursor, Feed, Wake

ALIVE = 15.0
"""Seconds of silence after which a comment says that somebody is there."""
RETRY = 500
"""Milliseconds after which a browser asks again; its own are up to five seconds."""
MEDIA_TYPE = "text/event-stream"
LAST = "last-event-id"


class Streams:
    """All streams of one server: they begin with its `boot`, and end together."""

    def __init__(self, boot: str) -> None:
        """Have the numbers of this server's events begin with `boot`."""
        self.boot = boot
        self._open: dict[Wake, None] = {}
        self._ended = False

    def end(self) -> None:
        """Let every stream say goodbye."""
        self._ended = True
        for wake in tuple(self._open):
            wake()

    def place(self, request: Request) -> str:
        """Return what the last event that a reader has is known by; empty for another server's."""
        boot, _, place = request.headers.get(LAST, "").partition("-")
        return place if boot == self.boot else ""

    def known(self, request: Request) -> int | None:
        """Return the number of the last event that a reader has; None for one of another server."""
        number = self.place(request)
        return int(number) if number.isascii() and number.isdigit() else None

    def event(self, kind: str, data: object, place: int | str | None = None) -> str:
        """Return an event as it is sent, with what a reader may go on from."""
        mark = "" if place is None else f"id: {self.boot}-{place}\n"
        return f"event: {kind}\n{mark}data: {json.dumps(data, separators=(',', ':'))}\n\n"

    def answer(
        self,
        followed: Callable[[Wake], AbstractContextManager[object]],
        news: Callable[[], Iterable[str]],
    ) -> Response:
        """Return a stream of what `news` gives, whenever `followed` has woken it."""
        return StreamingResponse(self._events(followed, news), media_type=MEDIA_TYPE)

    async def _events(
        self,
        followed: Callable[[Wake], AbstractContextManager[object]],
        news: Callable[[], Iterable[str]],
    ) -> AsyncIterator[str]:
        loop, woken = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with suppress(RuntimeError):  # the server has ended meanwhile
                loop.call_soon_threadsafe(woken.set)

        self._open[wake] = None
        try:
            with followed(wake):
                yield f"retry: {RETRY}\n\n"
                while not self._ended:
                    if told := "".join(news()):
                        yield told
                    try:
                        await asyncio.wait_for(woken.wait(), ALIVE)
                    except TimeoutError:
                        yield ": \n\n"
                    woken.clear()
                yield self.event("bye", {})
        finally:
            del self._open[wake]


Part = Callable[[Streams], list[Route]]
"""Gives the routes of a part of the page."""


def routes(feed: Feed, streams: Streams) -> list[Route]:
    """Return the stream of the document."""

    async def stream(request: Request) -> Response:
        cursor = Cursor(streams.known(request))
        # numbers are of changes alone: a row of use moves nobody on
        return streams.answer(
            feed.followed,
            lambda: (
                streams.event(kind, data, number if kind in {"state", "change"} else None)
                for number, kind, data in feed.news(cursor)
            ),
        )

    return [Route("/stream", stream)]

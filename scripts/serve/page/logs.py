"""The logs as a stream: what is kept first, then what comes, several lines at a time."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from scripts.live.feed import Wake
from scripts.live.lines import Book, Viewer
from scripts.serve.page.streams import Streams

PACE = 0.1
"""Seconds between two events of a stream."""


def routes(book: Book, streams: Streams) -> list[Route]:
    """Return the stream of lines; `service` in its address, as often as needed, picks some."""

    async def logs(request: Request) -> Response:
        named = request.query_params.getlist("service")
        place, loop = streams.place(request), asyncio.get_running_loop()
        open_: list[tuple[Viewer, Wake]] = []

        @contextmanager
        def followed(wake: Wake) -> Iterator[None]:
            viewer = book.view(named, wake, place)
            open_.append((viewer, wake))
            try:
                yield
            finally:
                viewer.close()

        def news() -> Iterable[str]:
            for viewer, wake in open_:
                if (batch := viewer.more()) is not None:
                    loop.call_later(PACE, wake)  # until there is no more
                    yield streams.event("lines", batch.document(), batch.position or None)

        return streams.answer(followed, news)

    return [Route("/logs", logs)]

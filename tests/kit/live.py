"""Who follows a feed, and who looks at its page over real HTTP."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from scripts.live.feed import Cursor, Feed
from scripts.live.patch import merged
from scripts.serve.page.access import Access
from scripts.serve.page.server import Server, listening
from scripts.serve.page.streams import Part

PATIENCE = 20.0
"""Seconds after which a test gives up; none of them measures time."""
SECRET = "what the token and the cookie are made from"
Document = Mapping[str, Any]


class Follower:
    """Somebody who follows a feed, and puts the document together from what comes."""

    def __init__(self, feed: Feed, number: int | None = None) -> None:
        """Follow from now on, behind that number."""
        self.events: list[tuple[int, str, dict[str, Any]]] = []
        self.document: dict[str, Any] = {}
        self._feed, self._cursor = feed, Cursor(number)
        self._news = threading.Event()
        self._followed = feed.followed(self._news.set)
        self._followed.__enter__()

    def close(self) -> None:
        """Follow no longer."""
        self._followed.__exit__(None, None, None)

    def until(self, seen: Callable[[Document], object]) -> Document:
        """Return the document as soon as it is so."""
        deadline = time.monotonic() + PATIENCE
        while not (self.document and seen(self.document)):
            assert self._news.wait(deadline - time.monotonic()), self.document
            self._news.clear()
            self._take()
        return self.document

    def until_told(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind."""
        known = len(self.events)
        deadline = time.monotonic() + PATIENCE
        while not (found := [data for _, one, data in self.events[known:] if one == kind]):
            assert self._news.wait(deadline - time.monotonic()), self.events
            self._news.clear()
            self._take()
        return found[0]

    def _take(self) -> None:
        for number, kind, data in self._feed.news(self._cursor):
            self.events.append((number, kind, data))
            if kind in {"state", "change"}:
                self.document = merged({} if kind == "state" else self.document, data)


@contextmanager
def following(feed: Feed, number: int | None = None) -> Iterator[Follower]:
    """Follow a feed while the block runs."""
    follower = Follower(feed, number)
    try:
        yield follower
    finally:
        follower.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a server sent as an answer."""

    status: int
    headers: Mapping[str, str]
    body: str


class Stream:
    """A stream of server-sent events, as a browser reads it."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        """Read the answer to what was asked."""
        self._connection = connection
        self._answer = connection.getresponse()
        self.text = ""
        """All that came."""

    def __iter__(self) -> Iterator[tuple[str, str, Any]]:
        """Yield kind, id and data of what comes, until it ends."""
        fields: dict[str, str] = {}
        for raw in self._answer:
            line = raw.decode().rstrip("\n")
            self.text += line + "\n"
            name, _, value = line.partition(": ")
            if name and not line.startswith(":"):
                fields[name] = value
            elif not line and "data" in fields:
                yield fields["event"], fields.get("id", ""), json.loads(fields["data"])
                fields = {}

    def until(self, kind: str) -> tuple[str, Any]:
        """Return the id and the data of the next event of a kind."""
        return next((number, data) for one, number, data in self if one == kind)

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
        self._answer.close()


class Viewer:
    """A browser, or what pretends to be one."""

    def __init__(self, port: int, access: Access) -> None:
        """Know the server; `cookie` is what it was given."""
        self.port, self.access = port, access
        self.cookie = self.ask(f"/?token={access.token}").headers["set-cookie"].partition(";")[0]

    def ask(self, path: str, method: str = "GET", body: str = "", **headers: str) -> Sent:
        """Ask for something; in names of headers `_` stands for `-`, and no empty one is sent."""
        connection = self._asked(path, method, body, headers)
        try:
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Sent(status=answer.status, headers=found, body=answer.read().decode())
        finally:
            connection.close()

    def stream(self, path: str = "/stream", **headers: str) -> Stream:
        """Begin to read a stream."""
        return Stream(self._asked(path, "GET", "", headers))

    def _asked(
        self, path: str, method: str, body: str, headers: Mapping[str, str]
    ) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        given = {"host": f"127.0.0.1:{self.port}", "cookie": getattr(self, "cookie", "")}
        given |= {name.replace("_", "-").lower(): value for name, value in headers.items()}
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in given.items():
            if value:
                connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body.encode())))
        connection.endheaders(body.encode() or None)
        return connection


@contextmanager
def served(
    feed: Feed, secret: str = SECRET, port: int = 0, parts: Sequence[Part] = ()
) -> Iterator[Viewer]:
    """Serve the page of a feed while the block runs; give somebody who is let in."""
    with listening(port) as listens:
        port = listens.getsockname()[1]
        access = Access(port, secret)
        server = Server(feed, access, parts)
        thread = threading.Thread(target=server.run, args=([listens],))
        thread.start()
        try:
            yield Viewer(port, access)
        finally:
            server.end()
            thread.join()

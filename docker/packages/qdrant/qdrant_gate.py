"""Who may ask, and how much may be asked at once: decided before anything is done.

Of Qdrant's own server this has the key. The rest is ours, because it mostly runs without a key: a
page of the web that somebody looks at must not reach it through his browser.
"""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from qdrant_json import RefusedError
from starlette.requests import Request

LARGEST_BODY = 32 * 1024 * 1024  # bytes; Qdrant's default of service.max_request_size_mb
MOST_AT_ONCE = 64 * 1024 * 1024  # bytes of all bodies that are held at the same time
LARGEST_WORTH = 384 * 1024 * 1024  # bytes that a body becomes when it is read; of 1 GB in all
BODY_SECONDS = 120.0  # until a body must be there
LOOPBACK = "127.0.0.1"

# What the whole internet can look up, and so may lead anywhere: it ends like `.com`.
PUBLIC_NAME = re.compile(r".*\.(?:[a-z]{2,}|xn--[a-z0-9-]+)\.?")
OWN_NAMES = (".localhost", ".localdomain", ".local", ".lan", ".home", ".internal", ".home.arpa")
BYTES_OF = {b"{": 240, b"[": 88, b",": 32, b'"': 32}
"""About what stands for each of these in memory (CPython 3.11 to 3.13)."""


def worth(text: bytes) -> int:
    """About how many bytes a body takes when it is read."""
    return len(text) + sum(text.count(sign) * size for sign, size in BYTES_OF.items())


@dataclass(slots=True)
class Gate:
    """Lets requests in; `key` is Qdrant's API key, `published_on` the address of its port."""

    key: str = field(default="", repr=False)
    published_on: str = LOOPBACK
    held: int = 0
    """Bytes of the bodies that are here now."""

    def knows(self, authority: str) -> bool:
        """Whether HOST:PORT is ours: an address, or a name that not everybody can give to us.

        A name of the internet may be made to lead here by its owner. Where the port is published to
        others, they may have given this machine any name.
        """
        host = re.sub(r":\d*$", "", authority.lower())
        public = PUBLIC_NAME.fullmatch(host) and not host.rstrip(".").endswith(OWN_NAMES)
        return not public or not self.published_on.startswith("127.")

    def check(self, headers: Mapping[str, str]) -> None:
        """Raise 403 for what a page of another site sends, 400 for a body not said to be JSON."""
        authority, origin = headers.get("host", ""), headers.get("origin")
        if not self.knows(authority):
            text = f"`{authority}` is no name of this server: ask it by its address"
            raise RefusedError(403, text)
        if origin is not None and urlsplit(origin).netloc.lower() != authority.lower():
            raise RefusedError(403, f"A page of {origin} may not ask this server")
        has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if has_body and kind != "application/json":
            raise RefusedError(400, "Content type error: a body must be application/json")

    def why_not(self, headers: Mapping[str, str]) -> str | None:
        """None when the key is right or there is none, else Qdrant's words for why not."""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = headers.get("api-key") or bearer
        if not self.key or hmac.compare_digest(given.encode(), self.key.encode()):
            return None
        if given:
            return "Invalid API key or JWT"
        return "Must provide an API key or an Authorization bearer token"

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The body while the block runs; 408, 413 or 503 when it is too slow or too much."""
        pieces: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for piece in request.stream():
                    self.held += len(piece)
                    pieces.append(piece)
                    if self.held > MOST_AT_ONCE:
                        raise RefusedError(503, "Too many large bodies at once: try again")
            text = b"".join(pieces)
            if worth(text) > LARGEST_WORTH:
                raise RefusedError(413, "Too many values in one body: send it in parts")
            yield text
        except TimeoutError:
            raise RefusedError(408, f"The body was not there after {BODY_SECONDS:.0f} s") from None
        finally:
            self.held -= sum(map(len, pieces))

"""Where the page of a stack is served, noted for who asks again and for the one that comes after.

A server that was killed leaves its port and its secret: the next one takes them, so that browsers
come back by themselves. One that ends as it was asked to leaves nothing: old cookies are worth
nothing then.
"""

import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.core import files
from scripts.machine import processes
from scripts.serve.page.access import Access

FOLDER = "page"
"""In the stack's cache; what lies there is its owner's only."""
FILE, LOG, OPEN = "page.json", "log", "open.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is noted of a server."""

    pid: int
    started: str
    """When the process began, in words that no other one of its number has."""
    port: int
    secret: str
    read_only: bool

    @property
    def lives(self) -> bool:
        """Say whether it has not ended."""
        return self.started != "" and processes.birth(self.pid) == self.started

    @property
    def url(self) -> str:
        """The address that lets a browser in."""
        return f"http://127.0.0.1:{self.port}/?token={Access(self.port, self.secret).token}"


def folder(cache: Path) -> Path:
    """Return the folder of the page in a stack's cache."""
    return cache / FOLDER


def read(cache: Path) -> Note | None:
    """Return what is noted, of a server that lives or of one that was killed; None for nothing."""
    kept = files.read_own(folder(cache) / FILE)
    try:
        return Note(
            pid=int(kept["pid"]),
            started=str(kept["started"]),
            port=int(kept["port"]),
            secret=str(kept["secret"]),
            read_only=bool(kept["read_only"]),
        )
    except (LookupError, TypeError, ValueError):  # never written, or by hand
        return None


def running(cache: Path) -> Note | None:
    """Return the server of a stack that runs; None for none."""
    note = read(cache)
    return note if note is not None and note.lives else None


def server(pid: int, port: int, secret: str, *, read_only: bool) -> Note:
    """Return what is to be noted of a server."""
    started = processes.birth(pid)
    return Note(pid=pid, started=started, port=port, secret=secret, read_only=read_only)


def note(cache: Path, server: Note) -> None:
    """Note a server."""
    files.write_json(folder(cache) / FILE, asdict(server))


def forget(cache: Path) -> None:
    """Forget a server that has ended as it was asked to."""
    for name in (FILE, OPEN):
        (folder(cache) / name).unlink(missing_ok=True)


def new_secret() -> str:
    """Return what a server's token and cookie are made from."""
    return secrets.token_hex(32)


def opener(cache: Path, url: str) -> Path:
    """Write a page that leads to the address, and return it: words that start a browser are seen by
    every user of the machine, what is in this file is not."""
    file = folder(cache) / OPEN
    files.write(file, f'<!doctype html><meta http-equiv="refresh" content="0;url={url}">\n')
    return file

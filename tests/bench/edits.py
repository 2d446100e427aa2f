"""How soon an edit answers, and what callers meet meanwhile."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from scripts.core.files import Json

ROUTES = """

import builtins as _builtins
import sys as _sys


@app.get("/bench")
def _bench():
    number = getattr(_builtins, "memos_bench", 0)
    return number


@app.get("/bench/python")
def _python():
    return _sys.executable


@app.get("/bench/files")
def _files():
    files = (getattr(module, "__file__", None) or "" for module in list(_sys.modules.values()))
    return sorted({file.partition("/memos/")[2] for file in files if "/src/memos/" in file})
"""
"""At the end of server_api.py: which edit is in, whose Python answers, what it has loaded."""
MARK = '\nimport builtins as _b; _b.memos_bench = max({number}, getattr(_b, "memos_bench", 0))\n'
"""At the end of an edited file: what the other files have said counts unless it is newer."""
PATIENCE = 180.0
"""Seconds after which what does not answer is a failure."""
LOOK = 0.01
"""Seconds between two questions for the new code."""
BETWEEN = 0.5
"""Seconds that somebody needs to look, from an answer to the next save."""
RATE = 20
"""Requests a second of those who know nothing of edits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An API that runs, and the source that it takes edits of."""

    url: str
    source: Path
    """Its src/."""

    def ask(self, path: str) -> Json:
        """Return what a route answers; errors as urllib's."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def until(self, path: str, wanted: object) -> float:
        """Wait until a route answers this or, of a number, more; give the moment."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError, ValueError):  # it does not answer yet
                found = self.ask(path)
                newer = isinstance(wanted, int) and isinstance(found, int) and found > wanted
                if found == wanted or newer:
                    return time.monotonic()
            time.sleep(LOOK)
        raise AssertionError(f"{self.url}{path} does not answer {wanted}")

    def files(self, number: int) -> list[Path]:
        """Return so many of the files that the API has loaded, spread over the package."""
        names = self.ask("/bench/files")
        step = len(names) / number
        return [self.source / "memos" / names[int(one * step)] for one in range(number)]

    def edited(self, file: Path, number: int, text: str = "") -> float:
        """Save an edit of a file, or this text of it; give the seconds until it answers."""
        text = text or file.read_text(encoding="utf-8").partition("\nimport builtins as _b;")[0]
        began = time.monotonic()
        file.write_text(text + MARK.format(number=number), encoding="utf-8")
        return round(self.until("/bench", number) - began, 3)


@dataclass(slots=True)
class Visits:
    """What callers have met who ask all the time."""

    asked: int = 0
    refused: int = 0
    """Connections that were refused or reset."""
    failed: int = 0
    """Whatever else was no answer."""
    longest: float = 0.0
    """Seconds of the slowest answer."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def visit(self, subject: Subject) -> None:
        """Ask once."""
        began, refused, failed = time.monotonic(), 0, 0
        try:
            subject.ask("/bench")
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            refused = int(isinstance(reason, ConnectionError))
            failed = 1 - refused
        with self._lock:
            self.asked += 1
            self.refused += refused
            self.failed += failed
            self.longest = max(self.longest, time.monotonic() - began)


@contextmanager
def visited(subject: Subject) -> Iterator[Visits]:
    """Ask `RATE` times a second while the block runs, whether answers come or not."""
    visits, over = Visits(), threading.Event()

    def go() -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(max_workers=64) as pool:
            for number in count(1):
                pool.submit(visits.visit, subject)
                if over.wait(max(0.0, began + number / RATE - time.monotonic())):
                    return

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield visits
    finally:
        over.set()
        thread.join()


def side_by_side(ours: Subject, theirs: Subject, number: int, rarely: int) -> dict[str, Any]:
    """Edit ours so many times, and theirs after each `rarely` of these; give what was seen."""
    files = ours.files(number)
    found: dict[str, list[float]] = {"ours": [], "theirs": []}
    with visited(ours) as at_ours, visited(theirs) as at_theirs:
        for turn, file in enumerate(files, start=1):
            found["ours"].append(ours.edited(file, turn))
            time.sleep(BETWEEN)
            if turn % rarely == 0:
                other = theirs.source / file.relative_to(ours.source)
                found["theirs"].append(theirs.edited(other, turn))
                time.sleep(BETWEEN)
    told = {"ours": at_ours, "theirs": at_theirs}
    return {
        name: {
            "seconds": seconds,
            "asked": told[name].asked,
            "refused": told[name].refused,
            "failed": told[name].failed,
            "longest_pause": round(told[name].longest, 3),
        }
        for name, seconds in found.items()
    }

"""The logs of all services for all viewers: read once, while somebody looks, the last ones kept."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from threading import Condition, Thread, Timer
from time import time_ns
from typing import NamedTuple

from scripts.config.workspace import Workspace
from scripts.core.errors import unexpected
from scripts.core.units import exactly
from scripts.engine.api import Api
from scripts.engine.containers import labels
from scripts.engine.events import Events
from scripts.watch.inside import Wanted
from scripts.watch.log_lines import LogLine
from scripts.watch.logs import LogReader

KEPT = 5000
"""Lines of a service."""
ROOM = 2 << 20
"""Characters of a service's lines: where they are long, fewer are kept."""
LONGEST = 2000
"""Characters of a line that are kept."""
FIRST = 500
"""Lines of each service, the newest, that a viewer sees before the older ones."""
BATCH = 2000
"""Lines that are handed out at once."""
LINGER = 10.0
"""Seconds that are followed on after the last viewer: one that only lost its connection is back."""
PATIENCE = 30.0
"""Seconds until a container is looked for of which the engine has told nothing."""
AGAIN = 1.0
"""Seconds until an engine that did not answer is asked again."""
MARK = "mark"
"""The level of a line of ours: a restart, or a gap."""
GAP = (
    f"--- over {KEPT} lines came while nobody looked: inv logs has those that are missing here ---"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Whose logs are read, and how what is secret in them is hidden."""

    api: Api
    project: str
    names: Sequence[str]
    cache: Path
    mask: Callable[[str], str]
    stamp: Callable[[], object] = bool
    """Gives another value once the stack may have other services."""

    @classmethod
    def of(
        cls, space: Workspace, mask: Callable[[str], str], stamp: Callable[[], object]
    ) -> "Source":
        """Return the logs of all services of a stack."""
        return cls(
            api=space.api,
            project=space.stack.project,
            names=space.stack.names(),
            cache=space.cache,
            mask=mask,
            stamp=stamp,
        )


class Kept(NamedTuple):
    """A line of the book."""

    number: int
    """Of all lines, in the order in which they came."""
    serial: int
    """Of the lines of its service, from 1."""
    service: str
    at: int
    """Nanoseconds since 1970."""
    level: str
    """error, warning, info, mark, or none."""
    text: str

    def document(self) -> list[object]:
        """Return number, service, moment (RFC 3339), level and text."""
        return [self.number, self.service, exactly(self.at), self.level, self.text]


class Ring:
    """The last lines of a service."""

    def __init__(self) -> None:
        """Begin with none."""
        self.lines: deque[Kept] = deque()
        self.serial = 0
        """Of the last line."""
        self._room = ROOM

    def add(self, number: int, line: LogLine, text: str) -> None:
        """Keep a line as it is shown, and forget the oldest where there are too many."""
        self.serial += 1
        level = MARK if line.mark else line.level.removeprefix("debug")
        self.lines.append(Kept(number, self.serial, line.service, line.at, level, text))
        self._room -= len(text)
        while len(self.lines) > KEPT or self._room < 0:
            self._room += len(self.lines.popleft().text)

    def after(self, serial: int) -> list[Kept]:
        """Return what came after a line, in order, as far as it is kept."""
        newer = takewhile(lambda one: one.serial > serial, reversed(self.lines))
        return [*newer][::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Lines for a viewer, in order."""

    lines: Sequence[Kept]
    lost: Mapping[str, int] = field(default_factory=dict)
    """How many lines of a service were forgotten before this viewer could have them."""
    first: bool = False
    """What the viewer has of before is worth nothing: it all comes, here and in what follows."""
    position: str = ""
    """By which a viewer goes on from here; empty while older lines are still to come."""

    def document(self) -> dict[str, object]:
        """Return it as it is sent; what is empty is left out."""
        more = {"lost": dict(self.lost), "first": self.first}
        lines = [one.document() for one in self.lines]
        return {"lines": lines, **{name: one for name, one in more.items() if one}}


class Viewer:
    """Hands out the lines of some services, each once, until it is closed."""

    def __init__(
        self,
        book: "Book",
        services: Iterable[str],
        wake: Callable[[], object],
        position: str,
    ) -> None:
        """As `Book.view` has it."""
        self._book = book
        self._services = frozenset(services)
        self._wake = wake
        self._seen = _serials(position)
        self._older: list[Kept] = []
        self._waits = False

    def more(self) -> Batch | None:
        """Return the next lines; None where there are none, and then `wake` is called for more."""
        with self._book.lock:
            batch = self._next(self._book.rings(self._services))
            self._waits = batch is None
        return batch

    def woken(self) -> None:
        """Be told that there is more; the lock of the book is held."""
        if self._waits:
            self._waits = False
            self._wake()

    def close(self) -> None:
        """Look no more."""
        self._book.leave(self)

    def _next(self, rings: Mapping[str, Ring]) -> Batch | None:
        if self._seen is None:
            return self._begun(rings) if self._book.whole else None
        if self._older:
            lines, self._older = self._older[-BATCH:], self._older[:-BATCH]
            return Batch(lines=lines, position="" if self._older else _position(self._seen))
        pending, lost = list[Kept](), dict[str, int]()
        for name, ring in rings.items():
            if newer := ring.after(self._seen.get(name, 0)):
                if gap := newer[0].serial - self._seen.get(name, 0) - 1:
                    lost[name] = gap
                    self._seen[name] = newer[0].serial - 1
                pending += newer
        lines = sorted(pending)[:BATCH]
        self._seen |= {line.service: line.serial for line in lines}
        return Batch(lines=lines, lost=lost, position=_position(self._seen)) if lines else None

    def _begun(self, rings: Mapping[str, Ring]) -> Batch:
        """Return the newest lines; the older ones come next, newer ones before the oldest."""
        every = [list(ring.lines) for ring in rings.values()]
        self._older = sorted(line for lines in every for line in lines[:-FIRST])
        self._seen = {name: ring.serial for name, ring in rings.items()}
        newest = sorted(line for lines in every for line in lines[-FIRST:])
        position = "" if self._older else _position(self._seen)
        return Batch(lines=newest, first=True, position=position)


class Book:
    """The last lines of all services, which one thread reads for all viewers."""

    def __init__(
        self, source: Callable[[], Source], judged: Callable[[Exception], object] = unexpected
    ) -> None:
        """Read what `source` gives, asked anew after each error, which `judged` is told."""
        self.lock = Condition()
        """Is held while rings are read."""
        self.whole = False
        """What was written before there was a viewer is in the book."""
        self._source, self._judged = source, judged
        self._rings: dict[str, Ring] = {}
        self._last: dict[str, int] = {}
        self._number = 0
        self._viewers: set[Viewer] = set()
        self._thread: Thread | None = None
        self._reader: LogReader | None = None

    def view(
        self, services: Iterable[str], wake: Callable[[], object], position: str = ""
    ) -> Viewer:
        """Return what hands out the lines of these services, of all for none.

        `wake` is called, from another thread, when there is more after `Viewer.more` gave None.
        With the `position` of a batch it goes on from there.
        """
        viewer = Viewer(self, services, wake, position)
        with self.lock:
            self._viewers.add(viewer)
            if self._thread is None:
                self._thread = Thread(target=self._follow, daemon=True)
                self._thread.start()
            self.lock.notify_all()
        return viewer

    def rings(self, services: frozenset[str]) -> dict[str, Ring]:
        """Return the rings of these services, of all for none."""
        return {name: one for name, one in self._rings.items() if not services or name in services}

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer; a while after the last one nothing is followed any more."""
        with self.lock:
            self._viewers.discard(viewer)
            alone = not self._viewers
        if alone:
            timer = Timer(LINGER, self._rest)
            timer.daemon = True
            timer.start()

    def close(self) -> None:
        """Follow nothing any more."""
        with self.lock:
            self._viewers.clear()
        self._rest()

    @property
    def following(self) -> bool:
        """Whether a thread follows the logs."""
        return self._thread is not None

    def _rest(self) -> None:
        with self.lock:
            if self._viewers:
                return
            self.lock.notify_all()
            reader = self._reader
        if reader is not None:
            reader.close()

    def _follow(self) -> None:
        while True:
            try:
                self._read(self._source())
            except Exception as error:  # noqa: BLE001 - the state of all says what is wrong
                self._judged(error)
                with self.lock:
                    self.lock.wait_for(lambda: not self._viewers, AGAIN)
            with self.lock:
                self._reader = None
                if not self._viewers:
                    self._thread = None
                    return

    def _read(self, of: Source) -> None:
        """Read what is new since the last time, and what comes, until the reader is closed."""
        wanted, stamp = Wanted(tail=KEPT), of.stamp()

        def happened() -> None:
            reader.look()
            if of.stamp() != stamp:
                reader.close()  # and so the source is asked anew

        reader = LogReader(of.api, of.project, of.names, wanted, cache=of.cache)
        with closing(reader.resumed(self._last, PATIENCE)):
            with self.lock:
                if not self._viewers:
                    return
                self._reader = reader
            with closing(Events(of.api, labels(of.project), time_ns(), happened)):
                self._past([*reader.lines()], of.mask)
                for line in reader.coming():
                    self._add(line, of.mask)

    def _past(self, lines: Sequence[LogLine], mask: Callable[[str], str]) -> None:
        """Keep what was written before; where that is more than was asked for, there is a gap."""
        counts = Counter(line.service for line in lines if not line.mark)
        gaps = {name for name in self._last if counts[name] >= KEPT}
        for line in lines:
            if line.service in gaps:
                gaps.discard(line.service)
                mark = LogLine(service=line.service, at=line.at, text=GAP, mark=True)
                self._add(mark, mask)
            self._add(line, mask)
        with self.lock:
            self.whole = True
            self._wake()

    def _add(self, line: LogLine, mask: Callable[[str], str]) -> None:
        text = mask(line.text)  # before it is cut: what a cut leaves of a secret is not known
        if len(text) > LONGEST:
            text = f"{text[:LONGEST]}… ({len(text) - LONGEST} more characters)"
        with self.lock:
            self._number += 1
            self._rings.setdefault(line.service, Ring()).add(self._number, line, text)
            if line.at and not line.mark:
                self._last[line.service] = max(line.at, self._last.get(line.service, 0))
            if self.whole:
                self._wake()

    def _wake(self) -> None:
        for viewer in self._viewers:
            viewer.woken()


def _position(serials: Mapping[str, int]) -> str:
    return ",".join(f"{name}:{serial}" for name, serial in serials.items())


def _serials(position: str) -> dict[str, int] | None:
    """Return the serial of the last line of each service; None for what is no position."""
    words = [word.rpartition(":") for word in position.split(",")]
    try:
        return {name: int(serial) for name, _, serial in words}
    except ValueError:
        return None

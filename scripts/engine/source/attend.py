"""Brings what is saved in a folder, for as long as a stack runs on an engine elsewhere."""

import importlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Thread
from typing import Protocol, TypeAlias

from scripts.core import files
from scripts.core.errors import unexpected
from scripts.core.files import Json
from scripts.core.foreign import records
from scripts.core.inventory import Engine
from scripts.core.process import run_beside
from scripts.core.units import written
from scripts.engine.api import ahead
from scripts.engine.source.bring import DUTY, FOLDER, Duty, bring, duty, volume
from scripts.engine.source.tree import MOST, NEVER
from scripts.engine.source.volume import Volume

Need: TypeAlias = Callable[[], object]
"""Has watchfiles brought; StackError where that cannot be."""
Stamp: TypeAlias = frozenset[tuple[str, int, int]]
"""Name, size and time of all that is in a folder."""
STATE = "state.json"
CACHES = ".cache/*"
"""Below a checkout: one for each stack."""
AWAY = 0.2
"""Seconds between two looks whether the engine is back, or something is to be brought at all."""
QUIET, LONG_QUIET, FEW, NEVER_QUIET = 0.03, 0.2, 3, 2.0
"""Seconds without a change until a save is over, or a checkout, of more than a few files; and after
which what changes all the time is taken as it is."""
STEP = 20
"""Milliseconds between two looks of watchfiles at what its own thread has heard."""
BEAT, BEATS = 1000, 10
"""Milliseconds that one waits for events, and after so many one looks for those that got lost; when
the wait has just begun, after the first."""
SOONEST, SHARE = 0.3, 0.02
"""Seconds between two looks where there are no events, and what they cost of a core at most."""
SPARE = 1
"""Connections that wait for the next save."""
SOON = 1.0
"""Seconds for what is there already to be found so."""
AGAIN, LONGEST = 0.5, 8.0
"""Seconds until the next try after one that failed, at first and at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What others are told of it."""

    folder: str
    how: str = "events"
    why: str = ""
    """Why not by events."""
    files: int = 0
    at: str = ""
    """When something was brought last, RFC 3339."""
    times: int = 0
    """How often something was."""
    put: int = 0
    gone: int = 0
    """Files the last time."""
    seconds: float = 0.0
    """From when the change was seen."""
    refused: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why what was saved is not there."""


class Way(Protocol):
    """What leads to the engine, as the keeper of a link gives it."""

    @property
    def engine(self) -> Callable[[], Engine | None]:
        """None while there is no way."""
        ...

    @property
    def ended(self) -> Event:
        """Set when it is over."""
        ...

    @property
    def note(self) -> Callable[[str, Json], None]:
        """Is told what is to be shown of it, under a name."""
        ...


def state(cache: Path) -> State | None:
    """Return what is told of the sources of the stack of this cache; None where nothing is."""
    try:
        return records.made(State, files.read_own(cache / FOLDER / STATE))
    except ValueError:
        return None


def attend(root: Path, way: Way, need: Need) -> None:
    """Bring what is saved for all stacks of a checkout that are on this engine, until `ended`."""
    threads: dict[Path, Thread] = {}
    hearing = Hearing(need)
    while not way.ended.is_set():
        for file in root.glob(f"{CACHES}/{FOLDER}/{DUTY}"):
            cache = file.parents[1]
            if cache not in threads:
                hearing.begin()
                threads[cache] = Thread(target=attend_to, args=(cache, way, hearing))
                threads[cache].start()
        way.ended.wait(BEAT / 1000)
    for thread in threads.values():
        thread.join()


class Hearing:
    """Whether saves are heard of: by watchfiles, which may have to be installed before."""

    def __init__(self, need: Need) -> None:
        """Bring nothing yet."""
        self._need = need
        self._thread: Thread | None = None
        self.why = "watchfiles is being installed"
        """Why not; empty where they are."""

    def begin(self) -> None:
        """Bring what it takes, once; it is waited for only where that is soon done."""
        if self._thread is None:
            self._thread = Thread(target=self._bring, daemon=True)
            self._thread.start()
            self._thread.join(SOON)

    def _bring(self) -> None:
        try:
            self._need()
        except Exception as error:  # noqa: BLE001 - it is told, and saves are looked for
            self.why = str(unexpected(error))
        else:
            self.why = "" if find_spec("watchfiles") else "there is no watchfiles"


def attend_to(cache: Path, way: Way, hearing: Hearing) -> None:
    """Bring what is saved until `ended`, for the duty of this cache, as soon as there is one.

    No error ends it: it is told, and tried again.
    """
    attendant = None
    while not way.ended.is_set():
        wanted, engine = duty(cache), way.engine()
        if wanted is None or engine is None or engine.endpoint != wanted.endpoint:
            way.ended.wait(AWAY)
            continue
        if attendant is None or (attendant.duty, attendant.why) != (wanted, hearing.why):
            attendant = Attendant(wanted, cache, way, volume(wanted, engine.remote), hearing.why)
        ahead(engine, SPARE)
        attendant.turn()


class Attendant:
    """Looks at one folder."""

    def __init__(self, duty: Duty, cache: Path, way: Way, volume: Volume, why: str) -> None:
        """Begin; what was saved before is brought in the first turn.

        `why` says why it looks from time to time, where it has to.
        """
        self.duty, self.volume, self.why = duty, volume, why
        self.cache, self.way, self.ended = cache, way, way.ended
        self.folder = Path(duty.folder)
        self.state = State(folder=duty.folder, how="polling" if why else "events", why=why)
        self._seen: Stamp | None = None
        self._events: Iterator[object] | None = None
        self._silent = 0
        """So many beats ago an event came, or the wait for them began."""
        self._cost = 0.0
        self._pause = 0.0
        """Seconds until the next try, after one that failed."""

    def turn(self) -> None:
        """Wait a beat for a change, or for the time of another try, and bring what differs."""
        if self._pause:
            self.ended.wait(self._pause)
        elif self._seen is not None and not self._awaited():
            return
        began = time.monotonic()
        after = self._settled()
        if self.ended.is_set() or (after == self._seen and not self._pause):
            return
        self._bring(after, began)

    def _bring(self, after: Stamp, began: float) -> None:
        before = self.state
        try:
            brought = bring(self.folder, self.volume, self.cache, run_beside)
        except Exception as error:  # noqa: BLE001 - it is told, and tried again
            known = unexpected(error)
            self._pause = min(max(AGAIN, 2 * self._pause), LONGEST)
            self.state = replace(before, problem=str(known))
        else:
            self._pause, self._seen = 0.0, after
            self.state = replace(
                before, problem="", files=brought.files, refused=dict(brought.refused)
            )
            if brought.put or brought.gone:
                self.state = replace(
                    self.state,
                    at=written(time.time()),
                    times=before.times + 1,
                    put=len(brought.put),
                    gone=len(brought.gone),
                    seconds=round(time.monotonic() - began, 3),
                )
        if self.state != before or before.files == 0:
            with suppress(OSError):  # a full disk; what is told is old then
                files.write_json(self.cache / FOLDER / STATE, asdict(self.state))
            self.way.note(f"source of {self.duty.project}", asdict(self.state))

    def _awaited(self) -> bool:
        """Wait for an event, a beat at most; say whether it is time to look."""
        if self.state.how == "polling":
            self.ended.wait(max(SOONEST, self._cost / SHARE))
            return True
        try:
            if self._events is None:  # it begins some time after the last look
                self._events, self._silent = events(self.folder, self.ended), BEATS - 1
            self._silent = 0 if next(self._events) else self._silent + 1
        except FileNotFoundError:
            self._events = None
            self.ended.wait(AGAIN)
        except (OSError, RuntimeError, StopIteration) as error:  # it watches no more files
            self.state = replace(self.state, how="polling", why=f"no file events: {error}")
        return self._silent % BEATS == 0

    def _settled(self) -> Stamp:
        """Look, and again until nothing changes any more."""
        began = time.thread_time()
        after = stamp(self.folder)
        self._cost = time.thread_time() - began
        before, deadline = self._seen or after, time.monotonic() + NEVER_QUIET
        while before != after and time.monotonic() < deadline:
            few = len((self._seen or after) ^ after) <= 2 * FEW
            self.ended.wait(QUIET if few else LONG_QUIET)
            before, after = after, stamp(self.folder)
        return after


def stamp(folder: Path) -> Stamp:
    """Look at names, sizes and times alone; what cannot be looked at is nothing here."""
    found: list[tuple[str, int, int]] = []
    pending = [str(folder)]
    while pending and len(found) <= 2 * MOST:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.name in NEVER:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                else:
                    status = entry.stat(follow_symlinks=False)
                    found.append((entry.path, status.st_size, status.st_mtime_ns))
    return frozenset(found)


def events(folder: Path, ended: Event) -> Iterator[object]:
    """Yield whenever something happens below a folder, and nothing at each beat."""
    watchfiles = importlib.import_module("watchfiles")
    found: Iterator[object] = watchfiles.watch(
        folder,
        watch_filter=None,
        step=STEP,
        debounce=2 * STEP,
        rust_timeout=BEAT,
        yield_on_timeout=True,
        raise_interrupt=False,
        stop_event=ended,
        ignore_permission_denied=True,
    )
    return found

"""Noticing that the source has changed: woken by file events, or looking from time to time.

What changed is always told by comparing two looks at the folder, so no event can be missed for
good, and one that changes nothing is none.
"""

import importlib
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Literal, TypeAlias

from memos_reload.state import now

How: TypeAlias = Literal["events", "polling"]
Seen: TypeAlias = Mapping[str, tuple[int, int]]
"""Size and time of change (ns) of each file that Python may import, by its relative name."""
SUFFIXES = (*SOURCE_SUFFIXES, *EXTENSION_SUFFIXES)
WITHOUT_EVENTS = ("9p", "drvfs", "virtiofs", "fakeowner", "grpcfuse", "osxfs", "vboxsf", "vmhgfs")
WITHOUT_EVENTS_BEFORE = ("fuse", "nfs", "cifs", "smb", "ceph", "afs", "lustre", "beegfs", "prl_fs")
"""File systems on which others change files, and no event comes: these, and what begins so."""
MOUNTS = Path("/proc/self/mountinfo")
STEP = 20
"""Milliseconds between two looks of watchfiles at what its own thread has heard."""
QUIET, LONG_QUIET, FEW = 0.05, 0.2, 3
"""Seconds without a change until a save is over; and a checkout, of more than a few files."""
NEVER_QUIET = 2.0
"""Seconds after which what changes all the time is taken as it is."""
BEAT, HEARTBEAT = 1.0, 10.0
"""Seconds between two looks where events come, for those that got lost: first, and at most."""
SOONEST = 0.5
"""Seconds between two looks where none come, or more: they cost `SHARE` at most."""
SHARE = 0.004
"""Of a core."""


class LostError(Exception):
    """The folder cannot be read."""


def file_system(folder: str, mountinfo: str) -> str:
    """Return the type of a folder's file system, by the text of /proc/self/mountinfo."""
    found = ("", "")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        point = before.split()[4].encode().decode("unicode_escape")  # a blank is \040
        if f"{folder}/".startswith(f"{point.rstrip('/')}/") and len(point) >= len(found[0]):
            found = (point, after.split()[0])
    return found[1]


def mounts() -> str:
    """Return what the system says of its mounts; nothing where it is no Linux."""
    try:
        return MOUNTS.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def choose(kind: str, *, importable: bool) -> tuple[How, str]:
    """Choose how to notice changes on such a file system, and say why."""
    if kind in WITHOUT_EVENTS or kind.startswith(WITHOUT_EVENTS_BEFORE):
        return "polling", f"no file events come from a folder of type {kind}"
    if not importable:
        return "polling", "watchfiles cannot be imported"
    return "events", ""


def look(folder: Path) -> Seen:
    """Look at all files that Python may import; raises LostError when that cannot be done."""
    if not os.access(folder, os.R_OK | os.X_OK):
        gone = "may not be read" if folder.exists() else "is not there"
        raise LostError(f"{folder} {gone}")
    if not (found := dict(_files(str(folder), ""))):
        raise LostError(f"{folder} has nothing that Python imports")
    return found


def _files(
    folder: str, below: str, links: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the files below a folder; `links` are those that were followed to it, by their folders.

    A link is followed to a package alone: what else it leads to may be everything.
    """
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:  # it has just been removed
        return
    except OSError as error:
        raise LostError(f"{folder} cannot be read: {error.strerror}") from None
    for entry in entries:
        name = entry.name
        if name.startswith((".", "__pycache__")):
            continue
        if entry.is_dir():
            way = (*links, os.path.realpath(folder)) if entry.is_symlink() else links
            if way is links or _leads_on(entry.path, way):
                yield from _files(entry.path, f"{below}{name}/", way)
        elif name.endswith(SUFFIXES):
            try:
                stat = entry.stat()
            except OSError:  # gone, or a link to nothing
                continue
            yield f"{below}{name}", (stat.st_size, stat.st_mtime_ns)


def _leads_on(link: str, way: tuple[str, ...]) -> bool:
    """Say whether a link leads to a package, and not back to a folder on the way to it."""
    target = os.path.realpath(link)
    back = any(f"{one}/".startswith(f"{target.rstrip('/')}/") for one in way)
    return not back and Path(target, "__init__.py").exists()


def changed(before: Seen, after: Seen) -> tuple[str, ...]:
    """Return what differs between two looks, by name."""
    return tuple(sorted({name for name, _ in before.items() ^ after.items()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a watcher has noticed."""

    files: tuple[str, ...] = ()
    noticed: datetime
    count: int = 0
    """So many files are watched now."""
    lost: str = ""
    """Why the folder cannot be read."""
    polling: str = ""
    """Why events are not waited for any more."""


class Watcher(threading.Thread):
    """Looks at a folder for as long as the program runs."""

    def __init__(self, folder: Path, how: How, tell: Callable[[Change], object]) -> None:
        """Look from now on; `tell` is called in this thread."""
        super().__init__(name="watcher", daemon=True)
        self.folder, self.how, self.tell = folder, how, tell
        self.seen: Seen = {}
        self.lost = ""
        self._cost = 0.0
        self._identity = (0, 0)
        self._events: Iterator[object] | None = None
        self._pause = BEAT

    def first(self) -> Change:
        """Look for the first time; what changed before is in the first version."""
        try:
            self.seen = look(self.folder)
        except LostError as error:
            self.lost = str(error)
        return Change(noticed=now(), count=len(self.seen), lost=self.lost)

    def run(self) -> None:
        """Look again and again."""
        while True:
            if self.how == "polling" or self.lost:
                time.sleep(max(SOONEST, self._cost / SHARE))
            else:
                self._wait()
            self.compare()

    def compare(self) -> None:
        """Look once, and again until nothing changes any more; tell what has."""
        noticed = now()
        try:
            after = self._settled()
        except LostError as error:
            self._events = None
            if self.lost != str(error):
                self.lost = str(error)
                self.tell(Change(noticed=noticed, count=len(self.seen), lost=self.lost))
            return
        files, self.seen = changed(self.seen, after), after
        if files or self.lost:
            self.lost = ""
            self.tell(Change(files=files, noticed=noticed, count=len(after)))

    def _settled(self) -> Seen:
        began = time.thread_time()
        after = look(self.folder)
        self._cost = time.thread_time() - began
        before, deadline = self.seen, time.monotonic() + NEVER_QUIET
        while before != after and time.monotonic() < deadline:
            few = len(changed(self.seen, after)) <= FEW
            time.sleep(QUIET if few else LONG_QUIET)
            before, after = after, look(self.folder)
        return after

    def _wait(self) -> None:
        """Return after an event, or when it is time to look for those that got lost."""
        try:
            stat = self.folder.stat()
            if self._events is None or self._identity != (stat.st_dev, stat.st_ino):
                # soon after the beginning, too: it begins some time after the last look
                self._events, self._pause = events(self.folder), BEAT
                self._identity = stat.st_dev, stat.st_ino
            until = time.monotonic() + self._pause
            while not next(self._events) and time.monotonic() < until:
                pass
            self._pause = min(2 * self._pause, HEARTBEAT)
        except FileNotFoundError:
            self._events = None
            time.sleep(SOONEST)
        except (OSError, RuntimeError, StopIteration) as error:
            # such as: the system watches no more files
            self.how, why = "polling", f"no file events: {error}"
            self.tell(Change(noticed=now(), count=len(self.seen), polling=why))


def events(folder: Path) -> Iterator[object]:
    """Yield whenever something happens below a folder, and nothing at each beat."""
    watchfiles = importlib.import_module("watchfiles")
    found: Iterator[object] = watchfiles.watch(
        folder,
        watch_filter=None,
        step=STEP,
        debounce=int(QUIET * 1000),
        rust_timeout=int(BEAT * 1000),
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=False,
        ignore_permission_denied=True,
    )
    return found

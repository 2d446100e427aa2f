"""What was, of the last day: findings, starts, reloads, actions; it survives whatever ends us."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import RLock
from typing import Any

from scripts.core import files
from scripts.core.foreign import documents
from scripts.core.texts import short
from scripts.core.units import SECOND, duration, nanoseconds, written

FILE = Path("live") / "history.jsonl"
"""In the stack's cache: an entry a line, and where it ends a line more with the same key."""
DAY = 24 * 3600.0
MOST = 10_000_000
"""Bytes of the file; half of them are left when it is made smaller."""
AGAIN = MOST // 10
"""Bytes more after which it is tried again where it could not be made smaller."""
FINDING = "finding"
SHOWN = 200
"""Entries that a document has."""
LONGEST = 500
"""Characters of a text."""

Entry = dict[str, Any]


class History:
    """Entries with the moment when each began, and when it ended if it has an end."""

    def __init__(
        self, cache: Path, clock: Callable[[], float] = time.time, *, writes: bool = True
    ) -> None:
        """Go on with what is kept in a stack's cache.

        One process that `writes` does, which holds its lock; another one remembers for itself.
        """
        self._file = cache / FILE
        self._clock = clock
        self._turn = RLock()
        self._lock = _locked(self._file.with_suffix(".lock")) if writes else None
        self._room = MOST
        """Bytes of the file at which it is made smaller."""
        self._news = 0
        """How often something was noted."""
        self._entries: list[Entry] = []
        self._keys: set[str] = set()
        self._open: dict[str, Entry] = {}
        """The entries that have not ended, by key."""
        for entry in merged(_lines(self._file)):
            self._remember(entry)
        self._compact()

    def past(self) -> list[Entry]:
        """Return at, kind, service, text and until of the last entries, the newest first."""
        names, oldest = ("at", "kind", "service", "text", "until"), self._oldest()
        with self._turn:
            found = [one for one in self._entries[-SHOWN:] if _recent(one, oldest)]
        found.reverse()
        found.sort(key=lambda one: str(one["at"]), reverse=True)
        return [{name: one[name] for name in names if name in one} for one in found]

    def of(self, kind: str) -> list[Entry]:
        """Return the whole entries of a kind, the oldest first."""
        with self._turn:
            return [dict(entry) for entry in self._entries if entry["kind"] == kind]

    def began(self, kind: str, key: str, text: str, **more: object) -> Entry:
        """Note that something began, now or `at` a moment; one that goes on already is no news."""
        key = f"{kind} {key}"
        with self._turn:
            if key in self._open:
                return self._open[key]
            at = more.pop("at", written(self._clock()))
            entry = {"key": key, "at": at, "kind": kind, "text": short(text, LONGEST), **more}
            self._remember(entry)
            self._note(entry)
            return entry

    def ended(self, kind: str, key: str, **more: object) -> None:
        """Note that it has ended, now or `until` a moment, and what is to be said of it then."""
        with self._turn:
            entry = self._open.pop(f"{kind} {key}", None)
            if entry is not None:
                more = {"until": written(self._clock()), **more}
                entry |= more
                self._note({"key": entry["key"], **more})

    def happened(self, kind: str, at: str, text: str, **more: object) -> None:
        """Note once what is over: a start, a reload; `until` it went on, if that is known."""
        more = {"until": at, **more}
        with self._turn:
            if f"{kind} {at}" not in self._keys and _recent(more, self._oldest()):
                self.began(kind, at, text, at=at, **more)

    def findings(self, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the findings of now, each with `since`; note those that are new or no more."""
        now = {f"{one['code']} {one.get('service', '')}": one for one in found}
        told = []
        with self._turn:
            for entry in [one for one in self._open.values() if one["kind"] == FINDING]:
                key = entry["key"].removeprefix(f"{FINDING} ")
                if key not in now:
                    self.ended(FINDING, key)
            for key, one in now.items():
                at = one.get("since") or written(self._clock())
                service = one.get("service", "")
                entry = self.began(FINDING, key, str(one["cause"]), service=service, at=at)
                told.append({**one, "since": entry["at"]})
        return told

    def since(self) -> dict[tuple[str, str], str]:
        """Return when each finding that was not seen to end began, by service and code."""
        with self._turn:
            found = [one for one in self._open.values() if one["kind"] == FINDING]
        return {(one.get("service", ""), one["key"].split()[1]): one["at"] for one in found}

    def saw(self, parts: Mapping[str, Any]) -> bool:
        """Note what these parts of the document tell; say whether that is news."""
        with self._turn:
            before = self._news
            if parts.get("findings") is not None:
                self.findings(parts["findings"])
            for run in reversed(parts.get("starts") or []):
                until = _later(run["began"], run["seconds"])
                told = f"{run['verdict']} after {duration(run['seconds'])}"
                self.happened("start", run["began"], told, until=until)
            for run in reversed(parts.get("reloads") or []):
                told = f"version {run['version']}: {run['outcome']}"
                until = _later(run["began"], run["seconds"].get("answer", 0))
                self.happened("reload", run["began"], f"{told} {run['error']}".strip(), until=until)
            return self._news != before

    def close(self) -> None:
        """Let another process write."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _note(self, line: Mapping[str, object]) -> None:
        self._news += 1
        self._append(line)

    def _remember(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._keys.add(entry["key"])
        if "until" not in entry:
            self._open[entry["key"]] = entry

    def _oldest(self) -> str:
        return written(self._clock() - DAY)

    def _append(self, line: Mapping[str, object]) -> None:
        """Write one line in one go: what is cut in it by a kill is left out when it is read."""
        if self._lock is None:
            return
        text = "\n" + json.dumps(line)  # the line before may have been cut
        with suppress(OSError):  # a full disk: what is remembered is shown all the same
            number = os.open(
                self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, files.OWNER_ONLY
            )
            try:
                os.write(number, text.encode())
                size = os.fstat(number).st_size
            finally:
                os.close(number)
            if size > self._room:
                self._room = size + AGAIN  # where the disk is full
                self._compact()

    def _compact(self) -> None:
        """Forget what is older than a day, or has no room, and write the file anew."""
        oldest, room = self._oldest(), MOST // 2
        kept, lines = list[Entry](), list[str]()
        for entry in reversed(self._entries):
            if _recent(entry, oldest):
                lines.append(json.dumps(entry) + "\n")
                room -= len(lines[-1])
                if room < 0:
                    break
                kept.append(entry)
        self._entries, self._keys, self._open = [], set(), {}
        for entry in reversed(kept):
            self._remember(entry)
        if self._lock is not None:
            with suppress(OSError):
                files.write(self._file, "".join(reversed(lines[: len(kept)])))
                self._room = MOST


def _later(moment: str, seconds: float) -> str:
    """Return the moment so many seconds after one; of none the same."""
    try:
        return written(nanoseconds(moment) / SECOND + seconds)
    except ValueError:
        return moment


def _recent(entry: Mapping[str, object], oldest: str) -> bool:
    """Say whether an entry goes on, or has ended after that moment."""
    return str(entry.get("until", oldest)) >= oldest


def merged(lines: Iterable[Mapping[str, Any]]) -> Sequence[Entry]:
    """Return the entries of a file, in order, with what later lines say of them."""
    found: list[Entry] = []
    open_: dict[str, Entry] = {}
    for line in lines:
        texts = {name for name in ("key", "at", "kind", "text", "until") if name in line}
        if not all(isinstance(line[name], str) for name in texts) or "key" not in texts:
            continue
        if {"at", "kind", "text"} <= texts:
            found.append(dict(line))
            open_[line["key"]] = found[-1]
        elif line["key"] in open_:
            open_[line["key"]] |= line
    return found


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Yield what each line of a file says; one that is cut, or nobody's, says nothing."""
    for line in files.content(file, most=2 * MOST).splitlines():
        with suppress(ValueError):
            found = documents.parsed(line)
            if isinstance(found, dict):
                yield found


def _locked(file: Path) -> int | None:
    """Take a lock until we end; None where another process has it, or nothing can be written."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, files.OWNER_ONLY)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number

"""Pure: what is shown of logs: their lines out of a stream, levels, restarts, one order for all."""

import heapq
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from scripts.core.texts import empty_talk
from scripts.core.units import nanoseconds
from scripts.engine.frames import frames

LONGEST = 1 << 20
"""Bytes after which a line is shown though it has not ended."""
LEVELS = {"error": 3, "warning": 2, "info": 1}
"""What --level takes, and how heavy each is; what is lighter than info is 0."""
_CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0e-\x1f\x7f-\x9f]"
)
"""Colours, movements, titles and bells: a log must not steer the terminal of its reader."""

_WORDS = {
    "error": "error err critical crit fatal panic severe dpanic alert emerg",
    "warning": "warning warn",
    "info": "info notice",
    "debug": "debug trace",
}
_MEANING = {word: level for level, words in _WORDS.items() for word in words.split()}
_ANY = "|".join(sorted(_MEANING, key=len, reverse=True))
_MARKED = re.compile(
    rf"""\b(?:level|severity|lvl)"?\s*[=:]\s*"?(?P<named>{_ANY})\b  # JSON, logfmt
    | \[\s*(?P<boxed>{_ANY})\s*\]                                   # Milvus, MinIO
    | (?<![^\s|(])(?P<bare>(?-i:{_ANY.upper()}))(?=[\s:|,)]|$)      # Neo4j, uvicorn, logging
    """,
    re.IGNORECASE | re.VERBOSE,
)
_GLOG = re.compile(r"([IWEF])\d{4,8} \d\d:\d\d:\d\d")
"""SeaweedFS, and parts of Milvus: a letter, the day, the time."""
_GLOG_LEVELS = {"I": "info", "W": "warning", "E": "error", "F": "error"}
_PLAIN = re.compile(r"(?:fatal )?error: ", re.IGNORECASE)
_RELOAD = re.compile(r"memos: reload: (version \d+ (?:failed|does not come|has ended))?")
"""The API's supervisor: what it says is no part of the traceback before."""
_FALL = re.compile(
    r"traceback \(most recent|exception in thread|panic: |thread '.*' panicked", re.IGNORECASE
)
"""How a line begins after which all lines without a level belong to one fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a service's log, or a mark of ours between two."""

    service: str
    at: int
    """Nanoseconds since 1970."""
    text: str
    level: str = ""
    """error, warning, info or debug."""
    mark: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """A container of a service ended and one started, `at` in nanoseconds since 1970."""

    service: str
    at: int
    exit_code: int | None = None
    """None where the engine no longer knows."""


def split(data: Iterable[bytes], *, moments: bool) -> Iterator[tuple[int, str]]:
    """Yield the lines of an engine's log stream as they become whole, each with its moment.

    A long line comes as several pieces, each with its moment. `moments` when the stream was asked
    for with timestamps; else each is 0. What has no end of line comes last. The engine's own words
    among them ("Error grabbing logs") have no moment: they get that of the piece before.
    """
    unfinished: dict[int, tuple[int, bytes]] = {}
    at = 0
    with suppress(EOFError):  # the engine hung up; what is whole is shown
        for stream, piece in frames(data):
            at, text = _moment(piece, at) if moments else (0, piece)
            began, before = unfinished.pop(stream, (at, b""))
            *whole, last = (before + text).split(b"\n")
            for line in whole:
                yield from clean(began, line)
            if len(last) > LONGEST:
                yield from clean(began, last)
            elif last:
                unfinished[stream] = (began, last)
    for began, last in unfinished.values():
        yield from clean(began, last)


def _moment(piece: bytes, before: int) -> tuple[int, bytes]:
    moment, _, text = piece.partition(b" ")
    try:
        return nanoseconds(moment.decode(errors="replace")), text
    except ValueError:
        return before, piece


def clean(at: int, raw: bytes) -> Iterator[tuple[int, str]]:
    """Yield what was written as one line, each line that it is on a terminal with its moment."""
    text = _CONTROL.sub("", raw.decode(errors="replace"))
    # a progress bar writes many lines as one
    for line in text.splitlines() or [""]:
        yield at, line


def level(text: str) -> str:
    """The level that a line states: error, warning, info, debug; empty when it states none."""
    if empty_talk(text):
        return "debug" if text.strip() else ""
    if glog := _GLOG.match(text):
        return _GLOG_LEVELS[glog[1]]
    if said := _RELOAD.match(text):
        return "error" if said[1] else "info"
    if mark := _MARKED.search(text):
        return _MEANING[mark[mark.lastgroup or 0].lower()]
    return "error" if _PLAIN.match(text) else ""


def levelled(lines: Iterable[LogLine]) -> Iterator[LogLine]:
    """Yield the lines of one service with their levels.

    What belongs to the line before has its level: what is indented, and after the first line of a
    traceback or panic all that states none. Any other line without a level is information.
    """
    before, falling = "info", False
    for line in lines:
        stated = level(line.text)
        if not stated and _FALL.match(line.text):
            falling = True
            before = before if before in {"error", "warning"} else "error"
        elif stated:
            before, falling = stated, False
        elif not (falling or line.text[:1].isspace()):
            before = "info"
        yield replace(line, level=before)


def marked(
    lines: Iterable[LogLine], restarts: Sequence[Restart], *, continued: bool
) -> Iterator[LogLine]:
    """Put a mark between the lines of one service where its container started again.

    `continued` says that a line was shown before these: otherwise no mark comes before the first.
    """
    pending = sorted(restarts, key=lambda restart: restart.at)
    for line in lines:
        while pending and pending[0].at <= line.at:
            restart = pending.pop(0)
            if continued:
                yield _mark(restart)
        continued = True
        yield line


def _mark(restart: Restart) -> LogLine:
    end = "" if restart.exit_code is None else f" (exit {restart.exit_code})"
    text = f"--- {restart.service} restarted{end} ---"
    return LogLine(service=restart.service, at=restart.at, text=text, mark=True)


def merged(services: Iterable[Iterable[LogLine]]) -> Iterator[LogLine]:
    """Bring the lines of several services into one order of time, each read only as needed."""
    return heapq.merge(*services, key=lambda line: line.at)


def chosen(lines: Iterable[LogLine], *, at_least: str = "", text: str = "") -> Iterator[LogLine]:
    """Yield the lines of this level or a heavier one that hold `text`, and every mark."""
    weight, text = LEVELS.get(at_least, 0), text.casefold()
    for line in lines:
        heavy = LEVELS.get(line.level, 0) >= weight
        if line.mark or (heavy and text in line.text.casefold()):
            yield line

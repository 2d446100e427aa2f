"""Pure: where in the source a version failed or hangs, and its error in one line."""

import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

HANGS = 10.0
"""Seconds in one stage until it is told where a version is, when it does not move any more."""
STILL = 5.0
"""Seconds for which it does not."""
SLOW, SLOWEST = 30.0, 120.0
"""Seconds when it moves: where it should need one, and where all packages are to be imported."""
LONGEST = 300
"""Characters of an error."""
OURS = re.compile(r"^<|/importlib/|/memos_reload/|/memos_start\.py$")
"""Files that an error of an import goes through, whatever it is."""
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+)(?:,)? in (?P<name>.*)$')
_LOGIN = re.compile(r"//[^/@\s]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is told of a version that does not come."""

    file: str = ""
    """Relative to the source where it lies in it."""
    line: int = 0
    error: str

    def __str__(self) -> str:
        """Return file, line and error as compilers write them."""
        line = f":{self.line}" if self.line else ""
        return f"{self.file}{line}: {self.error}" if self.file else self.error


def fault(error: BaseException, source: Path) -> Fault:
    """Return the place of an error: the last frame in the source, else the last of all."""
    if isinstance(error, SyntaxError) and error.filename:
        return _at(
            error.filename, error.lineno or 0, f"{type(error).__name__}: {error.msg}", source
        )
    if isinstance(error, OSError) and error.filename and not isinstance(error.filename, int):
        text = f"{type(error).__name__}: {error.strerror}: {error.filename}"
        if inside(str(error.filename), source):
            return _at(str(error.filename), 0, text, source)
    else:
        kind = "" if isinstance(error, SystemExit) else f"{type(error).__name__}: "
        text = f"{kind}{error}".removesuffix(": ")
    frames = [(one.filename, one.lineno or 0) for one in traceback.extract_tb(error.__traceback__)]
    return _told(frames, text, source)


def of_text(text: str, source: Path) -> Fault:
    """Return the place of an error that somebody else has formatted."""
    lines = [one for one in text.splitlines() if one.strip()]
    found = [(match["file"], int(match["line"])) for match in map(_FRAME.match, lines) if match]
    return _told(found, lines[-1] if lines else "no reason was given", source)


def hang(dump: str, source: Path) -> Fault:
    """Return where a version hangs, by what the fault handler wrote: the newest frames first.

    The main thread is the last of all, and the one that matters.
    """
    *_, last = re.split(r"(?m)^(?:Current thread|Thread) .*$", dump)
    frames = [match for match in map(_FRAME.match, last.splitlines()) if match]
    ours = [frame for frame in frames if inside(frame["file"], source)]
    frame = next(iter(ours or frames), None)
    if frame is None:
        return Fault(error="it does not go on, and cannot say where it is")
    top = frames[0]
    deeper = "" if top is frame else f" (in {Path(top['file']).name}:{top['line']} {top['name']})"
    return _at(frame["file"], int(frame["line"]), f"it does not go on here{deeper}", source)


@dataclass(kw_only=True)
class Stay:
    """One stage of a version, as it is looked at from time to time."""

    quick: bool
    """It should need a second: all packages are loaded, and another version answers meanwhile."""
    began: float
    told: bool = False
    _dump: str = ""
    _since: float = 0.0

    def long(self, now: float) -> bool:
        """Say whether it takes so long that a look is worth its while."""
        return now - self.began >= HANGS - STILL

    def seen(self, now: float, dump: str) -> Literal["", "hangs", "over"]:
        """Say what to make of a dump of all threads.

        It hangs when nothing moves in it, or when it takes far longer than it should; a busy
        machine needs ten times as long. It is over when it hangs and a second should do.
        """
        if dump != self._dump:
            self._dump, self._since = dump, now
        still = now - self._since >= STILL and now - self.began >= HANGS
        if not still and now - self.began < (SLOW if self.quick else SLOWEST):
            return ""
        return "over" if self.quick else "hangs"


def inside(file: str, source: Path) -> bool:
    """Say whether a file lies in the source."""
    return file.startswith(f"{source}/")


def _told(frames: Iterable[tuple[str, int]], text: str, source: Path) -> Fault:
    everything = [frame for frame in frames if not OURS.search(frame[0])]
    ours = [frame for frame in everything if inside(frame[0], source)]
    file, line = [("", 0), *everything, *ours][-1]
    return _at(file, line, text, source)


def _at(file: str, line: int, text: str, source: Path) -> Fault:
    name = file.removeprefix(f"{source}/")
    words = next((one.strip() for one in text.splitlines() if one.strip()), "")
    return Fault(file=name, line=line, error=_LOGIN.sub("//", words)[:LONGEST])

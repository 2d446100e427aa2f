"""Causes that Python programs tell: what they import, and the source that is mounted over it.

Texts were recorded with uvicorn and a source made wrong.
"""

import re

from scripts.core.finding import Finding
from scripts.diagnosis.failure import Cause, Failure, known_by

SOURCE = "/app/src"
"""Where the compose file mounts MEMOS_SRC; a package there hides the installed one."""
_FRAME = rf'File "(?P<file>{SOURCE}/[^"]+)", line (?P<line>\d+)'
_ERROR = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Warning)\b.*")


@known_by(rf"PermissionError: .*Permission denied: '(?P<path>{SOURCE}[^']*)'")
def source_unreadable(failure: Failure, match: re.Match[str]) -> Cause:
    """The container's user (1000) may not read the mounted source."""
    return Cause(
        "source-unreadable",
        f"the container's user may not read {match['path']} of MEMOS_SRC",
        f"chmod -R a+rX on the folder of MEMOS_SRC, then: {failure.up}",
    )


def source_broken(failure: Failure) -> Finding | None:
    """The mounted source cannot be imported: its error, where it was made, by the last frame."""
    lines = failure.lines
    frames = [number for number, line in enumerate(lines) if re.search(r'^\s*File "', line)]
    frame = re.search(_FRAME, lines[frames[-1]]) if frames else None
    if frame is None:
        return None
    error = next(filter(None, map(_ERROR.search, lines[frames[-1] + 1 :])), None)
    what = error[0] if error is not None else "it cannot be imported"
    place = f"{frame['file'].removeprefix(SOURCE + '/')}:{frame['line']}"
    cause = Cause(
        "source-broken",
        f"{place} in MEMOS_SRC: {what}",
        f"mend {place}, or leave MEMOS_SRC empty in .env; then: {failure.up}",
    )
    return failure.finding(cause, error or frame)


@known_by(r"Error loading ASGI app\. .+")
def source_foreign(failure: Failure, _: re.Match[str]) -> Cause:
    """The mounted source has no application of MemOS."""
    return Cause(
        "source-broken",
        "MEMOS_SRC is not a MemOS that can be started, or not readable for the container",
        f"MEMOS_SRC in .env: the src/ folder of MemOS 2.0.6, or empty; then: {failure.up}",
    )


@known_by(r"^ModuleNotFoundError: No module named '(?P<name>[^']+)'", r"^ImportError: (?P<name>.+)")
def package_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """The image lacks a package, or has another version of it."""
    return Cause(
        "import-error",
        f"its image lacks something to import: {match['name']}",
        f"leave MEMOS_SRC empty in .env, or: inv images.build; then: {failure.up}",
    )

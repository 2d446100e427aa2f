"""Causes that Python programs tell: what they import, and the source that is mounted over it.

Texts were recorded with uvicorn and a source made wrong.
"""

import re
from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.look import Container, Look
from scripts.core.stack import Service
from scripts.diagnosis.evidence import again, finding, heard, last

SOURCE = "/app/src"
"""Where the compose file mounts MEMOS_SRC; a package there hides the installed one."""
_FRAME = rf'File "(?P<file>{SOURCE}/[^"]+)", line (?P<line>\d+)'
_ERROR = re.compile(r"^(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Exit|Warning)\b.*")


def source_unreadable(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The container's user (1000) may not read the mounted source."""
    found = last(
        heard(service, container, seen),
        rf"PermissionError: .*Permission denied: '(?P<path>{SOURCE}[^']*)'",
    )
    if found:
        yield from finding(
            service,
            "source-unreadable",
            f"the container's user may not read {found['path']} of MEMOS_SRC",
            found,
            f"chmod -R a+rX on the folder of MEMOS_SRC, then: {again(service)}",
        )


def source_broken(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The mounted source cannot be imported: its error, where it was made, by the last frame."""
    told = heard(service, container, seen)
    frames = [number for number, line in enumerate(told) if re.search(r'^\s*File "', line)]
    where = re.search(_FRAME, told[frames[-1]]) if frames else None
    if where:
        error = next(filter(None, map(_ERROR.search, told[frames[-1] + 1 :])), None)
        what = error[0] if error is not None else "it cannot be imported"
        place = f"{where['file'].removeprefix(SOURCE + '/')}:{where['line']}"
        yield from finding(
            service,
            "source-broken",
            f"{place} in MEMOS_SRC: {what}",
            error or where,
            f"mend {place}, or leave MEMOS_SRC empty in .env; then: {again(service)}",
        )
    elif found := last(told, r"Error loading ASGI app\. .+"):
        yield from finding(
            service,
            "source-broken",
            "MEMOS_SRC is not a MemOS that can be started, or not readable for the container",
            found,
            f"MEMOS_SRC in .env: the src/ folder of MemOS 2.0.6, or empty; then: {again(service)}",
        )


def package_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The image lacks a package, or has another version of it."""
    found = last(
        heard(service, container, seen),
        r"^ModuleNotFoundError: No module named '(?P<name>[^']+)'",
        r"^ImportError: (?P<name>.+)",
    )
    if found:
        yield from finding(
            service,
            "import-error",
            f"its image lacks something to import: {found['name']}",
            found,
            f"leave MEMOS_SRC empty in .env, or: inv images.build; then: {again(service)}",
        )

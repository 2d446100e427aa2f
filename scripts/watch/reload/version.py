"""Which code of MEMOS_SRC runs: its commit, and what was changed since the version began."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.core.errors import RefusedError
from scripts.core.process import Runner

PATIENCE = 5.0
"""Seconds for git, which may read the whole checkout."""
MOST = 50_000
"""Files and folders that are looked at; MemOS has 700."""
SHORT = 9
"""Characters of a commit that are shown."""
_OID = "# branch.oid "


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a checkout is at."""

    short: str
    dirty: bool
    """Files that git knows differ from it."""


def commit(source: Path, runner: Runner) -> Commit | None:
    """Return the commit of a checkout by its src/; None where git does not know, or is not there.

    A repository that the checkout only lies in says nothing about it.
    """
    root = next((one for one in (source, source.parent) if (one / ".git").exists()), None)
    if root is None:
        return None
    # it only looks: no lock of the user's is in its way, no hook of the repository runs
    words = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(root)]
    words += ["status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        done = runner(words, timeout=PATIENCE)
    except RefusedError:
        return None
    lines = done.stdout.splitlines()
    oid = next((one.removeprefix(_OID) for one in lines if one.startswith(_OID)), "")
    if done.exit_code or not oid or oid.startswith("("):  # (initial): nothing is committed yet
        return None
    return Commit(short=oid[:SHORT], dirty=any(not one.startswith("#") for one in lines))


def changed(source: Path, since: float) -> int:
    """Return how many files of Python below a folder were changed after `since`, s since 1970."""
    count = 0
    for entry in _python(source):
        with suppress(OSError):  # it has just been removed
            count += entry.stat(follow_symlinks=False).st_mtime > since
    return count


def _python(folder: Path) -> Iterator["os.DirEntry[str]"]:
    """Yield the files of Python; no link is followed, and what is hidden is left out."""
    pending, left = [str(folder)], MOST
    while pending and left > 0:
        with suppress(OSError), os.scandir(pending.pop()) as entries:  # nobody lets us look
            for entry in entries:
                left -= 1
                if entry.name.startswith((".", "__pycache__")):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)
                elif entry.name.endswith(".py"):
                    yield entry

"""The files of editors: read, what becomes of them, written; and whether git sees them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.core import files
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.foreign import documents
from scripts.core.process import Runner
from scripts.core.texts import short
from scripts.loop.editor import entries, jsonc
from scripts.loop.editor.entries import Place

NEW_FILE = 0o644
"""There is no secret in it, and the user's other files in that folder can be read as well."""
GIT_TIMEOUT = 10.0
"""Seconds for a question that git answers from its index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A file of an editor, and what becomes of it."""

    file: Path
    before: str | None = None
    """None where there is none."""
    after: str = ""
    problem: str = ""
    """Why it is left alone."""
    git: str = ""
    """What git of that folder makes of it: `ignored`, `tracked` or `untracked`; empty: not known,
    or there is no git."""

    @property
    def outcome(self) -> str:
        """What becomes of it, in a word."""
        if self.problem:
            return "left alone"
        if self.before is None:
            return "new"
        return "unchanged" if self.same else "changed"

    def document(self) -> dict[str, str]:
        """Return what programs are told of it (schemas/editor.schema.json)."""
        known = {"file": str(self.file), "outcome": self.outcome}
        return {**known, "problem": self.problem, "git": self.git}

    @property
    def same(self) -> bool:
        """Say whether it is as it should be."""
        return not self.problem and self.before == self.after


def require_plain(place: Place) -> None:
    """Raise ConfigError for a path that a file of an editor cannot hold, or means otherwise."""
    for path in filter(None, (place.folder, place.dev, place.settings, place.source)):
        if "${" in str(path) or not str(path).isprintable():
            raise ConfigError(
                f"editors would read the path {short(ascii(str(path)), 200)} as another",
                next_step="a folder whose name has no ${, no line break and is UTF-8",
            )


def planned(place: Place, runner: Runner) -> list[Change]:
    """Return what becomes of each file of a folder."""
    changes = [*_planned(place)]
    known = _git(place.folder, [change.file for change in changes], runner)
    return [replace(change, git=known.get(change.file, "")) for change in changes]


def _planned(place: Place) -> Iterator[Change]:
    for file, version, lists in entries.documents(place):
        change = _read(file)
        try:
            yield (
                change
                if change.problem
                else replace(change, after=jsonc.merged(change.before or "", version, lists))
            )
        except ValueError as error:
            yield replace(change, problem=str(error))
    for file, text in entries.configurations(place):
        change = _read(file)
        ours = change.before is None or f'name="{entries.PREFIX}' in change.before
        problem = change.problem or ("" if ours else "it is not one that inv editor has written")
        yield replace(change, after=text, problem=problem)


def _read(file: Path) -> Change:
    """Return a file as it is, or why it cannot be read."""
    try:
        with files.opened(file) as source:
            read = source.read(documents.MOST + 1)
        if len(read) > documents.MOST:
            return Change(file=file, problem=f"it is longer than {documents.MOST:,} bytes")
        return Change(file=file, before=read.decode())
    except FileNotFoundError:
        return Change(file=file)
    except UnicodeDecodeError:
        return Change(file=file, problem="it is no UTF-8 text")
    except OSError as error:
        return Change(file=file, problem=error.strerror or str(error))


def write(change: Change) -> Change:
    """Write a file in one step, where a link leads there; what kept from it becomes its problem.

    It keeps its mode and its owner; what is new belongs to the owner of the folder, also where
    root makes it. Nothing is written where nothing changes.
    """
    if change.outcome in {"left alone", "unchanged"}:
        return change
    try:
        file = change.file.resolve()
        if not file.parent.exists():
            file.parent.mkdir()
            _give(file.parent, file.parent.parent.stat())
        before = file.parent.stat() if change.before is None else file.stat()
        files.write(file, change.after)
        file.chmod(NEW_FILE if change.before is None else before.st_mode & 0o777)
        _give(file, before)
    except (OSError, RuntimeError) as error:  # a circle of links is the latter
        why = getattr(error, "strerror", None) or str(error)
        return replace(change, problem=f"it cannot be written: {why}")
    return change


def _give(path: Path, like: os.stat_result) -> None:
    """Let a file or folder belong to an owner, as far as we may."""
    with suppress(PermissionError):
        os.chown(path, like.st_uid, like.st_gid)


def _git(folder: Path, paths: Sequence[Path], runner: Runner) -> dict[Path, str]:
    """Return what git makes of files of a folder; nothing where it does not say."""
    names = {str(path.relative_to(folder)): path for path in paths}
    asked = ["git", "-C", str(folder)]
    with suppress(RefusedError):  # there is no git
        ignored = runner([*asked, "check-ignore", "--", *names], timeout=GIT_TIMEOUT)
        tracked = runner([*asked, "ls-files", "--", *names], timeout=GIT_TIMEOUT)
        if ignored.exit_code in {0, 1} and tracked.exit_code == 0:
            found = dict.fromkeys(paths, "untracked")
            for word, said in (("ignored", ignored), ("tracked", tracked)):
                found |= {names[name]: word for name in said.stdout.splitlines() if name in names}
            return found
    return {}

"""Editors are told of the stack: what would be written, written, and what git makes of it."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from scripts.config import release, workspace
from scripts.config.settings import ENVIRONMENT, Settings
from scripts.core.checkout import Checkout
from scripts.core.errors import ExitCode
from scripts.core.finding import fatal
from scripts.loop.editor import files
from scripts.loop.editor.entries import Place
from scripts.loop.editor.files import Change
from scripts.tell.report import Report

COLUMNS = ("file", "is now", "to git")
FOLDERS = (".vscode/", ".run/")
"""What git can be told to overlook."""


def run(checkout: Checkout, tell: Report, *, dry_run: bool) -> ExitCode:
    """Bring what editors need into the folders that are opened; 2 where a file was left alone.

    Raises ConfigError for settings that are wrong, and paths that no editor takes.
    """
    settings = workspace.told_settings(checkout)
    found: list[Change] = []
    for place in places(settings, checkout):
        files.require_plain(place)
        changes = files.planned(place, checkout.runner)
        told = [*_told(place.folder, changes, dry_run=dry_run)]  # of what is there before
        found += changes if dry_run else map(files.write, changes)
        for line in told:
            tell.say(line)
    if settings.memos_src is None:
        tell.say("MEMOS_SRC is empty: only this checkout's own; name a checkout of MemOS for more")
    elif settings.origin("MEMOS_SRC") == ENVIRONMENT:
        tell.say("a task has MEMOS_SRC only where the editor has; better: MEMOS_SRC=… in .env")
    _tell(found, tell, dry_run=dry_run)
    return ExitCode.CONFIG if any(change.problem for change in found) else ExitCode.OK


def places(settings: Settings, checkout: Checkout) -> Iterator[Place]:
    """Yield the folders that are opened: that of the user's MemOS, and this checkout."""
    here = Place(
        folder=checkout.root,
        dev=checkout.root / "dev",
        settings=checkout.root / ".env" if settings.missing else settings.file,
        named=bool(checkout.environ.get("ENV_FILE")),
    )
    if (source := settings.memos_src) is not None:
        port = int(settings.get("MEMOS_DEBUG_PORT"))
        file = settings.host_file
        folder = release.top(source)
        yield replace(here, folder=folder, source=source, debug_port=port, variables=file)
    yield here


def _told(folder: Path, changes: Sequence[Change], *, dry_run: bool) -> Iterator[str]:
    """Yield what there is to know about a folder: what is made in it, what git makes of that."""
    changed = [change for change in changes if change.outcome in {"new", "changed"}]
    would = "would make" if dry_run else "made"
    for made in dict.fromkeys(one.file.parent for one in changed if not one.file.parent.exists()):
        yield f"{would} the folder {made}"
    if any(change.git == "untracked" for change in changed):
        rules = shlex.join(["printf", r"%s\n", *FOLDERS])
        asked = shlex.join(["git", "-C", str(folder), "rev-parse", "--git-path", "info/exclude"])
        yield (
            f"git would offer these files of {folder} for a commit; next, to have it overlook them:"
            f' cd {shlex.quote(str(folder))} && {rules} >>"$({asked})"'
        )
    if tracked := [change.file.name for change in changed if change.git == "tracked"]:
        names = ", ".join(tracked)
        yield f"git tracks {names} of {folder}: leave what is ours out of your commits"


def _tell(changes: Sequence[Change], tell: Report, *, dry_run: bool) -> None:
    if tell.form == "json":
        tell.json_line({"dry_run": dry_run, "files": [change.document() for change in changes]})
    elif dry_run:
        for line in _diff(changes):
            tell.text(line)
        tell.say("nothing was written: this was --dry-run")
    elif rows := [(str(one.file), one.outcome, one.git) for one in changes if not one.same]:
        tell.table(COLUMNS, rows)
    else:
        tell.text("all files are as they should be")
    for change in changes:
        if change.problem:
            step = "mend it, or move it away; then: inv editor"
            tell.finding(fatal("editor-file", f"{change.file}: {change.problem}", step))


def _diff(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the lines that would change, as `diff -u` writes them."""
    from difflib import unified_diff

    for change in changes:
        if not change.problem:
            before, after = (change.before or "").splitlines(), change.after.splitlines()
            was = "/dev/null" if change.before is None else str(change.file)
            yield from unified_diff(before, after, was, str(change.file), lineterm="")

"""What of a folder is to be on an engine's machine, and what of it cannot be.

Left out is what git ignores, its own folder, byte code, and what editors leave while they save.
"""

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core import units
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.process import Runner

LARGEST = 32 << 20
"""Bytes of a file: sources have none as large, and it is read as a whole."""
MOST, ALL = 10_000, 128 << 20
"""Files, and bytes of all of them: MemOS has 700 in 6 MB; a folder named by mistake has more."""
NEVER = frozenset({".git", "__pycache__"})
PATIENCE = 10.0
"""Seconds for git, which reads its index and all folders."""
_EDITORS = re.compile(r"~$|^\.#|^#.*#$|^\..*\.sw[a-px]$|^4913$|___jb_(tmp|old)___$")
"""Names of files that editors make beside one that is saved, and remove again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file or link, as a look finds it: while this is the same, so is what it holds."""

    size: int
    changed: int
    """Nanoseconds since 1970."""
    executable: bool
    link: str = ""
    """What it leads to, from its own folder on; empty for a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a folder holds, by names from the folder on."""

    files: Mapping[str, File]
    refused: Mapping[str, str] = field(default_factory=dict)
    """Why, for each that cannot be brought."""


def look(folder: Path, runner: Runner) -> Tree:
    """Look at a folder.

    ConfigError where it is not there, may not be read, or holds more than sources do.
    """
    if not os.access(folder, os.R_OK | os.X_OK):
        gone = "may not be read" if folder.exists() else "is not there"
        raise ConfigError(f"{folder} {gone}", next_step="bring it back, or another MEMOS_SRC")
    names = _of_git(folder, runner)
    tree = _found(folder, _walked(folder) if names is None else names)
    total = sum(one.size for one in tree.files.values())
    if len(tree.files) > MOST or total > ALL:
        raise ConfigError(
            f"{folder} holds {len(tree.files)} files of {units.size(total)}, and no more than"
            f" {MOST} of {units.size(ALL)} are brought to an engine elsewhere",
            next_step="MEMOS_SRC in .env: the src/ of a checkout of MemOS; or ignore them with git",
        )
    return tree


def _found(folder: Path, names: Iterable[str]) -> Tree:
    files, refused = {}, {}
    top = Path(os.path.realpath(folder))
    inside: dict[str, bool] = {}
    for name in sorted(set(names)):
        parent, last = posixpath.split(name)
        if not NEVER.isdisjoint(name.split("/")) or _EDITORS.search(last):
            continue
        if parent not in inside:  # a link on the way would lead to what is not in the folder
            inside[parent] = Path(os.path.realpath(top / parent)) == top / parent
        if not inside[parent]:
            continue
        try:
            file = _file(folder, name)
        except FileNotFoundError:  # git knows it, and it was removed
            continue
        except (OSError, ValueError) as error:
            refused[name] = getattr(error, "strerror", "") or str(error)
        else:
            files[name] = file
    return Tree(files=files, refused=refused)


def _file(folder: Path, name: str) -> File:
    """Return one file; ValueError says why it cannot be brought."""
    if "\ufffd" in name or not name.isprintable():
        raise ValueError("its name is no plain text")
    path = folder / name
    status = path.lstat()
    link = str(path.readlink()) if stat.S_ISLNK(status.st_mode) else ""
    if link and leads_out(name, link):
        raise ValueError(f"a link out of the folder, to {link}")
    if stat.S_ISDIR(status.st_mode):
        raise ValueError("a repository of its own")
    if not link and not stat.S_ISREG(status.st_mode):
        raise ValueError("neither a file nor a link")
    if status.st_size > LARGEST:
        raise ValueError(f"{units.size(status.st_size)}, at most {units.size(LARGEST)} are brought")
    if not link and not os.access(path, os.R_OK):
        raise ValueError("it may not be read")
    return File(
        size=status.st_size,
        changed=status.st_mtime_ns,
        executable=bool(status.st_mode & stat.S_IXUSR),
        link=link,
    )


def leads_out(name: str, link: str) -> bool:
    """Say whether a link of that name leads to what is not in the same folder over there."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
    return target.startswith("/") or target.split("/")[0] == ".."


def _of_git(folder: Path, runner: Runner) -> list[str] | None:
    """Return what git knows, and what it does not ignore; None where it cannot say.

    A repository that the checkout only lies in says nothing about it.
    """
    if not any((one / ".git").exists() for one in (folder, folder.parent)):
        return None
    # it only looks: no lock of the user's is in its way, no hook of the repository runs
    words = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder)]
    words += ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = runner(words, timeout=PATIENCE)
    except RefusedError:
        return None
    return None if done.exit_code else [one for one in done.stdout.split("\0") if one]


def _walked(folder: Path) -> Iterator[str]:
    """Yield all that is in a folder; no link is followed."""
    pending, left = [""], 2 * MOST
    while pending and left > 0:
        below = pending.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                left -= 1
                if entry.name in NEVER:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    pending.append(f"{below}{entry.name}/")
                else:
                    yield f"{below}{entry.name}"

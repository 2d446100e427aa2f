"""The snapshots of one stack: files in a folder of its own, by name."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from scripts.core.errors import ConfigError, StackError
from scripts.data import archive
from scripts.data.model import Snapshot

FOLDER = "snapshots"
END = ".tar.zst"
PARTIAL = ".partial"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def folder(root: Path, project: str) -> Path:
    """Return where the snapshots of a stack lie: apart from those of others in this checkout."""
    return root / FOLDER / project


def listed(at: Path) -> tuple[Snapshot, ...]:
    """Return all snapshots, the newest first, reading only the end of each."""
    found = [look(file) for file in at.glob(f"*{END}")]
    return tuple(sorted(found, key=_age, reverse=True))


def look(file: Path) -> Snapshot:
    """Return one snapshot by its file; one that cannot be read is none less."""
    size, manifest, problem = 0, None, ""
    try:
        size = file.stat().st_size
        manifest = archive.manifest(file)
    except StackError as error:
        problem = str(error)
    except OSError as error:
        problem = f"the snapshot {file.name} cannot be read: {error.strerror}"
    return Snapshot(name=name(file), file=file, size=size, manifest=manifest, problem=problem)


def find(at: Path, named: str) -> Path:
    """Return the file of a snapshot: by its name, or a path of one from elsewhere.

    Raises ConfigError with the names that there are.
    """
    file = Path(named).expanduser() if "/" in named else at / f"{named.removesuffix(END)}{END}"
    if not named or not file.is_file():
        known = ", ".join(one.name for one in listed(at)) or "none yet: inv snapshot.save"
        raise ConfigError(
            f"there is no snapshot {named!r}" if named else "no snapshot is named",
            next_step=f"one of: {known}",
        )
    return file


def own(at: Path, named: str) -> Path:
    """Return the file of a snapshot of this folder, by its name; ConfigError for any other."""
    if "/" in named:
        raise ConfigError(
            f"{named!r} is a path, wanted the name of a snapshot in {at}",
            next_step="inv snapshot.list shows the names; rm deletes a file from elsewhere",
        )
    return find(at, named)


def fresh(at: Path, named: str) -> Path:
    """Return the file for a snapshot to be made; ConfigError for a name that is taken or odd."""
    if not _NAME.match(named):
        raise ConfigError(
            f"--name is {named!r}, wanted letters, digits, ., _ and -",
            next_step="for example: --name before-upgrade",
        )
    file = at / f"{named}{END}"
    if file.exists():
        raise ConfigError(
            f"there is a snapshot {named!r} already",
            next_step=f"another --name, or: inv snapshot.delete {named}",
        )
    return file


def partial(file: Path) -> Path:
    """Return where a snapshot is written until it is whole."""
    return file.with_name(file.name + PARTIAL)


def leftovers(at: Path) -> tuple[Path, ...]:
    """Return the files of snapshots that were never finished."""
    return tuple(at.glob(f"*{PARTIAL}"))


def spare(found: Sequence[Snapshot], keep: int) -> tuple[Snapshot, ...]:
    """Return all but the newest `keep`, of those in order of age that are not damaged."""
    return tuple(one for one in found if one.manifest is not None)[keep:]


def spare_automatic(
    found: Sequence[Snapshot], groups: Sequence[str], keep: int
) -> tuple[Snapshot, ...]:
    """Return the automatic ones of the same data groups, all but the newest `keep`."""
    same = [
        one
        for one in found
        if one.manifest and one.manifest["automatic"] and one.manifest["groups"] == list(groups)
    ]
    return spare(same, keep)


def name(file: Path) -> str:
    """Return the name of a snapshot by its file."""
    return file.name.removesuffix(END)


def removed(files: Iterable[Path]) -> tuple[str, ...]:
    """Remove snapshots; give their names."""
    gone = tuple(files)
    for file in gone:
        file.unlink(missing_ok=True)
    return tuple(name(file) for file in gone)


def prune_automatic(at: Path, groups: Sequence[str], keep: int) -> tuple[str, ...]:
    """Remove automatic snapshots of these groups, all but the newest `keep`; give their names."""
    return removed(one.file for one in spare_automatic(listed(at), groups, keep))


def _age(one: Snapshot) -> str:
    return str(one.manifest["created_at"]) if one.manifest else ""

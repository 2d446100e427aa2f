"""The snapshots of one stack: files in a folder of its own, by name."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from scripts.core import files
from scripts.core.errors import ConfigError, StackError
from scripts.core.stack import Stack
from scripts.core.texts import short
from scripts.data.model import Snapshot

FOLDER = "snapshots"
END = ".tar.zst"
PARTIAL = ".partial"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


def folder_of(root: Path, project: str) -> Path:
    """Return where the snapshots of a stack lie: apart from those of others in this checkout."""
    return root / FOLDER / project


def listed(folder: Path) -> tuple[Snapshot, ...]:
    """Return all snapshots, the newest first, reading only the end of each."""
    snapshots = map(read, folder.glob(f"*{END}"))
    return tuple(sorted(snapshots, key=_created_at, reverse=True))


def read(file: Path) -> Snapshot:
    """Return one snapshot by its file; one that cannot be read is none less."""
    from scripts.data import archive

    size, manifest, problem = 0, None, ""
    try:
        size = file.stat().st_size
        manifest = archive.manifest(file)
    except StackError as error:
        problem = str(error)
    except OSError as error:
        problem = f"the snapshot {file.name} cannot be read: {error.strerror}"
    return Snapshot(name=name(file), file=file, size=size, manifest=manifest, problem=problem)


def find(folder: Path, named: str) -> Path:
    """Return the file of a snapshot: by its name, or a path of one from elsewhere.

    Raises ConfigError with the names that there are.
    """
    file = files.expanded(named) if "/" in named else folder / f"{named.removesuffix(END)}{END}"
    if not named or not file.is_file():
        names = ", ".join(snapshot.name for snapshot in listed(folder))
        raise ConfigError(
            f"there is no snapshot {short(named)!r}" if named else "no snapshot is named",
            next_step=f"one of: {names or 'none yet: inv snapshot.save'}",
        )
    return file


def find_own(folder: Path, named: str) -> Path:
    """Return the file of a snapshot of this folder, by its name; ConfigError for any other."""
    if "/" in named:
        raise ConfigError(
            f"{named!r} is a path, wanted the name of a snapshot in {folder}",
            next_step="inv snapshot.list shows the names; rm deletes a file from elsewhere",
        )
    return find(folder, named)


def new_file(folder: Path, named: str) -> Path:
    """Return the file for a snapshot to be made; ConfigError for a name that is taken or odd."""
    if not _NAME.match(named):
        raise ConfigError(
            f"--name is {named!r}, wanted letters, digits, ., _ and -",
            next_step="for example: --name before-upgrade",
        )
    file = folder / f"{named}{END}"
    if file.exists():
        raise ConfigError(
            f"there is a snapshot {named!r} already",
            next_step="another --name; inv snapshot.list shows those that are taken",
        )
    return file


def name_now(stack: Stack, groups: Sequence[str], *, before: str = "") -> str:
    """Return a name for a snapshot: of what it is, and when: neo4j-20260131-120000."""
    of = groups if len(groups) < len(stack.groups()) else ("all",)
    return f"{before}{'-'.join(of)}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


@contextmanager
def partial(file: Path) -> Iterator[Path]:
    """Yield where a snapshot is written until it is whole; nothing is left there afterwards."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    begun = file.with_name(file.name + PARTIAL)
    try:
        yield begun
    finally:
        begun.unlink(missing_ok=True)


def leftovers(folder: Path) -> tuple[Path, ...]:
    """Return the files of snapshots that were never finished, and none of other programs."""
    begun = folder.glob(f"*{END}{PARTIAL}")
    return tuple(file for file in begun if file.is_file() and not file.is_symlink())


def older(snapshots: Iterable[Snapshot], keep: int) -> tuple[Snapshot, ...]:
    """Return all but the newest `keep`, of those in order of age that are not damaged."""
    return tuple(snapshot for snapshot in snapshots if snapshot.manifest is not None)[keep:]


def automatic(snapshots: Iterable[Snapshot], groups: Sequence[str]) -> Iterator[Snapshot]:
    """Yield those that no user asked for, of the same data groups."""
    for snapshot in snapshots:
        manifest = snapshot.manifest
        if manifest and manifest["automatic"] and manifest["groups"] == list(groups):
            yield snapshot


def name(file: Path) -> str:
    """Return the name of a snapshot by its file."""
    return file.name.removesuffix(END)


def delete(files: Iterable[Path]) -> tuple[str, ...]:
    """Delete snapshots; give their names."""
    deleted = tuple(files)
    for file in deleted:
        file.unlink(missing_ok=True)
    return tuple(map(name, deleted))


def prune_automatic(
    folder: Path, groups: Sequence[str], keep: int, *, spare: Path | None = None
) -> tuple[str, ...]:
    """Remove automatic snapshots of these groups, all but the newest `keep`; give their names.

    `spare` stays in any case: a clock that was set back makes the newest look like the oldest.
    """
    surplus = older(automatic(listed(folder), groups), keep)
    return delete(snapshot.file for snapshot in surplus if snapshot.file != spare)


def _created_at(snapshot: Snapshot) -> str:
    return str(snapshot.manifest["created_at"]) if snapshot.manifest else ""

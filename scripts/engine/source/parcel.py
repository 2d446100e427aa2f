"""Pure: what differs between a folder and what an engine has of it, and the archive that is sent.

What a file is, is told by its mark: rights and digest of a file, the target of a link.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from scripts.core.units import SECOND
from scripts.engine.source.tree import File

BLOCK = tarfile.BLOCKSIZE
UNKNOWN = ""
"""The mark of what may be anything: it was being sent when something broke."""
YOUNG = SECOND // 10
"""Nanoseconds for which a file may change again without a sign: file systems count in steps of
some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a volume has of a file: its mark, and the file that it is of."""

    mark: str
    file: File | None = None
    """None where what it holds has to be looked at, whatever its time and size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """What brings a volume to what a folder is."""

    now: Mapping[str, Kept]
    """What it has then."""
    put: Mapping[str, tuple[File, bytes]]
    gone: tuple[str, ...]

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return bool(self.put or self.gone)

    @property
    def size(self) -> int:
        """Bytes of all that is put."""
        return sum(len(content) for _, content in self.put.values())


def parcel(
    files: Mapping[str, File],
    known: Mapping[str, Kept],
    read: Callable[[str], bytes | None],
    moment: int,
) -> Parcel:
    """Compare files with what is known of a volume; `moment` of it in ns since 1970.

    Only those that look otherwise are read; one for which that gives None has just gone.
    """
    now, put = {}, {}
    for name, file in files.items():
        before = known.get(name)
        if before is not None and before.file == file:
            now[name] = before
            continue
        content = b"" if file.link else read(name)
        if content is None:
            continue
        found = mark(file, content)
        now[name] = Kept(mark=found, file=file if moment - file.changed > YOUNG else None)
        if before is None or before.mark != found:
            put[name] = file, content
    return Parcel(now=now, put=put, gone=tuple(sorted(known.keys() - now.keys())))


def mark(file: File, content: bytes) -> str:
    """Return the mark of a file with this content, or of a link."""
    if file.link:
        return f"link {file.link}"
    return f"{rights(file):o} {hashlib.sha256(content).hexdigest()}"


def rights(file: File) -> int:
    """Return the rights that it gets: root may write it, and everybody read."""
    return 0o755 if file.executable else 0o644


def packed(put: Mapping[str, tuple[File, bytes]], moment: int) -> Iterator[bytes]:
    """Yield a tar of these files and of the folders that they lie in, all of them root's.

    A file has the time that it has here, so that what looks at times sees a change once; a folder
    has this moment, in ns since 1970: by that Python knows that something is new in it.
    """
    made: set[PurePosixPath] = set()
    for name, (file, content) in put.items():
        for folder in reversed(PurePosixPath(name).parents[:-1]):
            if folder not in made:
                made.add(folder)
                entry = tarfile.TarInfo(str(folder))
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                entry.mtime = moment / SECOND
                yield entry.tobuf(tarfile.PAX_FORMAT)
        entry = tarfile.TarInfo(name)
        entry.mode, entry.mtime = rights(file), file.changed / SECOND  # PAX has broken numbers
        if file.link:
            entry.type, entry.linkname = tarfile.SYMTYPE, file.link
        entry.size = len(content)
        yield entry.tobuf(tarfile.PAX_FORMAT)
        yield content
        yield bytes(-len(content) % BLOCK)
    yield bytes(2 * BLOCK)


def listed(text: str) -> dict[str, str]:
    """Return the marks of what a volume holds, as `volume.LISTING` prints it.

    ValueError for anything else.
    """
    words = text.split("\0")
    end = words.index("")
    kinds, digests = words[:end], words[end + 1 :]
    sums = {name.removeprefix("./"): one for one, _, name in (d.partition("  ") for d in digests)}
    found = {}
    for what, path in zip(kinds[::2], kinds[1::2], strict=True):
        name = path.removeprefix("./")
        found[name] = f"link {what[1:]}" if what[0] == "l" else f"{what[1:]} {sums.get(name, '')}"
    return found

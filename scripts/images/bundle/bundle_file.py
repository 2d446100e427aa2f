"""A bundle, read and written: one plain tar for a machine without any network.

Its first member says what is in it: wheels, then the private engine's packages, then the images.
`dev` reads one before anything is installed, so this needs the standard library only.
"""

import hashlib
import itertools
import json
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from scripts.core import files, units
from scripts.core.errors import BrokenError, ConfigError
from scripts.core.foreign import documents, records
from scripts.core.foreign.documents import Json
from scripts.core.inventory import ImageSource
from scripts.core.progress import OnBytes, counted

FORMAT = 1
MANIFEST = "bundle.json"
WHEELS, ENGINE, IMAGES = "wheels", "engine", "images.tar"
VARIABLE = "BUNDLE_FILE"
"""Where `dev --bundle` leaves the file's path."""
PIECE = 1 << 20
"""Bytes that are read at once."""
RESERVED = 1 << 18
"""Bytes for the manifest: it comes first, and is known last. One of ours takes about 10 KB."""
BLOCK = tarfile.BLOCKSIZE
LARGEST = 1 << 50
"""Bytes of all members together."""
_FILE = r"[A-Za-z0-9_][\w%~!+.-]*"
_NAME = re.compile(
    rf"({WHEELS}/{_FILE}\.whl|{ENGINE}/{_FILE}\.deb|{re.escape(IMAGES)})\Z", re.ASCII
)
"""Members have no other names: none that leads elsewhere, none that a line would break at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One file of a bundle; `size` in bytes."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a bundle says of itself; schemas/bundle.schema.json has the same words."""

    workspace: str
    """The version of the workspace that made it."""
    created: str
    image_source: ImageSource
    architecture: str
    """Of the images, in the engine's words: amd64, arm64."""
    python: tuple[str, ...]
    """Versions that the wheels are for, such as 3.11."""
    kernel: str
    machine: str
    distribution: str
    release: str
    """What the engine's packages are for, such as bookworm; empty without them."""
    pins: str
    """SHA-256 of the requirements that the wheels fulfil."""
    images: Mapping[str, str]
    """The image's name, and its id."""
    members: tuple[Member, ...]

    def under(self, folder: str) -> tuple[Member, ...]:
        """Return the members in a folder of the bundle."""
        return tuple(member for member in self.members if member.name.startswith(f"{folder}/"))

    def text(self) -> str:
        """Return it as it is written."""
        return json.dumps({"bundle": FORMAT, **asdict(self)}, indent=1)

    @property
    def fingerprint(self) -> str:
        """What tells it from every other bundle: the SHA-256 of this, which has those of all."""
        return hashlib.sha256(self.text().encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle that can be read."""

    file: Path
    manifest: Manifest

    def pieces(self, member: Member) -> Iterator[bytes]:
        """A member's bytes; ConfigError at the end when they are not those that were saved."""
        digest, left, head = hashlib.sha256(), member.size, _header(member.name, member.size)
        with _reading(self.file), files.opened(self.file) as source:
            source.seek(self.place(member) - len(head))
            found = source.read(len(head))
            while found == head and left:
                piece = source.read(min(left, PIECE))
                if not piece:
                    break
                digest.update(piece)
                left -= len(piece)
                yield piece
        if len(found) < len(head) or (found == head and left):
            raise damaged(self.file, "it ends early")
        if found != head or digest.hexdigest() != member.sha256:
            raise damaged(self.file, f"{member.name} is not what was saved")

    def place(self, member: Member) -> int:
        """Return where the bytes of a member begin: all come in the order of the manifest.

        What stands in heads is not read: one of them may be as long as the disk.
        """
        before = itertools.takewhile(lambda one: one != member, self.manifest.members)
        sizes = (_head(one) + one.size + -one.size % BLOCK for one in before)
        return BLOCK + RESERVED + sum(sizes) + _head(member)

    def check(self, member: Member, on_bytes: OnBytes) -> None:
        """Read a member to its end; ConfigError when it is damaged."""
        for _ in counted(self.pieces(member), on_bytes):
            pass

    def extract(self, members: tuple[Member, ...], folder: Path) -> None:
        """Write members into a folder; a damaged one is not left there, errors as in `pieces`."""
        folder.mkdir(parents=True, exist_ok=True)
        for member in members:
            target = folder / Path(member.name).name
            partial = target.with_name(f"{target.name}.partial")
            with files.begun(partial) as file:
                file.writelines(self.pieces(member))
            partial.rename(target)


def read(file: Path) -> Bundle:
    """Read what a bundle says of itself; ConfigError for none, not there, or not to be read."""
    if not file.is_file():
        raise ConfigError(f"there is no file {file}", next_step="inv images.save FILE makes one")
    try:
        with files.opened(file) as source:
            return Bundle(file=file, manifest=_manifest(_first(source.read(BLOCK + RESERVED))))
    except ValueError as error:
        raise ConfigError(
            f"{file} is no bundle of this workspace, or damaged at its beginning: {error}",
            next_step="copy it again, or make one: inv images.save FILE",
        ) from None
    except OSError as error:
        raise _unreadable(file, error) from error


def _head(member: Member) -> int:
    """Return how many bytes stand before those of a member: more than a block for a long name."""
    return len(_header(member.name, member.size))


def _first(head: bytes) -> Json:
    """Return the document at the head of a bundle; ValueError for anything else."""
    if head[:BLOCK] != _header(MANIFEST, RESERVED):
        raise ValueError(f"it does not begin with {MANIFEST}")
    return documents.parsed(head[BLOCK:])


def named(environ: Mapping[str, str]) -> Bundle | None:
    """Return the bundle that `dev --bundle` names; None for none, errors as in `read`."""
    file = environ.get(VARIABLE, "")
    return read(Path(file)) if file else None


def damaged(file: Path, what: str) -> ConfigError:
    """Return the error for a bundle that has changed since it was made."""
    return ConfigError(
        f"{file} is damaged: {what}", next_step="copy it again, and compare with: sha256sum"
    )


@contextmanager
def _reading(file: Path) -> Iterator[None]:
    """Say which file it is that cannot be read."""
    try:
        yield
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{file} cannot be read: {error.strerror or error}",
        next_step=f"ls -l {file}: may you read it? Is what it lies on still there?",
    )


def _manifest(document: Json) -> Manifest:
    """Return what a bundle says of itself; ValueError for words and names of another kind."""
    if not isinstance(document, dict) or document.pop("bundle", None) != FORMAT:
        raise ValueError(f"it is not of the form {FORMAT}")
    manifest = records.made(Manifest, document)
    if not manifest.python:
        raise ValueError("it names no Python")
    for member in manifest.members:
        if not _NAME.match(member.name) or member.size < 0:
            raise ValueError(f"no member can be {member.name!r:.80}, of {member.size} bytes")
    if sum(member.size for member in manifest.members) > LARGEST:
        raise ValueError("it would be larger than any disk")
    return manifest


class BundleWriter:
    """A bundle under way: NAME.partial grows member by member, and is NAME when it is whole.

    Leaving the block by an error removes what was written.
    """

    def __init__(self, file: Path) -> None:
        """Write to `file`, which is not there yet."""
        self.file = file
        self.partial = file.with_name(f"{file.name}.partial")
        self.members: list[Member] = []
        self._written = 0
        self._whole = False

    def __enter__(self) -> Self:
        """Begin, with room for the manifest."""
        self._out = files.begun(self.partial)
        try:
            self._write(_header(MANIFEST, RESERVED))
            self._write(b" " * RESERVED)
        except BaseException:
            self.__exit__()  # `with` calls it only for what was entered
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Give the file its name, if `finish` was reached."""
        try:
            with self._room():
                self._out.close()
            if self._whole:
                self.partial.rename(self.file)
        finally:
            self.partial.unlink(missing_ok=True)

    def add(self, name: str, pieces: Iterable[bytes]) -> None:
        """Write a member; its size is known when all pieces have come."""
        start, digest, size = self._out.tell(), hashlib.sha256(), 0
        self._write(_header(name, 0))
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            self._write(piece)
        self._write(bytes(-size % BLOCK))
        self._patch(start, _header(name, size))
        self.members.append(Member(name=name, size=size, sha256=digest.hexdigest()))

    def add_file(self, name: str, source: Path) -> None:
        """Write a file as a member."""
        with source.open("rb") as file:
            self.add(name, iter(lambda: file.read(PIECE), b""))

    def finish(self, manifest: Manifest) -> None:
        """Write what the bundle is; then it is whole."""
        text = manifest.text().encode()
        self._write(bytes(2 * BLOCK))  # the end of a tar
        self._patch(BLOCK, text.ljust(RESERVED - 1) + b"\n")
        with self._room():
            self._out.flush()
            os.fsync(self._out.fileno())
        self._whole = True

    def _patch(self, place: int, data: bytes) -> None:
        self._out.seek(place)
        self._write(data)
        self._out.seek(0, os.SEEK_END)

    def _write(self, data: bytes) -> None:
        with self._room():
            self._out.write(data)
        self._written += len(data)

    @contextmanager
    def _room(self) -> Iterator[None]:
        """Say that the disk is full, and after how much."""
        try:
            yield
        except OSError as error:
            raise BrokenError(
                f"{self.partial} could not be written after {units.size(self._written)}:"
                f" {error.strerror}; it is removed again",
                next_step=f"df -h {self.file.parent}, make room or name a file elsewhere",
            ) from error


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)

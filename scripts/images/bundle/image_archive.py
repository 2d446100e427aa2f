"""Which images an archive of an engine's holds, told before an engine takes one of them.

Only the members that engines write are let through, each once and in its plain form, so that an
engine cannot read the same archive in another way than this does.
https://github.com/moby/docker-image-spec/blob/main/spec.md
"""

import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO

from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json

BLOCK = tarfile.BLOCKSIZE
LISTS = ("manifest.json", "index.json", "repositories")
"""Members that name images: of today's engines, of containerd, and of engines from before both."""
_ID = "[0-9a-f]{64}"
_KNOWN = re.compile(
    rf"{'|'.join(map(re.escape, LISTS))}|oci-layout|blobs(/sha256(/{_ID})?)?"
    rf"|{_ID}(\.json|\.tar|/(layer\.tar|json|VERSION))?",
    re.ASCII,
)
_KINDS = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE)
_USUAL = re.compile(r"(docker\.io/)?(library/)?")
"""Before a name, where it may be left out."""


def named(file: BinaryIO, begin: int, size: int) -> dict[str, set[str]]:
    """Return the names of the images in the archive at these bytes of a file, with their ids.

    One image may have two ids: that of its configuration, and that of its manifest. Raises
    ValueError for what no engine writes.
    """
    found: dict[str, set[str]] = {}
    for name, document in _lists(file, begin, begin + size):
        try:
            pairs = list(_READERS[name](document))
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"its {name} has another shape than it should") from error
        for image, number in pairs:
            found.setdefault(usual(image), set()).update({number} - {""})
    return found


def usual(name: str) -> str:
    """Return the name of an image as people write it: docker.io/library/x:1 is x:1."""
    return _USUAL.sub("", name, count=1)


def _lists(file: BinaryIO, at: int, end: int) -> Iterator[tuple[str, Json]]:
    """Yield the members that name images; all others are only looked at."""
    seen: set[str] = set()
    while at < end:
        file.seek(at)
        if (block := file.read(BLOCK)) == bytes(BLOCK):
            break
        entry = _entry(block)
        at += BLOCK + entry.size + -entry.size % BLOCK
        name = entry.name.rstrip("/")
        if name in seen or not _allowed(name, entry):
            raise ValueError(f"it holds {name!r:.90}, which no engine writes there")
        seen.add(name)
        if name in LISTS:
            yield name, documents.parsed(file.read(min(entry.size, documents.MOST + 1)))
    if LISTS[0] not in seen:
        raise ValueError(f"it has no {LISTS[0]}")


def _entry(block: bytes) -> tarfile.TarInfo:
    try:
        return tarfile.TarInfo.frombuf(block, "ascii", "strict")
    except (tarfile.TarError, ValueError):
        raise ValueError("it is no tar, or ends early") from None


def _allowed(name: str, entry: tarfile.TarInfo) -> bool:
    # engines from before blobs write a layer that two images have as a link
    link = entry.issym() and name.endswith("/layer.tar")
    plain = entry.type in _KINDS and (entry.isreg() or name not in LISTS)
    return bool(_KNOWN.fullmatch(name)) and entry.size >= 0 and (plain or link)


def _of_manifest(document: Json) -> Iterable[tuple[str, str]]:
    for image in document:
        number = image["Config"].removesuffix(".json").removeprefix("blobs/sha256/")
        yield from ((str(tag), f"sha256:{number}") for tag in image["RepoTags"] or ())


def _of_index(document: Json) -> Iterable[tuple[str, str]]:
    for one in document["manifests"]:
        if name := (one.get("annotations") or {}).get("io.containerd.image.name"):
            yield str(name), str(one["digest"])


def _of_repositories(document: Json) -> Iterable[tuple[str, str]]:
    for name, tags in document.items():
        yield from ((f"{name}:{tag}", "") for tag in tags)


_READERS: Mapping[str, Callable[[Json], Iterable[tuple[str, str]]]] = dict(
    zip(LISTS, (_of_manifest, _of_index, _of_repositories), strict=True)
)

"""Pure: the layers of images, and an archive of images without some of them, as it comes."""

import tarfile
from collections.abc import Collection, Iterable, Iterator
from typing import TypeAlias

from scripts.core.errors import RefusedError

BLOCK = tarfile.BLOCKSIZE
LAYERS = "blobs/sha256/"
"""Where an archive of Engine 25 or later has its layers, each by its digest."""
Chain: TypeAlias = tuple[str, ...]
"""The layers of an image, the lowest first."""


def there_already(sent: Iterable[Chain], there: Iterable[Chain]) -> frozenset[str]:
    """Return the layers that need not be sent: all that is below each of them is there, too."""
    known = {chain[:height] for chain in there for height in range(1, len(chain) + 1)}
    spared: set[str] = set()
    needed: set[str] = set()
    for chain in sent:
        for height, layer in enumerate(chain, start=1):
            (spared if chain[:height] in known else needed).add(layer)
    return frozenset(spared - needed)


def without(archive: Iterable[bytes], left_out: Collection[str]) -> Iterator[bytes]:
    """Yield an archive of images without these layers, as it comes.

    RefusedError for none, or one that ends early.
    """
    pieces, buffered = iter(archive), b""

    def take(size: int) -> bytes:
        nonlocal buffered
        while len(buffered) < size:
            piece = next(pieces, b"")
            if not piece:
                raise RefusedError(
                    "the engine here ended in the middle of an image",
                    next_step="inv images.status shows which are here; then the same again",
                )
            buffered += piece
        taken, buffered = buffered[:size], buffered[size:]
        return taken

    names = {f"{LAYERS}{one.removeprefix('sha256:')}" for one in left_out}
    while (head := take(BLOCK)) != bytes(BLOCK):
        entry = tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        spared = entry.name in names
        if not spared:
            yield head
        left = entry.size + -entry.size % BLOCK
        while left:
            piece = take(min(left, max(len(buffered), BLOCK)))
            left -= len(piece)
            if not spared:
                yield piece
    yield bytes(2 * BLOCK)

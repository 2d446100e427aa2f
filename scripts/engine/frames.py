"""Pure: how the engine sends what a container writes, its two streams in one.

https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerAttach
"""

from collections.abc import Iterable, Iterator

HEADER = 8
"""Bytes before each piece: which stream, three of nothing, the length in four, the big end first.
"""
LONGEST = 1 << 24
"""Bytes of a piece: an engine sends what it has read at once, which is some KiB."""


def frames(data: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield what a container writes, piece by piece, each with the number of its stream.

    Raises EOFError when `data`, which may be cut anywhere, ends within a piece, or has one that no
    engine sends.
    """
    rest = b""
    for more in data:
        rest += more
        at = 0
        while len(rest) >= (begin := at + HEADER):
            end = begin + int.from_bytes(rest[begin - 4 : begin])
            if end - begin > LONGEST:
                raise EOFError("a piece is longer than any")
            if len(rest) < end:
                break
            yield rest[at], rest[begin:end]
            at = end
        rest = rest[at:]
    if rest:
        raise EOFError("it ended in the middle")

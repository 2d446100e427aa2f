"""A snapshot that goes to several engines at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from scripts.core.errors import RefusedError
from scripts.data import archive, transfer
from scripts.engine.throwaway import Helper


class Tar:
    """The streams of a tar; a full one takes nothing."""

    def __init__(self, *, full: bool) -> None:
        """Begin."""
        self.full = full

    def write(self, _: bytes) -> None:
        """Take a piece."""
        if self.full:
            raise BrokenPipeError

    def write_end(self) -> None:
        """Take no more."""

    def read(self) -> Iterator[bytes]:
        """Say nothing."""
        return iter(())


class Parts:
    """A helper over as many engines as there are words of what their tars say."""

    def __init__(self, *words: str) -> None:
        """Of these one has a full disk."""
        self.words, self.volumes = words, dict.fromkeys(words, "")

    def apart(self) -> Iterator["Parts"]:
        """Yield one for each."""
        yield from map(Parts, self.words)

    @contextmanager
    def streams(self, _: str, *, writable: bool) -> Iterator[Tar]:
        """Yield those of a tar."""
        assert writable
        yield Tar(full="full" in self.words[0])

    def require(self, _: Tar) -> None:
        """None has come to its end."""
        raise RefusedError(self.words[0], next_step="")


@pytest.mark.parametrize("words", [("full", "unexpected end"), ("unexpected end", "full")])
def test_the_cause_is_told_by_the_one_that_took_no_more(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, str]
) -> None:
    """The others only lack what came after it."""
    monkeypatch.setattr(archive, "pieces", lambda _: iter([b"a", b"b"]))

    with pytest.raises(RefusedError, match="full"):
        transfer.unpack(cast("Helper", Parts(*words)), Path("some.tar.zst"), lambda _: None)

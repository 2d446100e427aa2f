"""Which layers of images are spared where they are carried, and the archive without them."""

import io
import tarfile
from collections.abc import Iterator

import pytest

from scripts.core.errors import RefusedError
from scripts.images.layers import LAYERS, there_already, without

A, B, C, D = (f"sha256:{letter * 64}" for letter in "abcd")


def test_a_layer_is_spared_only_where_all_below_it_is_there_too() -> None:
    """An engine knows a layer by all that it lies upon."""
    there = [(A, B)]

    assert there_already([(A, B, C)], there) == {A, B}
    assert there_already([(C, A)], there) == frozenset()
    assert there_already([(A, B), (D, B)], there) == {A}
    assert there_already([(A, C)], ()) == frozenset()


def archived(**members: bytes) -> bytes:
    """Return a tar of these members."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def cut(archive: bytes, size: int) -> Iterator[bytes]:
    """Yield an archive in pieces of this size."""
    return (archive[at : at + size] for at in range(0, len(archive), size))


@pytest.mark.parametrize("size", [1, 511, 700, 100_000])
def test_the_archive_goes_on_without_these_layers_however_it_comes(size: int) -> None:
    """Whatever else is in it stays as it is."""
    layers = {f"blobs__sha256__{one[7:]}": one.encode() * 20 for one in (A, B)}
    whole = archived(**layers, manifest=b"{}")

    with tarfile.open(fileobj=io.BytesIO(b"".join(without(cut(whole, size), {A})))) as found:
        content = found.extractfile(f"{LAYERS}{B[7:]}")
        assert content is not None
        assert content.read() == B.encode() * 20
        assert found.getnames() == [f"{LAYERS}{B[7:]}", "manifest"]


def test_an_archive_that_ends_early_is_never_taken_for_a_whole_one() -> None:
    """The engine here was stopped: what takes it must not see an end."""
    whole = archived(manifest=b"{}" * 600)

    with pytest.raises(RefusedError, match="in the middle of an image"):
        list(without([whole[:1100]], ()))

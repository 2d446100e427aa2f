"""A bundle holds what was put in, in order, and says so when it does no more."""

import json
import os
import re
import resource
import stat
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.core.errors import BrokenError, ConfigError
from scripts.images.bundle import bundle_file, wheels
from scripts.images.bundle.bundle_file import BundleWriter, Manifest
from tests.kit.bundles import MANIFEST, MEMBERS, bundled, pins


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a bundle is made."""
    return tmp_path / "some bundle.tar"


def test_what_was_put_in_comes_out(file: Path) -> None:
    """Every member's bytes, and the description; it keeps its schema."""
    made = bundled(file)

    found = bundle_file.read(file)

    assert found.manifest == made
    assert validate(json.loads(made.text()), "bundle") == ()
    assert {one.name: b"".join(found.pieces(one)) for one in found.manifest.members} == MEMBERS
    assert checked(found) == [one.size for one in made.members]
    assert [one.name for one in made.under("engine")] == ["engine/docker.io_1%3a26_amd64.deb"]


def test_it_is_a_plain_tar_with_its_description_first(file: Path) -> None:
    """Any tar reads it, in this order."""
    bundled(file)

    with tarfile.open(file, "r:") as archive:
        assert archive.getnames() == ["bundle.json", *MEMBERS]
        first = archive.extractfile("bundle.json")
        assert first is not None
        assert json.load(first)["bundle"] == 1


def test_members_are_extracted_by_their_last_name(file: Path, tmp_path: Path) -> None:
    """Wheels lie in one folder, as pip wants them."""
    made = bundled(file)

    bundle_file.read(file).extract(made.under("wheels"), tmp_path / "here")

    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "demo-1-py3-none-any.whl",
        "pip-1-py3-none-any.whl",
    ]


def checked(bundle: bundle_file.Bundle) -> list[int]:
    """Read all members of a bundle; give how many bytes each is told to have."""
    last = []
    for member in bundle.manifest.members:
        done: list[int] = []
        bundle.check(member, done.append)
        last.append(done[-1])
    return last


def flipped(data: bytes) -> bytes:
    """Change one byte of the wheel `another wheel`."""
    return data.replace(b"another wheel", b"another_wheel")


def shortened(data: bytes) -> bytes:
    """Lose the end, as a copy that was broken off does."""
    return data[: data.index(b"a package") + 4]


def emptied(data: bytes) -> bytes:
    """Keep the description only."""
    return data[: (1 << 18) + 512]


@pytest.mark.parametrize(
    ("change", "told", "left"),
    [
        (flipped, "wheels/demo-1-py3-none-any.whl is not what was saved", {"pip"}),
        (shortened, "is damaged: it ends early", {"pip", "demo"}),
        (emptied, "is damaged: it ends early", set()),
    ],
)
def test_damage_is_found_and_named(
    file: Path, tmp_path: Path, change: Callable[[bytes], bytes], told: str, left: set[str]
) -> None:
    """A byte that has changed, a copy that ends early; what is damaged is not taken for whole."""
    made = bundled(file)
    file.write_bytes(change(file.read_bytes()))
    found = bundle_file.read(file)

    with pytest.raises(ConfigError) as caught:
        checked(found)
    assert str(caught.value).startswith(f"{file} is damaged")
    assert told in str(caught.value)
    with pytest.raises(ConfigError):
        found.extract(made.members, tmp_path / "here")
    whole = {path.name for path in (tmp_path / "here").iterdir() if path.suffix != ".partial"}
    assert whole == {f"{name}-1-py3-none-any.whl" for name in left}


def described(text: str) -> Callable[[Path], object]:
    """Return a way to make a tar whose description is `text`."""

    def make(file: Path) -> None:
        with BundleWriter(file) as writer:
            writer.finish(MANIFEST)
        data = file.read_bytes()
        file.write_bytes(data[:512] + text.encode().ljust(1 << 18) + data[512 + (1 << 18) :])

    return make


def empty_tar(file: Path) -> None:
    """Make a tar without members."""
    tarfile.open(file, "w").close()


def named(name: str) -> Callable[[Path], object]:
    """Return a way to make a bundle whose one member would have this name."""
    member = {"name": name, "size": 1, "sha256": ""}
    return described(json.dumps(json.loads(MANIFEST.text()) | {"members": [member]}))


def saying(facts: dict[str, object]) -> Callable[[Path], object]:
    """Return a way to make a bundle that says something else of itself."""
    return described(json.dumps(json.loads(MANIFEST.text()) | facts))


MEMBER = {"name": "images.tar", "size": 1, "sha256": ""}
OTHER_KINDS: tuple[tuple[str, object], ...] = (
    ("image_source", "packages\nBIND_ADDRESS=0.0.0.0\n"),
    *(("image_source", ["packages"]), ("workspace", None), ("kernel", {}), ("more", 1)),
    *(("python", "3.11"), ("python", []), ("python", [3.11]), ("images", ["x"])),
    *(("images", {"x": 1}), ("members", {}), ("members", [1])),
    *(("members", [MEMBER | {"size": one}]) for one in ("1", 1.0, -1, True, 1e300, 1 << 62, None)),
    ("members", [MEMBER | {"size": 1 << 49}] * 3),
)
OTHER_NAMES = (
    *("wheels/../x.whl", "wheels/a/b.whl", "/etc/x.whl", "../x.whl", "wheels/.x.whl", "x.whl"),
    *("wheels/x.py", "engine/x.whl", "wheels/x.deb", "wheels/a\\b.whl", "wheels/a\0.whl"),
    *("wheels/a\nb.whl", "wheels/a.whl\n", "images.tar/x.whl", "wheels/-x.whl", "wheels/ä.whl"),
)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda file: file.write_bytes(b"no tar at all"), id="no tar"),
        pytest.param(lambda file: file.write_bytes(b""), id="empty"),
        pytest.param(empty_tar, id="no member"),
        pytest.param(described("{"), id="no JSON"),
        pytest.param(described("[]"), id="a list"),
        pytest.param(described("{}"), id="nothing"),
        pytest.param(
            described(json.dumps(json.loads(MANIFEST.text()) | {"bundle": 2})), id="newer"
        ),
        *(pytest.param(named(name), id=repr(name)) for name in OTHER_NAMES),
        *(pytest.param(saying({key: one}), id=f"{key}: {one}") for key, one in OTHER_KINDS),
        pytest.param(described("[" * 100_000), id="deep"),
        pytest.param(described(MANIFEST.text().replace('"pins"', '"pins": NaN, "p"')), id="NaN"),
    ],
)
def test_what_is_no_bundle_is_refused(file: Path, make: Callable[[Path], object]) -> None:
    """Other files, other forms, names that would lead elsewhere."""
    make(file)

    with pytest.raises(ConfigError, match="is no bundle of this workspace"):
        bundle_file.read(file)


def test_a_link_among_the_members_is_not_followed(file: Path, tmp_path: Path) -> None:
    """Neither out of the bundle nor in a circle: it has no bytes, so they are not those saved."""
    made = bundled(file, {"wheels/pip-1-py3-none-any.whl": b"a wheel"})
    whole = file.read_bytes()
    for to in ("/etc/passwd", "wheels/pip-1-py3-none-any.whl"):
        link = tarfile.TarInfo("wheels/pip-1-py3-none-any.whl")
        link.type, link.linkname, link.size = tarfile.SYMTYPE, to, len(b"a wheel")
        begin = 512 + (1 << 18)
        head = link.tobuf(tarfile.GNU_FORMAT)
        file.write_bytes(whole[:begin] + head + whole[begin + len(head) :])

        with pytest.raises(ConfigError, match=r"pip-1-py3-none-any\.whl is not what was saved"):
            bundle_file.read(file).extract(made.members, tmp_path / "here")


UNREADABLE = Path("/proc/self/mem")
"""A file whose first byte cannot be read, not even by root."""


def test_a_file_that_cannot_be_read_is_named() -> None:
    """At its beginning, and while its members are read."""
    with pytest.raises(ConfigError, match=f"{UNREADABLE} cannot be read: Input/output error"):
        bundle_file.read(UNREADABLE)
    broken = bundle_file.Bundle(file=UNREADABLE, manifest=MANIFEST)
    member = bundle_file.Member(name="images.tar", size=1, sha256="")
    with pytest.raises(ConfigError, match=f"{UNREADABLE} cannot be read: Input/output error"):
        broken.check(member, print)


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    """Also where `dev` left its name; and without a name there is none."""
    with pytest.raises(ConfigError, match=f"there is no file {file}"):
        bundle_file.named({"BUNDLE_FILE": str(file)})
    assert bundle_file.named({}) is None


def test_until_it_is_whole_it_has_another_name(file: Path) -> None:
    """Nobody takes half a bundle for one."""
    with BundleWriter(file) as writer:
        writer.add("images.tar", [b"1"])
        assert [path.name for path in file.parent.iterdir()] == ["some bundle.tar.partial"]
        writer.finish(replace(MANIFEST, members=tuple(writer.members)))
    assert [path.name for path in file.parent.iterdir()] == ["some bundle.tar"]


def interrupted() -> Iterator[bytes]:
    """Yield something, then be interrupted."""
    yield b"something"
    raise KeyboardInterrupt


def test_an_interrupted_one_leaves_nothing(file: Path) -> None:
    """Ctrl-C while the engine gives its images."""
    with pytest.raises(KeyboardInterrupt), BundleWriter(file) as writer:
        writer.add("images.tar", interrupted())
    assert list(file.parent.iterdir()) == []


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let there be room for so many bytes; the limit on a file's size plays the disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told(file: Path) -> None:
    """After how much, and that nothing is left."""
    with room(4_000_000), pytest.raises(BrokenError) as caught, BundleWriter(file) as writer:
        writer.add("images.tar", (bytes(1_000_000) for _ in range(10)))
    assert "some bundle.tar.partial could not be written after 3.1 MiB: File too" in str(
        caught.value
    )
    assert caught.value.next_step.startswith(f"df -h {file.parent}")
    assert list(file.parent.iterdir()) == []


def test_a_disk_that_is_full_from_the_beginning_is_told(file: Path) -> None:
    """No room for the description even: nothing is left then either."""
    with room(1000), pytest.raises(BrokenError, match="could not be written after 512 B: File"):
        BundleWriter(file).__enter__()
    assert list(file.parent.iterdir()) == []


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout whose requirements are the bundle's."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / wheels.PINS).write_text(pins())
    return tmp_path


def fitting(root: Path) -> Manifest:
    """Return what a bundle for this machine and this checkout says."""
    return replace(MANIFEST, pins=wheels.fingerprint(root))


def test_wheels_are_brought_and_pip_is_named(
    file: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What another bundle brought is gone."""
    bundled(file, manifest=fitting(root))
    folder = root / wheels.FOLDER
    folder.mkdir(parents=True)
    (folder / "pip-0-py3-none-any.whl").touch()

    assert wheels.main([str(file)], root) == 0

    assert capsys.readouterr().out == f"{folder}/pip-1-py3-none-any.whl\n"
    assert len(list(folder.iterdir())) == 2


HERE = f"{MANIFEST.kernel} on {MANIFEST.machine}"
NOW = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"python": ("3.7", "3.8")},
            f"this is Python {NOW}, and the wheels in some bundle.tar are for 3.7 and 3.8\nnext:",
        ),
        ({"machine": "vax"}, f"this is {HERE}, and the wheels in some bundle.tar are for linux on"),
        ({"kernel": "hurd"}, f"this is {HERE}, and the wheels"),
        (
            {"pins": "1" * 64},
            "made by version 0.1.0 of this workspace with other packages than req",
        ),
    ],
)
def test_what_does_not_fit_is_2_and_said(
    file: Path, root: Path, capsys: pytest.CaptureFixture[str], facts: dict[str, Any], told: str
) -> None:
    """The Python, the machine, the checkout: each with what is here and what is in the bundle."""
    bundled(file, manifest=replace(fitting(root), **facts))

    assert wheels.main([str(file)], root) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert not (root / wheels.FOLDER).exists()


def test_a_bundle_without_pip_makes_no_environment(
    file: Path, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bare Debian has none of its own."""
    bundled(file, {"wheels/demo-1-py3-none-any.whl": b"another wheel"}, fitting(root))

    assert wheels.main([str(file)], root) == 2
    assert "pip is not among its wheels" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["wheels/pip-1-py3-none-any.whl", "wheels/demo-1-py3-none-any.whl"]
)
def test_a_wheel_that_the_checkout_does_not_pin_is_not_brought(
    file: Path, root: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """The bundle says that it fits, and its wheel is what it says: that is not enough to run it."""
    bundled(file, {**MEMBERS, name: b"somebody's"}, fitting(root))

    assert wheels.main([str(file)], root) == 2

    shown = capsys.readouterr()
    assert shown.out == ""
    told = f"error: {name} in some bundle.tar is none of the packages that requirements/ pins here"
    assert shown.err.startswith(told)
    assert not (root / wheels.FOLDER).exists()


def without_pins(root: Path) -> None:
    """Let the requirements be gone."""
    (root / wheels.PINS).unlink()


def not_to_be_written(root: Path) -> None:
    """Let a file stand where the folder of the wheels would be made."""
    (root / ".cache").touch()


def filled(root: Path) -> None:
    """Let there be no room; the limit on a file's size plays the disk."""
    del root
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@pytest.mark.parametrize(
    ("prepare", "told"),
    [
        (without_pins, "No such file or directory"),
        (not_to_be_written, "Not a directory"),
        (filled, "File too large"),
    ],
)
def test_what_the_system_refuses_is_two_lines(
    file: Path,
    root: Path,
    capsys: pytest.CaptureFixture[str],
    prepare: Callable[[Path], None],
    told: str,
) -> None:
    """A full disk, a folder that is none, requirements that are gone: 2, no traceback."""
    bundled(file, manifest=fitting(root))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    prepare(root)
    try:
        code = wheels.main([str(file)], root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    first, second = capsys.readouterr().err.splitlines()
    assert (code, first.startswith("error: "), told in first) == (2, True, True)
    assert second.startswith("next: ")


def test_a_head_that_claims_gigabytes_takes_no_memory(file: Path) -> None:
    """A file of some KiB may have gigabytes of nothing in it, as its manifest."""
    for kind in (tarfile.REGTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE):
        head = tarfile.TarInfo("bundle.json")
        head.type, head.size = kind, 5 << 30
        file.write_bytes(head.tobuf(tarfile.GNU_FORMAT))
        os.truncate(file, 5 << 30)

        tracemalloc.start()
        with pytest.raises(ConfigError, match="is no bundle of this workspace"):
            bundle_file.read(file)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
        tracemalloc.stop()


def test_long_names_are_members_too(file: Path) -> None:
    """Some wheels' have more letters than fit into one block."""
    members = {f"wheels/{'a' * 120}-1-py3-none-any.whl": b"a wheel", "images.tar": b"images"}
    bundled(file, members)

    assert checked(bundle_file.read(file)) == [7, 6]


def test_nothing_is_written_through_a_link(file: Path, tmp_path: Path) -> None:
    """Neither where a bundle begins to be, nor where its members are brought."""
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    file.with_name(f"{file.name}.partial").symlink_to(theirs)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "pip-1-py3-none-any.whl.partial").symlink_to(theirs)

    made = bundled(file)
    bundle_file.read(file).extract(made.under("wheels"), tmp_path / "here")

    assert theirs.read_text() == "theirs"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_same_fingerprint_is_the_same_bundle(file: Path, tmp_path: Path) -> None:
    """A byte more in one of its members, and it has another."""
    one = bundled(file)
    two = bundled(tmp_path / "two.tar", {**MEMBERS, "images.tar": b"others"})

    assert bundle_file.read(file).manifest.fingerprint == one.fingerprint
    assert re.fullmatch("[0-9a-f]{64}", one.fingerprint)
    assert one.fingerprint != two.fingerprint

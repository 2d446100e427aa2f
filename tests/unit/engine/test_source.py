"""What differs between a folder and what an engine elsewhere has of it, and what is sent."""

import io
import tarfile
from collections.abc import Mapping

import pytest

from scripts.core.units import SECOND
from scripts.engine.source.parcel import UNKNOWN, YOUNG, Kept, listed, mark, packed, parcel
from scripts.engine.source.tree import File, leads_out

NOW = 1_800_000_000 * SECOND
OLD = NOW - 10 * YOUNG


def file(content: str, *, changed: int = OLD, executable: bool = False) -> File:
    """Return a file that holds this."""
    return File(size=len(content), changed=changed, executable=executable)


def link(target: str) -> File:
    """Return a link."""
    return File(size=len(target), changed=OLD, executable=False, link=target)


def kept(one: File, content: str) -> Kept:
    """Return what is known of a file that was sent with this content."""
    return Kept(mark=mark(one, content.encode()), file=one)


class Folder(dict[str, tuple[File, str]]):
    """A folder of files and what they hold; notes which are read."""

    def __init__(self, files: Mapping[str, tuple[File, str]]) -> None:
        """Begin with these."""
        super().__init__(files)
        self.asked: list[str] = []

    def read(self, name: str) -> bytes:
        """Return what a file holds."""
        self.asked.append(name)
        return self[name][1].encode()

    @property
    def files(self) -> dict[str, File]:
        """What a look finds."""
        return {name: one for name, (one, _) in self.items()}


def test_only_what_differs_is_put_and_only_what_looks_otherwise_is_read() -> None:
    """A new file, an edited one, and a touched one that holds what it held."""
    same, touched = file("same"), file("touched", changed=OLD - 1)
    known = {
        "same.py": kept(same, "same"),
        "edited.py": kept(file("as it was"), "as it was"),
        "touched.py": kept(touched, "touched"),
    }
    folder = Folder(
        {
            "same.py": (same, "same"),
            "edited.py": (file("as it is"), "as it is"),
            "touched.py": (file("touched"), "touched"),
            "new.py": (file("new"), "new"),
        }
    )

    found = parcel(folder.files, known, folder.read, NOW)

    assert list(found.put) == ["edited.py", "new.py"]
    assert folder.asked == ["edited.py", "touched.py", "new.py"]
    assert found.gone == ()
    assert found.size == len("as it is" + "new")


def test_what_was_removed_here_goes_there() -> None:
    """It is told by what is known of the volume alone."""
    found = parcel({}, {"old.py": kept(file("x"), "x")}, lambda _: None, NOW)

    assert (found.gone, dict(found.put), bool(found)) == (("old.py",), {}, True)


def test_nothing_is_sent_where_nothing_differs() -> None:
    """Which is the usual case."""
    one = file("x")

    assert not parcel({"x.py": one}, {"x.py": kept(one, "x")}, lambda _: None, NOW)


def test_a_file_is_sent_again_that_was_being_sent_when_something_broke() -> None:
    """Though it looks and is as it was before that."""
    folder = Folder({"x.py": (file("x"), "x")})

    assert parcel(folder.files, {"x.py": Kept(mark=UNKNOWN)}, folder.read, NOW).put


def test_a_file_that_was_changed_just_now_is_read_again_the_next_time() -> None:
    """It may change within the same tick of the file system's clock, to the same size."""
    young = file("one", changed=NOW - 1)
    first = parcel({"x.py": young}, {}, lambda _: b"one", NOW)
    again = parcel({"x.py": young}, first.now, lambda _: b"two", NOW + SECOND)
    settled = parcel({"x.py": young}, again.now, lambda _: b"not read", NOW + 2 * SECOND)

    assert (bool(again), bool(settled)) == (True, False)


def test_a_file_that_goes_while_it_is_read_is_none() -> None:
    """The next look finds it gone, too."""
    found = parcel({"x.py": file("x")}, {}, lambda _: None, NOW)

    assert (found.now, bool(found)) == ({}, False)


def test_rights_alone_are_a_difference() -> None:
    """An x bit counts, and no other: everybody may read over there."""
    known = {"x": kept(file("x"), "x")}
    found = parcel({"x": file("x", executable=True)}, known, lambda _: b"x", NOW)

    assert list(found.put) == ["x"]


def test_the_archive_has_each_folder_once_and_all_is_roots() -> None:
    """So that what runs in the container may read and not change it."""
    put = {
        "memos/api/a.py": (file("a", changed=OLD + 250_000_000), b"a"),
        "memos/api/run": (file("run", executable=True), b"run"),
        "memos/link.py": (link("api/a.py"), b""),
    }

    with tarfile.open(fileobj=io.BytesIO(b"".join(packed(put, NOW)))) as archive:
        entries = {one.name: one for one in archive.getmembers()}
        content = archive.extractfile("memos/api/a.py")
        assert content is not None
        assert content.read() == b"a"

    assert list(entries) == [
        "memos",
        "memos/api",
        "memos/api/a.py",
        "memos/api/run",
        "memos/link.py",
    ]
    assert {(one.uid, one.gid) for one in entries.values()} == {(0, 0)}
    assert [entries[one].mode for one in ("memos", "memos/api/a.py", "memos/api/run")] == [
        0o755,
        0o644,
        0o755,
    ]
    assert entries["memos/api"].mtime == NOW / SECOND  # Python looks there for what is new
    assert entries["memos/link.py"].linkname == "api/a.py"
    assert round(entries["memos/api/a.py"].mtime % 1, 3) == 0.25


def test_what_a_volume_holds_is_told_in_marks() -> None:
    """Names may hold blanks and newlines: a NUL ends each."""
    printed = "f644\0./a b.py\0llib\0./link\0\0" + f"{'0' * 64}  ./a b.py\0"

    assert listed(printed) == {"a b.py": f"644 {'0' * 64}", "link": "link lib"}
    assert listed("\0") == {}
    with pytest.raises(ValueError, match=r"zip|not in"):
        listed("f644\0\0")


@pytest.mark.parametrize(
    ("name", "target", "out"),
    [
        ("a", "b", False),
        ("memos/a", "../b", False),
        ("memos/a", "../../b", True),
        ("a", "..", True),
        ("a", "/etc/passwd", True),
        ("memos/a", "..b", False),
    ],
)
def test_a_link_may_not_lead_out_of_the_folder(name: str, target: str, out: object) -> None:
    """There would be another file at its end, or none."""
    assert leads_out(name, target) is out

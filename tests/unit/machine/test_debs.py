"""A root file system out of packages, with what dpkg has to know of them."""

import hashlib
import tarfile
from pathlib import Path

import pytest

from scripts.machine.debs import root_file_system
from tests.kit.debs import halves, package, packed

INFO = "./var/lib/dpkg/info"


def made(tmp_path: Path, **packages: tuple[bytes, bytes]) -> tuple[tuple[str, ...], Path]:
    """Make a root file system of these packages; give those left to dpkg, and the file."""
    for name, parts in packages.items():
        halves(tmp_path, f"{name}.deb", parts)
    archive = tmp_path / "rootfs.tar"
    return root_file_system(archive, tmp_path, [f"{name}.deb" for name in packages]), archive


def test_dpkg_finds_a_package_unpacked(tmp_path: Path) -> None:
    """It is known by its fields, its files, its scripts, and what its settings were."""
    own, archive = made(tmp_path, one=package("one", postinst="#!/bin/sh\n"))

    files = packed(archive)
    digest = hashlib.md5(b"a = 1\n", usedforsecurity=False).hexdigest()
    assert own == ()
    assert files["./usr/bin/one"] == "one"
    assert files[f"{INFO}/one.list"] == "/.\n/usr/bin/one\n/etc/one.conf\n"
    assert files[f"{INFO}/one.postinst"] == "#!/bin/sh\n"
    assert files[f"{INFO}/format"] == "1\n"
    assert f"{INFO}/one.control" not in files
    assert files["./var/lib/dpkg/status"] == (
        "Package: one\nStatus: install ok unpacked\nVersion: 1\nArchitecture: amd64\n"
        f"Description: one\n more\nConffiles:\n /etc/one.conf {digest}\n\n"
    )


def test_a_library_of_several_architectures_is_named_with_its_own(tmp_path: Path) -> None:
    """As dpkg names its files."""
    _, archive = made(tmp_path, lib=package("lib", "Multi-Arch: same\n"))

    assert f"{INFO}/lib:amd64.list" in packed(archive)


@pytest.mark.parametrize(
    ("control", "left"),
    [
        ({"preinst": "#!/bin/sh\n"}, True),
        ({"triggers": "# woken\ninterest-noawait /usr/share/x\n"}, True),
        ({"triggers": "activate-noawait ldconfig\n"}, False),
    ],
)
def test_what_does_more_than_to_unpack_is_left_to_dpkg(
    tmp_path: Path, control: dict[str, str], left: bool
) -> None:
    """Its files are there for dpkg itself to run, and dpkg does not know of it yet."""
    own, archive = made(tmp_path, one=package("one", **control), two=package("two"))

    files = packed(archive)
    assert own == (("one.deb",) if left else ())
    assert files["./usr/bin/one"] == "one"
    assert (f"{INFO}/one.list" in files) == (not left)
    assert ("Package: one" in files["./var/lib/dpkg/status"]) == (not left)
    assert "Package: two" in files["./var/lib/dpkg/status"]


def test_owners_and_rights_are_those_of_the_packages(tmp_path: Path) -> None:
    """Whoever makes it, root or not; and scripts can be run."""
    _, archive = made(tmp_path, one=package("one", postinst="#!/bin/sh\n"))

    with tarfile.open(archive) as opened:
        program = opened.getmember("./usr/bin/one")
        script = opened.getmember(f"{INFO}/one.postinst")
    assert (program.uid, program.gid, program.mode) == (0, 42, 0o2755)
    assert (script.uid, script.gid, script.mode) == (0, 0, 0o755)

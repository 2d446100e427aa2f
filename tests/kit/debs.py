"""Package files of Debian, small ones, as the two tars that they are made of."""

import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from scripts.machine.debs import CONTROL, DATA

Entry = tarfile.TarInfo


def package(name: str, fields: str = "", **control: str) -> tuple[bytes, bytes]:
    """Return the files of a package with one program and one setting, and those for dpkg."""
    about = (
        f"Package: {name}\nVersion: 1\nArchitecture: amd64\n{fields}Description: {name}\n more\n"
    )
    files = {f"./usr/bin/{name}": name, f"./etc/{name}.conf": "a = 1\n"}
    settings = {"conffiles": f"/etc/{name}.conf\n"}
    inside = {"control": about} | settings | control
    return tar(files), tar({f"./{file}": text for file, text in inside.items()})


def tar(files: Mapping[str, str]) -> bytes:
    """Return a tar with a folder and these files, whose group is the shadow of Debian."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        top = Entry("./")
        top.type, top.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(top)
        for name, text in files.items():
            one = Entry(name)
            one.size, one.mode, one.gid, one.gname = len(text), 0o2755, 42, "shadow"
            archive.addfile(one, io.BytesIO(text.encode()))
    return made.getvalue()


def halves(folder: Path, deb: str, package: tuple[bytes, bytes]) -> None:
    """Write what dpkg-deb makes of a package file."""
    (folder / f"{deb}.{DATA}").write_bytes(package[0])
    (folder / f"{deb}.{CONTROL}").write_bytes(package[1])


def packed(archive: Path) -> dict[str, str]:
    """Return all files of a tar, with what is in them."""
    with tarfile.open(archive) as opened:
        files = {one.name: opened.extractfile(one) for one in opened if one.isreg()}
        return {name: file.read().decode() for name, file in files.items() if file}

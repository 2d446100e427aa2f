"""Package files of Debian as one root file system, in which dpkg finds most of them unpacked.

Without this dpkg would unpack each a second time, half of the time that a base image takes.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

DATABASE = "./var/lib/dpkg"
DATA, CONTROL = "data.tar", "control.tar"
"""How the two halves of a package file end, each a tar here."""
HALVES = (
    f'to=$0/${{1##*/}}; dpkg-deb --fsys-tarfile "$1" >"$to.{DATA}"'
    f' && dpkg-deb --ctrl-tarfile "$1" >"$to.{CONTROL}" && echo "$1"'
)
"""Makes them, for `apt.unpack`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a package file says of itself: its files for dpkg, by name."""

    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        """Return what dpkg calls its files: several architectures may be installed of some."""
        fields = dict(re.findall(r"^(\S+): *(.*)$", self._text, re.MULTILINE))
        same = fields.get("Multi-Arch") == "same"
        return f"{fields['Package']}:{fields['Architecture']}" if same else fields["Package"]

    @property
    def by_dpkg(self) -> bool:
        """Say whether dpkg has more to do for it than to unpack files, so that it must do so.

        A script before that, or a note of what others wake it for.
        """
        triggers = self.files.get("triggers", b"").splitlines()
        return "preinst" in self.files or any(line.startswith(b"interest") for line in triggers)

    @property
    def conffiles(self) -> tuple[str, ...]:
        """Return the paths of its settings, which dpkg will not overwrite later."""
        lines = self.files.get("conffiles", b"").decode().splitlines()
        return tuple(line for line in lines if line.startswith("/"))

    def status(self, digests: Mapping[str, str]) -> str:
        """Return its entry in dpkg's list, with the MD5 of each of its settings."""
        first, _, rest = self._text.strip().partition("\n")
        lines = [first, "Status: install ok unpacked", rest]
        if digests:
            lines += ["Conffiles:", *(f" {path} {digest}" for path, digest in digests.items())]
        return "\n".join(lines) + "\n\n"

    @property
    def _text(self) -> str:
        return self.files["control"].decode()


def root_file_system(archive: Path, tars: Path, debs: Iterable[str]) -> tuple[str, ...]:
    """Write `archive`, with the files of all `debs`, whose halves lie in `tars`.

    Gives those that dpkg must unpack itself; the others it will find unpacked. Owners are those
    that the packages say, by number, as all of Debian has them.
    """
    own, status = [], []
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as packed:
        for deb in debs:
            control = _control(tars / f"{deb}.{CONTROL}")
            with tarfile.open(tars / f"{deb}.{DATA}") as data:
                listed, digests = _copy(data, packed, control.conffiles)
            if control.by_dpkg:
                own.append(deb)
                continue
            status.append(control.status(digests))
            _add(packed, f"info/{control.name}.list", listed.encode())
            for name, text in control.files.items():
                if name != "control":
                    _add(packed, f"info/{control.name}.{name}", text, mode=_mode(name))
        _add(packed, "info/format", b"1\n")
        _add(packed, "status", "".join(status).encode())
    return tuple(own)


def _control(file: Path) -> Control:
    with tarfile.open(file) as tar:
        found = {one.name.removeprefix("./"): tar.extractfile(one) for one in tar if one.isreg()}
        return Control(files={name: one.read() for name, one in found.items() if one})


def _copy(
    data: tarfile.TarFile, into: tarfile.TarFile, conffiles: Iterable[str]
) -> tuple[str, dict[str, str]]:
    """Copy all that is in `data`; give its paths as dpkg lists them, and the MD5 of `conffiles`."""
    paths, wanted, digests = [], set(conffiles), {}
    for one in data:
        path = one.name.removeprefix(".")
        paths.append(path or "/.")
        content = data.extractfile(one) if one.isreg() else None
        if content is not None and path in wanted:
            text = content.read()
            digests[path] = hashlib.md5(text, usedforsecurity=False).hexdigest()
            content = io.BytesIO(text)
        into.addfile(one, content)
    return "".join(f"{path}\n" for path in paths), digests


def _add(packed: tarfile.TarFile, name: str, text: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(f"{DATABASE}/{name}")
    entry.size, entry.mode = len(text), mode
    packed.addfile(entry, io.BytesIO(text))


def _mode(name: str) -> int:
    """Return the rights of one of dpkg's files: scripts are run."""
    return 0o755 if name in {"postinst", "prerm", "postrm", "config"} else 0o644

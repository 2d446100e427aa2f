"""The files of a bare Debian: packages, this machine's configuration, a clean checkout."""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from scripts.core.process import run
from scripts.images.build_settings import CA_BUNDLES, CA_VARIABLES, ca_bundle
from scripts.machine.apt import PrivateApt, unpack
from scripts.machine.apt_sources import find_mirror
from scripts.machine.system import this_system
from tests.e2e.machines.bare_machine import FOLDER, HOME, Machine
from tests.kit.places import ROOT

PACKAGES = ("?essential", "apt", "python3", "ca-certificates")
MERGED = ("bin", "sbin", "lib", "lib64")
"""Links into /usr, which bookworm's packages themselves do not bring."""
SETTINGS = (
    *("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/xdg/pip"),
    *("etc/apt/sources.list", "etc/apt/sources.list.d", "etc/apt/mirrors", "etc/apt/keyrings"),
    *("etc/apt/trusted.gpg", "etc/apt/trusted.gpg.d", "usr/share/keyrings"),
    *("etc/apt/auth.conf", "etc/apt/auth.conf.d"),
)
"""What is configured on this machine, beside apt's proxies and the CA bundle."""
HOME_SETTINGS = (".pip/pip.conf", ".config/pip/pip.conf", ".m2/settings.xml")
CONFIGURE = """\
export DEBIAN_FRONTEND=noninteractive
cd /debs
dpkg --force-depends --install base-passwd_*.deb base-files_*.deb
dpkg --force-depends --force-unsafe-io --install ./*.deb
cd /
rm -rf /debs
"""
"""base-passwd and base-files first: the scripts of the others need users and /etc."""


def make(folder: Path, release: str, say: Callable[[str], None], *more: str) -> Path:
    """Make the root file system of `release`, with `more` packages, in `folder`; give its path.

    It is not configured yet.
    """
    system = this_system()
    mirror = find_mirror(system, system.family)
    apt = PrivateApt(folder / "apt", sources=mirror.lines(release), runner=run, say=say)
    debs = apt.fetch("install", "--download-only", *PACKAGES, *more)
    root = folder / "root"
    unpack(root, [apt.debs / deb.name for deb in debs], runner=run, say=say)
    for name in MERGED:
        if (root / name).is_dir() and not (root / name).is_symlink():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
            (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "run", "tmp", HOME):
        (root / name).mkdir(exist_ok=True)
    apt.debs.rename(root / "debs")
    shutil.rmtree(apt.folder)
    return root


def furnish(machine: Machine, release: str, commit: str) -> None:
    """Set the packages up; then copy in this machine's configuration and a clean checkout.

    The checkout is the working tree without what git ignores, or what `commit` holds. In this
    order, because the package ca-certificates writes a bundle of its own.
    """
    ran, root = machine.run(CONFIGURE, limit=300.0, at="/"), machine.root
    if ran.exit_code:
        raise OSError(f"dpkg failed: {'; '.join(line for _, line in ran.lines[-5:])}")
    for name in SETTINGS:
        _copy(Path("/", name), root / name)
    for name in HOME_SETTINGS:
        _copy(Path.home() / name, root / HOME / name)
    for name in os.environ.get("PIP_FIND_LINKS", "").split():
        _copy(Path(name), root / name.lstrip("/"))
    for path in (root / "etc/apt/sources.list", *(root / "etc/apt/sources.list.d").glob("*")):
        _rename_release(path, release)
    settings = run(["apt-config", "dump"], timeout=30).stdout.splitlines()
    lines = [f"{line}\n" for line in settings if line.startswith("Acquire::")]
    (root / "etc/apt/apt.conf.d/99machine").write_text("".join(lines))
    for name in {CA_BUNDLES[0], *filter(None, map(os.environ.get, CA_VARIABLES))}:
        file = root / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ca_bundle(os.environ))
    check_out(root / FOLDER.removeprefix("/"), commit)


def check_out(into: Path, commit: str = "") -> None:
    """Copy what git knows or would take in; or with `commit`, what that one holds."""
    git = ["git", "-C", str(ROOT)]
    if commit:
        archive = into.with_suffix(".tar")
        into.mkdir()
        for argv in (
            [*git, "archive", f"--output={archive}", commit],
            ["tar", "--extract", f"--file={archive}", f"--directory={into}"],
        ):
            if (done := run(argv)).exit_code:
                raise OSError(f"{argv[0]}: {done.stderr.strip()}")
        archive.unlink()
        return
    files = run([*git, "ls-files", "-coz", "--exclude-standard"]).stdout
    for name in filter(None, files.split("\0")):
        _copy(ROOT / name, into / name)


def _copy(source: Path, target: Path) -> None:
    """Copy a file, or a folder's files; what is not there is not configured."""
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _rename_release(file: Path, release: str) -> None:
    if file.is_file():
        text = re.sub(rf"\b{this_system().codename}\b", release, file.read_text())
        file.write_text(text)

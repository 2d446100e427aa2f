"""Brings the wheels of a bundle to where pip finds them: `python -m scripts.bundle_wheels FILE`.

`dev` runs this before anything is installed, so it needs the standard library only.
"""

import hashlib
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts import bundle
from scripts.bundle import Manifest
from scripts.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
PINS = Path("requirements", "runtime.txt")
FOLDER = Path(".cache", "bundle", "wheels")


def python_version() -> str:
    """Give the version of the Python that runs this, as wheels know it: 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def fingerprint(root: Path) -> str:
    """Give the SHA-256 of what .venv is made of."""
    return hashlib.sha256((root / PINS).read_bytes()).hexdigest()


def require(file: Path, found: Manifest, root: Path) -> None:
    """Raise ConfigError when the wheels are not for this Python, machine or checkout."""
    here = f"{platform.system()} on {platform.machine()}".lower()
    theirs = f"{found.kernel} on {found.machine}"
    if python_version() not in found.python:
        raise ConfigError(
            f"this is Python {python_version()}, and the wheels in {file.name} are for "
            + " and ".join(found.python),
            next_step=f"put Python {found.python[0]} on PATH as python3, or make a bundle with"
            f" Python {python_version()}: inv images.save FILE",
        )
    if here != theirs:
        raise ConfigError(
            f"this is {here}, and the wheels in {file.name} are for {theirs}",
            next_step="make a bundle on such a machine: inv images.save FILE",
        )
    if fingerprint(root) != found.pins:
        raise ConfigError(
            f"{file.name} was made by version {found.workspace} of this workspace with other"
            f" packages than {PINS} wants here",
            next_step="use the checkout that made it, or make a new one: inv images.save FILE",
        )


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Bring the wheels of the bundle WORDS[0] to FOLDER, print pip's; give the exit code."""
    try:
        packed = bundle.read(Path(words[0]))
        require(packed.file, packed.manifest, root)
        shutil.rmtree(root / FOLDER, ignore_errors=True)
        packed.extract(packed.manifest.under(bundle.WHEELS), root / FOLDER)
        pip = next((root / FOLDER).glob("pip-*.whl"), None)
        if pip is None:
            raise bundle.damaged(packed.file, "pip is not among its wheels")
    except ConfigError as error:
        sys.stderr.write(f"error: {error}\nnext: {error.next_step}\n")
        return error.exit_code
    sys.stdout.write(f"{pip}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

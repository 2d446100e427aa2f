"""Brings a bundle's wheels to where pip finds them: `python -m scripts.images.bundle.wheels FILE`.

`dev` runs this before anything is installed, so it needs the standard library only.
"""

import hashlib
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.core.errors import ConfigError, report
from scripts.images.bundle import bundle_file
from scripts.images.bundle.bundle_file import Manifest
from scripts.machine import pip_config

ROOT = Path(__file__).resolve().parents[3]
PINS = Path("requirements", "runtime.txt")
FOLDER = pip_config.BUNDLED
_PIN = re.compile(r"--hash=sha256:([0-9a-f]{64})\b")


def python_version() -> str:
    """Return the version of the Python that runs this, as wheels know it: 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def fingerprint(root: Path) -> str:
    """Return the SHA-256 of what .venv is made of."""
    return hashlib.sha256((root / PINS).read_bytes()).hexdigest()


def require(file: Path, manifest: Manifest, root: Path) -> None:
    """Raise ConfigError when the wheels are not for this Python, machine or checkout.

    Nor may one be none of those that the checkout pins: pip compares what it installs itself, but
    pip comes out of the bundle too, and is run first.
    """
    python, name = python_version(), file.name
    if python not in manifest.python:
        raise ConfigError(
            f"this is Python {python}, and the wheels in {name} are for "
            + " and ".join(manifest.python),
            next_step=f"put Python {manifest.python[0]} on PATH as python3, or make a bundle with"
            f" Python {python}: inv images.save FILE",
        )
    here = f"{platform.system()} on {platform.machine()}".lower()
    theirs = f"{manifest.kernel} on {manifest.machine}"
    if here != theirs:
        raise ConfigError(
            f"this is {here}, and the wheels in {name} are for {theirs}",
            next_step="make a bundle on such a machine: inv images.save FILE",
        )
    if fingerprint(root) != manifest.pins:
        raise ConfigError(
            f"{name} was made by version {manifest.workspace} of this workspace with other"
            f" packages than {PINS} wants here",
            next_step="use the checkout that made it, or make a new one: inv images.save FILE",
        )
    lists = (root / PINS.parent).glob("*.txt")  # some packages are installed when they are used
    pinned = {one for file in lists for one in _PIN.findall(file.read_text(encoding="utf-8"))}
    wheels = manifest.under(bundle_file.WHEELS)
    if others := ", ".join(wheel.name for wheel in wheels if wheel.sha256 not in pinned):
        raise ConfigError(
            f"{others} in {name} is none of the packages that {PINS.parent}/ pins here",
            next_step="copy the bundle from where you trust it, or make one: inv images.save FILE",
        )


def bring(file: Path, root: Path) -> Path:
    """Bring the wheels of a bundle to FOLDER; give pip's.

    Raises ConfigError for a bundle that is damaged or does not fit, OSError when a file of the
    checkout cannot be read or written.
    """
    packed = bundle_file.read(file)
    require(file, packed.manifest, root)
    wheels = packed.manifest.under(bundle_file.WHEELS)
    names = [Path(wheel.name).name for wheel in wheels]
    pip = next((name for name in names if name.startswith("pip-")), None)
    if pip is None:
        raise bundle_file.damaged(file, "pip is not among its wheels")
    shutil.rmtree(root / FOLDER, ignore_errors=True)
    packed.extract(wheels, root / FOLDER)
    return root / FOLDER / pip


def main(words: Sequence[str], root: Path = ROOT) -> int:
    """Bring the wheels of the bundle WORDS[0] to FOLDER, print pip's; give the exit code."""
    try:
        pip = bring(Path(words[0]), root)
    except ConfigError as error:
        return report(error)
    except OSError as error:
        what = f"the wheels of {words[0]} could not be brought to {root / FOLDER}: {error}"
        step = f"is there room, and may you write there? df -h {root}; ls -ld {root}"
        return report(ConfigError(what, next_step=step))
    sys.stdout.write(f"{pip}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

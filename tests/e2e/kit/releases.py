"""One MemOS on a stack of its own: it comes up, does its job, and keeps a memory."""

import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from scripts.config import release
from tests.e2e.kit.checkout import Checkout
from tests.e2e.kit.memories import recall, remember
from tests.kit.places import ROOT

SOURCES = ROOT / ".cache" / "sources"
"""Where the sources of releases are kept: pip takes ten seconds for one."""
KEPT = "The lighthouse keeper counts the ships every evening."


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was seen of one MemOS."""

    services: tuple[str, ...]
    """That were started, none of them by name."""
    seconds: float
    """From the first start of a container until the API answered."""
    memos: str
    """In the words of `inv ps`."""
    smoke: str
    """Empty when all is well, else what it says."""
    kept: bool
    """A memory was still there after `down` and `up`."""
    contains: str
    """Of the API's image, in the words of `inv images.status`."""


def pinned() -> tuple[str, ...]:
    """Return the releases that have a lock, the oldest first."""
    return release.pinned(ROOT / release.LOCKS)


def source(folder: Path, version: str) -> Path:
    """Bring the source of a release as its authors publish it; give its src/."""
    with tarfile.open(archive(version)) as opened:
        # set, and not given: Debian 12's Python 3.11.2 has no filters
        opened.extraction_filter = getattr(tarfile, "data_filter", None)
        opened.extractall(folder)  # noqa: S202 - filtered, see above
    return folder / f"memoryos-{version}" / "src"


def archive(version: str) -> Path:
    """Return the source of a release as it is on PyPI; it is fetched once."""
    kept = SOURCES / f"memoryos-{version}.tar.gz"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    if not kept.exists():
        SOURCES.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SOURCES) as folder:
            subprocess.run([*pip, "--dest", folder, f"memoryos=={version}"], check=True)
            (fetched,) = Path(folder).glob("*.tar.gz")
            fetched.replace(kept)
    return kept


def tried(stack: Checkout) -> Tried:
    """Start a stack on empty volumes, use it, and start it again; what fails is a result."""
    events = stack.inv("up", "--format", "json").lines
    ready = {one["service"]: one["seconds"] for one in events if one["event"] == "ready"}
    smoke = stack.inv("smoke", check=False)
    remember(stack, "kept", KEPT)
    before = recall(stack, "kept")
    stack.inv("down")
    stack.inv("up")
    images = stack.inv("images.status").stdout.splitlines()
    return Tried(
        services=tuple(sorted(ready)),
        seconds=ready["memos"],
        memos=stack.inv("ps", "--format", "json").document["memos"],
        smoke="" if smoke.exit_code == 0 else smoke.stderr.splitlines()[0],
        kept=KEPT in before and KEPT in recall(stack, "kept"),
        contains=next(line for line in images if line.startswith("memos ")),
    )

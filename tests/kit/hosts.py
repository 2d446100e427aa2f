"""Machines and callers of many kinds: a checkout with our code in it, and `inv` typed there."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import invoke
import pytest

from tests.kit.checkout import Checkout
from tests.kit.places import ROOT

NOBODY = 65534
PYTHONS = (sys.executable, "/usr/bin/python3")
"""Ours may lie where its owner alone may read; the system's is as good if it is of the same age."""
PACKAGES = str(Path(invoke.__file__).parents[1])
NEEDED = "import sys, invoke, yaml, sh, rich, zstandard; assert sys.version_info >= (3, 11)"


def as_user(uid: int) -> list[str]:
    """Return the words before a command that another user runs; only root may."""
    return ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]


def read_only(folder: Path) -> list[str]:
    """Return the words before a command that sees a folder on a read-only disk; only for root."""
    script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && cd "$0" && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(folder)]


@cache
def python(*words: str) -> str:
    """Return a Python that can run our code with these words before it; skip where none can."""
    for found in PYTHONS:
        argv = [*words, "sh", "-c", 'exec "$0" -c "$1"', found, NEEDED]
        with suppress(FileNotFoundError):
            env = {**os.environ, "PYTHONPATH": PACKAGES}
            if subprocess.run(argv, capture_output=True, check=False, env=env).returncode == 0:
                return found
    pytest.skip("neither another user nor a mount of one's own can be had here")


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that every user may enter, as pytest's own is not."""
    with TemporaryDirectory(prefix="host-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A checkout at some place, and who works in it."""

    at: Checkout
    root: Path
    """The path that is typed."""
    umask: str = "022"
    before: Sequence[str] = ()
    """Words before each command."""
    env: Mapping[str, str] = field(default_factory=dict)

    def inv(self, *words: str, then: str = "") -> subprocess.CompletedProcess[str]:
        """Type `inv WORDS`, in a shell that may do something with its output: `| head -1`."""
        self.at.serve()
        self.at.socket.chmod(0o777)
        script = f'umask "$0" && cd "$1" && shift && set -o pipefail && "$@" {then}'
        folder = self.at.folder
        environ = {
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(folder),
            "DOCKER_HOST": f"unix://{self.at.socket}",
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": PACKAGES,
            **self.env,
        }
        program = (python(*self.before), "-m", "scripts.commands.program")
        return subprocess.run(
            ["bash", "-c", script, self.umask, str(self.root), *self.before, *program, *words],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


def lay_code(root: Path) -> None:
    """Put our code into a checkout of the harness."""
    shutil.copytree(ROOT / "scripts", root / "scripts")
    shutil.copytree(ROOT / "schemas", root / "schemas")
    shutil.copy(ROOT / "tasks.py", root)


def give(folder: Path, uid: int) -> None:
    """Let a folder, with all in it, belong to another user."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            os.chown(path, uid, uid)

"""The API on this machine: an environment for it, and what it prints."""

import os
import re
import subprocess
import threading
from pathlib import Path

from scripts.config import release
from scripts.core import checkout, process
from scripts.core.polling import poll
from scripts.loop import made_environment
from scripts.loop.made_environment import Packages
from tests.kit.places import ROOT

VERSION = "2.0.6"
PATIENCE = 240.0
"""Seconds for the API to answer: the first time Python compiles all packages."""


def environment(folder: Path, source: Path) -> None:
    """Make an environment with the packages of the API's image, where a checkout has its own."""
    wanted = (ROOT / release.LOCKS / f"{VERSION}.txt").read_text().splitlines()
    here = checkout.Checkout(root=ROOT, environ=os.environ, runner=process.run, say=print)
    found = made_environment.made(folder, Packages(wanted=wanted), here)
    (source.parent / ".venv").symlink_to(found.folder)


class Running:
    """`inv api.host` in the background, and what it has printed so far."""

    def __init__(self, started: "subprocess.Popen[str]") -> None:
        """Read what it prints, so that it never waits for us."""
        self.process = started
        self.lines: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.lines)

    def until(self, pattern: str) -> None:
        """Wait until it has printed something."""
        looks = poll(lambda: re.search(pattern, self.text), timeout=PATIENCE, interval=0.1)
        assert any(looks), self.text

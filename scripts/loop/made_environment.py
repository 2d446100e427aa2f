"""An environment for MemOS' tests, made where the checkout has none; kept until it wants others."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.core.process import last_words
from scripts.loop.environment import Environment
from scripts.machine import groups

PLACE = "venv"
HOLDS = "holds.txt"
"""In the environment: what was installed; it is written last, so nothing half made has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """What an environment holds."""

    wanted: Sequence[str]
    pinned: Sequence[str] = ()
    """The versions of what is installed along, where we know which."""

    @property
    def text(self) -> str:
        """All of it, and the Python that it is for."""
        return "\n".join([f"# {sys.version}", *self.wanted, "#", *self.pinned, ""])


def made(folder: Path, packages: Packages, checkout: Checkout) -> Environment:
    """Return the environment that is kept in `folder`, made anew when it holds other packages.

    RefusedError where they cannot be had; what was there before is gone then.
    """
    python = folder / PLACE / "bin" / "python"
    environment = Environment(python=python, origin="made for these tests")
    with files.held(folder, "memos.test", checkout.say):
        if not _holds(environment, packages):
            _make(folder, environment, packages, checkout)
            files.write(environment.folder / HOLDS, packages.text)
    return environment


def _holds(environment: Environment, packages: Packages) -> bool:
    try:
        held = (environment.folder / HOLDS).read_text(encoding="utf-8")
    except OSError:
        return False
    return held == packages.text and environment.python.exists()


def _make(folder: Path, environment: Environment, packages: Packages, checkout: Checkout) -> None:
    uv = groups.uv(checkout)
    how = "uv" if uv else "pip"
    checkout.say(f"making {environment.folder} with {how}: {len(packages.wanted)} requirements")
    shutil.rmtree(environment.folder, ignore_errors=True)
    lists = {"--requirement": packages.wanted, "--constraint": packages.pinned}
    words = []
    for flag, lines in lists.items():
        file = folder / f"{flag.strip('-')}.txt"
        files.write(file, "\n".join([*lines, ""]))
        words += [flag, str(file)]
    env: Mapping[str, str] = groups.uv_environ(checkout) if uv else {}
    for argv in _commands(uv, environment, words):
        done = checkout.runner(argv, env=env)
        if done.exit_code:
            log = folder / "install.log"
            files.write(log, done.stdout + done.stderr)
            raise RefusedError(
                f"{how} could not install what the tests need: {last_words(done)}",
                next_step=f"read {log}; behind a proxy set HTTPS_PROXY, with a mirror"
                " PIP_INDEX_URL; then again",
                said=done.stderr,
            )


def _commands(uv: str, environment: Environment, words: Sequence[str]) -> list[list[str]]:
    """Return what makes an environment and installs into it; no uv means pip, ours: it has none."""
    python, folder = str(environment.python), str(environment.folder)
    if uv:
        return [
            [uv, "venv", "--quiet", "--python", sys.executable, folder],
            [uv, "pip", "install", "--quiet", "--python", python, *words],
        ]
    install = ["install", "--quiet", "--disable-pip-version-check", *words]
    return [
        [sys.executable, "-m", "venv", "--without-pip", folder],
        [sys.executable, "-m", "pip", "--python", python, *install],
    ]

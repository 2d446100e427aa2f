"""Packages that few commands need: installed at their first use, into the environment that runs us.

A group of pyproject.toml has its pins in requirements/GROUP.txt. `dev` makes .venv without them,
and makes it anew when its own pins change: then a group comes again at its next use.
"""

import importlib
import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.core.process import last_words
from scripts.core.progress import Say
from scripts.machine import pip_config

ALL = ("page", "mcp", "remote")
"""The groups; each is needed by the command of its name."""
BROUGHT = Path(".cache", "dev", "uv", "bin", "uv")
"""Below the root: the uv that `dev` brings to a machine that has none."""
LOG = Path(".cache", "dev", "install.log")
PATIENCE = 600.0
"""Seconds for pip or uv, which give a silent server up themselves."""


def file(root: Path, group: str) -> Path:
    """Return where the pins of a group are."""
    return root / "requirements" / f"{group}.txt"


def need(group: str, checkout: Checkout, say: Say) -> None:
    """Have the packages of a group; RefusedError where they cannot be had.

    What is here in the pinned version is left alone, so most calls ask for versions and no more.
    """
    wanted = file(checkout.root, group)
    if not _lacking(wanted):
        return
    with files.held(checkout.root / LOG.parent, group, say):
        if lacking := _lacking(wanted):  # whom we waited for may have brought them
            say(f"inv {group} needs packages of its own, once: installing {', '.join(lacking)}")
            _install(group, wanted, checkout)
    importlib.invalidate_caches()


def pins(text: str, python: str = "") -> dict[str, str]:
    """Return a file's pinned packages that hold on this system: name==version, and all its words.

    Those for this Python, or for a version such as 3.13. The words have no marker any more.
    """
    from packaging.requirements import Requirement

    other = {"python_version": python, "python_full_version": f"{python}.0"} if python else {}
    found = {}
    for block in re.findall(r"^\w.*(?:\n[ \t].*)*", text, re.MULTILINE):
        words, hashed, rest = block.partition("--hash")
        wanted = Requirement(words.strip(" \t\n\\"))
        if wanted.marker is None or wanted.marker.evaluate(other):
            name = f"{wanted.name}{wanted.specifier}"
            found[name] = f"{name} {hashed}{rest}\n"
    return found


def uv(checkout: Checkout) -> str:
    """Return the user's uv, or the one that `dev` has brought; empty for none."""
    own = checkout.root / BROUGHT
    brought = str(own) if own.exists() else ""
    return shutil.which("uv", path=checkout.environ.get("PATH")) or brought


def uv_environ(checkout: Checkout) -> Mapping[str, str]:
    """Return the variables with which uv asks where pip would."""
    return pip_config.for_uv(checkout.environ, pip_config.home())


def _lacking(wanted: Path) -> list[str]:
    """Return the names of pinned packages that are not here, or in another version."""
    from importlib.metadata import PackageNotFoundError, version

    lacking = []
    for pin in pins(wanted.read_text(encoding="utf-8")):
        name, _, pinned = pin.partition("==")
        try:
            here = version(name)
        except PackageNotFoundError:
            here = ""
        if here != pinned:
            lacking.append(name)
    return lacking


def _install(group: str, wanted: Path, checkout: Checkout) -> None:
    """Install from a bundle's wheels where these will do, else from the index of this machine."""
    ours = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = ["--require-hashes", "--requirement", str(wanted)]
    wheels = checkout.root / pip_config.BUNDLED
    if wheels.is_dir():
        alone = ["--isolated", "--no-index", "--find-links", str(wheels)]
        if not checkout.runner([*ours, *alone, *pinned], timeout=PATIENCE).exit_code:
            return
    env: Mapping[str, str] = {}
    if program := uv(checkout):
        ours = [program, "pip", "install", "--quiet", "--python", sys.executable]
        env = uv_environ(checkout)
    done = checkout.runner([*ours, *pinned], timeout=PATIENCE, env=env)
    if done.exit_code:
        log = checkout.root / LOG
        files.write(log, done.stdout + done.stderr)
        how = "uv" if program else "pip"
        raise RefusedError(
            f"{how} could not install what inv {group} needs: {last_words(done)}",
            next_step=f"read {log}; behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL;"
            f" without a network: ./dev --bundle FILE inv {group}, with a FILE of inv images.save",
            said=done.stderr,
        )

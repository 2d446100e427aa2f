"""Asks this machine's package index whether pinned packages can be had for arm64 too."""

import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.core.process import Runner
from scripts.core.texts import telling
from scripts.machine import pip_config

PLATFORM = "aarch64-manylinux_2_36"
"""arm64 with the C library of Debian bookworm, the oldest that images are built upon."""
FROM_SOURCE = frozenset({"jieba"})
"""Packages that nobody has wheels of: they are Python alone, and are built everywhere."""
_LACKS = re.compile(r"No solution found[^:]*:\s*(.*?\bwheels\b.*?)(?: hint: |$)")
"""What uv says of a package that there is, and no wheel of it fits."""
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Whether all packages of a file can be had."""

    lacks: str = ""
    """What cannot be had, and why; empty for nothing."""
    unknown: str = ""
    """Why nobody could say; empty when the index was asked."""


def ask(file: Path, python: str, runner: Runner, environ: Mapping[str, str]) -> Answer:
    """Ask for the packages of a file with hashes, and a `python` such as 3.13; installs nothing."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, file.name)
        wanted.write_text(without(file.read_text(encoding="utf-8"), FROM_SOURCE), encoding="utf-8")
        words = ["--dry-run", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
        words += ["--python-platform", PLATFORM, "--python-version", python]
        words += ["--target", folder, "--requirement", str(wanted)]
        done = runner(
            [sys.executable, "-m", "uv", "pip", "install", *words],
            timeout=_TIMEOUT,
            env=pip_config.for_uv(environ, pip_config.home()),
        )
    if done.exit_code == 0:
        return Answer()
    said = " ".join(re.sub(r"[^\x00-\x7f]", " ", done.stderr).split())
    if found := _LACKS.search(said):
        return Answer(lacks=found[1])
    return Answer(unknown=telling(done.stderr.splitlines(), r"(?i)caused by", r"(?i)error"))


def without(text: str, names: frozenset[str]) -> str:
    """Return pinned packages without these."""
    listed = "|".join(map(re.escape, sorted(names)))
    return re.sub(rf"^(?:{listed})==(?:.*\\\n)*.*\n?", "", text, flags=re.MULTILINE)

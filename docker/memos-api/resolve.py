"""Decide which packages an image gets: those of a lock, or what uv finds for anything else.

Runs inside the build. A release with a lock in requirements/ is taken from there, without a
network. For another release, and for a checkout whose pyproject.toml is there, uv resolves; where
it has a choice it takes what the nearest lock has, which was tried.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "memoryos"
UV = "/uv/bin/uv"
WORDS = (
    *("--quiet", "--universal", "--python-version", "3.11"),
    *("--generate-hashes", "--no-annotate", "--no-header", "--no-emit-index-url"),
)
"""As `nox -s lock` has them, so that the same packages are the same text, and the same layer."""
NOTHING = re.compile(r"No solution found when resolving dependencies[^:]*: ")
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)(?:.*\\\n)?(?:    .*\n)*", re.MULTILINE)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_OURS = "all"
"""The extra of MemOS with all others in it, and torch; the ranges in it are not the API's."""


def main() -> int:
    """Write packages.txt and release.txt below the folder that is named; give the exit code."""
    folder, version = Path(sys.argv[1]), os.environ["MEMOS_VERSION"]
    locks, project = folder / "requirements", folder / "project" / "pyproject.toml"
    lock, own = locks / f"{version}.txt", version
    if project.is_file():
        table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
        own = str(table.get("version", ""))
        lines = of_project(table, names(locks / "extras.in"))
    elif lock.is_file():
        return write(folder, lock.read_text(encoding="utf-8"))
    else:
        lines = [f"{PACKAGE}=={version}", *names(locks / "extras.in")]
    kept = folder / "resolved.txt"
    near = nearest(own, [file.stem for file in locks.glob("*.txt")])
    kept.write_text((locks / f"{near}.txt").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "wanted.in").write_text("\n".join(lines), encoding="utf-8")
    argv = [UV, "pip", "compile", *WORDS, "--output-file", str(kept), str(folder / "wanted.in")]
    try:
        done = subprocess.run(argv, text=True, capture_output=True, check=False)
    except OSError:
        print("error: no lock for these packages, and uv cannot be had to find them", flush=True)
        return 1
    if done.returncode:
        print(f"error: {reason(done.stderr)}", flush=True)
        return 1
    return write(folder, kept.read_text(encoding="utf-8"))


def of_project(project: Mapping[str, Any], extras: Iterable[str]) -> list[str]:
    """Return what a checkout wants: its dependencies, and of its extras what the API imports."""
    groups: Mapping[str, list[str]] = project.get("optional-dependencies", {})
    offered = [line for name, lines in groups.items() if name != _OURS for line in lines]
    ranges = {_plain(line): line for line in offered}
    return [*project.get("dependencies", ()), *(ranges.get(name, name) for name in extras)]


def names(file: Path) -> list[str]:
    """Return the packages that a file of requirements names."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [_plain(line) for line in lines if line and not line.startswith("#")]


def _plain(line: str) -> str:
    match = _NAME.match(line.strip())
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def nearest(version: str, known: Iterable[str]) -> str:
    """Return the newest of the known releases up to this one, else the oldest."""
    ordered = sorted(known, key=_numbers)
    before = [one for one in ordered if _numbers(one) <= _numbers(version)]
    return [*ordered[:1], *before][-1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def reason(text: str) -> str:
    """Return what the resolver says in one line, without the drawing around it."""
    said = " ".join(re.sub(r"[^\x00-\x7f]", " ", text).split()) or "no reason was given"
    why, nothing = NOTHING.subn("", said.removeprefix("error: "), count=1)
    return f"cannot be resolved: {why}" if nothing else f"uv could not find the packages: {why}"


def write(folder: Path, lock: str) -> int:
    """Write the lock in two parts, so that releases with the same packages share their layer.

    What stands in it beside packages of an index has no hash, and would be left out.
    """
    if other := _ENTRY.sub("", lock).split():
        print(f"error: cannot be resolved: {other[0]} is no package of an index", flush=True)
        return 1
    parts: dict[str, list[str]] = {"release.txt": [], "packages.txt": []}
    for entry in _ENTRY.finditer(lock):
        parts["release.txt" if entry[1] == PACKAGE else "packages.txt"].append(entry[0])
    for name, entries in parts.items():
        (folder / name).write_text("".join(entries), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which MemOS runs: a release from PyPI, or a checkout of its source with requirements of its own.

Releases that have a lock in docker/memos-api/requirements/ are pinned by us; what another one or a
checkout wants is found when its image is built, unless the packages of a pinned release will do.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.core import files

PACKAGE = "memoryos"
CODE = "memos"
"""What is imported of it."""
LOCKS = Path("docker", "memos-api", "requirements")
"""Below the root: a lock for each pinned release, and what the API needs beside `memoryos`."""
FIRST = (2, 0, 6)
"""The oldest release that this stack is made for."""
OWN_PREFERENCES = (2, 0, 8)
"""From this release on preferences are memories like others, in Neo4j and Qdrant; until then they
are in Milvus, and no release uses Milvus for anything else
(https://github.com/MemTensor/MemOS/pull/1145)."""
ALL = "all"
"""The extra of MemOS with all others in it, and torch; the ranges in it are not the API's."""
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}
"""Where requirements hold, whatever system this is."""
_RELEASE = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_OF_SOURCE = re.compile(r"""^__version__\s*=\s*["']([^"']+)["']""", re.MULTILINE)
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A checkout of MemOS."""

    folder: Path
    """Its src/."""
    version: str = ""
    requirements: tuple[str, ...] = ()
    """What it wants of what we install; none where it has no pyproject.toml."""
    problem: str = ""
    """Why it cannot run here, as the rest of a sentence about it."""

    @property
    def project(self) -> Path:
        """Its pyproject.toml, which need not be there."""
        return self.folder.parent / "pyproject.toml"

    @property
    def name(self) -> str:
        """A name for what is made for it; it stays the same when its code changes."""
        return f"checkout-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memos:
    """The MemOS that a stack runs."""

    version: str
    packages: str = ""
    """The pinned release whose packages it runs on; empty when they are found at build."""
    source: Source | None = None
    """A checkout that is mounted over the release."""

    @property
    def tag(self) -> str:
        """The tag of its image."""
        if self.packages or self.source is None:
            return self.packages or self.version
        return self.source.name

    @property
    def described(self) -> str:
        """Say which it is, and on which packages it runs where that is not plain."""
        found = f"on the packages of {self.packages}" if self.packages else "on packages that"
        if self.source is not None:
            how = found if self.packages else f"{found} its pyproject.toml wants, not pinned by us"
            return f"MemOS {self.version} of {self.source.folder}, {how}"
        return f"MemOS {self.version}" + (
            "" if self.packages else f", {found} were found when it was built, not pinned by us"
        )

    @property
    def uses_milvus(self) -> bool:
        """Say whether it keeps preferences in Milvus."""
        return numbers(self.version) < OWN_PREFERENCES


def top(folder: Path) -> Path:
    """Return the checkout whose src/ a folder is; one that is none's src/ is all there is.

    What is beside that may be anything, such as a home.
    """
    is_src = folder.name == "src" or (folder.parent / "pyproject.toml").is_file()
    return folder.parent if is_src else folder


def memos(version: str, source: Source | None, locks: Path) -> Memos:
    """Return what runs by the settings; `version` counts only without a checkout."""
    known = pinned(locks)
    if source is None:
        return Memos(version=version, packages=version if version in known else "")
    own = source.version or version
    if not source.requirements:
        return Memos(version=own, packages=nearest(own, known), source=source)
    # its own release first, then the newest
    order = sorted(known, key=lambda name: (name == own, numbers(name)), reverse=True)
    fits = (name for name in order if not drift(source.requirements, pins(locks, name)))
    return Memos(version=own, packages=next(fits, ""), source=source)


def problem(version: str, locks: Path) -> str:
    """Return what is wrong with a release's name, as the rest of a sentence; empty when nothing."""
    newest = max(pinned(locks), key=numbers, default=dotted(FIRST))
    if not _RELEASE.fullmatch(version):
        bare = version.strip().removeprefix("v")
        likely = bare if _RELEASE.fullmatch(bare) else newest
        return f"wanted the three numbers of a release, such as {likely}"
    if numbers(version) < FIRST:
        return f"wanted {dotted(FIRST)} or newer, such as {newest}"
    return ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the three numbers of a version, by which releases are in order."""
    return tuple(map(int, re.findall(r"[0-9]+", version)[:3]))


def dotted(version: Iterable[int]) -> str:
    """Return numbers as a version is written."""
    return ".".join(map(str, version))


def pinned(locks: Path) -> tuple[str, ...]:
    """Return the releases that have a lock, the oldest first."""
    return tuple(sorted((file.stem for file in locks.glob("*.txt")), key=numbers))


def nearest(version: str, known: Iterable[str]) -> str:
    """Return the newest of these releases up to this version, else the oldest; none of none."""
    ordered = sorted(known, key=numbers)
    before = [one for one in ordered if numbers(one) <= numbers(version)]
    return (before[-1:] or ordered[:1] or [""])[0]


@cache
def pins(locks: Path, release: str) -> Mapping[str, tuple[str, ...]]:
    """Return the versions of each package in a release's lock; several where systems differ."""
    found: dict[str, tuple[str, ...]] = {}
    for name, version in _PIN.findall((locks / f"{release}.txt").read_text(encoding="utf-8")):
        found[canonical(name)] = (*found.get(canonical(name), ()), version)
    return found


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def drift(wanted: Iterable[str], installed: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return a part of a sentence for each requirement that what is installed does not meet."""
    from packaging.requirements import Requirement

    missed = []
    for requirement in map(Requirement, wanted):
        if requirement.marker is not None and not requirement.marker.evaluate(LINUX):
            continue
        here = tuple(installed.get(canonical(requirement.name), ()))
        if not here:
            missed.append(f"{requirement.name} is not installed")
        elif not any(requirement.specifier.contains(one, prereleases=True) for one in here):
            missed.append(
                f"{requirement.name} is {here[-1]}, it wants {requirement.specifier or 'another'}"
            )
    return tuple(missed)


def checkout(folder: Path, extras: Iterable[str]) -> Source:
    """Read a checkout by its src/; what is wrong with it is said in it.

    `extras` are the packages that the API needs and `memoryos` does not bring: where the checkout
    has a range for one, that range counts.
    """
    code = folder / CODE / "__init__.py"
    if not files.is_folder(folder / CODE):
        return Source(folder=folder, problem="wanted MemOS: its src/ folder, with memos/ in it")
    text = code.read_text(encoding="utf-8", errors="replace") if code.is_file() else ""
    written = _OF_SOURCE.search(text)
    source = Source(folder=folder, version=written[1] if written else "")
    if not source.project.is_file():
        return _judged(source)
    try:
        project = _project(source.project)
        requirements = tuple(_requirements(project, extras))
    except ValueError as error:
        why = " ".join(str(error).split())
        return Source(folder=folder, problem=f"and its pyproject.toml cannot be resolved: {why}")
    version = source.version or str(project.get("version", ""))
    return _judged(Source(folder=folder, version=version, requirements=requirements))


def _judged(source: Source) -> Source:
    if source.version and numbers(source.version) < FIRST:
        problem = f"which is MemOS {source.version}; wanted {dotted(FIRST)} or newer"
        return Source(folder=source.folder, version=source.version, problem=problem)
    return source


def _project(file: Path) -> Mapping[str, object]:
    """Return the table [project]; ValueError says what is wrong with it."""
    import tomllib

    project = tomllib.loads(file.read_text(encoding="utf-8")).get("project")
    if not isinstance(project, Mapping):
        raise ValueError("it has no table [project]")  # noqa: TRY004 - a file, not an argument
    name = str(project.get("name", ""))
    if canonical(name) != PACKAGE:
        raise ValueError(f"it is of {name!r}, not of MemoryOS")
    return project


def _requirements(project: Mapping[str, object], extras: Iterable[str]) -> Iterator[str]:
    """Yield what a project wants; ValueError for a line that is no requirement."""
    from packaging.requirements import Requirement

    groups = project.get("optional-dependencies", {})
    if not isinstance(groups, Mapping):
        raise ValueError("its optional-dependencies are no table")  # noqa: TRY004 - as above
    ranges = {
        canonical(Requirement(line).name): line
        for group, lines in groups.items()
        if group != ALL
        for line in _texts(lines, f"optional-dependencies of {group!r}")
    }
    for line in _texts(project.get("dependencies", []), "dependencies"):
        Requirement(line)
        yield line
    for name in extras:
        yield ranges.get(canonical(name), name)


def _texts(lines: object, what: str) -> list[str]:
    if isinstance(lines, list) and all(isinstance(line, str) for line in lines):
        return lines
    raise ValueError(f"its {what} are no list of texts")


def extras(locks: Path) -> tuple[str, ...]:
    """Return the packages that the API needs beside `memoryos`, by name."""
    file = locks / "extras.in"
    lines = file.read_text(encoding="utf-8") if file.is_file() else ""
    return tuple(name for name, _ in _PIN.findall(lines))

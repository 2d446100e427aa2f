"""What an environment holds, and what MemOS wants of it that it lacks."""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config import release
from scripts.config.settings import Settings
from scripts.core.errors import ConfigError
from scripts.core.foreign import documents
from scripts.core.process import Runner, last_words
from scripts.loop.environment import OLDEST, PATIENCE, Environment

SCRIPT = """
import json, os, sys
found = {}
for folder in filter(os.path.isdir, sys.path):
    for entry in os.listdir(folder):
        name, ending = os.path.splitext(entry)
        if ending in (".dist-info", ".egg-info"):
            name, _, version = name.partition("-")
            found.setdefault(name, version)
print(json.dumps({"python": list(sys.version_info[:2]), "packages": found}))
"""
"""Reads the names of folders: what is in them takes a second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What is installed in an environment."""

    python: tuple[int, ...]
    packages: Mapping[str, tuple[str, ...]]
    """Versions by name, as indexes compare names."""


def read(environment: Environment, runner: Runner) -> Contents:
    """Return what is installed; ConfigError for an environment whose Python does not run."""
    done = runner([str(environment.python), "-c", SCRIPT], timeout=PATIENCE)
    try:
        found = documents.parsed(done.stdout)
        return Contents(
            python=tuple(map(int, found["python"])),
            packages={release.canonical(k): (str(v),) for k, v in found["packages"].items()},
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ConfigError(
            f"{environment.python} ({environment.origin}) does not run: {last_words(done)}",
            next_step=f"if it is broken: {environment.replaced}; then the same again",
        ) from None


def require(environment: Environment, contents: Contents, settings: Settings, *extra: str) -> None:
    """Raise ConfigError with the packages that MemOS, or `extra` beside it, wants and lacks."""
    if contents.python < OLDEST:
        here = release.dotted(contents.python)
        raise ConfigError(
            f"{environment.python} ({environment.origin}) is Python {here}; what loads"
            f" the API wants {release.dotted(OLDEST)} or newer",
            next_step=f"{environment.replaced}; then the same again",
        )
    source = settings.memos_source
    requirements = source.requirements if source is not None else ()
    wanted = (*(requirements or release.extras(settings.locks)), *extra)
    lacking = [name for name in _names(wanted) if name not in contents.packages]
    if lacking:
        raise ConfigError(
            f"{environment.folder} ({environment.origin}) lacks {', '.join(lacking)}",
            next_step=_install(environment, contents, lacking, settings),
        )


def drift(contents: Contents, settings: Settings) -> tuple[str, ...]:
    """Return a part of a sentence for each package of another version than MemOS wants."""
    source = settings.memos_source
    here = [
        one
        for one in (source.requirements if source is not None else ())
        if set(_names([one])) & contents.packages.keys()
    ]
    return release.drift(here, contents.packages)


def _names(wanted: Iterable[str]) -> list[str]:
    """Return the packages of requirements that hold on this system."""
    from packaging.requirements import Requirement

    held = (one for one in map(Requirement, wanted) if one.marker is None or one.marker.evaluate())
    return list(dict.fromkeys(release.canonical(one.name) for one in held))


def _install(
    environment: Environment, contents: Contents, names: Iterable[str], settings: Settings
) -> str:
    """Return what puts packages into an environment, in the versions that are tried here."""
    python = shlex.quote(str(environment.python))
    pip = f"{python} -m pip install"
    if "pip" not in contents.packages:  # as uv makes them
        pip = f"uv pip install --python {python}"
    pins = release.pins(settings.locks, settings.memos.packages) if settings.memos.packages else {}
    return f"{pip} {' '.join(f'{one}=={pins[one][-1]}' if one in pins else one for one in names)}"


def made_by(folder: Path, settings: Settings) -> str:
    """Return what makes an environment for a checkout: the packages of the API's own image.

    Where these are not pinned, those that the checkout wants, and what the API needs beside them.
    """
    home = folder / ".venv"
    pip = f"{shlex.quote(str(home / 'bin' / 'pip'))} install"
    if packages := settings.memos.packages:
        wanted = f"-r {shlex.quote(str(settings.locks / f'{packages}.txt'))}"
    else:
        extras = shlex.quote(str(settings.locks / "extras.in"))
        wanted = f"-e {shlex.quote(str(folder))} -r {extras}"
    return f"python3 -m venv {shlex.quote(str(home))} && {pip} {wanted}"

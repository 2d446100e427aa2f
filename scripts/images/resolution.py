"""What an image of MemOS is to hold where no lock of ours says it: found by uv inside the build.

It is asked for first, so that a release that does not exist, or requirements that cannot be met,
are told before anything is built; then it is kept in the image, and beside it as a label.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.config.release import Memos
from scripts.core import files
from scripts.core.errors import ConfigError, StackError
from scripts.core.inventory import PACKAGES_LABEL
from scripts.core.stack import Build, Service
from scripts.images import build_settings, build_words
from scripts.images.jobs import Job

VERSION = "MEMOS_VERSION"
"""The build argument by which a Dockerfile looks for a lock in its requirements/."""
STAGE = "resolved"
"""The stage that holds PARTS alone."""
PARTS = ("packages.txt", "release.txt")
_SAID = re.compile(r"error: cannot be resolved: (.+)")
_PIN = re.compile(r"^([A-Za-z0-9._-]+==[^\s;\\]+)", re.MULTILINE)


def wanted(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return the services whose image holds what nobody has pinned."""
    return tuple(one for one in services if one.build is not None and not pinned(one.build))


def pinned(build: Build) -> bool:
    """Say whether a lock of ours says what a build installs."""
    version = build.args.get(VERSION, "")
    return not version or (build.context / "requirements" / f"{version}.txt").is_file()


def hand_in(memos: Memos, folder: Path) -> None:
    """Put a checkout's pyproject.toml where its build looks; a release has none."""
    if memos.source is not None and not memos.packages:
        text = memos.source.project.read_text(encoding="utf-8")
        files.write(folder / "pyproject.toml", text)


def jobs(
    services: Iterable[Service], env: Mapping[str, str], logs: Path, after: str = ""
) -> list[Job]:
    """Return the jobs that find what these services' images are to hold, each after `after`."""
    return [
        Job(
            name=f"packages of {one.name}",
            argv=build_words.stage_argv(one.build, STAGE, folder(logs, one)),
            log=logs / f"{one.name}-packages.log",
            what=f"the packages of {one.name}",
            env={**env, **build_settings.ENV},
            after=after,
        )
        for one in services
        if one.build is not None
    ]


def folder(logs: Path, service: Service) -> Path:
    """Return where what was found for a service is put."""
    return logs / f"{service.name}-packages"


def labels(logs: Path, service: Service) -> dict[str, str]:
    """Return the labels for an image whose packages were found."""
    texts = [(folder(logs, service) / name).read_text(encoding="utf-8") for name in PARTS]
    return {PACKAGES_LABEL: " ".join(sorted(_PIN.findall("".join(texts))))}


def told(error: StackError, log: Path, memos: Memos) -> StackError:
    """Return an error about the settings where the resolver said why; else the error as it is."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    said = _SAID.search(text)
    if said is None:
        return error
    where = f"MEMOS_VERSION is {memos.version!r}"
    step = "a release that PyPI has as MEMOS_VERSION in .env, such as 2.0.33; then: inv up"
    if memos.source is not None:
        where = f"MEMOS_SRC is {str(memos.source.folder)!r}"
        step = f"mend {memos.source.project}, then: inv up"
    return ConfigError(f"{where}, and its packages cannot be resolved: {said[1]}", next_step=step)

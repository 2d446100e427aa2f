"""Versions of the engine and of Compose: their numbers, and what is known to be wrong in them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scripts.core.inventory import PODMAN_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """A known bug of the versions before `fixed`; `fixed` is empty while no release mends it."""

    fixed: tuple[int, ...] = ()
    text: str
    link: str


ENGINE_BUGS = (
    Bug(
        fixed=(27, 0),
        text="a health check without start_interval is put once an interval from the start on",
        link="https://github.com/moby/moby/commit/c514952",
    ),
)
COMPOSE_BUGS = (
    Bug(
        fixed=(2, 30),
        text="up --wait-timeout does not limit the wait for dependencies",
        link="https://github.com/docker/compose/pull/12156",
    ),
    Bug(
        fixed=(5, 0, 2),
        text="up --wait goes on waiting for others after a service has failed",
        link="https://github.com/docker/compose/commit/ee4c01b",
    ),
    Bug(
        text="up --wait --wait-timeout may end with 0 though a service never was healthy",
        link="https://github.com/docker/compose/pull/14105",
    ),
)


PODMAN_LACKS = (
    "it leaves out a health check's start_interval, checks nothing without systemd, and has no"
    " BuildKit to build images with (docs/engines.md)"
)
"""Tried with 5.8.6, which says API 1.44: `nox -s engines -- podman`."""


def named(version: Mapping[str, Any]) -> str:
    """Return the version that an engine tells of itself, after its name where that is Podman."""
    text, parts = str(version.get("Version", "")), version.get("Components")
    known = parts if isinstance(parts, list) else ()
    names = [one.get("Name") for one in known if isinstance(one, dict)]
    return f"{PODMAN_NAME} {text}" if f"{PODMAN_NAME} Engine" in names else text


def numbers(version: str) -> tuple[int, ...]:
    """Return a version's numbers: v2.24.4, 2.26.1-4, 5.0.0, 2.24.6+ds1-0ubuntu2; () for none."""
    found = re.search(r"\d+(\.\d+)*", version)
    return tuple(int(number) for number in found[0].split(".")) if found else ()


def bugs(version: str, table: tuple[Bug, ...]) -> tuple[Bug, ...]:
    """Return the bugs of `table` that this version has; none when the version is not known."""
    found = numbers(version)
    return tuple(bug for bug in table if found and (not bug.fixed or found < bug.fixed))

"""Brings the images that services want: out of a bundle, built here, or pulled."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from scripts.config.workspace import Workspace
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.files import held
from scripts.core.inventory import ImageStatus
from scripts.core.process import run
from scripts.core.progress import phase
from scripts.core.stack import Service
from scripts.images import availability, base_image, build_settings, build_words, resolution
from scripts.images.bundle import bundle_file, unpacking
from scripts.images.bundle.bundle_file import Bundle
from scripts.images.jobs import Batch, Job, Jobs

# a step such as a compilation says nothing for up to a minute here
BUILDS = Batch(task="inv images.build", silence=180.0)
PACKAGES_FOR = "amd64"
"""What package-built images are for, in the engine's words."""
PULLS = Batch(task="inv images.pull", silence=60.0)


class Reporter(Protocol):
    """Who is told, and what."""

    def say(self, line: str) -> None: ...

    def step(self, name: str, line: str) -> None: ...

    def board(self, names: Sequence[str]) -> AbstractContextManager[None]: ...


def supply(
    space: Workspace, statuses: Sequence[ImageStatus], jobs: Jobs, tell: Reporter, *, rebuild: bool
) -> Sequence[ImageStatus]:
    """Bring what is missing or old, all of it with `rebuild`; return the images as they are then.

    Raises RefusedError for a build or a pull that failed, ConfigError for a bundle that lacks one.
    """
    services = [space.stack.service(status.service) for status in statuses]
    bundle = bundle_file.named(os.environ)
    if bundle and unpacking.missing(statuses):
        with phase(jobs.note, "load", bundle.file.name):
            load(bundle, space, tell)
        statuses = availability.statuses(space.api, services)
        unpacking.require_all(bundle, statuses)
    to_build, to_pull = availability.needed(statuses, rebuild=rebuild)
    build(space, [one for one in services if one.name in to_build], jobs, tell)
    pull(space, [one for one in services if one.name in to_pull], jobs, tell)
    return availability.statuses(space.api, services) if to_build or to_pull else statuses


def load(bundle: Bundle, space: Workspace, tell: Reporter) -> None:
    """Bring the images of a bundle to the engine; errors as `unpacking.load` raises them."""
    with held(space.shared_cache, "images.load"), tell.board(["images"]):
        unpacking.load(bundle, space.api, tell.step)


def build(space: Workspace, services: Sequence[Service], jobs: Jobs, tell: Reporter) -> None:
    """Build the images of these services; RefusedError names the first that failed.

    ConfigError for one whose packages cannot be resolved.
    """
    if services:
        # the stacks of one checkout share what is downloaded and what builds are told
        env, logs = space.engine.env, space.cache / "build"
        wanted = base_image.wanted(services)
        base = base_image.jobs(space.api, env, space.settings.root) if wanted else ()
        after = base[-1].name if base else ""
        found = resolution.jobs(resolution.wanted(services), env, logs, after)
        names = [*(job.name for job in (*base, *found)), *(one.name for one in services)]
        with held(space.shared_cache, "images.build"), tell.board(names):
            settings = space.settings.build_settings
            build_settings.write(settings, space.image_source, os.environ, run)
            if space.engine.remote:
                _told_elsewhere(space, tell, local=wanted)
            if found:
                _resolve(space, [*base, *found], jobs)
            jobs.finish(BUILDS, [*base, *found, *builds(services, env, logs, after)])


def _told_elsewhere(space: Workspace, tell: Reporter, *, local: bool) -> None:
    """Say that the builds run on another machine, and what they will not find there.

    Raises ConfigError where they would stand upon this machine's packages for another processor;
    `local` says whether they stand upon such at all.
    """
    remote, theirs = space.engine.remote, (space.api.get("/version") or {}).get("Arch", "")
    if local and theirs not in {"", PACKAGES_FOR}:
        raise ConfigError(
            f"the engine at {remote} is for {theirs}, and packages are for {PACKAGES_FOR}",
            next_step="IMAGE_SOURCE=registry in .env, then: inv up",
        )
    tell.say(f"images are built at {remote}; inv images.send carries those of the engine here")
    for address in build_settings.only_here(space.settings.build_settings, os.environ):
        tell.say(f"builds are told of {address}, which is not this machine at {remote}")


def _resolve(space: Workspace, steps: Sequence[Job], jobs: Jobs) -> None:
    """Find what nobody has pinned, before anything is built; errors as in `resolution.told`."""
    resolution.hand_in(space.settings.memos, space.settings.memos_project)
    try:
        jobs.finish(BUILDS, steps)
    except RefusedError as error:
        raise resolution.told(error, steps[-1].log, space.settings.memos) from error


def builds(
    services: Sequence[Service], env: Mapping[str, str], logs: Path, after: str = ""
) -> list[Job]:
    """Return the jobs that build the images of these services, each after the job `after`.

    The output of each goes to a file in `logs`, where also lies what was found for it.
    """
    return [
        Job(
            name=one.name,
            argv=build_words.build_argv(
                one, one.build, {} if resolution.pinned(one.build) else resolution.labels(logs, one)
            ),
            log=logs / f"{one.name}.log",
            env={**env, **build_settings.ENV},
            after=after,
            seconds=one.build.seconds,
        )
        for one in services
        if one.build is not None
    ]


def pull(space: Workspace, services: Sequence[Service], jobs: Jobs, tell: Reporter) -> None:
    """Pull the images of these services; RefusedError names the first that failed."""
    if services:
        with tell.board([service.name for service in services]):
            jobs.finish(PULLS, pulls(services, space.engine.env, space.cache / "pull"))


def pulls(services: Sequence[Service], env: Mapping[str, str], logs: Path) -> list[Job]:
    """Return the jobs that pull the images of these services."""
    return [
        Job(
            name=one.name,
            argv=["docker", "pull", one.image],
            log=logs / f"{one.name}.log",
            env=env,
            terminal=True,  # docker tells how far it is only there
            phase="pull",
        )
        for one in services
    ]

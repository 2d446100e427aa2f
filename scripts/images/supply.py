"""Brings the images that services want: out of a bundle, built here, or pulled."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from scripts.config.workspace import Workspace
from scripts.core.files import held
from scripts.core.inventory import ImageStatus
from scripts.core.process import run
from scripts.core.stack import Build, Service
from scripts.images import availability, base_image, build_settings
from scripts.images.bundle import bundle_file, unpacking
from scripts.images.bundle.bundle_file import Bundle
from scripts.images.jobs import Batch, Job, Jobs
from scripts.images.recipes import RECIPE_LABEL, recipe

# a step such as a compilation says nothing for up to a minute here
BUILDS = Batch(task="inv images.build", silence=180.0)
PULLS = Batch(task="inv images.pull", silence=60.0)


class Reporter(Protocol):
    """Who is told, and what."""

    def step(self, name: str, line: str) -> None: ...

    def board(self, names: Sequence[str]) -> AbstractContextManager[None]: ...


def supply(
    space: Workspace, statuses: Sequence[ImageStatus], jobs: Jobs, tell: Reporter, *, rebuild: bool
) -> None:
    """Bring what is missing or old, all of it with `rebuild`.

    Raises RefusedError for a build or a pull that failed, ConfigError for a bundle that lacks one.
    """
    services = [space.stack.service(status.service) for status in statuses]
    bundle = bundle_file.named(os.environ)
    if bundle and unpacking.missing(statuses):
        load(bundle, space, tell)
        statuses = [availability.status(space.api, service) for service in services]
        unpacking.require_all(bundle, statuses)
    to_build, to_pull = availability.needed(statuses, rebuild=rebuild)
    build(space, [one for one in services if one.name in to_build], jobs, tell)
    pull(space, [one for one in services if one.name in to_pull], jobs, tell)


def load(bundle: Bundle, space: Workspace, tell: Reporter) -> None:
    """Bring the images of a bundle to the engine; errors as `unpacking.load` raises them."""
    with held(space.shared_cache, "images.load"), tell.board(["images"]):
        unpacking.load(bundle, space.api, tell.step)


def build(space: Workspace, services: Sequence[Service], jobs: Jobs, tell: Reporter) -> None:
    """Build the images of these services; RefusedError names the first that failed."""
    if services:
        # the stacks of one checkout share what is downloaded and what builds are told
        env = space.engine.env
        wanted = base_image.wanted(services)
        base = base_image.jobs(space.api, env, space.settings.root) if wanted else ()
        board = tell.board([job.name for job in base] + [one.name for one in services])
        with held(space.shared_cache, "images.build"), board:
            settings = space.settings.build_settings
            build_settings.write(settings, space.image_source, os.environ, run)
            jobs.finish(BUILDS, [*base, *builds(services, env, space.cache / "build", base)])


def builds(
    services: Sequence[Service], env: Mapping[str, str], logs: Path, base: Sequence[Job] = ()
) -> list[Job]:
    """Return the jobs that build the images of these services, each after the last one of `base`.

    The output of each goes to a file in `logs`.
    """
    return [
        Job(
            name=one.name,
            argv=build_argv(one, one.build),
            log=logs / f"{one.name}.log",
            env={**env, **build_settings.ENV},
            after=base[-1].name if base else "",
            seconds=one.build.seconds,
        )
        for one in services
        if one.build is not None
    ]


def build_argv(service: Service, build: Build) -> list[str]:
    """Return the `docker build` command for one image; the secrets are files, not values."""
    words = ["docker", "build", "--progress", "plain", "--tag", service.image]
    words += ["--file", str(build.context / build.dockerfile)]
    words += ["--label", f"{RECIPE_LABEL}={recipe(build)}"]
    if build.network:
        words += ["--network", build.network]
    for name, value in build.args.items():
        words += ["--build-arg", f"{name}={value}"]
    for name, path in build.secrets.items():
        words += ["--secret", f"id={name},src={path}"]
    return [*words, *build_settings.proxy_args(os.environ), str(build.context)]


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
        )
        for one in services
    ]

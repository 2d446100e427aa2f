"""Brings the images that services want: out of a bundle, built here, or pulled."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from scripts.config.workspace import Workspace
from scripts.core import lock
from scripts.core.inventory import ImageStatus
from scripts.core.process import run
from scripts.core.stack import Service
from scripts.images import availability, base_image, build_settings, building
from scripts.images.bundle import bundle_file, unpacking
from scripts.images.bundle.bundle_file import Bundle
from scripts.images.jobs import Jobs


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
    with lock.held(space.shared_cache, "images.load"), tell.board(["images"]):
        unpacking.load(bundle, space.api, tell.step)


def build(space: Workspace, services: Sequence[Service], jobs: Jobs, tell: Reporter) -> None:
    """Build the images of these services; RefusedError names the first that failed."""
    if services:
        # the stacks of one checkout share what is downloaded and what builds are told
        env = space.engine.env
        wanted = base_image.wanted(services)
        base = base_image.jobs(space.api, env, space.settings.root) if wanted else ()
        board = tell.board([job.name for job in base] + [one.name for one in services])
        with lock.held(space.shared_cache, "images.build"), board:
            settings = space.settings.build_settings
            build_settings.write(settings, space.image_source, os.environ, run)
            building.build(services, env, space.cache / "build", jobs, base)


def pull(space: Workspace, services: Sequence[Service], jobs: Jobs, tell: Reporter) -> None:
    """Pull the images of these services; RefusedError names the first that failed."""
    if services:
        with tell.board([service.name for service in services]):
            building.pull(services, space.engine.env, space.cache / "pull", jobs)

"""What builds and pulls images, as jobs."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.core.stack import Build, Service
from scripts.images.build_settings import proxy_args
from scripts.images.jobs import Batch, Job, Jobs
from scripts.images.recipes import RECIPE_LABEL, recipe

# a step such as a compilation says nothing for up to a minute here
BUILDS = Batch(task="inv images.build", silence=180.0)
PULLS = Batch(task="inv images.pull", silence=60.0)
ENV = {"BUILDX_BUILDER": "default"}
"""Another builder of the user keeps the image to itself, and has no network of the host."""


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
    return [*words, *proxy_args(os.environ), str(build.context)]


def build(
    services: Sequence[Service],
    env: Mapping[str, str],
    logs: Path,
    jobs: Jobs,
    base: Sequence[Job] = (),
) -> None:
    """Build the images of these services side by side, after the jobs that make their base.

    The output of each goes to a file in `logs`. Raises RefusedError that names the first image
    that failed, its last words and its log.
    """
    own = [
        Job(
            name=one.name,
            argv=build_argv(one, one.build),
            log=logs / f"{one.name}.log",
            env={**env, **ENV},
            after=base[-1].name if base else "",
            seconds=one.build.seconds,
        )
        for one in services
        if one.build is not None
    ]
    jobs.finish(BUILDS, [*base, *own])


def pull(services: Sequence[Service], env: Mapping[str, str], logs: Path, jobs: Jobs) -> None:
    """Pull the images of these services side by side; errors as in `build`."""
    pulls = [
        Job(
            name=one.name,
            argv=["docker", "pull", one.image],
            log=logs / f"{one.name}.log",
            env=env,
            terminal=True,  # docker tells how far it is only there
        )
        for one in services
    ]
    jobs.finish(PULLS, pulls)

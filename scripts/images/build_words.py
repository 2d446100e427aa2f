"""Pure: the `docker build` commands."""

import os
from collections.abc import Iterable, Mapping

from scripts.core.stack import Build, Service
from scripts.images import build_settings
from scripts.images.recipes import RECIPE_LABEL, recipe


def build_argv(service: Service, build: Build, labels: Mapping[str, str]) -> list[str]:
    """Return the command that builds a service's image; the secrets are files, not values."""
    labels = {RECIPE_LABEL: recipe(build), **labels}
    words = ["--tag", service.image]
    words += [word for name, text in labels.items() for word in ("--label", f"{name}={text}")]
    return _argv(build, words)


def stage_argv(build: Build, stage: str, folder: object) -> list[str]:
    """Return the command that puts the files of one stage of a build into a folder of this host."""
    return _argv(build, ["--target", stage, "--output", f"type=local,dest={folder}"])


def _argv(build: Build, own: Iterable[str]) -> list[str]:
    words = ["docker", "build", "--progress", "plain", *own]
    words += ["--file", str(build.context / build.dockerfile)]
    # a proxy or mirror of this machine may listen on its loopback address only
    words += ["--network", build.network or "host"]
    for name, value in build.args.items():
        words += ["--build-arg", f"{name}={value}"]
    for name, path in build.contexts.items():
        words += ["--build-context", f"{name}={path}"]
    for name, path in build.secrets.items():
        words += ["--secret", f"id={name},src={path}"]
    return [*words, *build_settings.proxy_args(os.environ), str(build.context)]

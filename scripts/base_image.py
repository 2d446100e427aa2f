"""The base image of the package-built ones: Debian, made from packages without a registry.

It needs a host of the Debian family for apt and dpkg, and any engine.
"""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts import building
from scripts.debian import BASE_RELEASE, Mirror, find_mirror
from scripts.engine_api import Api
from scripts.errors import RefusedError
from scripts.model import Service
from scripts.os_release import this_system
from scripts.private_apt import PrivateApt, unpack
from scripts.process import Runner
from scripts.progress import Say, Step
from scripts.recipes import BASE_FILE, BASE_PACKAGES, BASE_TAG, RECIPE_LABEL, base_recipe

TAG = BASE_TAG
NAME = "base"


def wanted(services: Iterable[Service]) -> bool:
    """Say whether one of these services is built upon this image."""
    return any(
        service.build is not None and TAG in service.build.args.values() for service in services
    )


def have(api: Api, env: Mapping[str, str], root: Path, runner: Runner, step: Step) -> None:
    """See to it that the engine behind `api` and `env` has the image, as this checkout makes it.

    Raises ConfigError and RefusedError as `find_mirror` and `PrivateApt.fetch` do, and RefusedError
    as `building.build` does.
    """
    file = root / "docker" / BASE_FILE
    recipe = base_recipe(file)
    found = api.get(f"/images/{TAG}/json") or {}
    labels = (found.get("Config") or {}).get("Labels") or {}
    if labels.get(RECIPE_LABEL) != recipe:
        folder = root / ".cache" / "base"
        mirror = find_mirror(this_system(), "debian")
        prepare(folder, mirror, runner, lambda line: step(NAME, line))
        argv = ["docker", "build", "--progress", "plain", "--tag", TAG, "--file", str(file)]
        argv += ["--label", f"{RECIPE_LABEL}={recipe}", str(folder)]
        building.together(building.BUILDS, {NAME: argv}, env, folder / "log", step)


def prepare(folder: Path, mirror: Mirror, runner: Runner, say: Say) -> None:
    """Make the build's context: `debs/`, and `rootfs.tar` with all of them unpacked.

    The package files stay for a second build, which then needs no network.
    """
    apt = PrivateApt(folder, sources=mirror.line(BASE_RELEASE), runner=runner, say=say)
    debs = apt.fetch("install", "--download-only", "?essential", *BASE_PACKAGES)
    names = "\n".join(deb.name for deb in debs)
    archive, stamp = folder / "rootfs.tar", folder / "rootfs.list"
    if archive.is_file() and stamp.is_file() and stamp.read_text(encoding="utf-8") == names:
        return
    stamp.unlink(missing_ok=True)
    tree = folder / "rootfs"
    unpack(tree, apt.debs, debs, runner=runner, say=say)
    packed = runner(
        [
            *("tar", "--create", "--file", str(archive), "--numeric-owner", "--sort=name"),
            *("--directory", str(tree), "."),
        ]
    )
    if packed.exit_code:
        raise RefusedError(
            f"packing {archive} failed: {packed.stderr.strip()}", next_step=f"df {folder}"
        )
    shutil.rmtree(tree)
    stamp.write_text(names, encoding="utf-8")

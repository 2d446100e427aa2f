"""The base image of the package-built ones: Debian, made from packages without a registry.

It needs a host of the Debian family for apt and dpkg, and any engine.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from scripts.debian import BASE_RELEASE, Mirror, find_mirror
from scripts.engine_api import Api
from scripts.engine_files import unpack
from scripts.errors import RefusedError
from scripts.model import Service
from scripts.os_release import this_system
from scripts.private_apt import PrivateApt
from scripts.process import Runner

TAG = f"memos-dev/base:{BASE_RELEASE}"
NAME = "base"
PACKAGES = ("apt", "ca-certificates", "curl", "wget", "tini", "python3", "python3-venv")
"""Beside all that Debian calls essential."""
RECIPE_LABEL = "dev.memos.recipe"
STEP = re.compile(
    r"#\d+ (?:[\d.]+ )?(Unpacking|Setting up|Processing triggers for|exporting) (\S+)"
)

Step = Callable[[str, str], None]
"""Called with NAME and what is going on."""


def wanted(services: Iterable[Service]) -> bool:
    """Say whether one of these services is built upon this image."""
    return any(
        service.build is not None and TAG in service.build.args.values() for service in services
    )


def have(api: Api, env: Mapping[str, str], root: Path, runner: Runner, step: Step) -> None:
    """See to it that the engine behind `api` and `env` has the image, as this checkout makes it.

    Raises ConfigError and RefusedError as `find_mirror` and `PrivateApt.fetch` do, and RefusedError
    when the build fails.
    """
    recipe = root / "docker" / "packages" / NAME / "Dockerfile"
    found = api.get(f"/images/{TAG}/json") or {}
    labels = (found.get("Config") or {}).get("Labels") or {}
    if labels.get(RECIPE_LABEL) != _mark(recipe):
        folder = root / ".cache" / "base"
        mirror = find_mirror(this_system(), "debian")
        prepare(folder, mirror, runner, lambda line: step(NAME, line))
        _build(folder, recipe, env, runner, step)


def prepare(folder: Path, mirror: Mirror, runner: Runner, say: Callable[[str], None]) -> None:
    """Make the build's context: `debs/`, and `rootfs.tar` with all of them unpacked.

    The package files stay for a second build, which then needs no network.
    """
    apt = PrivateApt(folder, sources=mirror.line(BASE_RELEASE), runner=runner, say=say)
    debs = apt.fetch("install", "--download-only", "?essential", *PACKAGES)
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


def _build(folder: Path, recipe: Path, env: Mapping[str, str], runner: Runner, step: Step) -> None:
    def on_line(line: str) -> None:
        if found := STEP.match(line):
            step(NAME, f"{found[1].lower()} {found[2]}")

    docker = shutil.which("docker", path=env.get("PATH")) or "docker"
    step(NAME, f"building {TAG}")
    built = runner(
        [
            *(docker, "build", "--progress", "plain", "--tag", TAG),
            *("--file", str(recipe), "--label", f"{RECIPE_LABEL}={_mark(recipe)}", str(folder)),
        ],
        env=env,
        on_line=on_line,
    )
    if built.exit_code:
        lines = [line for line in (built.stdout + built.stderr).splitlines() if line.strip()]
        bad = [line for line in lines if re.search(r"error|failed", line, re.IGNORECASE)] or lines
        raise RefusedError(
            f"the base image could not be built: {bad[-1] if bad else 'it said nothing'}",
            next_step="inv doctor, then: inv images.build",
        )


def _mark(recipe: Path) -> str:
    text = recipe.read_bytes() + " ".join(PACKAGES).encode()
    return hashlib.sha256(text).hexdigest()[:16]

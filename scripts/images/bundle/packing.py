"""Makes a bundle of this stack: wheels, the private engine's packages, images."""

import shutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from scripts.config import compose
from scripts.config.workspace import Workspace, with_all_profiles
from scripts.core import units
from scripts.core.errors import BrokenError, ConfigError, RefusedError
from scripts.core.inventory import ImageStatus
from scripts.core.process import Runner
from scripts.core.progress import Step, counted, meter
from scripts.core.texts import telling
from scripts.engine import places
from scripts.engine.private import programs
from scripts.images import availability
from scripts.images.bundle import wheels as bundle_wheels
from scripts.images.bundle.bundle_file import ENGINE, IMAGES, WHEELS, BundleWriter, Manifest
from scripts.machine import groups
from scripts.machine.system import System, obstacle, this_system

STEPS = ("wheels", "engine", "images")
"""What progress is told about."""
PIP = (
    *("-m", "pip", "download", "--disable-pip-version-check", "--progress-bar", "off"),
    *("--require-hashes", "--only-binary", ":all:"),
)
PIP_TIME = 600.0
"""Seconds for pip, which itself gives a silent server up after some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """A bundle of a stack under way, and what it is to hold beside the images."""

    space: Workspace
    engine: bool
    """The private engine's packages; those of an engine in use always."""
    pythons: Sequence[str]
    """Versions of Python that wheels are for; this one always."""
    runner: Runner
    step: Step

    @property
    def root(self) -> Path:
        """The checkout."""
        return self.space.settings.root

    @property
    def system(self) -> System:
        """The machine that it is made on, and that another one has to be like."""
        return this_system()


def save(packing: Packing, file: Path) -> Manifest:
    """Make the bundle `file`; give what is in it.

    Raises ConfigError for an image that is not here, BrokenError for a full disk, RefusedError when
    pip, apt or the engine refuses.
    """
    space = packing.space
    packing = replace(
        packing,
        engine=packing.engine or space.engine.private,
        pythons=tuple(dict.fromkeys((bundle_wheels.python_version(), *packing.pythons))),
    )
    if packing.engine and (why := obstacle(packing.system)):
        raise ConfigError(why, next_step="leave --engine out, and have an engine over there")
    images = _images(space)
    total = availability.unpacked(space.api, [image.image for image in images])
    with BundleWriter(file) as writer:
        _require_room(file.parent, total)
        for wheel in _wheels(packing):
            writer.add_file(f"{WHEELS}/{wheel.name}", wheel)
        for deb in _debs(packing):
            writer.add_file(f"{ENGINE}/{deb.name}", deb)
        _add_images(packing, writer, images, total)
        manifest = _manifest(packing, images, writer)
        writer.finish(manifest)
    return manifest


def require_new(file: Path) -> None:
    """Raise ConfigError when the file is there already."""
    if file.exists():
        raise ConfigError(
            f"there is a file {file} already, and it is not overwritten",
            next_step="another name, or remove that file",
        )


def _images(space: Workspace) -> list[ImageStatus]:
    """Return the images of the stack, and of what only other settings start where they are here."""
    every = compose.document(compose.text(with_all_profiles(space).compose))
    services = compose.parse(every, space.stack.folder).services
    images = availability.statuses(space.api, (one for one in services if not one.elsewhere))
    wanted = [image for image in images if image.service in space.stack.wanted()]
    to_build, to_pull = availability.needed(wanted, rebuild=False)
    if to_build or to_pull:
        steps = ("inv images.build" if to_build else "", "inv images.pull" if to_pull else "")
        raise ConfigError(
            f"images are missing or out of date: {', '.join((*to_build, *to_pull))}",
            next_step=f"{', '.join(filter(None, steps))}, then the same again",
        )
    more = [image for image in images if image not in wanted and image.present and not image.stale]
    return [*wanted, *more]


def _require_room(folder: Path, total: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < total:
        raise BrokenError(
            f"{units.size(free)} are free in {folder}, and the bundle takes about"
            f" {units.size(total)}",
            next_step="make room, or name a file elsewhere",
        )


def _wheels(packing: Packing) -> list[Path]:
    """Bring what .venv is made of, and what is added later, through the ordinary pip of this host.

    pip would hold markers against the Python that runs it, not the one that the wheels are for.
    """
    folder = packing.root / bundle_wheels.FOLDER
    shutil.rmtree(folder, ignore_errors=True)  # what other pins wanted
    folder.mkdir(parents=True)
    pins = folder.with_suffix(".txt")
    lists = [bundle_wheels.PINS, *(groups.file(Path(), one) for one in groups.ALL)]
    texts = [(packing.root / file).read_text(encoding="utf-8") for file in lists]
    for version in packing.pythons:
        wanted = {name: words for one in texts for name, words in groups.pins(one, version).items()}
        pins.write_text("".join(wanted.values()), encoding="utf-8")
        packing.step("wheels", f"pip downloads those for Python {version}")
        _download(packing, version, pins, folder)
    wheels = sorted(folder.glob("*.whl"))
    packing.step("wheels", f"{len(wheels)} wheels for Python {' '.join(packing.pythons)}")
    return wheels


def _download(packing: Packing, version: str, pins: Path, folder: Path) -> None:
    argv = [sys.executable, *PIP, "--python-version", version, "--dest", str(folder)]
    argv += ["--requirement", str(pins)]
    done = packing.runner(argv, timeout=PIP_TIME, on_line=partial(packing.step, "wheels"))
    if done.exit_code:
        reason = telling(done.stderr.splitlines(), r"^ERROR:") or f"exit code {done.exit_code}"
        reason = reason.removeprefix("ERROR: ")
        raise RefusedError(
            f"pip could not download the wheels for Python {version}: {reason}",
            next_step="behind a proxy set HTTPS_PROXY, with a mirror PIP_INDEX_URL",
        )


def _debs(packing: Packing) -> list[Path]:
    if not packing.engine:
        packing.step("engine", "not in it: an engine of your own is used")
        return []
    at = places.places(packing.root)
    say = partial(packing.step, "engine")
    debs = programs.fetched(at, packing.system, runner=packing.runner, say=say)
    say(f"{len(debs)} packages for {packing.system.name}")
    return [at.debs / deb.name for deb in debs]


def _add_images(
    packing: Packing, writer: BundleWriter, images: Sequence[ImageStatus], total: int
) -> None:
    """Stream the images, with the layers that several have only once."""
    say = partial(packing.step, "images")
    say("the engine puts them together")
    names = tuple(sorted({image.image for image in images}))
    stream = packing.space.api.stream("/images/get", endless=True, names=names)
    writer.add(IMAGES, counted(stream, meter(say, "saved", total)))
    if not writer.members[-1].size:  # a stream gives nothing where there is nothing: 404
        raise RefusedError(
            f"the engine gave nothing for {', '.join(names)}: one of them went in between",
            next_step="inv images.status shows which, then the same again",
        )


def _manifest(packing: Packing, images: Sequence[ImageStatus], writer: BundleWriter) -> Manifest:
    project = tomllib.loads((packing.root / "pyproject.toml").read_text(encoding="utf-8"))
    system = packing.system
    return Manifest(
        workspace=project["project"]["version"],
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        image_source=packing.space.image_source,
        architecture=images[0].architecture,
        python=tuple(packing.pythons),
        kernel=system.kernel,
        machine=system.machine,
        distribution=system.release.get("ID", "") if packing.engine else "",
        release=system.codename if packing.engine else "",
        pins=bundle_wheels.fingerprint(packing.root),
        images={image.image: image.id for image in images},
        members=tuple(writer.members),
    )

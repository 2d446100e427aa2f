"""Uses a bundle where there is no network: the private engine's packages, and the images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from scripts.config.settings import Settings
from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.foreign import documents
from scripts.core.inventory import ImageSource, ImageStatus
from scripts.core.progress import Step, counted, meter
from scripts.engine import places
from scripts.engine.api import Api
from scripts.engine.private import programs
from scripts.images import availability
from scripts.images.bundle import image_archive
from scripts.images.bundle.bundle_file import ENGINE, IMAGES, Bundle, Member, damaged
from scripts.machine.apt import Deb
from scripts.machine.system import System, obstacle

ELSEWHERE = "make one on such a machine: inv images.save FILE"


def source(packed: Bundle, settings: Settings) -> ImageSource:
    """Return where the bundle's images come from; ConfigError when the settings want others."""
    wanted = packed.manifest.image_source
    if settings.image_source not in {None, wanted}:
        raise ConfigError(
            f"{settings.told('IMAGE_SOURCE')}, and {packed.file.name} holds '{wanted}'",
            next_step=f"set IMAGE_SOURCE={wanted} in {settings.file}: its volumes are others",
        )
    return wanted


def trust(packed: Bundle) -> str:
    """Return a line about whom one trusts: images, wheels and engine are programs of its maker."""
    return (
        f"what is in {packed.file.name} runs here, its engine as root; only of a maker whom you"
        f" trust, who was told the same fingerprint: {packed.manifest.fingerprint}"
    )


def require_architecture(packed: Bundle, api: Api) -> None:
    """Raise ConfigError when the engine is for another processor than the images."""
    theirs = packed.manifest.architecture
    here = str((api.get("/version") or {}).get("Arch", ""))
    if here not in {"", theirs}:
        raise ConfigError(
            f"the engine is for {here}, and the images in {packed.file.name} are for {theirs}",
            next_step=ELSEWHERE,
        )


def bring_engine(packed: Bundle, checkout: Checkout, system: System) -> None:
    """Bring the private engine's programs out of the bundle, where they are not there yet.

    Raises ConfigError when the bundle has none, or for another distribution or release, or when
    this machine cannot have one.
    """
    at, manifest = places.places(checkout.root), packed.manifest
    if programs.present(at, system):
        return
    name = packed.file.name
    if why := obstacle(system):
        raise ConfigError(f"no engine is running; {why}", next_step="start an engine of your own")
    members = manifest.under(ENGINE)
    if not members:
        raise ConfigError(
            f"no engine is running, and {name} holds no packages for one",
            next_step="start an engine of your own, or over there: inv images.save FILE --engine",
        )
    here = (system.release.get("ID", ""), system.codename, system.machine)
    theirs = (manifest.distribution, manifest.release, manifest.machine)
    if here != theirs:
        raise ConfigError(
            f"this is {' '.join(here)}, and the engine's packages in {name} are for "
            + " ".join(theirs),
            next_step=ELSEWHERE,
        )

    def say(line: str) -> None:
        checkout.say(f"engine: {line}")

    say(f"taking its packages out of {name}")
    packed.extract(members, at.debs)
    debs = tuple(Deb(name=Path(m.name).name, size=m.size, sha256=m.sha256) for m in members)
    programs.install(at, system, debs, runner=checkout.runner, say=say)
    programs.link(at)


def load(packed: Bundle, api: Api, step: Step) -> None:
    """Bring the images to the engine, after all their bytes have been checked.

    Raises ConfigError for a damaged bundle, RefusedError when the engine does not take them,
    EngineError when it makes no progress.
    """
    say = partial(step, "images")
    images = next((member for member in packed.manifest.members if member.name == IMAGES), None)
    if images is None:
        raise damaged(packed.file, f"it has no {IMAGES}")
    packed.check(images, meter(say, "checked", images.size))
    _require_named(packed, images)
    sent = counted(packed.pieces(images), meter(say, "loaded", images.size))
    # its progress tells a slow disk from an engine that hangs
    answer = b"".join(api.send("/images/load", sent, images.size, quiet=False))
    if errors := refusals(answer):
        raise RefusedError(
            f"the engine did not take the images: {errors[0]}",
            next_step="inv doctor: is its disk full? Then the same again",
        )


def _require_named(packed: Bundle, images: Member) -> None:
    """Raise ConfigError when the archive brings other images than the manifest says.

    An engine takes all that is in it, and gives it every name, also one that is another image here.
    """
    step = "copy the bundle from where you trust it, or make one: inv images.save FILE"
    try:
        with files.opened(packed.file) as source:
            found = image_archive.named(source, packed.place(images), images.size)
    except ValueError as error:
        raise ConfigError(f"{packed.file.name}: {IMAGES}: {error}", next_step=step) from error
    known = {image_archive.usual(name): number for name, number in packed.manifest.images.items()}
    for name, numbers in found.items():
        if known.get(name) not in numbers:
            raise ConfigError(
                f"{packed.file.name} brings another image {name} than its manifest names",
                next_step=step,
            )


def refusals(answer: bytes) -> list[str]:
    """Return why images were not taken, from an answer that began as a success."""
    return list(filter(None, map(_error, answer.splitlines())))


def _error(line: bytes) -> str:
    """Return why, from a line of an answer that began as a success."""
    try:
        return str(documents.parsed(line).get("error", ""))
    except (ValueError, AttributeError):
        return ""


def missing(statuses: Sequence[ImageStatus]) -> tuple[str, ...]:
    """Return the services whose image a bundle has to bring."""
    return tuple(name for names in availability.needed(statuses, rebuild=False) for name in names)


def require_all(packed: Bundle, statuses: Sequence[ImageStatus]) -> None:
    """Raise ConfigError when images are still missing after the bundle's were loaded."""
    absent = missing(statuses)
    if absent:
        raise ConfigError(
            f"{packed.file.name} does not bring the image of {', '.join(absent)} as this checkout"
            f" wants it: version {packed.manifest.workspace} made it",
            next_step="use the checkout that made it, or there: inv images.build, inv images.save",
        )

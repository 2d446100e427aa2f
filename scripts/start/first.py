"""Makes ready what only a first start lacks: an engine, an image source, what a bundle brings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from scripts.config import resolving, selection, workspace
from scripts.config import settings as env_file
from scripts.config.rules import schema
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace, compose_project, read_settings, resolved
from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.core.inventory import Engine, ImageSource
from scripts.core.progress import phase
from scripts.core.stack import Service
from scripts.engine.api import Api
from scripts.engine.discovery import discover, has_docker
from scripts.engine.private import control, programs
from scripts.engine.remote.address import VARIABLE
from scripts.images import availability
from scripts.images.bundle import bundle_file, unpacking
from scripts.machine import system
from scripts.machine.system import this_system


def prepared(
    checkout: Checkout, settings: Settings, named: Sequence[str], meanwhile: Callable[[], object]
) -> Workspace:
    """Like `prepare.prepared`, with the settings as they are."""
    packed = bundle_file.named(checkout.environ)
    runner = checkout.runner
    if packed:
        checkout.say(unpacking.trust(packed))
    source = unpacking.source(packed, settings) if packed else settings.source
    files = workspace.files(settings, source)
    schema.require(resolving.written_breaches(files))
    selection.require_known(named, resolving.names(files, settings.get("CONTAINER_PREFIX")))
    running = discover(checkout, settings.get(VARIABLE))
    if running and not has_docker(running, checkout) and system.packages_possible():
        programs.have(checkout)
        running = discover(checkout, settings.get(VARIABLE))
    if running is None and packed:
        with phase(checkout.note, "engine", "unpack"):
            unpacking.bring_engine(packed, checkout, this_system())
    if running is None and not system.obstacle(system.this_system()):
        if settings.image_source is not ImageSource.REGISTRY and not packed:
            meanwhile()
        composed = compose_project(settings, programs.have(checkout), runner, source)
        resolving.resolved(composed, settings)
    running = running or control.ensure(checkout)
    if packed:
        unpacking.require_architecture(packed, Api.of(running))
    if not settings.image_source:
        why = f"{packed.file.name} holds them" if packed else ""
        if not why:
            with phase(checkout.note, "images", "source"):
                source, why = _chosen(checkout, settings, running)
        settings = _settled(checkout, settings, source, why)
    return resolved(checkout, settings, running, source)


def _settled(checkout: Checkout, settings: Settings, source: ImageSource, why: str) -> Settings:
    """Write the image source into `.env`, so that it never changes silently."""
    env_file.choose_source(settings, source)
    checkout.say(
        f"images: {source}, because {why} (IMAGE_SOURCE={source} written to {settings.file.name})"
    )
    return read_settings(replace(checkout, environ={**checkout.environ, "IMAGE_SOURCE": source}))


def _chosen(checkout: Checkout, settings: Settings, running: Engine) -> tuple[ImageSource, str]:
    """Choose where images come from; give it, and why."""
    official = resolved(checkout, settings, running, ImageSource.REGISTRY).stack
    wanted = [*map(official.service, official.here(official.wanted()))]
    api = Api.of(running)
    statuses = zip(wanted, availability.statuses(api, wanted), strict=True)
    absent = [*{pulled(one): one for one, status in statuses if not status.present}]
    reasons = availability.unreachable(api, absent) if absent else {}
    return decided(reasons, packages_possible=system.packages_possible())


def pulled(service: Service) -> str:
    """Return what a registry is asked for: a service's image, or what that is built upon."""
    return service.image if service.build is None else str(service.build.args.get("BASE", ""))


def decided(reasons: Mapping[str, str], *, packages_possible: bool) -> tuple[ImageSource, str]:
    """Decide between registry and packages: `reasons` says why a registry cannot be used.

    Raises RefusedError where packages are not possible either.
    """
    if not reasons:
        return ImageSource.REGISTRY, "every registry answers"
    registry, reason = next(iter(reasons.items()))
    # the engine wraps the cause several times, it comes last
    why = f"the registry {registry} cannot be used ({reason.rpartition(': ')[2]})"
    if packages_possible:
        return ImageSource.PACKAGES, why
    raise RefusedError(
        f"{why}, and packages are built only on x86-64 Debian or its kin",
        next_step="set IMAGE_REGISTRY in .env to a mirror that you can reach, then: inv up;"
        " or bring a bundle from elsewhere: inv images.load FILE",
    )

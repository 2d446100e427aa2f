"""Makes all ready that a start needs: settings, an engine, an image source."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config import compose, compose_cache
from scripts.config.workspace import Workspace, cache, made_settings, resolved
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.engine.discovery import discover

if TYPE_CHECKING:
    from scripts.images.jobs import Jobs


def prepared(
    checkout: Checkout,
    *,
    named: Sequence[str] = (),
    meanwhile: Callable[[], object] = lambda: None,
    known: Callable[[Path], object] = lambda _: None,
) -> Workspace:
    """Return the workspace ready for a start: `.env`, an engine and an image source are there.

    Checks all that is written, `named` services too; then brings the private engine where none runs
    (after `meanwhile`, when it may have to build images) and settles the image source once for all.
    `known` is told the stack's cache as soon as it is.
    """
    settings = made_settings(checkout)
    folder = cache(checkout.root, settings.get("COMPOSE_PROJECT_NAME"))
    known(folder)
    if settings.image_source and not named and not checkout.environ.get("BUNDLE_FILE"):
        written = compose.files(checkout.root, settings.source, settings.choice.overlays)
        checked = compose_cache.approved(folder, written)
        if checked and (running := discover(checkout)):
            return resolved(checkout, settings, running, settings.source)
    from scripts.start import first

    return first.prepared(checkout, settings, named, meanwhile)


def for_builds(
    checkout: Checkout,
    jobs: "Jobs",
    *,
    named: Sequence[str] = (),
    builds: bool = True,
    known: Callable[[Path], object] = lambda _: None,
) -> Workspace:
    """Like `prepared`; with `builds`, what images are made of is fetched beside the engine."""

    def meanwhile() -> None:
        with suppress(ConfigError):  # told when it is needed
            if builds:
                from scripts.images import base_image

                jobs.begin(base_image.ahead(checkout.root))

    return prepared(checkout, named=named, meanwhile=meanwhile, known=known)

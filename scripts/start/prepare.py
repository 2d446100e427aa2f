"""Makes all ready that a start needs: settings, an engine, an image source."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config import compose_cache
from scripts.config.choice import REMOTE
from scripts.config.settings import Settings
from scripts.config.workspace import Workspace, cache, files, made_settings, resolved
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.engine.discovery import discover
from scripts.engine.remote.address import VARIABLE

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
    plain = settings.image_source and not named and not checkout.environ.get("BUNDLE_FILE")
    if (
        plain
        and _checked(folder, settings)
        and (running := discover(checkout, settings.get(VARIABLE)))
    ):
        return resolved(checkout, settings, running, settings.source)
    from scripts.start import first

    return first.prepared(checkout, settings, named, meanwhile)


def _checked(folder: Path, settings: Settings) -> bool:
    """Say whether the files were kept that this start needs, for an engine here or elsewhere."""
    return any(
        compose_cache.approved(folder, files(settings, settings.source, remote))
        for remote in ("", REMOTE)
    )


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

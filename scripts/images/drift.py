"""Pure: whether an image that was built for a checkout still holds what the checkout wants."""

from collections.abc import Iterable, Iterator

from scripts.config import release
from scripts.config.release import Memos
from scripts.core.finding import Finding, advice
from scripts.core.inventory import ImageStatus


def drifted(memos: Memos, images: Iterable[ImageStatus]) -> Iterator[Finding]:
    """Yield advice where a checkout wants what the image that was built for it does not hold.

    An image that is built now anyway is not spoken of.
    """
    if memos.source is None:
        return
    for image in images:
        if not image.packages or image.stale:
            continue
        if missed := release.drift(memos.source.requirements, installed(image.packages)):
            yield advice(
                "packages-drift",
                f"{memos.source.project} wants other packages than its image holds",
                anew(image.service),
                service=image.service,
                evidence="; ".join(missed),
            )


def installed(pins: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the version of each package of lines as `name==version`."""
    parts = (pin.partition("==") for pin in pins)
    return {release.canonical(name): (version,) for name, _, version in parts}


def anew(service: str) -> str:
    """Return what brings an image, and a container, with what the checkout wants by now."""
    return f"inv images.build --service {service}, then: inv up"

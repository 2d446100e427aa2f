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
        installed = {
            release.canonical(name): [version]
            for name, _, version in (pin.partition("==") for pin in image.packages)
        }
        if missed := release.drift(memos.source.requirements, installed):
            yield advice(
                "packages-drift",
                f"{memos.source.project} wants other packages than its image holds",
                f"inv images.build --service {image.service}, then: inv up",
                service=image.service,
                evidence="; ".join(missed),
            )

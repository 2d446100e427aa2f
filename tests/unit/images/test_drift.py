"""A checkout that wants other packages than the image that was built for it holds."""

from pathlib import Path

import pytest

from scripts.config.release import Memos, Source
from scripts.core.inventory import ImageStatus
from scripts.images.drift import drifted

SOURCE = Source(folder=Path("/MemOS/src"), version="2.0.34", requirements=("openai>=2", "tavily"))


def image(*packages: str, stale: bool = False) -> ImageStatus:
    """Return an image for which these were found."""
    return ImageStatus(service="memos", image="m:1", present=True, stale=stale, packages=packages)


def test_what_is_missing_is_told_with_what_builds_it() -> None:
    """As advice: what is missing may be what nobody imports."""
    (found,) = drifted(Memos(version="2.0.34", source=SOURCE), [image("openai==1.99")])

    assert not found.fatal
    assert found.cause == "/MemOS/pyproject.toml wants other packages than its image holds"
    assert found.evidence == "openai is 1.99, it wants >=2; tavily is not installed"
    assert found.next_step == "inv images.build --service memos, then: inv up"


@pytest.mark.parametrize(
    "images",
    [
        [image("openai==2.1", "tavily==1")],
        [image()],  # its packages are pinned, and were compared when it was chosen
        [image("openai==1.99", stale=True)],  # it is built now anyway
        [],
    ],
)
def test_nothing_is_told_where_nothing_is_missing(images: list[ImageStatus]) -> None:
    """Not when only code has changed, for instance."""
    assert list(drifted(Memos(version="2.0.34", source=SOURCE), images)) == []


def test_a_release_does_not_drift() -> None:
    """It stays as it was published."""
    assert list(drifted(Memos(version="2.0.20"), [image("openai==1")])) == []

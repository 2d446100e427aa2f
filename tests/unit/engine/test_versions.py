"""Versions are compared as numbers, and known bugs belong to them."""

import pytest

from scripts.engine.versions import COMPOSE_BUGS, ENGINE_BUGS, bugs, named, numbers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("v2.24.4", (2, 24, 4)),
        ("26.1.5+dfsg1", (26, 1, 5)),
        ("2.24.6+ds1-0ubuntu2", (2, 24, 6)),
        ("dev", ()),
    ],
)
def test_a_version_is_its_first_numbers(text: str, found: tuple[int, ...]) -> None:
    """What distributions add is left out."""
    assert numbers(text) == found


@pytest.mark.parametrize(
    ("version", "count"), [("2.26.1", 3), ("2.40.0", 2), ("5.0.2", 1), ("9.0", 1), ("", 0)]
)
def test_a_compose_has_the_bugs_that_it_does_not_mend(version: str, count: int) -> None:
    """One that no release mends is in all of them; nothing is known of an unknown version."""
    assert len(bugs(version, COMPOSE_BUGS)) == count


def test_engine_27_mends_the_default_of_start_interval() -> None:
    """26 puts checks once an interval."""
    assert [len(bugs(version, ENGINE_BUGS)) for version in ("26.1.5", "27.0.0")] == [1, 0]


def test_podman_is_told_by_its_components() -> None:
    """Its version and API are those of a Docker; what is no such answer is not known."""
    parts = [{"Name": "Podman Engine"}, {"Name": "Conmon"}]
    assert named({"Version": "5.8.6", "Components": parts}) == "Podman 5.8.6"
    assert named({"Version": "28.5.2", "Components": [{"Name": "Engine"}, 7]}) == "28.5.2"
    assert named({"Components": 7}) == ""

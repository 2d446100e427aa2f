"""CONTRIBUTING.md is a map, and a map is right or worse than none."""

import re

from tests.kit.imports import MODULES, ROOMS, neighbours, room
from tests.kit.places import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def arrows() -> set[tuple[str, str]]:
    """Return which room imports which, less what can be reached over a third."""
    every = {
        (room(name), room(other))
        for name, path in MODULES.items()
        for other in neighbours(path)
        if room(name) != room(other)
    }
    reached = set(every)
    for middle in ROOMS:  # in their order, so that a way of any length is found
        reached |= {(a, c) for a, b in reached for d, c in reached if b == d == middle}
    return {
        (a, c) for a, c in every if not any((a, b) in reached and (b, c) in reached for b in ROOMS)
    }


def test_the_picture_is_what_the_imports_say() -> None:
    """No arrow is missing, and none is there that no import goes along."""
    assert sorted(re.findall(r"^    (\w+) --> (\w+)$", TEXT, re.MULTILINE)) == sorted(arrows())


def test_every_room_has_its_line_in_the_order_of_imports() -> None:
    """Whoever reads it from the top meets nothing that is explained further down."""
    lines = [line.split("`")[1] for line in TEXT.splitlines() if re.match(r"\| `\w+` \|", line)]

    assert tuple(lines) == ROOMS
    assert {path.name for path in (ROOT / "scripts").iterdir() if path.is_dir()} - {
        "__pycache__"
    } == set(ROOMS)


def test_every_place_that_is_named_is_there() -> None:
    """A way that ends at a file which was moved leads nowhere."""
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*)`", TEXT))
    roots = (ROOT, ROOT / "scripts")

    assert len(named) > 30
    absent = {one for one in named if not any((root / one).exists() for root in roots)}
    assert absent <= {".cache/bugs/"}  # there as soon as somebody met one

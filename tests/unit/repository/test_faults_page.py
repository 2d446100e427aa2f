"""docs/faults.md against what was measured: it is written by `nox -s faults`."""

import json
import statistics
from typing import Any

from tests.kit.places import ROOT

PAGE = ROOT / "docs" / "faults.md"
TOLD: dict[str, Any] = json.loads((ROOT / "tests/data/faults/told.json").read_text("utf-8"))


def rows() -> list[list[str]]:
    """Return the rows of the page's table, by cells."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_a_row_for_every_fault_that_was_tried() -> None:
    """Thirty or more."""
    assert {row[0] for row in rows()} == TOLD.keys()
    assert len(TOLD) >= 30


def test_what_was_measured_was_soon_enough() -> None:
    """A second in the median, three at most; what is no fault has no time."""
    seconds = [one["seconds"] for one in TOLD.values() if one["exit_code"]]
    assert statistics.median(seconds) <= 1.0
    assert max(seconds) <= 3.0

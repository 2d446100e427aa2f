"""docs/faults.md against what was measured: it is written by `nox -s faults`."""

import json
import re
import statistics
from typing import Any

from tests.e2e.faults import before, data, memos, refused, running
from tests.e2e.faults.fault import FAULTS
from tests.e2e.faults.table import NOT_MADE
from tests.kit.places import ROOT

FAMILIES = (before, refused, data, memos, running)
"""Their faults are in FAULTS because they are imported."""
PAGE = ROOT / "docs" / "faults.md"
TOLD: dict[str, Any] = json.loads((ROOT / "tests/data/faults/told.json").read_text("utf-8"))


def rows() -> list[list[str]]:
    """Return the rows of the page's table, by cells."""
    page = PAGE.read_text("utf-8").partition("\nNot made for real")[0]
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_the_page_has_a_row_for_every_fault_that_was_tried() -> None:
    """And every fault that there is was tried."""
    assert [row[0] for row in rows()] == [fault.name for fault in FAULTS]
    assert {row[0] for row in rows()} == TOLD.keys()


def test_what_was_measured_was_soon_enough() -> None:
    """A second in the median, three at most; what is no fault has no time."""
    seconds = [one["seconds"] for one in TOLD.values() if one["exit_code"]]
    assert statistics.median(seconds) <= 1.0
    assert max(seconds) <= 3.0


def test_every_cause_is_made_for_real_or_it_is_said_why_not() -> None:
    """A cause that nobody has seen may be told wrongly, and its next step not mend it."""
    text = (ROOT / "docs" / "causes.md").read_text("utf-8")
    causes = set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE))
    left = {code for codes in NOT_MADE.values() for code in codes}
    made = {fault.code for fault in FAULTS}

    assert causes - made == left
    assert len(FAULTS) >= 80
    assert len(FAMILIES) == 5

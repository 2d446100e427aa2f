"""docs/engines.md: its table is written by `nox -s engines`, of which some rows may be written."""

import re

from tests.e2e.machines.engines import ENGINES, HEAD, PAGE, cells, named, written

TEXT = PAGE.read_text(encoding="utf-8")


def rows(page: str) -> list[str]:
    """Return the names in the first column of the table."""
    return re.findall(r"^\| ([\w.]+) \| .+ \|$", page.partition(HEAD)[2], re.MULTILINE)


def test_the_page_says_of_each_engine_what_it_is_and_has_rows_of_those_that_were_tried() -> None:
    """In one order."""
    assert rows(TEXT) == [name for name in ENGINES if name in rows(TEXT)]
    assert re.findall(r"^- \*\*([\w.]+)\*\*: ", TEXT, re.MULTILINE) == list(ENGINES)


def test_what_was_tried_anew_takes_the_place_of_what_was_tried_before() -> None:
    """The rows of others stay, and all is in the order of the engines."""
    page = written(
        "before\n<!-- begin: nox -s engines -->\n<!-- end: nox -s engines -->\nafter\n", {}
    )
    page = written(page, {"podman": cells("podman", "5 | 6", "refused")})
    page = written(
        page, {"user": cells("user", "26", "start"), "podman": cells("podman", "7", "x")}
    )

    assert rows(page) == ["user", "podman"]
    assert "| podman | 7 | x |\n" in page
    assert page.startswith("before\n")
    assert page.endswith("-->\nafter\n")


def test_a_file_of_tests_is_named_in_short() -> None:
    """As people call it."""
    assert named("edits/reload") == "tests/e2e/edits/test_reload.py"

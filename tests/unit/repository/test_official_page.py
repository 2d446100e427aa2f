"""docs/official-images.md against what was seen: its table is written by `nox -s official`."""

import json
from typing import Any

import pytest

from tests.e2e.kit import official
from tests.e2e.kit.official import NEVER, PAGE, SEEN, Row

ONE = Row(test="test_one", image="minio", promise="it holds")
TWO = Row(test="test_two", image="all", promise="all hold")


def test_the_page_has_every_row_and_what_was_seen_of_it() -> None:
    """A row that was never run says so; one whose test is gone is not there."""
    page = PAGE.read_text(encoding="utf-8")
    seen = json.loads(SEEN.read_text(encoding="utf-8"))
    known = official.rows()

    assert official.written(page, seen, known) == page
    assert len(known) == len({one.test for one in known}) >= 20
    assert {key.partition("@")[0] for key in seen} <= {one.test for one in known}


def test_every_image_that_is_read_at_its_source_has_rows() -> None:
    """The first table of the page names them."""
    images = {one.image for one in official.rows()}

    assert images >= {"all", "memos", "etcd", "minio", "milvus", "attu", "neo4j", "qdrant"}


def test_a_row_is_there_for_each_processor_that_it_ran_on() -> None:
    """With what was measured, when, and of which digest."""
    seen: dict[str, Any] = {
        "test_one@x86_64": {
            "measured": "1.2 s",
            "date": "2026-11-28",
            "digest": "sha256:0123456789abcdef",
        },
        "test_one@aarch64": {"measured": official.BROKEN, "date": "2026-11-29", "digest": ""},
    }

    assert official.table(seen, [TWO, ONE]).splitlines()[2:] == [
        f"| all | all hold | | {NEVER} | | |",
        f"| minio | it holds | aarch64 | {official.BROKEN} | 2026-11-29 |  |",
        "| minio | it holds | x86_64 | 1.2 s | 2026-11-28 | `0123456789ab` |",
    ]


@pytest.mark.parametrize("one", official.rows(), ids=lambda one: one.test)
def test_a_promise_is_a_cell_of_a_table(one: Row) -> None:
    """One line, and no bar in it."""
    assert "|" not in one.promise
    assert "\n" not in one.promise

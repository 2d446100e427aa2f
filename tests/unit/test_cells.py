"""What stands in the cells of tables."""

from pathlib import Path

import pytest

from scripts.cells import duration, engine_rows, image_row, size, status_row
from scripts.engine import Engine, EngineStatus
from scripts.images import ImageStatus


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (5 * 2**20, "5.0 MiB"),
        (3 * 2**30, "3.0 GiB"),
        (5000 * 2**30, "5000.0 GiB"),
    ],
)
def test_bytes_are_told_for_people(number: int, text: str) -> None:
    """In the unit that gives a small number."""
    assert size(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.4, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3725, "1 h 2 min")],
)
def test_a_duration_is_told_for_people(seconds: float | None, text: str) -> None:
    """Two units at most."""
    assert duration(seconds) == text


def test_a_service_has_one_row() -> None:
    """What its image, a stand-in, does not offer stands beside its ports."""
    row = {
        "service": "qdrant",
        "state": "running",
        "health": "healthy",
        "ready": True,
        "uptime_seconds": 61.0,
        "ports": [{"host": "127.0.0.1", "published": 16333, "target": 6333}],
        "not_offered": ["6334, gRPC"],
        "image": "example/qdrant:1",
        "contains": "stand-in",
        "answer": "200 GET /readyz",
    }

    assert status_row(row) == (
        "qdrant",
        "running, healthy",
        "yes",
        "1 min 1 s",
        "16333→6333 no 6334, gRPC",
        "example/qdrant:1 (stand-in)",
        "200 GET /readyz",
    )
    assert status_row({**row, "health": "", "ready": False})[1:3] == ("running", "no")


@pytest.mark.parametrize(
    ("present", "built_here", "stale", "cells"),
    [
        (False, True, True, ("missing", "", "")),
        (True, True, True, ("stale", "real", "1.5 KiB")),
        (True, True, False, ("here", "real", "1.5 KiB")),
        (True, False, True, ("here", "real", "1.5 KiB")),
    ],
)
def test_an_image_is_missing_here_or_stale(
    cells: tuple[str, ...], *, present: bool, built_here: bool, stale: bool
) -> None:
    """Only what is built here can be stale: its recipe has changed."""
    one = ImageStatus(
        service="neo4j",
        image="example/neo4j:1",
        present=present,
        contains="real",
        size=1536,
        stale=stale,
        built_here=built_here,
    )

    assert image_row(one) == ("neo4j", "example/neo4j:1", *cells)


YOURS = Engine(endpoint="unix:///s", env={}, private=False, version="26.1.5", api_version="1.45")


@pytest.mark.parametrize(
    ("found", "running", "told"),
    [
        (None, False, {"used": "none", "private": "not running", "up for": "", "data": "0 B"}),
        (YOURS, True, {"used": "26.1.5 at unix:///s (yours)", "private": "pid 7"}),
    ],
)
def test_the_engine_is_told_a_fact_a_row(
    found: Engine | None, told: dict[str, str], *, running: bool
) -> None:
    """Which one is used, and how the private one is."""
    status = EngineStatus(
        found=found,
        files=running,
        running=running,
        pid=7 if running else None,
        uptime=61.0 if running else 0.0,
        size=1536,
        data_size=0,
        cache_size=0,
        socket=Path("/engine/socket"),
        log=Path("/engine/log"),
    )

    rows = dict(engine_rows(status))

    assert told.items() <= rows.items()
    assert rows["programs"] == ("1.5 KiB" if running else "not fetched")
    assert rows["up for"] == ("1 min 1 s" if running else "")

"""What stands on the screen: the cells of tables, and the lines of lists."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from scripts.core.inventory import Engine, EngineStatus, ImageStatus
from scripts.tell.views import edits, engine_rows, image_row, status_lines, status_row, version

NOW = datetime(2026, 11, 23, 1, 59, 59, 500000, tzinfo=UTC).timestamp()
ROW = {
    "service": "qdrant",
    "state": "running",
    "health": "healthy",
    "ready": True,
    "ready_since": "2026-11-23T01:59:00.000Z",
    "restarts": 0,
    "uptime_seconds": 61.0,
    "memory_bytes": 1536 * 2**10,
    "cpu_seconds": 12.345,
    "ports": [{"host": "127.0.0.1", "published": 16333, "target": 6333}],
    "not_offered": ["6334, gRPC"],
    "image": "example/qdrant:1",
    "contains": "stand-in",
    "mended": "",
    "answer": "200 GET /readyz",
}


def test_a_service_has_one_row() -> None:
    """What its image, a stand-in, does not offer stands beside its ports."""
    assert status_row(ROW, NOW) == (
        "qdrant",
        "running, healthy",
        "yes",
        "59 s",
        "1 min 1 s",
        "0",
        "1.5 MiB",
        "12.3 s CPU",
        "16333→6333 no 6334, gRPC",
        "example/qdrant:1 (stand-in)",
        "200 GET /readyz",
    )
    assert status_row({**ROW, "health": "", "ready": False}, NOW)[1:3] == ("running", "no")
    marked = status_row({**ROW, "mended": "mended: #1093"}, NOW)
    assert marked[-1] == "200 GET /readyz · mended: #1093"


RELOAD = {
    "version": 7,
    "commit": "be68e2f0c",
    "dirty": False,
    "changed": 0,
    "watching": "events",
    "why": "",
    "pending": None,
}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "version 7 of the code, be68e2f0c, edits are noticed by events"),
        ({"commit": ""}, "version 7 of the code, edits are noticed by events"),
        (
            {"dirty": True, "changed": 2, "watching": "polling"},
            (
                "version 7 of the code, be68e2f0c with changes, 2 files changed since, edits are"
                " noticed by polling"
            ),
        ),
        (
            {
                "version": None,
                "commit": "",
                "changed": None,
                "pending": {"version": 1, "stage": "import"},
            },
            "no version answers, version 1 is at import, edits are noticed by events",
        ),
        (
            {"commit": "", "changed": 1, "watching": "off"},
            (
                "version 7 of the code, 1 file changed since, edits are not noticed: inv"
                " reload takes them"
            ),
        ),
        (
            {"commit": "", "why": "/app/src is not there"},
            "version 7 of the code, edits are not noticed: /app/src is not there",
        ),
    ],
)
def test_how_edits_are_taken_is_one_line(facts: dict[str, object], line: str) -> None:
    """What is not known is left out; a service without has none."""
    assert edits({"reload": {**RELOAD, **facts}}) == line
    assert edits({"reload": None}) == ""


RUN = {
    "version": 8,
    "outcome": "answers",
    "seconds": {"import": 0.384, "answer": 0.61},
    "files": 1,
    "first_files": ["memos/api/x.py"],
    "error": "",
}


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({}, "version 8 answers after 0.61 s (import 0.38): memos/api/x.py"),
        ({"files": 3}, "version 8 answers after 0.61 s (import 0.38): memos/api/x.py and 2 more"),
        ({"files": 0, "first_files": []}, "version 8 answers after 0.61 s (import 0.38): nothing"),
        ({"files": 9, "first_files": []}, "version 8 answers after 0.61 s (import 0.38): 9 files"),
        ({"outcome": "superseded", "seconds": {}}, "version 8 superseded: memos/api/x.py"),
        ({"error": "NameError: x", "file": "/a/b.py", "line": 3}, "/a/b.py:3: NameError: x"),
        ({"error": "NameError: x", "file": "/a/b.py", "line": 0}, "/a/b.py: NameError: x"),
        ({"error": "ConnectionError", "file": "", "line": 0}, "ConnectionError"),
    ],
)
def test_what_became_of_a_version_is_one_line(facts: dict[str, object], line: str) -> None:
    """Of one that failed as compilers write; `nothing` is written out."""
    told = version({"run": {**RUN, **facts}})

    assert told == line.replace("nothing", "no file was changed")
    assert version({"run": None}) == ""


NOTHING: dict[str, object] = {
    "ready": False,
    "ready_since": None,
    "uptime_seconds": None,
    "memory_bytes": None,
    "cpu_seconds": None,
    "ports": [],
    "not_offered": [],
    "answer": "",
}


@pytest.mark.parametrize(
    ("facts", "main", "rest"),
    [
        (
            {},
            "✓ qdrant    running, healthy   ready 59 s           1.5 MiB   12.3 s CPU",
            "16333 · 200 GET /readyz · qdrant:1 (stand-in) · no 6334, gRPC",
        ),
        (
            {"ready_since": None, "restarts": 1, "cpu_percent": 104.5},
            "✓ qdrant    running, healthy   up 1 min 1 s         1.5 MiB  104.5 % CPU",
            "1 restart · 16333 · 200 GET /readyz · qdrant:1 (stand-in) · no 6334, gRPC",
        ),
        (
            {**NOTHING, "state": "restarting", "health": "", "restarts": 12},
            "✗ qdrant    restarting",
            "12 restarts · qdrant:1 (stand-in)",
        ),
        ({**NOTHING, "state": "absent", "health": ""}, "✗ qdrant    absent", None),
        (
            {**NOTHING, "state": "created", "health": "", "mended": "mended: #1093"},
            "✗ qdrant    created",
            "qdrant:1 (stand-in) · mended: #1093",
        ),
    ],
)
def test_on_a_narrow_terminal_a_service_has_two_lines(
    facts: dict[str, object], main: str, rest: str | None
) -> None:
    """What matters first; of the rest only what there is."""
    assert status_lines({**ROW, **facts}, NOW) == (main, rest or "qdrant:1 (stand-in)")


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

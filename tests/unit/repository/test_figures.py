"""What `nox -s bench` makes of its measurements, and the documents that it wrote."""

import json
from typing import Any

import pytest

from scripts.config.rules import schema
from tests.bench import figures
from tests.bench.goals import A, B, C, goals, page_goals, reload_goals
from tests.kit.places import ROOT

DOCS = ROOT / "docs"


def start(variant: str, kind: str, seconds: float, *, models: bool = True) -> dict[str, Any]:
    """Return a measured start."""
    return {
        "variant": variant,
        "kind": kind,
        "models": models,
        "round": 0,
        "seconds": seconds,
        "cpu_seconds": 12.5,
        "services": {"db": 3.25},
    }


@pytest.fixture
def document() -> dict[str, Any]:
    """Three rounds of (b) and (c), one of (a), and none of some other things."""
    ours = [start(C, "cold", seconds) for seconds in (7.0, 8.0, 30.0)]
    plain = [start(B, "cold", seconds) for seconds in (10.0, 16.0, 40.0)]
    small = [start(name, "cold", s, models=False) for name, s in ((C, 5), (A, 100))]
    return {
        "measured": "2026-01-31",
        "machine": {
            "cores": 2,
            "memory_gib": 24.0,
            "engine": "26.1.5",
            "compose": "2.26.1",
            "python": "3.11.2",
        },
        "starts": [*ours, *plain, start(A, "cold", 100.0), *small],
        "commands": {"inv ps": [0.3, 0.9, 0.4], "inv --list": [0.14, 0.14, 0.15]},
        "cpu": {"inv --list": [0.09, 0.1], "python -c ''": [0.01, 0.0125]},
        "instructions": {"inv --list": 632},
        "own": {"cpu_percent": [4.0], "memory_mb": [90.0], "cpu_seconds": [0.5]},
        "idle": [{"checks": 9.5, "no_checks": 8.0}, {"checks": 10.0, "no_checks": 8.3}],
        "cypher": [{"query": "sums", "improved": [1.2, 1.0], "default": [1.0, 1.0]}],
        "build": [{"seconds": 80.0, "cpu_seconds": 140.0}],
        "fresh": [],
    }


def test_what_is_measured_keeps_its_schema(document: dict[str, Any]) -> None:
    """Also without what a quick run leaves out."""
    assert schema.validate(document, "performance") == ()
    assert schema.validate({**document, "idle": [], "cypher": [], "build": []}, "performance") == ()


def test_ratios_are_made_round_by_round(document: dict[str, Any]) -> None:
    """One slow round is slow for both, and no median of all hides the others."""
    found = {one.figure: one.measured for one in goals(document)}

    assert found["cold `inv up` / (b), with the local models"] == 0.7
    assert found["cold `inv up` / (a), with the local models"] == 0.07
    assert found["cold `inv up` / (a), without them"] == 0.05
    assert found["cold `inv up`, with the local models"] == 8.0
    assert found["`inv --list`, CPU / that of `python -c ''`"] == 8.5
    assert found["idle stack, health checks"] == 1.6
    assert found["heavy Cypher, sums: improved / default"] == 1.1


def test_the_table_says_what_is_missed_and_what_was_not_measured(document: dict[str, Any]) -> None:
    """A goal that nobody measured is not called reached."""
    lines = figures.markdown(document).splitlines()

    assert "| `inv --list` | 0.3 s | 0.14 s | ok |" in lines
    assert "| our own process | 80 MB | 90 MB | **no** |" in lines
    assert "| warm `inv up` after `down` | 9 s | not measured |  |" in lines
    assert "| fresh machine to first memory | 80 s | not measured |  |" in lines


def test_the_table_shows_how_far_the_runs_lie_apart(document: dict[str, Any]) -> None:
    """Only where it is much; a start is also held against what the cores could do at best."""
    lines = figures.markdown(document).splitlines()

    assert "| `inv ps` | 0.5 s | 0.4 (0.3 to 0.9) s | ok |" in lines
    assert "| `inv --list` | 3 | 0.14 | 0.095 (0.090 to 0.100) | 632 |" in lines
    assert "| `inv up`, cold | 1 |  | 0.50 |  |" in lines
    start = "| cold, inv up | yes | 3 | 8.0 (7.0 to 30.0) | 12.5 | 6.2 | 1.28 (1.12 to 4.80) |"
    assert start in lines
    assert "| `db` | 3.2 | 3.2 | 3.2 |" in lines
    assert "| health checks | 2 | 9.8 |" in lines
    assert "| first build | 1 | 80.0 | 140.0 | 70.0 |" in lines


def test_the_page_is_what_the_measurements_say() -> None:
    """Both files are of one run, and neither is mended by hand or left behind by new code."""
    measured = json.loads((DOCS / "performance.json").read_text(encoding="utf-8"))

    assert schema.validate(measured, "performance") == ()
    assert (DOCS / "performance.md").read_text(encoding="utf-8") == figures.markdown(measured)


EDITED = {
    "measured": "2026-01-31",
    "edits 2.0.6": {
        "ours": {
            "seconds": [0.5] * 18 + [0.6, 2.5],
            "asked": 900,
            "refused": 0,
            "failed": 1,
            "longest_pause": 0.4,
        },
        "theirs": {
            "seconds": [4.0, 6.0],
            "asked": 900,
            "refused": 2,
            "failed": 0,
            "longest_pause": 5.5,
        },
    },
    "memory": {"supervisor": 30.5, "template": 380.0},
    "watcher": {"events": 0.1, "polling": 0.6},
    "hangs": {"a stuck thread": [1.0, 1.5, 3.5]},
    "host": {"to_host": [5.0, 7.0], "to_container": [4.0]},
    "debug": {"first": [14.0], "after_edit": [1.0]},
}


def test_edits_are_held_against_what_is_wanted(document: dict[str, Any]) -> None:
    """Each release; the part of uvicorn's time is one of two medians."""
    found = {one.figure: one for one in reload_goals({**document, "reload": EDITED})}

    assert {name: one.measured for name, one in found.items()} == {
        "saved → new code answers, 2.0.6": 0.5,
        "the same, 95 of 100, 2.0.6": 2.5,
        "the same / `uvicorn --reload`, 2.0.6": 0.1,
        "calls refused over the edits, of 900, 2.0.6": 1,
        "longest pause of a call, 2.0.6": 0.4,
        "supervisor and template": 410.5,
        "watching 3,000 files by events": 0.1,
        "watching 3,000 files by polling": 0.6,
        "a stuck thread: the next edit answers, or it is told; slowest": 3.5,
        "`inv api.host` → first answer": 6.0,
        "`inv api.container` → ready": 4.0,
        "F5, nothing running → breakpoint": 14.0,
        "an edit → breakpoint": 1.0,
    }
    assert [name for name, one in found.items() if one.verdict != "ok"] == [
        "the same, 95 of 100, 2.0.6",
        "calls refused over the edits, of 900, 2.0.6",
        "watching 3,000 files by polling",
        "a stuck thread: the next edit answers, or it is told; slowest",
    ]


def test_edits_stand_on_the_page_beside_those_of_uvicorn(document: dict[str, Any]) -> None:
    """With the day, which is not that of the other figures; nothing where nobody measured."""
    text = figures.markdown({**document, "reload": EDITED})

    assert schema.validate({**document, "reload": EDITED}, "performance") == ()
    assert "`nox -s bench -- --reload`, 2026-01-31." in text
    assert "| 2.0.6 | the stack | 20 | 0.50 (0.50 to 2.50) | 2.50 | 900 | 1 | 0.40 |" in text
    assert (
        "| 2.0.6 | `uvicorn --reload` | 2 | 5.00 (4.00 to 6.00) | 6.00 | 900 | 2 | 5.50 |" in text
    )
    assert reload_goals(document) == []
    assert "## Edits" not in figures.markdown(document)


SEEN = {
    "measured": "2026-01-31",
    "files": {"page.html": 2000, "page.js": 57_000},
    "paint": {"first": [100.0, 500.0, 200.0]},
    "screen": {"die": [40.0] * 10, "start": [50.0] * 8 + [600.0, 700.0]},
    "server": {"memory_mb": 59.0, "viewer": 0.5, "nobody": 0.1},
    "lines": {
        "written": [100_000],
        "got": [99_000],
        "told": [900],
        "silent": [100],
        "seconds": [10.0],
        "longest_task": [80.0],
    },
    "again": {"service": [0.2], "server": [1.5, 2.5, 1.0], "engine": [2.0], "lost": [0, 0]},
}


def test_the_live_page_is_held_against_what_is_wanted(document: dict[str, Any]) -> None:
    """Lines that are lost and told are no fault; what was never measured is left out."""
    found = {one.figure: one for one in page_goals({**document, "page": SEEN})}

    assert {name: one.measured for name, one in found.items()} == {
        "page: its files": 59.0,
        "page: first paint": 200.0,
        "page: engine event → on screen, 95 of 100": 700.0,
        "page: server, memory": 59.0,
        "page: server, CPU with one viewer": 0.5,
        "page: server, CPU with none": 0.1,
        "page: 10,000 lines a second, longest task": 80.0,
        "page: the same, lines lost and not said": 100,
        "page: service killed, right again after": 0.2,
        "page: server killed, right again after": 1.5,
        "page: engine killed, right again after": 2.0,
        "page: the same, lost that was shown": 0,
    }
    assert [name for name, one in found.items() if one.verdict != "ok"] == [
        "page: engine event → on screen, 95 of 100",
        "page: server, CPU with none",
        "page: the same, lines lost and not said",
    ]
    assert schema.validate({**document, "page": SEEN}, "performance") == ()
    assert "`nox -s bench -- --page`, 2026-01-31." in figures.markdown({**document, "page": SEEN})
    assert "## The live page" not in figures.markdown(document)
    assert page_goals(document) == []

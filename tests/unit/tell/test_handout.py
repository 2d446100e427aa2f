"""A report is a page that can be handed over as it is."""

from typing import Any

import pytest

from scripts.config.rules import schema
from scripts.core.progress import Outcome
from scripts.start.events import Ending
from scripts.start.history import timeline
from scripts.start.history.timeline import Bar, Phase, Run
from scripts.tell import handout
from tests.kit.pages import Reader

BAD = "<script>alert(1)</script>\u202e\x1b[2J"
RUN = Run(
    began="2026-01-02T03:04:05.678Z",
    seconds=3.0,
    verdict=Ending.READY,
    bars=(Bar(service="db", started=2.0, ready=3.0, critical=True),),
    phases=(Phase(name="build", what="db", began=0.0, ended=2.0, outcome=Outcome.DONE),),
)


def document(text: str = "x", **parts: object) -> dict[str, Any]:
    """Return a report in which every text that others wrote is this one."""
    finding = {
        "code": "x",
        "service": text,
        "cause": text,
        "evidence": f"{text}\n{text}",
        "next_step": text,
        "fatal": True,
        "root": True,
        "victims": [],
    }
    counts = ("nodes", "vectors", "nodes_without_vector", "vectors_without_node")
    cube = {"cube": text, **dict.fromkeys(counts, 1234), "preferences": None}
    return {
        "report": 1,
        "at": "2026-01-02T03:05:00.000Z",
        "project": text,
        "checkout": text,
        "versions": {"MemOS": text},
        "services": [
            {
                "service": text,
                "state": "running",
                "health": "healthy",
                "ready": True,
                "ready_since": None,
                "answer": text,
                "restarts": 0,
                "version": text,
                "image": text,
                "contains": text,
            }
        ],
        "checkup": {
            "areas": [{"area": "engine", "state": "ok", "detail": text}],
            "findings": [finding],
        },
        "starts": [timeline.document(RUN)],
        "memories": {**cube, "project": text, "cubes": [cube]},
        "past": [{"at": text, "kind": text, "service": text, "text": text}],
        "settings": [{"variable": text, "value": text, "origin": text}],
        "logs": [{"service": text, "lines": [{"at": text, "level": "error", "text": text}]}],
        "unknown": {text: text},
        **parts,
    }


def test_a_report_needs_nothing_but_itself() -> None:
    """No script, no picture, nothing from elsewhere, every element closed; all parts are there."""
    text = handout.page(document())
    found = Reader(text)

    assert (found.open, found.refers) == ([], [])
    assert "<script" not in text
    assert "url(" not in text
    assert [one for one in handout.PARTS if one not in found.texts] == []
    assert {"build db", "db", "1,234"} <= {*found.texts}


def test_what_others_wrote_cannot_become_part_of_the_page() -> None:
    """Whatever stands in a log, a name or a memory is shown as text, and turns no letter round."""
    text = handout.page(document(BAD))

    assert "<script" not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert text.count("&lt;script&gt;") > len(handout.PARTS)


@pytest.mark.parametrize(
    ("parts", "absent"),
    [
        ({"unknown": {}}, "What could not be asked"),
        ({"services": []}, "Services"),
        ({"starts": []}, "Last starts"),
        ({"memories": None}, "What MemOS keeps"),
        ({"past": []}, "The last 24 hours"),
        ({"logs": []}, "Logs"),
    ],
)
def test_a_part_with_nothing_in_it_is_left_out(parts: dict[str, Any], absent: str) -> None:
    """Why it is empty stands among what could not be asked."""
    assert absent not in Reader(handout.page(document(**parts))).texts


def test_that_nothing_is_wrong_is_said() -> None:
    """Silence could mean that nobody looked."""
    found = document(checkup={"areas": [], "findings": []})

    assert "Nothing was found to be wrong." in Reader(handout.page(found)).texts


def test_the_parts_of_a_report_are_what_its_schema_says() -> None:
    """A start in it keeps the schema of `inv timeline`."""
    assert schema.validate(document(), "report") == ()
    assert schema.validate(document()["starts"][0], "timeline") == ()

"""What a start amounts to, and how it is drawn."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scripts.config.rules import schema
from scripts.core.finding import Verdict
from scripts.core.look import Look
from scripts.start.events import Event, EventKind
from scripts.start.history import timeline
from scripts.start.history.timeline import Run
from scripts.tell import drawing, page
from tests.kit.builders import container, reading, service, stack

STACK = stack(
    service("db"),
    service("store"),
    service("index", "store"),
    service("api", "db", "index", early=True),
)
EVENTS = (
    Event(kind=EventKind.STARTED, seconds=0.0, service="db"),
    Event(kind=EventKind.STARTED, seconds=0.0, service="store"),
    Event(kind=EventKind.STARTED, seconds=0.0, service="api", detail="waits for db, index"),
    Event(kind=EventKind.WAITING, seconds=0.1, service="db", detail="connection refused"),
    Event(kind=EventKind.READY, seconds=1.0, service="store", detail="200 GET /"),
    Event(kind=EventKind.STARTED, seconds=1.0, service="index"),
    Event(kind=EventKind.WAITING, seconds=1.5, service="index", detail="503: loading"),
    Event(kind=EventKind.READY, seconds=2.0, service="index", detail="200 GET /"),
    Event(kind=EventKind.READY, seconds=5.0, service="db", detail="200 GET /"),
    Event(kind=EventKind.READY, seconds=6.0, service="api", detail="200 GET /"),
    Event(kind=EventKind.RESULT, seconds=6.0, verdict=Verdict.READY),
)
CREATED = {"db": 0.5, "store": 0.5, "index": 0.5, "api": -90.0}


def ran(*events: Event) -> Run:
    """Return the run of these events, half a second after the command began."""
    began = "2026-01-02T03:04:05.678Z"
    bars = timeline.blank(STACK, STACK.names(), CREATED)
    return timeline.run(bars, events, began=began, before=0.5)


RUN = ran(*EVENTS)


def test_each_service_has_its_moments_and_what_held_it_back() -> None:
    """From the beginning of the command: what comes before the first start shows too.

    A container from before was made by another command. 503 is an answer, a refused connection is
    none. What held a service back is the need that was ready last; for what started early, only if
    it was still missing then.
    """
    moments = {
        bar.service: (bar.created, bar.started, bar.answered, bar.ready, bar.held_by)
        for bar in RUN.bars
    }

    assert (RUN.seconds, RUN.verdict, RUN.prepared) == (6.5, "ready", 0.5)
    assert moments == {
        "db": (0.5, 0.5, 5.5, 5.5, ""),
        "store": (0.5, 0.5, 1.5, 1.5, ""),
        "index": (0.5, 1.5, 2.0, 2.5, "store"),
        "api": (None, 0.5, 6.5, 6.5, "db"),
    }


def test_the_way_that_took_longest_leads_to_who_was_ready_last() -> None:
    """Through what held it back, to what needed nothing."""
    assert [bar.service for bar in RUN.critical] == ["db", "api"]


def test_a_start_that_did_not_end_well_keeps_what_was_told_last() -> None:
    """Interrupted: no verdict; a service that fell is not ready."""
    lost = Event(kind=EventKind.LOST, seconds=2.0, service="store", detail="connection refused")
    # what is wrong, with a service or with none, moves no bar
    wrong = [Event(kind=EventKind.FINDING, seconds=2.0, service=name) for name in ("store", "")]
    found = ran(*EVENTS[:6], lost, *wrong)
    bars = {bar.service: bar for bar in found.bars}

    assert (found.verdict, bars["store"].ready) == ("interrupted", None)
    assert (bars["store"].state, bars["db"].state) == ("connection refused", "connection refused")


def test_nothing_to_start_is_no_way() -> None:
    """All were ready when the command came."""
    found = ran(Event(kind=EventKind.READY, seconds=0.0, service="db"))

    assert (found.critical, found.prepared) == ((), 0.0)


def test_a_run_as_json_keeps_its_schema_and_comes_back_the_same() -> None:
    """What is kept on disk is what `--format json` prints."""
    found = timeline.document(RUN)

    assert schema.validate(found, "timeline") == ()
    assert timeline.parsed(found) == RUN


@pytest.mark.parametrize("width", [80, 240])
def test_the_text_fits_its_terminal(width: int) -> None:
    """A line for each service, one above, one for the head, one for the longest way."""
    lines = drawing.timeline(RUN, width)

    assert max(map(len, lines)) <= min(width, drawing.WIDEST)
    assert len(lines) == len(RUN.bars) + 3
    assert lines[-1] == "* took longest: db 5.5 → api 6.5"
    (index,) = (line for line in lines if "index" in line)
    assert re.search(r"0\.5 +1\.5 +2\.0 +2\.5 store +░+█+$", index)


def test_who_never_started_has_no_bar() -> None:
    """And its moments are dashes."""
    (line,) = (line for line in drawing.timeline(ran(*EVENTS[:3]), 80) if "index" in line)

    assert line.split() == ["index", "0.5", "-", "-", "-", "-"]


def test_the_graph_is_a_tree_from_what_nobody_needs() -> None:
    """What stands there already is only named again."""
    states = {"db": "ready", "store": "exited", "index": "not ready", "api": "not ready"}
    both = stack(*STACK.services, service("panel", "index"))

    assert drawing.graph(both, both.names(), states | {"panel": "created"}) == [
        "✗ api  not ready, started before these",
        "├─ ✓ db  ready",
        "└─ ✗ index  not ready",
        "   └─ ✗ store  exited",
        "✗ panel  created",
        "└─ ✗ index  not ready (above)",
    ]


def test_a_state_is_what_a_look_has_seen() -> None:
    """Ready, how its container is, or that there is none."""
    seen = Look(
        containers=(container("db"), container("store"), container("index", "exited")),
        readings=(reading("db"), reading("store", ok=False)),
    )

    assert drawing.states(STACK, seen) == {
        "db": "ready",
        "store": "not ready",
        "index": "exited",
        "api": "absent",
    }


class Reader(HTMLParser):
    """Reads a page: what it refers to, its texts, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.refers: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what is opened."""
        self.refers += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """What was opened last is closed first."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.texts.append(data)


def test_the_page_needs_nothing_but_itself() -> None:
    """No script, no picture, no font from elsewhere; every element is closed."""
    text = page.page(STACK, [RUN, RUN], {"db": "ready"}, "now")
    found = Reader(text)

    assert (found.open, found.refers) == ([], [])
    assert "script" not in text
    assert "url(" not in text
    assert {"held by db" in one for one in found.texts} == {True, False}


def test_the_page_without_a_start_still_has_the_graph() -> None:
    """A stack that was never started from here."""
    found = Reader(page.page(STACK, [], {}, "now"))

    assert "No start has been kept yet: inv up" in found.texts
    assert found.texts.count("not known") == len(STACK.services)


def test_what_a_service_said_cannot_become_part_of_the_page() -> None:
    """An answer may hold anything."""
    bad = replace(RUN, bars=(replace(RUN.bars[0], ready=None, state="<b onload=x>"),))

    assert "<b" not in page.page(STACK, [bad], {"db": "<b>"}, "<b>").replace("<body", "")


def test_the_page_is_written_where_the_stacks_cache_is(tmp_path: Path) -> None:
    """A stack that never ran has no such folder yet; the moment is told in words."""
    file = page.write(tmp_path / "a" / "b", STACK, [RUN], {"db": "ready"}, 1.5)

    assert file == tmp_path / "a" / "b" / "stack.html"
    wanted = page.page(STACK, [RUN], {"db": "ready"}, "1970-01-01T00:00:01.500Z")
    assert file.read_text(encoding="utf-8") == wanted

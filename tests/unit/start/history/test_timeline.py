"""What a start amounts to, and how it is drawn."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.config.rules import schema
from scripts.core.finding import Verdict
from scripts.core.look import Look
from scripts.core.progress import Outcome
from scripts.start.events import Ending, Event, EventKind
from scripts.start.history import timeline
from scripts.start.history.timeline import Phase, Run
from scripts.tell import drawing, page
from tests.kit.builders import container, reading, service, stack
from tests.kit.pages import Reader

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
NOTED = (
    Phase(name="engine", what="start", began=1.0, ended=3.0, outcome=Outcome.DONE),
    Phase(name="base", what="packages", began=1.1, ended=5.0, outcome=Outcome.DONE),
    Phase(name="images", what="source", began=3.0, ended=3.1, outcome=Outcome.DONE),
    Phase(name="build", what="db", began=4.0, ended=9.0, outcome=Outcome.DONE),
    Phase(name="build", what="api", began=4.0, ended=8.0, outcome=Outcome.DONE),
    Phase(name="create", began=9.1, ended=10.0, outcome=Outcome.DONE),
)
FAILED = Run(
    began="2026-01-02T03:04:05.678Z",
    seconds=8.5,
    verdict=Ending.REFUSED,
    bars=timeline.blank(STACK, STACK.names(), {}),
    phases=timeline.phases(
        (*NOTED[:3], replace(NOTED[3], ended=8.5, outcome=Outcome.FAILED)), 8.5, "checks"
    ),
    why="the image of db could not be had: <no route>",
    next_step="inv up",
)


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
    assert [bar.title for bar in RUN.critical] == ["db", "api"]


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
    """All were ready when the command came: all its seconds were before a first start."""
    found = ran(Event(kind=EventKind.READY, seconds=0.0, service="db"))

    assert (found.critical, found.prepared) == ((), 0.5)


def test_what_was_noted_before_the_first_start_leaves_no_gap() -> None:
    """What nobody noted is told as what it was; what was short, of either, is left out."""
    found = timeline.phases(NOTED, 10.1, "checks")

    assert [(one.title, one.began, one.ended) for one in found] == [
        ("checks", 0.0, 1.0),
        ("engine start", 1.0, 3.0),
        ("base packages", 1.1, 5.0),
        ("build db", 4.0, 9.0),
        ("build api", 4.0, 8.0),
        ("create", 9.1, 10.0),
    ]


def test_what_held_the_first_start_back_is_what_ended_last_each_time() -> None:
    """What was done sooner beside it, or later than the next had begun, held nobody back."""
    found = timeline.phases(NOTED, 10.1, "checks")

    assert [one.title for one in found if not one.critical] == ["base packages", "build api"]


def test_what_failed_is_shown_however_short_it_was() -> None:
    """A registry whose name nobody knows is told in no time."""
    failed = Phase(name="pull", what="db", began=1.3, ended=1.4, outcome=Outcome.FAILED)

    found = timeline.phases([failed], 1.4, "checks")
    assert [(one.title, one.critical) for one in found] == [("checks", True), ("pull db", True)]


def test_where_nothing_had_ended_what_went_on_counts() -> None:
    """The way has no hole at its beginning."""
    both = [replace(NOTED[0], began=0.0, ended=5.0), replace(NOTED[3], began=3.0)]

    assert [one.critical for one in timeline.phases(both, 9.0, "checks")] == [True, True]


def test_a_phase_that_goes_on_is_shown_from_its_first_moment() -> None:
    """And until it ends it has no end."""
    (_, going) = timeline.phases([Phase(name="pull", what="db", began=1.0)], 1.0, "checks")

    assert (going.title, going.ended, going.outcome) == ("pull db", None, "going")


def test_the_longest_way_begins_with_what_held_the_first_start_back() -> None:
    """In one line, from what came first to who was ready last."""
    run = replace(RUN, phases=timeline.phases(NOTED[:1], 3.0, "checks"))

    assert drawing.longest(run) == "checks 1.0 → engine start 3.0 → db 5.5 → api 6.5"


@pytest.mark.parametrize("run", [RUN, FAILED, replace(FAILED, going=True)])
def test_a_run_as_json_keeps_its_schema_and_comes_back_the_same(run: Run) -> None:
    """What is kept on disk is what `--format json` prints."""
    found = json.loads(json.dumps(timeline.document(run)))

    assert schema.validate(found, "timeline") == ()
    assert timeline.parsed(found) == run


def test_a_start_that_was_refused_is_drawn_as_far_as_it_came_with_why() -> None:
    """As text and as a page; no container was started, and what failed says so."""
    lines = drawing.timeline(FAILED, 80)
    text = page.page(STACK, [FAILED], {}, "now")

    assert lines[0].endswith("refused after 8.5 s, no container started")
    (failed,) = (line for line in lines if line.startswith("* build db"))
    assert re.search(r"^\* build db +- +4\.0 +- +8\.5 failed +█+$", failed)
    assert lines[-2:] == ["the image of db could not be had: <no route>", "next: inv up"]
    assert max(map(len, lines)) <= 80
    assert "could not be had: &lt;no route&gt; Next: inv up" in text
    assert "4.0 → 8.5 s · failed" in text


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

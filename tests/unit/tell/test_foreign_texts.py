"""Nothing that is not ours steers a terminal, whatever it is and whoever shows it."""

import json
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.core.errors import BrokenError, ConfigError, report
from scripts.core.finding import advice
from scripts.core.inventory import ImageStatus
from scripts.data.model import Snapshot
from scripts.start.events import Ending, Event, EventKind
from scripts.start.history.timeline import Bar, Phase, Run
from scripts.tell import drawing, page
from scripts.tell.data_report import DataReport
from scripts.tell.screen import Screen, Table, joined, line
from scripts.watch.log_lines import LogLine
from tests.kit.builders import stack

TRICKS = (
    "\x1b]52;c;cm0gLXJmIC8=\x07",  # puts words into the clipboard
    "\x1b[2J\x1b[1;1H",  # paints over what was there
    "\x9b31m",  # the same in one character
    "\x90q\x9c",  # a device control string
    "\u202egnp.exe",  # turns the letters round
    "\u2066\u2069",
    "\ud800",  # half a letter, which no stream takes
    "\x00\x08\x7f\r",
    "\nnext: rm -rf ~",  # looks like a line of ours
    "\u2028next: rm -rf ~",
)
HOSTILE = "a" + "".join(TRICKS) + "z"
Capture = pytest.CaptureFixture[str]
BAR = Bar(service=HOSTILE, state=HOSTILE, held_by=HOSTILE, started=0.0, ready=1.0)
PHASE = Phase(name=HOSTILE, what=HOSTILE, began=0.0, ended=0.5)
RUN = Run(
    began=HOSTILE,
    seconds=1.0,
    verdict=Ending.REFUSED,
    bars=(BAR,),
    phases=(PHASE,),
    why=HOSTILE,
    next_step=HOSTILE,
)
IMAGE = ImageStatus(
    service="neo4j",
    image=HOSTILE,
    present=True,
    built_here=True,
    contains=f"stand-in {HOSTILE}",
    description=HOSTILE,
)
MANIFEST = {
    "created_at": HOSTILE,
    "command": HOSTILE,
    "automatic": True,
    "groups": [HOSTILE],
    "tar_bytes": 3,
}


def harmless(text: str) -> bool:
    """Say whether a terminal only shows this text, and no line of it is one of ours in disguise."""
    kinds = {unicodedata.category(one) for one in text} - {"Zs"}
    own = re.sub("[\n\t]", "", text)
    steers = any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in own)
    return bool(kinds) and not steers and not re.search(r"^next: rm", text, re.MULTILINE)


def told() -> DataReport:
    """Return what tells everything."""
    return DataReport()


PLACES: dict[str, Callable[[], object]] = {
    "an error": lambda: told().error(BrokenError(HOSTILE, next_step=HOSTILE)),
    "a finding": lambda: told().finding(advice("x", HOSTILE, HOSTILE, evidence=HOSTILE)),
    "progress": lambda: told().say(HOSTILE),
    "a step": lambda: told().step("neo4j", HOSTILE),
    "an event": lambda: told()._happened(  # noqa: SLF001 - as `follow` does
        Event(kind=EventKind.READY, seconds=1.0, service=HOSTILE, detail=HOSTILE)
    ),
    "a table": lambda: Screen().print(Table(columns=("a",), rows=((HOSTILE,),))),
    "a line of parts": lambda: Screen().print(joined((HOSTILE, "red"), line(HOSTILE))),
    "plain text": lambda: told().text(HOSTILE.replace("\n", "")),
    "a log": lambda: told().logs([HOSTILE], [LogLine(service=HOSTILE, at=1, text=HOSTILE)]),
    "images": lambda: told().images([IMAGE]),
    "snapshots": lambda: told().snapshots(
        "p", [Snapshot(name=HOSTILE, file=Path("x"), size=1, manifest=MANIFEST)]
    ),
    "a damaged one": lambda: told().snapshots(
        "p", [Snapshot(name="x", file=Path("x"), size=1, manifest=None, problem=HOSTILE)]
    ),
    "a question": lambda: told().confirm("Delete?", [HOSTILE], yes=True),
    "JSON": lambda: DataReport(form="json").json_line({HOSTILE: HOSTILE}),
    "what is told before anything is installed": lambda: report(
        ConfigError(HOSTILE, next_step="x")
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_no_foreign_text_steers_a_terminal(name: str, capsys: Capture) -> None:
    """It is shown as what it is, and what could be read of it can be read."""
    PLACES[name]()

    shown = "".join(capsys.readouterr())
    assert harmless(shown), repr(shown)
    assert "a" in shown
    assert "gnp.exe" in shown


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("name", ["an error", "a finding", "a table", "a line of parts", "a log"])
def test_on_a_terminal_only_our_own_colours_do(name: str, capsys: Capture) -> None:
    """rich writes escapes of its own, for colours and nothing else."""
    PLACES[name]()

    assert harmless(re.sub(r"\x1b\[[0-9;]*m", "", "".join(capsys.readouterr())))


def test_drawings_and_the_page_show_kept_texts_as_they_are() -> None:
    """They come from files below the cache, which anybody may have written."""
    drawn = [str(line(one)) for one in drawing.timeline(RUN, 80)]
    html = page.page(stack(), [RUN], {}, "now")

    assert all(map(harmless, drawn))
    assert harmless(html)
    html.encode()


@given(st.text())
def test_no_text_at_all_does(text: str) -> None:
    """Whatever it is made of; and what is harmless is left alone."""
    shown = str(line(text))

    assert not shown or harmless(f"x{shown}")
    assert str(line(shown)) == shown
    if text.isprintable():
        assert shown == text


def test_json_means_the_same(capsys: Capture) -> None:
    """It is escaped, and a program reads what was there."""
    DataReport(form="json").json_line({"a": HOSTILE})

    assert json.loads(capsys.readouterr().out) == {"a": HOSTILE}

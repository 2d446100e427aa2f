"""What is told while services start: events as they come, findings and the result at the end."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from scripts.config import settings
from scripts.config.rules.schema import validate
from scripts.core.errors import (
    BrokenError,
    BugError,
    ConfigError,
    EngineError,
    ExitCode,
    RefusedError,
    StackError,
)
from scripts.core.finding import Finding, Verdict
from scripts.core.stack import Link
from scripts.start.events import Event, EventKind
from scripts.tell.start_report import StartReport
from tests.kit.builders import service, stack
from tests.kit.places import ROOT

Capture = pytest.CaptureFixture[str]
ENDED = Finding(
    code="ended", service="db", cause="it ended", next_step="inv logs --service db", evidence="bye"
)
MEMORY = Finding(code="memory", cause="1 GiB is free", next_step="end programs", fatal=False)
STARTED = Event(kind=EventKind.STARTED, service="db", seconds=0.01)
WAITING = Event(kind=EventKind.WAITING, service="web", seconds=0.02, detail="waits for db")
READY = Event(kind=EventKind.READY, service="db", seconds=1.23456, detail="200 GET /")
LOST = Event(kind=EventKind.LOST, service="db", seconds=2.0, detail="connection refused")
FOUND = Event(kind=EventKind.FINDING, service="db", seconds=3.0, finding=ENDED)
BROKEN = Event(kind=EventKind.RESULT, seconds=4.0, verdict=Verdict.BROKEN)


def lines(text: str) -> list[Any]:
    """Return what stands on stdout, a JSON document a line, each as its schema promises."""
    documents = [json.loads(line) for line in text.splitlines()]
    assert [validate(document, "event") for document in documents] == [()] * len(documents)
    return documents


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.READY, ExitCode.OK),
        (Verdict.BROKEN, ExitCode.BROKEN),
        (Verdict.STARTING, ExitCode.TIMEOUT),
    ],
)
def test_the_exit_code_follows_from_the_verdict(
    verdict: Verdict, code: ExitCode, capsys: Capture
) -> None:
    """The same for people and programs; the number stands in the result."""
    result = Event(kind=EventKind.RESULT, seconds=4.0, verdict=verdict)

    assert StartReport().follow(("db", "web"), [STARTED, result]) is code
    assert capsys.readouterr().out == ""
    assert StartReport(form="json").follow(("db", "web"), [STARTED, result]) is code
    assert lines(capsys.readouterr().out)[-1] == {
        "event": "result",
        "seconds": 4.0,
        "verdict": verdict.value,
        "exit_code": code,
    }


def test_with_json_each_event_is_a_line_as_it_comes(capsys: Capture) -> None:
    """Nothing else is on stdout, empty fields are left out; people still see progress on stderr."""
    events, shown = [STARTED, WAITING, READY, LOST, FOUND, BROKEN], []

    def passed() -> Iterator[Event]:
        for event in events:
            yield event
            shown.append(capsys.readouterr().out)

    StartReport(form="json").follow(("db", "web"), passed())

    documents = lines("".join(shown))
    assert [len(text.splitlines()) for text in shown] == [1] * len(events)
    assert [document["event"] for document in documents] == [event.kind for event in events]
    assert documents[0] == {"event": "started", "seconds": 0.01, "service": "db"}
    assert documents[2]["seconds"] == 1.235
    assert documents[4]["finding"]["next_step"] == "inv logs --service db"
    assert "✗ db: it ended" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "ready", "seconds": 1.0},
        {"event": "result", "seconds": 1.0},
        {"event": "result", "seconds": 1.0, "verdict": "ready", "exit_code": 3},
        {"event": "result", "seconds": 1.0, "verdict": "broken", "exit_code": 6},
        {"event": "result", "seconds": 1.0, "verdict": "refused", "exit_code": 4},
        {"event": "result", "seconds": 1.0, "verdict": "ready", "exit_code": 0, "detail": "x"},
        {"event": "finding", "seconds": 1.0, "service": "db"},
        {"event": "started", "seconds": -1.0, "service": "db"},
        {"event": "started", "seconds": 1.0, "service": "db", "mood": "good"},
        {"event": "exploded", "seconds": 1.0, "service": "db"},
    ],
)
def test_the_schema_of_events_refuses_what_was_not_promised(wrong: dict[str, object]) -> None:
    """A schema that takes everything promises nothing."""
    assert validate(wrong, "event")


def test_without_a_terminal_progress_is_plain_lines_on_stderr(capsys: Capture) -> None:
    """No waiting lines: they would repeat what the next ready line says."""
    StartReport().follow(("db", "web"), [STARTED, WAITING, READY, LOST, FOUND, BROKEN])

    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines() == [
        "   0.0 s  db        started",
        "   1.2 s  db        ready    200 GET /",
        "   2.0 s  db        lost     connection refused",
        "✗ db: it ended",
        "  evidence: bye",
        "  next: inv logs --service db",
    ]


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_each_service_has_a_live_line(capsys: Capture) -> None:
    """The last state of each stays on the screen."""
    StartReport().follow(("db", "web"), [STARTED, WAITING, READY, BROKEN])

    shown = capsys.readouterr().err
    assert "\x1b[" in shown
    assert "✓" in shown
    assert "waits for db" in shown


@pytest.mark.parametrize(
    ("events", "reached", "open_ones"),
    [
        ([], "not started: db, web", "db: not started; web: not started"),
        (
            [STARTED, WAITING],
            "started, not ready yet: db; not started: web",
            "db: started; web: waits for db",
        ),
        ([STARTED, WAITING, READY], "ready: db; not started: web", "web: waits for db"),
        (
            [STARTED, READY, LOST],
            "started, not ready yet: db; not started: web",
            "db: connection refused; web: not started",
        ),
    ],
)
def test_how_far_all_has_come_is_told_when_it_ends_early(
    events: Sequence[Event], reached: str, open_ones: str, capsys: Capture
) -> None:
    """After Ctrl-C, which goes on to who ends the command: who runs. When time is up: who does not.

    Waiting for another one starts nothing; who was ready and fell over is waited for again.
    """
    late = Event(kind=EventKind.RESULT, seconds=9.0, verdict=Verdict.STARTING)

    def interrupted() -> Iterator[Event]:
        yield from events
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        StartReport().follow(("db", "web"), interrupted())
    assert f"what was started goes on running; {reached}\n" in capsys.readouterr().err

    StartReport().follow(("db", "web"), [*events, late])
    assert capsys.readouterr().err.endswith(
        f"error: time is up: {open_ones}\nnext: inv up --timeout 600, or: inv logs\n"
    )


@pytest.mark.parametrize(
    ("findings", "code", "kinds"),
    [
        ([], ExitCode.OK, []),
        ([MEMORY], ExitCode.OK, ["finding"]),
        ([MEMORY, ENDED], ExitCode.BROKEN, ["finding", "finding", "result"]),
    ],
)
def test_preflight_ends_the_run_only_when_it_cannot_go_on(
    findings: list[Finding], code: ExitCode, kinds: list[str], capsys: Capture
) -> None:
    """With JSON the result is the last line then, too."""
    assert StartReport().preflight(findings) is code
    assert capsys.readouterr().out == ""

    assert StartReport(form="json").preflight(findings) is code
    shown = capsys.readouterr()
    assert [document["event"] for document in lines(shown.out)] == kinds
    assert shown.err.count("next: ") == len(findings)


LINKED = stack(
    service("memos", links=(Link(label="MemOS API", url="http://127.0.0.1:8000/docs"),)),
    service("db"),
    service("milvus"),
)


OWN = {
    **dict.fromkeys(
        ("OPENAI_API_BASE", "MEMRADER_API_BASE", "MOS_EMBEDDER_API_BASE"), "http://m/v1"
    ),
    "EMBEDDING_DIMENSION": "1024",
}
"""Models of one's own."""


def test_what_is_mended_is_told_after_the_live_lines(capsys: Capture) -> None:
    """A live line is gone when the next event comes; programs get the event as it comes."""
    line = "MemOS 2.0.6, mended: #1093 (docs/memos-versions.md)"
    events = [
        Event(kind=EventKind.MENDED, seconds=1.0, service="memos", detail=line),
        Event(kind=EventKind.RESULT, seconds=2.0, verdict=Verdict.READY),
    ]

    assert StartReport().follow(["memos"], events) is ExitCode.OK
    assert capsys.readouterr().err == f"{line}\n"
    assert StartReport(form="json").follow(["memos"], events) is ExitCode.OK
    first = json.loads(capsys.readouterr().out.splitlines()[0])
    assert (first["event"], first["detail"], validate(first, "event")) == ("mended", line, ())


@pytest.mark.parametrize(
    ("names", "environ", "told"),
    [
        (
            ("memos", "db"),
            {},
            ["this is MemOS 2.0.6", "embeddings: the local model", "chat: a stand-in"],
        ),
        (("memos",), OWN, ["this is MemOS 2.0.6"]),
        (
            ("memos",),
            {**OWN, "WITH_MILVUS": "no"},
            ["this is MemOS 2.0.6", "Milvus was not started: WITH_MILVUS=no;"],
        ),
        (("memos", "milvus"), {**OWN, "WITH_MILVUS": "no"}, ["this is MemOS 2.0.6"]),
        (("db",), {"WITH_MILVUS": "no"}, []),
    ],
)
def test_once_all_is_ready_the_addresses_to_open_are_the_result(
    names: tuple[str, ...], environ: dict[str, str], told: list[str], capsys: Capture
) -> None:
    """Which MemOS it is, what does not run, who answers for a model; with JSON nothing of it."""
    given = settings.of_example(ROOT, environ)
    StartReport().ready(LINKED, names, given)

    shown = capsys.readouterr()
    assert ("http://127.0.0.1:8000/docs" in shown.out) is ("memos" in names)
    lines = shown.err.splitlines()
    assert len(lines) == len(told)
    assert all(line.startswith(begin) for line, begin in zip(lines, told, strict=True))

    StartReport(form="json").ready(LINKED, names, given)
    assert tuple(capsys.readouterr()) == ("", "")


@pytest.mark.parametrize("kind", [BugError, ConfigError, EngineError, RefusedError, BrokenError])
def test_with_json_an_error_is_the_result_line(kind: type[StackError], capsys: Capture) -> None:
    """A program that reads the last line learns the exit code, and why; people are told once."""
    error = kind("port is 'x'", next_step="edit .env")

    StartReport().refused(error)
    StartReport(form="json").refused(error)

    shown = capsys.readouterr()
    assert shown.err == ""
    assert lines(shown.out) == [
        {
            "event": "result",
            "seconds": 0.0,
            "verdict": "refused",
            "exit_code": kind.exit_code,
            "code": error.code,
            "detail": "port is 'x'",
            "next_step": "edit .env",
        }
    ]


def test_with_json_ctrl_c_is_the_result_line(capsys: Capture) -> None:
    """It is no refusal: what was started goes on running."""
    StartReport().interrupted()
    StartReport(form="json").interrupted()

    (line,) = lines(capsys.readouterr().out)
    assert (line["verdict"], line["exit_code"]) == ("interrupted", 130)

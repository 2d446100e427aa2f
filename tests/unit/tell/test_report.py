"""What is told, where: results on stdout, progress and errors on stderr, JSON alone."""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from scripts.config.rules.schema import validate
from scripts.core.errors import (
    ConfigError,
    DeclinedError,
    EngineError,
    ExitCode,
    RefusedError,
    StackError,
)
from scripts.core.finding import Finding, Verdict
from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.core.stack import Link
from scripts.start.events import Event, EventKind
from scripts.tell.report import Report
from scripts.watch.log_lines import LogLine
from tests.kit.builders import service, stack

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


def result(verdict: Verdict) -> Event:
    """Return the last event of a run."""
    return Event(kind=EventKind.RESULT, seconds=4.0, verdict=verdict)


def lines(text: str) -> list[Any]:
    """Return what stands on stdout, a JSON document a line, each as its schema promises."""
    documents = [json.loads(line) for line in text.splitlines()]
    assert [validate(one, "event") for one in documents] == [()] * len(documents)
    return documents


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the streams look like a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.mark.parametrize(
    ("events", "code"),
    [
        ([STARTED, READY, result(Verdict.READY)], ExitCode.OK),
        ([STARTED, FOUND, result(Verdict.BROKEN)], ExitCode.BROKEN),
        ([STARTED, WAITING, result(Verdict.STARTING)], ExitCode.TIMEOUT),
    ],
)
@pytest.mark.parametrize("form", ["text", "json"])
def test_the_exit_code_follows_from_the_verdict(
    events: list[Event], code: ExitCode, form: str
) -> None:
    """The same in both forms."""
    assert Report(form=form).follow(("db", "web"), events) is code


def test_with_json_each_event_is_a_line_and_the_result_is_the_last(capsys: Capture) -> None:
    """Nothing else is on stdout; people still see progress on stderr."""
    events = [STARTED, WAITING, READY, LOST, FOUND, result(Verdict.BROKEN)]

    Report(form="json").follow(("db", "web"), events)

    shown = capsys.readouterr()
    found = lines(shown.out)
    assert [one["event"] for one in found] == [event.kind for event in events]
    assert found[2]["seconds"] == 1.235
    assert found[4]["finding"]["next_step"] == "inv logs --service db"
    assert found[-1] == {"event": "result", "seconds": 4.0, "verdict": "broken", "exit_code": 5}
    assert "✗ db: it ended" in shown.err


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
    Report().follow(("db", "web"), [STARTED, WAITING, READY, LOST, FOUND, result(Verdict.BROKEN)])

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


def test_when_time_is_up_it_says_who_is_not_ready_and_why(capsys: Capture) -> None:
    """The one that answered is not named; the one that fell over again is."""
    report = Report()
    again = Event(kind=EventKind.LOST, service="queue", seconds=2.0, detail="refused")
    ready = Event(kind=EventKind.READY, service="queue", seconds=1.0)

    report.follow(
        ("db", "queue", "web"),
        [READY, ready, STARTED, WAITING, READY, again, result(Verdict.STARTING)],
    )

    told = capsys.readouterr().err
    assert "error: time is up: queue: refused; web: waits for db\n" in told
    assert "next: inv up --timeout 600, or: inv logs\n" in told


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_each_service_has_a_live_line(capsys: Capture) -> None:
    """The last state of each stays on the screen."""
    Report().follow(("db", "web"), [STARTED, WAITING, READY, result(Verdict.READY)])

    told = capsys.readouterr().err
    assert "\x1b[" in told
    assert "✓" in told
    assert "waits for db" in told


@pytest.mark.usefixtures("terminal")
def test_progress_of_a_build_moves_its_live_line(capsys: Capture) -> None:
    """And after the block the board is gone, so that lines are lines again."""
    report = Report()
    with report.board(["memos"]):
        report.step("memos", "[2/7] RUN pip install")
    report.step("memos", "done")

    told = capsys.readouterr().err
    assert "[2/7] RUN pip install" in told
    assert told.endswith("memos     done\n")


def test_without_a_terminal_progress_of_one_thing_comes_now_and_then(capsys: Capture) -> None:
    """A build says hundreds of lines; one thing does not hide another."""
    report = Report()
    for name, line in [("memos", "one"), ("memos", "two"), ("neo4j", "three")]:
        report.step(name, line)

    assert capsys.readouterr().err.splitlines() == ["memos     one", "neo4j     three"]


@pytest.mark.usefixtures("terminal")
def test_no_color_holds(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """https://no-color.org."""
    monkeypatch.setenv("NO_COLOR", "1")

    Report().finding(ENDED)

    told = capsys.readouterr().err
    assert "it ended" in told
    assert "\x1b[31" not in told
    assert "\x1b[1;31" not in told


@pytest.mark.parametrize(
    ("findings", "code", "events"),
    [
        ([], ExitCode.OK, []),
        ([MEMORY], ExitCode.OK, ["finding"]),
        ([MEMORY, ENDED], ExitCode.BROKEN, ["finding", "finding", "result"]),
    ],
)
def test_preflight_ends_the_run_only_when_it_cannot_go_on(
    findings: list[Finding], code: ExitCode, events: list[str], capsys: Capture
) -> None:
    """With JSON the result is the last line then, too."""
    assert Report().preflight(findings) is code
    assert capsys.readouterr().out == ""

    assert Report(form="json").preflight(findings) is code
    shown = capsys.readouterr()
    assert [one["event"] for one in lines(shown.out)] == events
    assert shown.err.count("next: ") == len(findings)


LINKED = stack(
    service("memos", links=(Link(label="MemOS API", url="http://127.0.0.1:8000/docs"),)),
    service("db"),
)


@pytest.mark.parametrize(
    ("names", "local", "hint"),
    [(("memos", "db"), True, True), (("memos",), False, False), (("db",), True, False)],
)
def test_once_all_is_ready_the_addresses_to_open_are_the_result(
    names: tuple[str, ...], capsys: Capture, *, local: bool, hint: bool
) -> None:
    """And whoever uses the small local model is told so."""
    Report().ready(LINKED, names, local_embedder=local)

    shown = capsys.readouterr()
    assert ("http://127.0.0.1:8000/docs" in shown.out) is ("memos" in names)
    assert ("embeddings: the small local model answers" in shown.err) is hint


def test_with_json_the_addresses_are_not_printed(capsys: Capture) -> None:
    """The result event is the last line."""
    Report(form="json").ready(LINKED, ("memos",), local_embedder=True)

    assert tuple(capsys.readouterr()) == ("", "")


ROW = {
    "service": "db",
    "state": "exited",
    "health": "",
    "ready": False,
    "ready_since": None,
    "restarts": 2,
    "memory_bytes": None,
    "cpu_seconds": None,
    "answer": "",
    "uptime_seconds": None,
    "ports": [],
    "not_offered": [],
    "image": "example/db:1",
    "contains": "real",
    "findings": [
        {"code": "ended", "service": "db", "cause": "it ended", "next_step": "inv logs"},
    ],
}


def test_a_status_is_a_table_and_under_it_what_is_wrong(capsys: Capture) -> None:
    """In a pipe a row stays a line, so that grep can find it."""
    Report().status({"services": [{**ROW, "answer": "x" * 120}]})

    shown = capsys.readouterr()
    head, row, *under = shown.out.splitlines()
    columns = "service state ready ready for up for restarts memory CPU ports image answer"
    assert head.split() == columns.split()
    assert row.split() == ["db", "exited", "no", "2", "example/db:1", "(real)", "x" * 120]
    assert under == ["✗ db: it ended", "  next: inv logs"]
    assert shown.err == ""


def test_on_a_narrow_terminal_a_service_is_a_line_and_the_rest_under_it(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """What matters is not broken in the middle; who is not ready is red."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    ready = {**ROW, "service": "web", "state": "running", "ready": True, "answer": "200 GET /"}
    ready |= {"restarts": 0, "uptime_seconds": 3.0}

    Report().status({"services": [ROW, {**ready, "findings": []}]})

    shown = Text.from_ansi(capsys.readouterr().out).plain
    assert [line.rstrip() for line in shown.splitlines()] == [
        "✗ db        exited",
        "  2 restarts · db:1 (real)",
        "✓ web       running            up 3 s",
        "  200 GET / · db:1 (real)",
        "✗ db: it ended",
        "  next: inv logs",
    ]


def test_ctrl_c_while_services_start_says_how_far_all_has_come(capsys: Capture) -> None:
    """Nothing is stopped, so who runs is told; the interrupt goes on to who ends the command."""

    def events() -> Iterator[Event]:
        yield from (STARTED, WAITING, READY)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Report().follow(("db", "web"), events())

    assert "goes on running; ready: db; not started: web" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ConfigError, EngineError, RefusedError])
def test_with_json_an_error_is_the_result_line(error: type[StackError], capsys: Capture) -> None:
    """A program that reads the last line learns the exit code, and why."""
    one = error("port is 'x'", next_step="edit .env")
    Report(form="json").refused(one)

    (line,) = lines(capsys.readouterr().out)
    assert line == {
        "event": "result",
        "seconds": 0.0,
        "verdict": "refused",
        "exit_code": error.exit_code,
        "code": error.kind,
        "detail": "port is 'x'",
        "next_step": "edit .env",
    }


def test_with_json_ctrl_c_is_the_result_line(capsys: Capture) -> None:
    """It is no refusal: what was started goes on running."""
    Report(form="json").interrupted()

    (line,) = lines(capsys.readouterr().out)
    assert (line["verdict"], line["exit_code"]) == ("interrupted", 130)


def test_for_people_an_error_leaves_nothing_on_stdout(capsys: Capture) -> None:
    """It is told on stderr, once, by whoever ends the command."""
    Report().refused(ConfigError("port is 'x'", next_step="edit .env"))
    Report().interrupted()

    assert tuple(capsys.readouterr()) == ("", "")


def test_a_status_as_json_is_one_document_alone(capsys: Capture) -> None:
    """Its findings are in it, and not told twice."""
    Report(form="json").status({"services": [ROW], "project": "ü"})

    shown = capsys.readouterr()
    assert json.loads(shown.out) == {"services": [ROW], "project": "ü"}
    assert "ü" in shown.out
    assert shown.err == ""


def test_images_say_what_the_stand_ins_stand_for(capsys: Capture) -> None:
    """Nobody takes a stand-in for the real thing."""
    kinds = [("minio", "stand-in", "SeaweedFS for MinIO"), ("etcd", "real", "etcd")]
    Report().images(
        [
            ImageStatus(service=name, image="i:1", present=True, contains=what, description=text)
            for name, what, text in kinds
        ]
    )

    shown = capsys.readouterr()
    assert len(shown.out.splitlines()) == 3
    assert shown.err == "minio: SeaweedFS for MinIO\n"


def test_the_engine_is_a_table_and_its_problems_are_lines(capsys: Capture) -> None:
    """What is wrong goes to stderr."""
    status = EngineStatus(
        found=None,
        files=False,
        running=False,
        pid=None,
        uptime=0.0,
        size=0,
        data_size=0,
        cache_size=0,
        socket=Path("/s"),
        log=Path("/l"),
        problems=("it is broken",),
    )

    Report().engine(status)

    shown = capsys.readouterr()
    assert "not running" in shown.out
    assert shown.err == "it is broken\n"


def test_an_error_says_what_is_wrong_and_what_to_type(capsys: Capture) -> None:
    """Square brackets in it are text, not markup."""
    Report().error(ConfigError("port is [bold]", next_step="edit .env"))

    assert capsys.readouterr().err == "error: port is [bold]\nnext: edit .env\n"


@pytest.mark.parametrize("text", ["one", "one\n"])
def test_plain_text_ends_with_one_line_break(text: str, capsys: Capture) -> None:
    """As it is, and no more."""
    Report().text(text)

    assert capsys.readouterr().out == "one\n"


def test_a_line_of_progress_goes_to_stderr(capsys: Capture) -> None:
    """However long it is, it stays one line."""
    Report().say("word " * 60)

    assert capsys.readouterr() == ("", "word " * 60 + "\n")


class Answers(io.StringIO):
    """A stdin that is a terminal."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " yes \n"])
def test_yes_is_taken_for_yes(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The question names what will be deleted first."""
    monkeypatch.setattr(sys, "stdin", Answers(answer))

    Report().confirm("Delete these volumes?", ["one", "two"], yes=False)

    assert capsys.readouterr().err == "  one\n  two\nDelete these volumes? [y/N] "


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (Answers("n\n"), "nothing was changed"),
        (Answers("\n"), "nothing was changed"),
        (Answers(""), "nothing was changed"),
        (io.StringIO("y\n"), "Nobody is there to answer; nothing was changed"),
    ],
)
def test_anything_else_deletes_nothing(
    stdin: io.StringIO, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe is nobody, whatever comes out of it."""
    monkeypatch.setattr(sys, "stdin", stdin)

    with pytest.raises(DeclinedError, match=words) as error:
        Report().confirm("Delete?", ["one"], yes=False)

    assert error.value.exit_code == 7


def test_with_yes_nobody_is_asked(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """But the list is shown."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    Report().confirm("Delete?", ["one"], yes=True)

    assert capsys.readouterr().err == "  one\n"


def test_events_are_told_as_they_come(capsys: Capture) -> None:
    """Not after the last one."""
    told: list[str] = []

    def events() -> Iterable[Event]:
        yield STARTED
        told.append(capsys.readouterr().out)
        yield result(Verdict.READY)

    Report(form="json").follow(("db",), events())

    assert json.loads(told[0])["event"] == "started"


@pytest.mark.usefixtures("terminal")
def test_watching_draws_over_what_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is written in one go, so that nothing flickers."""
    written: list[str] = []
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(stream, "write", written.append)
    monkeypatch.setattr(sys, "stdout", stream)
    tell = Report()

    tell.require_terminal("watch")
    tell.watch({"services": [{**ROW, "answer": f"look {number}"}]} for number in range(3))

    for number in range(3):
        one = next(text for text in written if f"look {number}" in text)
        # up over the lines of the picture before, which are replaced one by one
        assert ("\x1b[1A" in one) is (number > 0)
        assert "\x1b[2J" not in one


@pytest.mark.parametrize("form", ["text", "json"])
def test_watching_needs_a_terminal(form: str) -> None:
    """A program asks for JSON as often as it likes."""
    with pytest.raises(ConfigError, match="--watch draws on a terminal") as caught:
        Report(form=form).require_terminal("watch")

    assert caught.value.next_step.startswith("inv ps --format json")


LINES = (
    LogLine(service="web", at=1, text="INFO: [up]", level="info"),
    LogLine(service="db", at=2, text="--- db restarted (exit 1) ---", mark=True),
    LogLine(service="db", at=3, text="ERROR: no", level="error"),
)


def test_lines_of_logs_stand_behind_the_names_of_their_services(capsys: Capture) -> None:
    """In a pipe without colours; what looks like markup is text, and a mark stands alone."""
    Report().logs(("db", "web"), LINES)

    assert capsys.readouterr().out.splitlines() == [
        "web | INFO: [up]",
        "--- db restarted (exit 1) ---",
        "db  | ERROR: no",
    ]


@pytest.mark.usefixtures("terminal")
def test_on_a_terminal_each_service_has_its_colour(capsys: Capture) -> None:
    """And a line that is too long is not broken."""
    long = LogLine(service="web", at=4, text="x" * 200, level="info")

    Report().logs(("db", "web"), (*LINES, long))

    web, mark, db, last = capsys.readouterr().out.splitlines()
    assert web.startswith("\x1b[32mweb | \x1b[0m")
    assert db.startswith("\x1b[36mdb  | \x1b[0m\x1b[31mERROR: no")
    assert Text.from_ansi(mark).plain == "--- db restarted (exit 1) ---"
    assert Text.from_ansi(last).plain == "web | " + "x" * 200

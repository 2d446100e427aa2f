"""What is told, where: results on stdout, errors on stderr, JSON alone."""

import io
import json
import sys
from pathlib import Path

import pytest
from rich.text import Text

from scripts.core.errors import ConfigError, DeclinedError
from scripts.core.finding import Finding
from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.tell.report import Report
from scripts.watch.log_lines import LogLine

Capture = pytest.CaptureFixture[str]
ENDED = Finding(code="ended", service="db", cause="it ended", next_step="inv logs --service db")


@pytest.mark.usefixtures("terminal")
def test_no_color_holds(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """https://no-color.org."""
    monkeypatch.setenv("NO_COLOR", "1")

    Report().finding(ENDED)

    told = capsys.readouterr().err
    assert "it ended" in told
    assert "\x1b[31" not in told
    assert "\x1b[1;31" not in told


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
    "mended": "",
    "debugger": "",
    "findings": [{"code": "ended", "service": "db", "cause": "it ended", "next_step": "inv logs"}],
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


def test_where_a_debugger_attaches_is_a_line_of_its_own(capsys: Capture) -> None:
    """An address to copy, and where more is said."""
    Report().status({"services": [{**ROW, "findings": [], "debugger": "127.0.0.1:6001"}]})

    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "a debugger attaches to 127.0.0.1:6001 (docs/debugger.md)"


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


class Answers(io.StringIO):
    """A stdin that is a terminal."""

    def isatty(self) -> bool:
        """Say that somebody is there."""
        return True


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " yes \n", ""])
def test_yes_is_taken_for_yes(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """The question names what will be deleted first; with --yes the list alone is shown."""
    monkeypatch.setattr(sys, "stdin", Answers(answer) if answer else io.StringIO())

    Report().confirm("Delete these volumes?", ["one", "two"], yes=not answer)

    question = "Delete these volumes? [y/N] " if answer else ""
    assert capsys.readouterr().err == f"  one\n  two\n{question}"


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

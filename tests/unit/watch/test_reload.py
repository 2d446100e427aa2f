"""What the API's supervisor says, and what it means."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import RefusedError
from scripts.watch.reload import findings, version
from scripts.watch.reload import state as states
from scripts.watch.reload.state import How, Outcome, State
from tests.kit.builders import service
from tests.kit.fakes import FakeRunner
from tests.kit.reloads import failed, run, state

SOURCE = Path("/home/me/MemOS/src")
API = service("memos")


def told(text: str, source: Path | None = SOURCE) -> State:
    """Return the state of a file, as it may be told."""
    return states.told(states.parsed(text.encode()), API, source)


def test_the_state_is_read_whole() -> None:
    """With what a newer supervisor says beside it left out."""
    pending = {"version": 3, "stage": "import", "since": "2026-11-27T20:00:01Z", "more": 1}
    found = told(state({**run(2, asked=1), "new": {}}, pending=pending, memory=7))

    assert (found.serving, found.watching.how, found.template.modules) == (2, How.EVENTS, 3184)
    assert found.pending is not None
    assert (found.pending.version, found.pending.stage) == (3, "import")
    assert found.runs[0].outcome is Outcome.ANSWERS
    assert found.running == found.runs[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "{}",
        state().replace('"format": 1', '"format": 2'),
        state(serving="7"),
        state(runs={}),
        state(runs=["x"]),
        state(run(1, outcome="exploded")),
        state(run(1, began="yesterday")),
        state(run(1, seconds={"answer": -1.0})),
        state(run(1, seconds={"answer": 1e300})),
        state(watching={"how": "telepathy"}),
        state(run(1, files="many")),
        json.dumps({"format": 1, "runs": [None]}),
    ],
)
def test_what_is_no_state_is_refused(text: str) -> None:
    """It comes out of a container, and is taken for nothing that it is not."""
    with pytest.raises(ValueError, match=r".+"):
        states.parsed(text.encode())


def test_a_version_that_failed_stands_until_a_newer_one_answers() -> None:
    """One that a newer edit overtook says nothing either way."""
    overtaken = run(9, outcome="superseded")

    assert told(state(run(7), failed(8))).standing is not None
    assert told(state(run(7), failed(8), overtaken)).standing is not None
    assert told(state(run(7), failed(8), run(9))).standing is None
    assert told(state()).standing is None


def test_a_state_knows_when_it_was_written_last() -> None:
    """By what happened in it; a supervisor that has only begun has nothing to tell."""
    waits = {"version": 9, "stage": "import", "since": "2026-11-27T20:00:01Z"}

    assert told(state()).moment == 0
    first, last = told(state(run(7))).moment, told(state(run(7), pending=waits)).moment
    assert 0 < first < last


def test_who_asked_waits_for_a_version_of_after_the_question() -> None:
    """Not for one that was on its way, nor for one that a newer edit overtook."""
    before = told(state(run(1), asked=3))
    runs = [run(1), run(2, asked=3), run(3, asked=4, outcome="superseded")]

    assert told(state(*runs, asked=4)).after(before) is None
    found = told(state(*runs, failed(4, asked=4), asked=4)).after(before)
    assert found is not None
    assert found.version == 4


def test_of_a_supervisor_that_was_started_meanwhile_any_version_will_do() -> None:
    """It counts anew, and has what was saved before."""
    before = told(state(run(1), failed(2), asked=3))
    found = told(state(run(1, began="2026-11-27T20:01:00.000Z"))).after(before)

    assert found is not None
    assert found.version == 1


@pytest.mark.parametrize(
    ("file", "line", "source", "place"),
    [
        ("memos/api/x.py", 12, SOURCE, "/home/me/MemOS/src/memos/api/x.py:12"),
        ("/app/src/memos/api/x.py", 12, SOURCE, "/home/me/MemOS/src/memos/api/x.py:12"),
        ("/usr/lib/python3/json.py", 3, SOURCE, "/usr/lib/python3/json.py:3"),
        ("memos/api/x.py", 0, SOURCE, "/home/me/MemOS/src/memos/api/x.py"),
        ("memos/api/x.py", 12, None, "/app/src/memos/api/x.py:12"),
        ("", 0, SOURCE, ""),
    ],
)
def test_an_error_is_placed_where_an_editor_finds_it(
    file: str, line: int, source: Path | None, place: str
) -> None:
    """What the container calls /app/src is a folder of this machine."""
    (one,) = told(state(failed(8, file=file, line=line)), source).runs

    assert one.place == place


def test_what_is_told_is_one_line_without_secrets() -> None:
    """An error of MemOS may quote an address with a login, or hold what a terminal obeys."""
    said = "ValueError: bolt://neo4j:hunter22@db\n\x1b[2J"
    (one,) = told(state(failed(8, error=said, first_files=["a\nb"]))).runs

    assert one.error.startswith("ValueError: bolt://neo4j:***@db ")
    assert one.error.isprintable()
    assert one.first_files == ("a b",)


def test_a_version_that_failed_is_told_with_its_place_and_what_serves() -> None:
    """The old one answers: that stops nothing."""
    (found,) = findings.standing(told(state(run(7), failed(8))))

    assert (found.code, found.fatal, found.service) == ("reload-failed", False, "memos")
    assert found.cause == "version 8 of the code failed at compile, version 7 serves on"
    place = f"{SOURCE}/memos/api/x.py:12"
    assert found.evidence == f"{place}: SyntaxError: invalid syntax"
    assert found.next_step == f"mend {place}; to save it is enough"


def test_where_no_version_answers_a_failed_one_is_fatal() -> None:
    """The API was started with code that cannot be imported."""
    (found,) = findings.standing(told(state(failed(1))))

    assert (found.fatal, found.cause.endswith("no version answers")) == (True, True)


def test_a_version_that_hangs_is_told_before_one_that_failed() -> None:
    """It is the newer one; as long as it goes on nothing is wrong with it."""
    waits = {"version": 9, "stage": "import", "since": "2026-11-27T20:00:01Z"}
    where = {"file": "memos/api/y.py", "line": 3, "error": "it does not go on here"}

    (found,) = findings.standing(told(state(run(7), failed(8), pending=waits | where)))

    assert found.code == "reload-hangs"
    assert found.cause == (
        "version 9 of the code has stood still for a while at import, version 7 serves on"
    )
    assert found.evidence == f"{SOURCE}/memos/api/y.py:3: it does not go on here"
    assert found.next_step.startswith(f"where it does not go on by itself: mend {SOURCE}/memos")
    assert list(findings.standing(told(state(run(7), pending=waits)))) == []
    (first,) = findings.standing(told(state(pending=waits | where)))
    assert not first.fatal


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ({"watching": {"folder": "/app/src", "how": "off", "why": "x", "files": 1}}, "inv reload"),
        ({}, "to save it is enough"),
    ],
)
def test_the_next_step_is_what_takes_the_next_edit(facts: dict[str, Any], step: str) -> None:
    """Where edits are not noticed they are asked for."""
    (found,) = findings.standing(told(state(run(7), failed(8), **facts)))

    assert found.next_step.endswith(step)


def test_an_error_without_a_place_leads_to_the_log() -> None:
    """Nobody knows what to mend."""
    (found,) = findings.standing(told(state(run(7), failed(8, file="", line=0))))

    assert found.next_step == "inv logs --service memos --tail 50; then: inv reload"
    assert found.evidence == "SyntaxError: invalid syntax"


@pytest.mark.parametrize(
    ("error", "asked"),
    [("ServiceUnavailable: neo4j:7687", True), ("NameError: name 'x' is not defined", False)],
)
def test_code_is_not_blamed_for_a_database(error: str, *, asked: bool) -> None:
    """What connects stands in MemOS too; some errors only code can make."""
    (found,) = findings.standing(told(state(run(7), failed(8, error=error, stage="connect"))))

    assert ("inv ps: where a database" in found.next_step) is asked
    assert f"mend {SOURCE}/memos/api/x.py:12; to save it is enough" in found.next_step


@pytest.mark.parametrize(
    ("how", "ready", "why", "codes"),
    [
        ("events", True, "", []),
        ("events", False, "", []),
        ("polling", True, "no event arrives", ["reload-polling"]),
        ("off", True, "too many files", ["reload-unwatched"]),
        ("events", True, "/app/src is not there", ["reload-unwatched"]),
        ("polling", False, "torch is missing", ["reload-polling", "reload-template"]),
    ],
)
def test_what_makes_reloads_slow_is_an_advice_with_its_reason(
    how: str, why: str, codes: list[str], *, ready: bool
) -> None:
    """A template that is only being made is none yet, and no fault."""
    watching = {"folder": "/app/src", "how": how, "why": why, "files": 1}
    template = {"ready": ready, "modules": 0, "why": "" if ready else why}
    asked = told(state(run(1), watching=watching, template=template))
    found = list(findings.slow(asked, SOURCE, there=True))

    assert [one.code for one in found] == codes
    assert all(why in one.cause and not one.fatal for one in found)


@pytest.mark.parametrize(
    ("why", "mounted", "there", "step"),
    [
        (findings.EMPTY, SOURCE, True, "inv restart --service memos"),
        (findings.EMPTY, SOURCE, False, f"bring {SOURCE} back, then: inv restart --service memos;"),
        (findings.EMPTY, None, False, "bring it back, so that it may be read: that is noticed;"),
        (
            "may not be read",
            SOURCE,
            True,
            "bring it back, so that it may be read: that is noticed;",
        ),
    ],
)
def test_a_folder_that_is_gone_is_had_back_by_what_works(
    why: str, mounted: Path | None, step: str, *, there: bool
) -> None:
    """A container keeps the folder that it was given, though another one has its name by now."""
    watching = {"folder": "/app/src", "how": "events", "why": f"/app/src {why}", "files": 0}

    (found,) = findings.slow(told(state(run(1), watching=watching)), mounted, there=there)

    assert found.next_step.startswith(step)


def test_a_file_that_does_not_compile_and_is_not_used_is_told_while_its_version_answers() -> None:
    """It holds nobody up: the version answers, and the one after it has nothing to tell of it."""
    unused = run(8, file="memos/page.py", line=3, error="SyntaxError: invalid syntax")

    (found,) = findings.standing(told(state(run(7), unused)))

    assert (found.code, found.fatal) == ("reload-unused", False)
    assert found.evidence == f"{SOURCE}/memos/page.py:3: SyntaxError: invalid syntax"
    assert found.next_step.startswith(f"mend {SOURCE}/memos/page.py:3;")
    assert list(findings.standing(told(state(unused, run(9))))) == []


@pytest.mark.parametrize(
    ("how", "words"),
    [("events", "is taken when it is saved"), ("polling", "by polling: why"), ("off", "alone")],
)
def test_how_edits_are_taken_is_said_in_a_line(how: str, words: str) -> None:
    """As `inv up` ends with it."""
    watching = {"folder": "/app/src", "how": how, "why": "why", "files": 1}
    found = told(state(watching=watching))

    line = findings.how(found, "/src")
    assert words in line
    assert "/src" in line


PORCELAIN = "# branch.oid be68e2f0c4d1a2b3\n# branch.head dev\n"


@pytest.mark.parametrize(
    ("said", "code", "short", "dirty"),
    [
        (PORCELAIN, 0, "be68e2f0c", False),
        (PORCELAIN + "1 .M N... 100644 src/memos/x.py\n", 0, "be68e2f0c", True),
        ("# branch.oid (initial)\n", 0, "", False),
        ("fatal: detected dubious ownership\n", 128, "", False),
        ("", 0, "", False),
    ],
)
def test_the_commit_of_a_checkout_is_asked_once(
    tmp_path: Path, said: str, code: int, short: str, *, dirty: bool
) -> None:
    """Git says it with whether files differ; it takes no lock and runs no hook."""
    (tmp_path / ".git").mkdir()
    runner = FakeRunner().answer("git status", said, exit_code=code)

    found = version.commit(tmp_path / "src", runner)

    assert (found.short if found else "", bool(found and found.dirty)) == (short, dirty)
    (words,) = runner.commands()
    assert "--no-optional-locks -c core.fsmonitor=false" in words


def test_a_folder_in_somebody_elses_repository_has_no_commit(tmp_path: Path) -> None:
    """A release that was unpacked below another checkout; git is not asked."""
    (tmp_path / ".git").mkdir()

    assert version.commit(tmp_path / "vendor" / "MemOS" / "src", FakeRunner()) is None


def test_without_git_there_is_no_commit(tmp_path: Path) -> None:
    """The version alone is told."""
    (tmp_path / ".git").write_text("gitdir: elsewhere\n")
    missing = RefusedError("there is no program 'git' on PATH", next_step="install git")

    assert version.commit(tmp_path, FakeRunner().fail("git", missing)) is None


def test_what_was_written_while_a_version_was_begun_is_in_it() -> None:
    """A checkout of 200 files is noticed at the first."""
    began = told(state(run(1, seconds={}))).runs[0].read
    found = told(state(run(1))).runs[0].read  # 0.61 s, of which it imported and connected 0.49

    assert found - began == pytest.approx(0.12)


def test_files_changed_since_a_moment_are_counted(tmp_path: Path) -> None:
    """Of Python, in any folder; what is hidden, compiled or linked does not count."""
    for name in ("a.py", "new.py", "sub/new.py", "new.txt", ".git/new.py", "__pycache__/new.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 200.0 if "new" in name else 100.0))
    (tmp_path / "link").symlink_to(tmp_path / "sub")
    (tmp_path / "loop").symlink_to(tmp_path)

    assert version.changed(tmp_path, 150.0) == 2
    assert version.changed(tmp_path / "gone", 150.0) == 0


def test_what_does_not_get_to_a_remote_engine_is_told() -> None:
    """Why nothing does for now, and one of the files that cannot; both stop nothing."""
    assert list(findings.brought("", {}, "far")) == []

    refused = {"memos/b": "40.0 MiB, at most 32.0 MiB are brought", "memos/a": "a link out"}
    late, lacking = findings.brought("the engine does not answer", refused, "far")

    assert (late.code, late.evidence, late.fatal) == (
        "source-late",
        "the engine does not answer",
        False,
    )
    assert late.cause == "what was saved last is not at far yet, and is tried again"
    assert (lacking.code, lacking.fatal) == ("source-refused", False)
    assert lacking.evidence == "memos/a: a link out, and 1 more"

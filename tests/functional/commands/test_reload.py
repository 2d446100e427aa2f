"""`inv reload`, and where else a version of the code of MEMOS_SRC is told."""

import base64
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from scripts.commands.flows import reload as flow
from scripts.config import release
from scripts.watch.reload import findings
from tests.kit.changes import put
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import framed
from tests.kit.on_host import noted
from tests.kit.places import ROOT
from tests.kit.reloading import reloading, toy
from tests.kit.reloads import edited, failed, run, state

TOOK = "version 8 answers after 0.61 s (compile 0.02, import 0.38, connect 0.11): memos/api/x.py\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing more comes here than what is prepared."""
    monkeypatch.setattr(flow, "WRITTEN", 0.2)
    monkeypatch.setattr(flow, "ANSWER", 0.2)


def memos(at: Checkout) -> dict[str, Any]:
    """Return the API's row of `inv ps`."""
    assert at.inv("ps", "--format", "json") == 0
    (row,) = [one for one in at.document("ps")["services"] if one["service"] == "memos"]
    return dict(row)


def test_a_new_version_that_answers_is_success(at: Checkout) -> None:
    """Told in one line, with the seconds of each stage and what was changed."""
    edited(at, state(run(7)), state(run(7), run(8, asked=1), asked=1))

    assert at.inv("reload") == 0
    assert at.shown() == (TOOK, "")


def test_as_json_it_keeps_its_schema(at: Checkout) -> None:
    """One document, also where the code is wrong."""
    source = edited(at, state(run(7)), state(run(7), failed(8, asked=1), asked=1))

    assert at.inv("reload", "--format", "json") == 5

    document = at.document("reload")
    assert (document["exit_code"], document["serving"]) == (5, 7)
    assert document["run"]["file"] == str(source / "memos" / "api" / "x.py")
    assert document["finding"]["code"] == "reload-failed"


def test_a_version_that_fails_is_told_as_compilers_do(at: Checkout) -> None:
    """FILE:LINE: message alone on stdout, with the path of this machine; the rest beside it."""
    source = edited(at, state(run(7)), state(run(7), failed(8, asked=1), asked=1))

    assert at.inv("reload") == 5

    shown, place = at.shown(), f"{source}/memos/api/x.py:12"
    assert shown.out == f"{place}: SyntaxError: invalid syntax\n"
    assert "version 8 of the code failed at compile, version 7 serves on" in shown.err
    assert f"next: mend {place}; to save it is enough" in shown.err
    assert "evidence" not in shown.err


def test_a_file_that_is_not_used_and_does_not_compile_is_told_and_no_failure(at: Checkout) -> None:
    """As compilers tell it; the version answers."""
    wrong = {"file": "memos/page.py", "line": 3, "error": "SyntaxError: invalid syntax"}
    source = edited(at, state(run(7)), state(run(7), run(8, asked=1, **wrong), asked=1))

    assert at.inv("reload") == 0

    shown = at.shown()
    assert shown.out == f"{source}/memos/page.py:3: SyntaxError: invalid syntax\n"
    assert "version 8 of the code answers without a file that does not compile" in shown.err


ABSENT = "ModuleNotFoundError: No module named 'absent'"
BUILT = " ".join(["absent==1.5", *(f"{one}==9" for one in release.extras(ROOT / release.LOCKS))])
PROJECT = '[project]\nname = "MemoryOS"\nversion = "2.0.6"\ndependencies = ["absent>={}"]\n'


@pytest.mark.parametrize(
    ("labels", "wants", "lacks"),
    [
        ({"org.opencontainers.image.version": "2.0.6"}, 1, "absent is not installed"),
        ({"dev.memos.packages": BUILT}, 2, "absent is 1.5, it wants >=2"),
        ({"dev.memos.packages": BUILT}, 1, ""),
        ({"org.opencontainers.image.version": "of-a-colleague"}, 1, ""),
    ],
)
def test_a_package_that_the_image_lacks_leads_to_another_image(
    at: Checkout, labels: dict[str, str], wants: int, lacks: str
) -> None:
    """Where the branch wants others than the image holds; else the code is to be mended."""
    wrong = failed(8, asked=1, stage="import", error=ABSENT)
    source = edited(at, state(run(7)), state(run(7), wrong, asked=1))
    (source.parent / "pyproject.toml").write_text(PROJECT.format(wants))
    at.state["containers"]["id-memos"]["Config"]["Labels"] |= labels

    assert at.inv("reload") == 5

    said = at.shown().err
    mend = f"mend {source}/memos/api/x.py:12; to save it is enough"
    anew = "inv images.build --service memos, then: inv up; where it is not that: " if lacks else ""
    assert f"next: {anew}{mend}" in said
    assert lacks in said
    assert [one["next_step"] for one in memos(at)["findings"]] == [f"{anew}{mend}"]


def test_a_source_that_was_cloned_anew_is_taken_by_a_restart(at: Checkout) -> None:
    """Its container has the folder that was deleted."""
    watching = {"folder": "/app/src", "how": "events", "files": 0}
    edited(at, state(run(7), watching={**watching, "why": f"/app/src {findings.EMPTY}"}))

    at.inv("doctor", "--format", "json")

    found = {one["code"]: one for one in at.document("doctor")["findings"]}
    assert found["reload-unwatched"]["next_step"] == "inv restart --service memos"


def test_what_was_on_its_way_is_no_answer(at: Checkout) -> None:
    """Neither a version of before, nor one that a newer edit overtook: at the timeout it is 6."""
    pending = {"version": 9, "stage": "import", "since": "2026-11-27T20:00:01Z"}
    runs = (run(7), run(8, asked=1, outcome="superseded"))
    edited(at, state(run(7)), state(*runs, asked=1, pending=pending))

    assert at.inv("reload", "--timeout", "0.5") == 6

    shown = at.shown()
    assert shown.out == ""
    assert "no new version answers after 0.5 s: version 9 is at import" in shown.err


def test_an_api_that_ends_meanwhile_is_told_at_once(at: Checkout) -> None:
    """Nobody waits for one that is gone."""
    edited(at, state(run(7)))

    assert at.inv("reload", "--timeout", "100", "--format", "json") == 5

    document = at.document("reload")
    assert document["run"] is None
    assert document["finding"]["code"] == "reload-ended"


def test_a_version_that_answers_no_real_call_is_no_success(at: Checkout) -> None:
    """It listens, and its first call fails."""
    at.config["services"]["memos"]["x-probe"][0]["expect"] = "Welcome"
    edited(at, state(run(7)), state(run(7), run(8, asked=1), asked=1))

    assert at.inv("reload") == 5

    shown = at.shown()
    assert shown.out == TOOK
    assert "version 8 took over, and does not answer as it should" in shown.err


@pytest.mark.parametrize(
    ("said", "setting", "told", "step"),
    [
        (None, None, "MEMOS_SRC is empty", "MEMOS_SRC=/path/to/MemOS in .env, then: inv up"),
        ("", "no", "RELOAD is 'no'", "RELOAD=yes in .env, then: inv up --service memos"),
        ("", None, "was started without a reload", "inv up --service memos"),
        ("{]}", None, "cannot be read", "inv restart --service memos"),
    ],
)
def test_where_nothing_is_reloaded_the_next_step_is_told(
    at: Checkout, said: str | None, setting: str | None, told: str, step: str
) -> None:
    """No MEMOS_SRC, switched off, an API of before, a file that is damaged: 2."""
    if said is not None:
        edited(at, said)
    if setting:
        put("RELOAD", setting)(at)

    assert at.inv("reload") == 2

    shown = at.shown().err
    assert told in shown
    assert f"next: {step}" in shown


@pytest.mark.parametrize("state_", ["exited", "created"])
def test_without_an_api_that_runs_there_is_nothing_to_reload(at: Checkout, state_: str) -> None:
    """What it wrote while it ran is of then."""
    edited(at, state(run(7)))
    at.state["containers"]["id-memos"] = at.container("memos", state_)

    assert at.inv("reload") == 2
    assert "the API does not run\nnext: inv up --service memos" in at.shown().err


def test_what_the_run_before_has_left_is_no_state(at: Checkout) -> None:
    """A container that was started again has a file of then; nobody hangs up on what boots."""
    edited(at, state(run(7)), state(run(7), run(8, asked=1), asked=1))
    at.state["containers"]["id-memos"]["State"]["StartedAt"] = "2026-11-27T20:00:05Z"

    assert at.inv("reload") == 2
    assert "was started without a reload" not in at.shown().err
    assert memos(at)["reload"] is None


SUPERVISOR = """
import shutil, signal
signal.signal(signal.SIGHUP, lambda *_: shutil.copy("then.json", "reload.json"))
print("ready", flush=True)
input()
"""


def test_the_api_on_this_machine_is_asked_itself(at: Checkout) -> None:
    """Its process gets the signal, and its file is read: no container is asked."""
    source = edited(at, "")
    here = at.root / ".cache" / "memos-test" / "host"
    here.mkdir(parents=True)
    watching = {"folder": str(source), "how": "events", "why": "", "files": 3}
    wrong = failed(8, asked=1, file=str(source / "memos" / "x.py"))
    (here / "reload.json").write_text(state(run(7), watching=watching))
    (here / "then.json").write_text(state(run(7), wrong, asked=1, watching=watching))
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR], cwd=here, stdin=pipe, stdout=pipe
    ) as up:
        assert up.stdout is not None
        assert up.stdout.readline() == b"ready\n"
        noted(here.parent, pid=up.pid)

        assert at.inv("reload") == 5

        assert at.shown().out == f"{source}/memos/x.py:12: SyntaxError: invalid syntax\n"
        assert memos(at)["reload"]["version"] == 7
        up.communicate(b"\n")


def test_the_real_supervisor_is_understood(at: Checkout) -> None:
    """An edit that answers, one that is wrong, one that mends it, and a supervisor that ends."""
    here = at.root / ".cache" / "memos-test" / "host"
    toy(here)
    put("MEMOS_SRC", str(here))(at)
    with reloading(here) as api:
        api.write("__init__.py", '__version__ = "2.0.6"\n')
        api.serves(1)
        noted(here.parent, pid=api.process.pid)
        api.write("answer.py", 'TEXT = "two"\n')

        assert at.inv("reload") == 0
        assert api.get() == "two"
        assert "memos/answer.py" in at.shown().out

        api.write("answer.py", "TEXT = (\n")
        assert at.inv("reload") == 5
        place = f"{here}/src/memos/answer.py:1"
        assert at.shown().out == f"{place}: SyntaxError: '(' was never closed\n"
        assert api.get() == "two"
        row = memos(at)
        assert [one["code"] for one in row["findings"]] == ["reload-failed"]
        assert row["reload"]["changed"] == 1

        api.write("answer.py", 'TEXT = "three"\n')
        assert at.inv("reload") == 0
        assert api.get() == "three"
        at.shown()
        row = memos(at)
        assert (row["findings"], row["reload"]["changed"]) == ([], 0)

        api.process.kill()
        api.process.wait()
        at.shown()
        at.state["containers"]["id-memos"] = at.container("memos", "exited")
        at.close()
        assert at.inv("reload") == 2
        assert "the API does not run" in at.shown().err


@pytest.mark.parametrize("value", ["0", "-1", "soon"])
def test_a_wrong_timeout_is_configuration(at: Checkout, value: str) -> None:
    """Before anything is asked."""
    assert at.inv("reload", "--timeout", value) == 2
    assert "--timeout is" in at.shown().err


def test_ps_has_no_reload_without_memos_src(at: Checkout) -> None:
    """And does not ask for one."""
    at.state["files"] = {"id-memos": {"/app/reload.json": state(run(7))}}

    assert memos(at)["reload"] is None


def test_ps_tells_the_version_its_commit_and_what_was_changed_since(at: Checkout) -> None:
    """With how edits are noticed; in text in one line."""
    source = edited(at, state(run(7)))
    git = ["git", "-c", "user.name=me", "-c", "user.email=me@x", "-C", str(source.parent)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True)
    (source / "memos" / "__init__.py").write_text('__version__ = "2.0.7"\n')
    os.utime(source / "memos" / "__init__.py", (0, 2e9))  # long after the version began

    found = memos(at)["reload"]

    assert (found["version"], found["commit"], found["dirty"]) == (7, head[:9], True)
    assert (found["changed"], found["watching"], found["error"]) == (1, "events", None)
    assert at.inv("ps") == 0
    line = f"version 7 of the code, {head[:9]} with changes, 1 file changed since"
    assert f"{line}, edits are noticed by events\n" in at.shown().out


def test_ps_and_doctor_tell_a_version_that_failed_while_it_stands(at: Checkout) -> None:
    """With file and line; the old one serves on, so both end with 0 as far as that goes."""
    source = edited(at, state(run(7), failed(8)))
    row = memos(at)

    error = row["reload"]["error"]
    assert (error["file"], error["line"]) == (str(source / "memos" / "api" / "x.py"), 12)
    assert [(one["code"], one["fatal"]) for one in row["findings"]] == [("reload-failed", False)]
    at.inv("doctor", "--format", "json")
    found = {one["code"]: one for one in at.document("doctor")["findings"]}
    assert found["reload-failed"]["evidence"].startswith(f"{source}/memos/api/x.py:12: Syntax")


def test_doctor_tells_why_edits_are_noticed_late(at: Checkout) -> None:
    """An advice with the reason."""
    why = "no event of this folder arrives"
    watching = {"folder": "/app/src", "how": "polling", "why": why, "files": 3}
    edited(at, state(run(7), watching=watching))

    at.inv("doctor", "--format", "json")

    found = {one["code"]: one for one in at.document("doctor")["findings"]}
    assert why in found["reload-polling"]["cause"]


@pytest.mark.parametrize("said", ["", "{", '{"format": 9}', '{"format": 1, "runs": 7}'])
def test_looking_is_never_in_the_way_of_a_damaged_state(at: Checkout, said: str) -> None:
    """`ps` and `up` do without."""
    edited(at, said)

    assert memos(at)["reload"] is None
    assert at.inv("up", "--timeout", "20") == 0


def test_up_says_that_edits_are_taken_and_how(at: Checkout) -> None:
    """In one line, also where the API ran before."""
    source = edited(at, state(run(7)))

    assert at.inv("up", "--timeout", "20") == 0
    line = f"reload is on: an edit below {source} is taken when it is saved"
    assert line in at.shown().err

    assert at.inv("up", "--timeout", "20", "--format", "json") == 0
    events = [json.loads(one) for one in at.shown().out.splitlines()]
    assert [one["detail"] for one in events if one["event"] == "reload"] == [line]


def test_a_reload_is_drawn_by_its_stages(at: Checkout) -> None:
    """1 is the last; for programs the same document as that of `inv reload`."""
    source = edited(at, state(run(7), failed(8)))

    assert at.inv("timeline", "--reload", "2") == 0
    lines = at.shown().out.splitlines()
    assert "version 7 answers after 0.61 s" in lines[0]
    assert [one.split()[0] for one in lines[1:]] == ["compile", "import", "connect", "answer"]

    assert at.inv("timeline", "--reload", "1") == 0
    assert f"{source}/memos/api/x.py:12: SyntaxError: invalid syntax" in at.shown().out
    assert at.inv("timeline", "--reload", "1", "--format", "json") == 0
    assert at.document("reload")["run"]["version"] == 8


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--reload", "3"), "wanted 1 to 2, the versions that are remembered"),
        (("--reload", "0"), "--reload is 0"),
        (("--reload", "x"), "--reload is 'x'"),
        (("--reload", "1", "--run", "1"), "--reload does not go with --run"),
    ],
)
def test_a_reload_that_is_not_remembered_is_told(
    at: Checkout, words: tuple[str, ...], told: str
) -> None:
    """With what could be asked for."""
    edited(at, state(run(7), failed(8)))

    assert at.inv("timeline", *words) == 2
    assert told in at.shown().err


def test_before_the_first_edit_there_is_no_reload(at: Checkout) -> None:
    """The supervisor has only just been started."""
    edited(at, state())

    assert at.inv("timeline", "--reload", "1") == 2
    assert "no edit has been taken since the API was started" in at.shown().err


def test_logs_have_the_supervisors_lines_with_their_levels(at: Checkout) -> None:
    """A version that failed is an error like others."""
    lines = (
        "memos: reload: version 7 answers after 0.61 s (memos/api/x.py)",
        "memos: reload: version 8 failed, version 7 serves on: x.py:12: SyntaxError: invalid",
    )
    moments = (f"2026-11-27T20:00:0{number}Z {line}" for number, line in enumerate(lines))
    at.state["logs"]["id-memos"] = base64.b64encode(framed(*moments)).decode()

    assert at.inv("logs", "--service", "memos", "--level", "error") == 0
    assert at.shown().out.split("| ")[1] == f"{lines[1]}\n"

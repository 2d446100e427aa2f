"""`inv ps`: how the services are, once, on and on, and of every stack."""

import base64
import json
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.config.rules.schema import validate
from scripts.core import polling
from scripts.core.look import Look, Usage
from scripts.engine.stacks import KIND_LABEL
from scripts.watch import measuring
from tests.kit.changes import put
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import framed, made
from tests.kit.live import PATIENCE
from tests.kit.places import ROOT


def test_ps_as_json_keeps_its_schema(at: Checkout) -> None:
    """One document, also when something is sick: then it is 0 all the same."""
    del at.state["containers"]["id-neo4j"]
    at.state["containers"]["id-etcd"] = at.container("etcd", "exited")

    assert at.inv("ps", "--format", "json") == 0

    document = at.document("ps")
    rows = {row["service"]: row for row in document["services"]}
    assert (rows["memos"]["ready"], rows["memos"]["contains"]) == (True, "official")
    assert rows["neo4j"]["state"] == "absent"
    assert [finding["code"] for finding in rows["etcd"]["findings"]] == ["ended"]


def test_ps_marks_the_api_whose_memos_is_mended(at: Checkout) -> None:
    """By the numbers of the issues; the others have no such mark."""
    at.state["files"] = {"id-memos": '{"memos": "2.0.6", "mended": ["1093"], "left": []}'}

    assert at.inv("ps", "--format", "json") == 0

    rows = {row["service"]: row["mended"] for row in at.document("ps")["services"]}
    assert rows["memos"] == "mended: #1093"
    assert set(rows.values()) == {"mended: #1093", ""}


def test_ps_and_doctor_tell_errors_of_the_apis_first_seconds(at: Checkout) -> None:
    """It is ready, and the log is full of errors: an advice, and the exit codes stay 0."""
    line = "2026-01-31 12:00:00 - redis - ERROR - no such host: redis.example"
    at.state["logs"]["id-memos"] = base64.b64encode(framed("INFO: started", line)).decode()

    assert at.inv("ps", "--format", "json") == 0

    rows = {row["service"]: row["findings"] for row in at.document("ps")["services"]}
    (found,) = rows.pop("memos")
    assert (found["code"], found["fatal"]) == ("api-errors", False)
    assert line in found["evidence"]
    assert list(filter(None, rows.values())) == []

    at.inv("doctor", "--format", "json")
    codes = [(one["service"], one["code"]) for one in at.document("doctor")["findings"]]
    assert ("memos", "api-errors") in codes


def test_ps_works_before_there_is_an_env_file(at: Checkout) -> None:
    """It uses the defaults, says so, and makes no file."""
    at.env_file.unlink()

    assert at.inv("ps") == 0

    shown = at.shown()
    assert not at.env_file.exists()
    assert "there is no .env yet" in shown.err
    assert "memos" in shown.out


def test_ps_shows_the_service_that_was_asked_for(at: Checkout) -> None:
    """With what it uses, and since when it is ready where a start has seen it."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    at.state["stats"]["id-etcd"] = {
        "read": "2026-11-23T02:00:00Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "pids_stats": {"current": 3},
        "memory_stats": {"usage": 2**21, "stats": {"inactive_file": 2**20}},
    }
    assert at.inv("up", "--service", "etcd") == 0
    at.shown()

    assert at.inv("ps", "--service", "etcd-docker", "--format", "json") == 0

    document = at.document("ps")
    (row,) = document["services"]
    assert (row["service"], row["memory_bytes"], row["cpu_seconds"]) == ("etcd", 2**20, 2.5)
    assert row["ready_since"] is not None


def test_what_was_ready_before_we_came_has_no_moment(at: Checkout) -> None:
    """A start that found all of it running does not know since when; that is no fault."""
    assert at.inv("up") == 0
    at.shown()

    assert at.inv("ps", "--format", "json") == 0

    rows = at.document()["services"]
    assert [(row["ready"], row["ready_since"]) for row in rows] == [(True, None)] * 5


def test_every_stack_on_the_engine_is_shown(at: Checkout) -> None:
    """Also of another checkout; what has not our label is somebody else's."""
    second = made("memos", "running", folder="/second/docker", project="two", ports={8000: 8100})
    second["State"]["Health"] = {"Status": "healthy", "Log": []}
    down = made("etcd", "exited", folder="/second/docker", project="two")
    del down["State"]["Health"]
    for name, one in (("second", second), ("down", down), ("first", at.container("neo4j"))):
        one["Config"]["Labels"][KIND_LABEL] = "workspace"
        at.state["containers"][f"id-{name}"] = {**one, "Id": f"id-{name}"}
    put("COMPOSE_PROJECT_NAME", "memos-test")(at)

    assert (at.inv("ps", "--all", "--format", "json"), at.inv("ps", "--all")) == (0, 0)

    shown = at.shown().out.splitlines()
    document = json.loads(shown[0])
    assert validate(document, "stacks") == ()
    found = {one["project"]: one for one in document["stacks"]}
    assert {name: one["present"] for name, one in found.items()} == {
        "memos-test": True,
        "two": False,
    }
    assert (found["two"]["checkout"], found["two"]["ready"]) == ("/second", ["memos"])
    assert found["two"]["states"] == {"exited": 1, "running": 1}
    assert "✗ two  1 exited, 1 running, 1 healthy" in shown
    assert "  memos 8100" in shown
    assert "  not healthy: etcd" in shown


def test_without_a_stack_that_is_said(at: Checkout) -> None:
    """An empty list for programs, a sentence for people."""
    at.state["containers"] = {}

    assert (at.inv("ps", "--all", "--format", "json"), at.inv("ps", "--all")) == (0, 0)

    shown = at.shown().out.splitlines()
    assert json.loads(shown[0]) == {"stacks": []}
    assert "no stack of this kind" in shown[1]


def test_watching_ends_with_ctrl_c(at: Checkout) -> None:
    """The way to end it, so it is 0; from the second picture on there are percentages."""
    used = iter([10**9, 2 * 10**9])
    waited: list[float] = []

    def measured(api: object, seen: Look, names: object) -> Look:
        del api, names
        cpu = next(used)
        return replace(seen, usage={"etcd": Usage(memory=2**20, cpu=cpu, read_at=cpu)})

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            raise KeyboardInterrupt

    at.patch.setenv("FORCE_COLOR", "1")
    at.patch.setattr(measuring, "measured", measured)
    at.patch.setitem(polling.poll.__kwdefaults__ or {}, "sleep", sleep)

    assert at.inv("ps", "--watch", "--service", "etcd") == 0

    shown = at.shown().out
    assert "1.0 s CPU" in shown
    assert "100.0 % CPU" in shown
    assert waited == [2, 2]


def test_programs_are_told_the_state_first_until_ctrl_c(at: Checkout) -> None:
    """A document a line; no secret is in it, and the end is none of its failures."""
    put("NEO4J_PASSWORD", "correct-horse-battery")(at)
    at.state["containers"]["id-etcd"] = at.container("etcd", "exited")
    at.serve()
    argv = [sys.executable, "-m", "tests.kit.inv_at", str(at.root), "ps", "--follow"]

    with subprocess.Popen(
        [*argv, "--format", "json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()

    event = json.loads(line)
    assert validate(event, "follow") == ()
    assert event["event"] == "state"
    assert validate(event["data"], "state") == ()
    assert event["data"]["services"]["etcd"]["state"] == "exited"
    assert b"correct-horse-battery" not in line
    assert (process.returncode, err) == (0, b"")


def test_following_ends_where_nobody_reads_any_more(at: Checkout) -> None:
    """Quietly, and without any more news: where nothing runs, none comes."""
    argv = [sys.executable, "-m", "tests.kit.inv_at", str(at.root), "ps", "--follow"]

    with subprocess.Popen(
        [*argv, "--format", "json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        events = [json.loads(process.stdout.readline())["event"] for _ in range(2)]
        process.stdout.close()
        try:
            code = process.wait(PATIENCE)
        finally:
            process.kill()
        err = process.stderr.read()

    assert events == ["state", "usages"]
    assert (code, err) == (0, b"")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--follow",), "for people: inv ps --watch"),
        (("--follow", "--format", "json", "--service", "etcd"), "--follow does not go with"),
        (("--follow", "--format", "json", "--watch"), "--follow does not go with --watch"),
    ],
)
def test_what_follows_is_made_for_programs(at: Checkout, words: tuple[str, ...], told: str) -> None:
    """2, and who looks at a screen is told what is made for that."""
    assert at.inv("ps", *words) == 2
    assert told in at.shown().err

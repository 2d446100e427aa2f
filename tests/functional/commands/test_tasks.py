"""The commands as they are typed: the real parser, a fake `docker` on PATH, an engine's socket."""

import base64
import hashlib
import json
import os
import shlex
import shutil
import zipfile
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.config import settings
from scripts.config.rules.schema import validate
from scripts.core import lock, polling
from scripts.core.inventory import Engine, ImageSource
from scripts.core.look import Look, Usage
from scripts.engine import places
from scripts.engine.private import control
from scripts.engine.private import files as engine_files
from scripts.engine.stacks import KIND_LABEL
from scripts.images import base_image
from scripts.images.bundle import bundle_file, packing
from scripts.images.jobs import Job
from scripts.images.recipes import BASE_TAG
from scripts.machine import ports as host_ports
from scripts.machine.apt import Deb
from scripts.machine.system import System
from scripts.start import prepare
from scripts.tell.report import Report
from scripts.watch import measuring
from tests.kit.bundles import MANIFEST, bundled
from tests.kit.checkout import Checkout, service
from tests.kit.fake_engine import framed, made
from tests.kit.places import ROOT

Capture = pytest.CaptureFixture[str]
Prepare = Callable[[Checkout], object]


def put(name: str, value: str) -> Prepare:
    """Set a variable in `.env`."""
    return lambda at: at.env_file.write_text(at.env_file.read_text() + f"{name}={value}\n")


def nothing(at: Checkout) -> None:
    """Change nothing."""
    del at


def broken_env(at: Checkout) -> None:
    """Write a line that is no assignment."""
    at.env_file.write_text("IMAGE_SOURCE registry\n")


def no_yaml(at: Checkout) -> None:
    """Break the compose file."""
    (at.root / "docker" / "docker-compose.yml").write_text("services: [")


def breach(at: Checkout) -> None:
    """Take a key away that a service must have."""
    del at.config["services"]["etcd"]["mem_limit"]


def foreign(at: Checkout) -> None:
    """Let a container be made by another checkout."""
    at.state["containers"]["id-etcd"] = made(
        "etcd", "running", folder="/elsewhere/docker", project="memos-test"
    )


def stranger(at: Checkout) -> None:
    """Let another project have a container with the name of one of ours."""
    del at.state["containers"]["id-etcd"]
    other = made("etcd", "exited", folder="/elsewhere/docker", project="memos-old")
    at.state["containers"]["id-stranger"] = {**other, "Name": "/etcd-docker"}


def uncreated(at: Checkout) -> None:
    """Let a service have no container."""
    del at.state["containers"]["id-etcd"]


def no_folder(at: Checkout) -> None:
    """Let a file be where a folder has to be made."""
    (at.root / ".cache").touch()


def raw_breach(at: Checkout) -> None:
    """Write a fixed container name, which no second stack could have."""
    file = at.root / "docker" / "docker-compose.yml"
    file.write_text(file.read_text().replace("${CONTAINER_PREFIX:-}qdrant-docker", "qdrant"))


def old_engine(at: Checkout) -> None:
    """Let the engine be 24."""
    at.state["version"] = {"Version": "24.0.9", "ApiVersion": "1.43"}


@pytest.mark.parametrize(
    ("words", "prepare", "code", "told"),
    [
        ("up --service milvsu", nothing, 2, "'milvsu'; did you mean milvus?\nnext: one of: etcd,"),
        ("up --service nothing-like-it", nothing, 2, "no service 'nothing-like-it'\nnext: one of"),
        ("up --timeout soon", nothing, 2, "--timeout is 'soon', wanted a number of seconds"),
        ("restart --timeout -1", nothing, 2, "--timeout is '-1'"),
        ("ps --format yaml", nothing, 2, "--format is 'yaml', wanted text or json"),
        ("up --format yaml", nothing, 2, "--format is 'yaml'"),
        ("logs --tail many", nothing, 2, "--tail is 'many', wanted a whole number"),
        ("logs --level loud", nothing, 2, "--level is 'loud', wanted error, warning, info"),
        ("logs --service milvsu", nothing, 2, "no service 'milvsu'; did you mean milvus?"),
        ("ps --service milvsu", nothing, 2, "no service 'milvsu'; did you mean milvus?"),
        ("ps --watch", nothing, 2, "--watch draws on a terminal, and stdout is none"),
        ("ps --watch --format json", nothing, 2, "or --format json was given"),
        ("ps --all --watch", nothing, 2, "--all does not go with --watch\nnext: --all alone"),
        ("ps --all --service etcd", nothing, 2, "--all does not go with --service"),
        ("env --offset 100", nothing, 2, "--write is missing\nnext: give --offset and --write"),
        ("env --write new.env", nothing, 2, "--offset is missing"),
        ("env --offset far --write new.env", nothing, 2, "--offset is 'far', wanted a whole"),
        ("env --offset 0 --write new.env", nothing, 2, "--offset is '0', wanted a whole number"),
        ("env --offset 50000 --write new.env", nothing, 2, "MILVUS_PORT would be 69530, and 65535"),
        ("logs --since yesterday", nothing, 2, "--since is 'yesterday', wanted a duration"),
        ("ps", broken_env, 2, ".env line 1: 'IMAGE_SOURCE …' is no NAME=value"),
        ("up", put("NEO4J_HTTP_PORT", "http"), 2, "NEO4J_HTTP_PORT is 'http', wanted a port"),
        (
            "up",
            put("ENABLE_PREFERENCE_MEMORY", "True"),
            2,
            "MEMORY is 'True', wanted true or false",
        ),
        (
            "up",
            lambda at: at.env_file.write_text(
                "IMAGE_SOURCE=packages\nENABLE_PREFERENCE_MEMORY=true\n"
            ),
            2,
            "preference memory needs Milvus 2.5",
        ),
        ("ps", no_yaml, 2, "docker-compose.yml"),
        ("ps", breach, 2, "service etcd: mem_limit: found nothing"),
        (
            "up",
            foreign,
            2,
            "container etcd of project 'memos-test' belongs to the checkout at /else",
        ),
        ("down", foreign, 2, "belongs to the checkout at /elsewhere"),
        ("restart", foreign, 2, "inv env --offset 100 --write second.env"),
        ("up", raw_breach, 2, "docker-compose.yml: service qdrant: container_name: found "),
        (
            "restart --service etcd",
            uncreated,
            2,
            "etcd has no container yet\nnext: inv up --service etcd",
        ),
        ("up", no_folder, 2, "/.cache/memos-test\nnext: look whose it is (ls -l)"),
        ("down", no_folder, 2, "/.cache/memos-test\nnext: look whose it is (ls -l)"),
        (
            "up",
            stranger,
            5,
            "etcd: there is a container etcd-docker already, and it belongs to project 'memos-old'",
        ),
        ("up", old_engine, 3, "is 24.0.9 (API 1.43); wanted is 25.0"),
        (
            "ps",
            lambda at: at.answer("compose version", "echo 2.20.3"),
            3,
            "Docker Compose is 2.20.3; wanted is 2.24.4",
        ),
        ("up", lambda at: at.answer(" create ", "echo no >&2; exit 1"), 4, "create failed: no"),
        ("down --volumes", nothing, 7, "memos-test_etcd_data\nDelete these volumes?"),
        ("engine.remove", nothing, 7, "nothing was changed\nnext: the same command with --yes"),
        ("fly", nothing, 1, "No idea what 'fly' is!"),
        ("up --higher", nothing, 1, "No idea what '--higher' is!"),
    ],
)
def test_what_is_wrong_has_its_exit_code_and_is_told_with_its_value(
    at: Checkout, capsys: Capture, words: str, prepare: Prepare, code: int, told: str
) -> None:
    """As the README's table says; nothing is on stdout, and no container was touched."""
    prepare(at)

    assert at.inv(*words.split()) == code

    shown = capsys.readouterr()
    assert shown.out == ""
    assert told in shown.err
    assert "Traceback" not in shown.err
    assert not any(call.startswith("--progress plain down") for call in at.calls())


@pytest.mark.parametrize(
    ("words", "prepare", "code", "detail"),
    [
        ("up --timeout soon", nothing, 2, "--timeout is 'soon'"),
        ("up --service milvsu", nothing, 2, "no service 'milvsu'"),
        ("up", raw_breach, 2, "service qdrant: container_name"),
        ("up", breach, 2, "service etcd: mem_limit"),
        ("up", foreign, 2, "belongs to the checkout at /elsewhere"),
        ("up", no_folder, 2, "/.cache"),
        ("up", old_engine, 3, "is 24.0.9"),
        ("up", lambda at: at.answer(" create ", "echo no >&2; exit 1"), 4, "create failed: no"),
        ("restart --service etcd", uncreated, 2, "etcd has no container yet"),
        ("restart --timeout soon", nothing, 2, "--timeout is 'soon'"),
    ],
)
def test_what_is_refused_is_the_result_line_of_json(
    at: Checkout, capsys: Capture, words: str, prepare: Prepare, code: int, detail: str
) -> None:
    """A program that reads only stdout learns the exit code, and why."""
    prepare(at)

    assert at.inv(*words.split(), "--format", "json") == code

    shown = capsys.readouterr()
    (line,) = (json.loads(line) for line in shown.out.splitlines())
    assert validate(line, "event") == ()
    assert (line["verdict"], line["exit_code"]) == ("refused", code)
    assert detail in line["detail"]
    assert "Traceback" not in shown.err


def test_a_file_that_breaks_a_rule_comes_before_an_engine_that_does_not_answer(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be mended at once is told first, and no process was started to find it."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{at.folder}/nobody.sock")
    raw_breach(at)

    assert at.inv("up") == 2

    assert "service qdrant: container_name" in capsys.readouterr().err
    assert at.calls() == []


@pytest.mark.parametrize("words", ["ps", "up", "down", "logs", "images.status", "engine.env"])
def test_without_an_engine_it_is_3(
    at: Checkout, words: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that was named is never replaced by another without a word."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{at.folder}/nobody.sock")

    assert at.inv(words) == 3

    assert "no engine answers there" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["up", "down", "restart"])
def test_while_another_run_holds_the_lock_nothing_is_changed(
    at: Checkout, words: str, capsys: Capture
) -> None:
    """And it says who holds it."""
    with lock.held(at.root / ".cache" / "memos-test", "reset"):
        assert at.inv(words) == 4

    told = capsys.readouterr().err
    assert f"another run holds the lock: inv reset, pid {os.getpid()}" in told
    assert not any("--progress" in call for call in at.calls())


def test_ctrl_c_is_130(at: Checkout, capsys: Capture) -> None:
    """While Compose is at work: it is stopped, and there is no traceback."""
    at.answer(" config", "kill -INT $PPID; exec sleep 30")

    assert at.inv("ps") == 130

    told = capsys.readouterr().err
    assert told.splitlines()[-1] == "interrupted; inv ps shows what runs"
    assert "Traceback" not in told


def test_up_starts_what_is_missing_and_gives_the_addresses(at: Checkout, capsys: Capture) -> None:
    """Containers are made by Compose, and what runs already is left alone."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")

    assert at.inv("up", "--timeout", "20") == 0

    shown = capsys.readouterr()
    create = "--progress plain create --no-build --pull never memos neo4j qdrant milvus etcd"
    assert at.calls()[-1] == create
    assert [line.split()[1:4] for line in shown.err.splitlines() if "started" in line] == [
        ["s", "etcd", "started"]
    ]
    port = at.config["services"]["memos"]["ports"][0]["published"]
    assert f"http://127.0.0.1:{port}/docs" in shown.out


def changed(at: Checkout) -> None:
    """Change the compose file."""
    with (at.root / "docker" / "docker-compose.yml").open("a") as file:
        file.write("# another comment\n")


def test_up_again_asks_compose_for_nothing(at: Checkout) -> None:
    """What runs unchanged is only looked at; a changed file or setting is what Compose sees to."""
    assert at.inv("up") == 0
    first = at.calls()

    assert at.inv("up") == 0
    assert at.calls() == first

    for change in (changed, put("NEO4J_HEAP", "256m")):
        change(at)
        before = len(at.calls())
        assert at.inv("up") == 0
        version, config, create = at.calls()[before:]
        assert (version, config) == ("compose version --short", "config")
        assert create.startswith("--progress plain create")


def test_up_of_one_service_knows_nothing_of_the_others(at: Checkout) -> None:
    """What Compose has not made since a change, it is asked for."""
    assert at.inv("up", "--service", "etcd") == 0
    assert at.inv("up", "--service", "qdrant") == 0

    assert [call for call in at.calls() if "create" in call][-1].endswith("never qdrant")


def test_a_start_is_drawn_as_text_and_as_a_page(at: Checkout, capsys: Capture) -> None:
    """`timeline` says how it went, `graph` how all is now; both write the same page."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    assert at.inv("up", "--timeout", "20") == 0
    capsys.readouterr()

    assert at.inv("timeline") == 0
    shown = capsys.readouterr()
    assert "* etcd" in shown.out
    assert at.inv("timeline", "--format", "json") == 0
    found = json.loads(capsys.readouterr().out)
    assert validate(found, "timeline") == ()
    assert [row["service"] for row in found["services"] if row["critical"]] == ["etcd"]

    assert at.inv("graph", "--service", "qdrant") == 0
    assert capsys.readouterr().out == "✓ qdrant  ready\n"
    assert "</html>" in (at.root / ".cache" / "memos-test" / "stack.html").read_text()


@pytest.mark.parametrize(
    ("number", "told"), [("1", "no start has been kept"), ("x", "--run is 'x'")]
)
def test_a_start_that_is_not_kept_is_told(
    at: Checkout, capsys: Capture, number: str, told: str
) -> None:
    """With what to type instead."""
    assert at.inv("timeline", "--run", number) == 2
    assert told in capsys.readouterr().err


def test_up_as_json_is_one_event_a_line_and_the_result_last(at: Checkout, capsys: Capture) -> None:
    """JSON alone on stdout, each line as its schema promises."""
    assert at.inv("up", "--service", "memos", "--service", "etcd", "--format", "json") == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [validate(event, "event") for event in events] == [()] * len(events)
    assert {event["service"] for event in events[:-1]} == {"memos", "etcd"}
    assert (events[-1]["verdict"], events[-1]["exit_code"]) == ("ready", 0)


def test_what_waiting_cannot_mend_ends_the_run_with_5(at: Checkout, capsys: Capture) -> None:
    """At once, with the cause and what to type; the last line of JSON says the same."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "paused")

    assert at.inv("up", "--service", "etcd", "--format", "json") == 5

    shown = capsys.readouterr()
    assert json.loads(shown.out.splitlines()[-1])["exit_code"] == 5
    assert "✗ etcd: it is paused\n  next: inv restart --service etcd" in shown.err


def test_when_time_is_up_it_is_6(at: Checkout, capsys: Capture) -> None:
    """And it says for whom."""
    one = at.container("etcd")
    one["State"]["Health"]["Status"] = "starting"
    at.state["containers"]["id-etcd"] = one

    assert at.inv("up", "--service", "etcd", "--timeout", "0.3") == 6

    assert "error: time is up: etcd: starting\n" in capsys.readouterr().err


def test_a_port_that_somebody_else_holds_is_told_before_anything_is_touched(
    at: Checkout, capsys: Capture
) -> None:
    """5: waiting does not help."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")

    assert at.inv("up") == 5

    port = at.config["services"]["memos"]["ports"][0]["published"]
    assert f"memos: port {port} is taken by" in capsys.readouterr().err
    assert not any("create" in call for call in at.calls())


def test_up_makes_env_where_there_is_none_and_writes_its_choice_into_it(
    at: Checkout, capsys: Capture
) -> None:
    """The images are all here, so no registry has to be asked."""
    at.env_file.unlink()

    assert at.inv("up") == 0

    assert "IMAGE_SOURCE=registry\n" in at.env_file.read_text()
    told = capsys.readouterr().err
    assert "made .env from .env.example" in told
    assert "IMAGE_SOURCE=registry written to .env" in told
    assert "embeddings: the small local model answers" in told


def test_ps_as_json_keeps_its_schema(at: Checkout, capsys: Capture) -> None:
    """One document, also when something is sick: then it is 0 all the same."""
    del at.state["containers"]["id-neo4j"]
    at.state["containers"]["id-etcd"] = at.container("etcd", "exited")

    assert at.inv("ps", "--format", "json") == 0

    document = json.loads(capsys.readouterr().out)
    assert validate(document, "ps") == ()
    rows = {row["service"]: row for row in document["services"]}
    assert (rows["memos"]["ready"], rows["memos"]["contains"]) == (True, "official")
    assert rows["neo4j"]["state"] == "absent"
    assert [finding["code"] for finding in rows["etcd"]["findings"]] == ["ended"]


def test_ps_works_before_there_is_an_env_file(at: Checkout, capsys: Capture) -> None:
    """It uses the defaults, says so, and makes no file."""
    at.env_file.unlink()

    assert at.inv("ps") == 0

    shown = capsys.readouterr()
    assert not at.env_file.exists()
    assert "there is no .env yet" in shown.err
    assert "memos" in shown.out


def test_ps_shows_the_service_that_was_asked_for(at: Checkout, capsys: Capture) -> None:
    """With what it uses, and since when it is ready where a start has seen it."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")
    at.state["stats"]["id-etcd"] = {
        "read": "2026-11-23T02:00:00Z",
        "cpu_stats": {"cpu_usage": {"total_usage": 2_500_000_000}},
        "memory_stats": {"usage": 2**21, "stats": {"inactive_file": 2**20}},
    }
    assert at.inv("up", "--service", "etcd") == 0
    capsys.readouterr()

    assert at.inv("ps", "--service", "etcd-docker", "--format", "json") == 0

    document = json.loads(capsys.readouterr().out)
    assert validate(document, "ps") == ()
    (row,) = document["services"]
    assert (row["service"], row["memory_bytes"], row["cpu_seconds"]) == ("etcd", 2**20, 2.5)
    assert row["ready_since"] is not None


def test_what_was_ready_before_we_came_has_no_moment(at: Checkout, capsys: Capture) -> None:
    """A start that found all of it running does not know since when; that is no fault."""
    assert at.inv("up") == 0
    capsys.readouterr()

    assert at.inv("ps", "--format", "json") == 0

    rows = json.loads(capsys.readouterr().out)["services"]
    assert [(row["ready"], row["ready_since"]) for row in rows] == [(True, None)] * 5


def test_every_stack_on_the_engine_is_shown(at: Checkout, capsys: Capture) -> None:
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

    shown = capsys.readouterr().out.splitlines()
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


def test_without_a_stack_that_is_said(at: Checkout, capsys: Capture) -> None:
    """An empty list for programs, a sentence for people."""
    at.state["containers"] = {}

    assert (at.inv("ps", "--all", "--format", "json"), at.inv("ps", "--all")) == (0, 0)

    shown = capsys.readouterr().out.splitlines()
    assert json.loads(shown[0]) == {"stacks": []}
    assert "no stack of this kind" in shown[1]


def test_the_settings_of_a_second_stack_are_written_once(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other ports and names, else the same; only its owner may read it."""
    put("NEO4J_PASSWORD", "correct-horse")(at)
    monkeypatch.setenv("MEMOS_PORT", "8001")
    monkeypatch.setattr(host_ports, "taken", lambda *_: False)
    file = at.folder / "second.env"
    words = ("env", "--offset", "2000", "--write", str(file))

    assert at.inv(*words) == 0

    shown = capsys.readouterr()
    found = settings.load(at.root, {"ENV_FILE": str(file)})
    assert file.stat().st_mode & 0o777 == 0o600
    assert (found.get("MEMOS_PORT"), found.get("ATTU_PORT")) == ("10000", "5000")
    assert (found.get("NEO4J_PASSWORD"), found.image_source) == ("correct-horse", "registry")
    assert found.get("CONTAINER_PREFIX") == "memos-dev-2000-"
    assert f"next: ENV_FILE={file} inv up" in shown.err
    assert "unset MEMOS_PORT" in shown.err
    assert "correct-horse" not in shown.out + shown.err

    assert at.inv(*words) == 2
    assert f"there is a file {file} already" in capsys.readouterr().err
    monkeypatch.setattr(host_ports, "taken", lambda _, port: port == 9100)
    assert at.inv("env", "--offset", "100", "--write", f"{file}.new") == 2
    assert "MINIO_API_PORT would be 9100, which is taken by" in capsys.readouterr().err
    assert not Path(f"{file}.new").exists()


def test_watching_ends_with_ctrl_c(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
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

    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(measuring, "measured", measured)
    monkeypatch.setitem(polling.poll.__kwdefaults__ or {}, "sleep", sleep)

    assert at.inv("ps", "--watch", "--service", "etcd") == 0

    shown = capsys.readouterr().out
    assert "1.0 s CPU" in shown
    assert "100.0 % CPU" in shown
    assert waited == [2, 2]


def wrote(at: Checkout, name: str, *lines: str) -> None:
    """Let a service have written these lines, a second each."""
    moments = (f"2026-11-23T02:00:{second:02}.000000000Z" for second in range(len(lines)))
    raw = framed(*(f"{moment} {line}" for moment, line in zip(moments, lines, strict=True)))
    at.state["logs"][f"id-{name}"] = base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", ["etcd", "neo4j", "neo4j"]),
        ("--service neo4j", ["neo4j", "neo4j"]),
        ("--service neo4j-docker --level error", ["neo4j"]),
        ("--level warning", ["neo4j"]),
        ("--grep SERVING", ["etcd"]),
        ("--tail 5 --since 10m --level info", ["etcd", "neo4j", "neo4j"]),
    ],
)
def test_logs_are_shown_in_order_of_time(
    at: Checkout, capsys: Capture, words: str, expected: list[str]
) -> None:
    """Behind the names of their services; without --follow it ends."""
    wrote(at, "neo4j", "2026-11-23 02:00:00.1+0000 INFO  Starting...", "  ERROR no")
    wrote(at, "etcd", '{"level":"info","msg":"serving"}')

    assert at.inv("logs", *words.split()) == 0

    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == expected
    assert all(line[6:].startswith(" | ") for line in lines)
    assert not any(call.startswith("logs") for call in at.calls())


@pytest.mark.parametrize(("words", "code"), [("logs --follow", 0), ("logs", 130), ("ps", 130)])
def test_ctrl_c_is_how_following_a_log_ends(
    at: Checkout, words: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise it is an interruption."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Report, "logs", interrupted)
    monkeypatch.setattr(Report, "status", interrupted)

    assert at.inv(*words.split()) == code


def test_restart_stops_what_is_named_and_waits_for_it(at: Checkout) -> None:
    """With all it needs."""
    assert at.inv("restart", "--service", "etcd") == 0

    assert at.calls()[-2:] == [
        "--progress plain stop etcd",
        "--progress plain create --no-build --pull never etcd",
    ]


@pytest.mark.parametrize(
    ("words", "call", "told"),
    [
        ("down", "down --remove-orphans", "the data is kept"),
        ("down --volumes --yes", "down --remove-orphans --volumes", "the data was deleted"),
    ],
)
def test_down_deletes_data_only_when_told_so(
    at: Checkout, capsys: Capture, words: str, call: str, told: str
) -> None:
    """And lists whose, without what belongs to others."""
    assert at.inv(*words.split()) == 0

    assert at.calls()[-1] == f"--progress plain {call}"
    shown = capsys.readouterr().err
    assert told in shown
    assert ("memos-test_etcd_data" in shown) is ("--volumes" in words)
    assert "somebody_elses" not in shown


def test_doctor_is_0_where_nothing_would_stop_up(at: Checkout, capsys: Capture) -> None:
    """Advice does not change it; what is fine has a line of its own."""
    assert at.inv("doctor") == 0

    shown = capsys.readouterr().out
    assert "! Compose 2.26.1 has known bugs" in shown
    assert "ok  services  5 of 5 are ready" in shown
    assert "✗" not in shown
    version = "compose version --short"
    assert at.calls() == [version, version, "config"]  # it changes nothing


def test_doctor_is_5_where_something_would_stop_up(at: Checkout, capsys: Capture) -> None:
    """Fatal findings first; JSON keeps its schema."""
    stranger(at)
    put("NEO4J_HTTP_PORT", "http")(at)

    assert at.inv("doctor", "--format", "json") == 5

    document = json.loads(capsys.readouterr().out)
    assert validate(document, "doctor") == ()
    fatal = [one["code"] for one in document["findings"] if one["fatal"]]
    assert fatal == ["env-value", "name-taken"]
    assert [one["fatal"] for one in document["findings"]][:2] == [True, True]


@pytest.mark.parametrize("prepare", [broken_env, no_yaml, breach, foreign, old_engine])
def test_doctor_goes_on_where_others_refuse(
    at: Checkout, capsys: Capture, prepare: Prepare
) -> None:
    """What they would raise is one of its findings."""
    prepare(at)

    assert at.inv("doctor") == 5

    shown = capsys.readouterr()
    assert "\n  next: " in shown.out
    assert shown.err == ""


def test_smoke_tells_each_stage(at: Checkout, capsys: Capture) -> None:
    """One line a stage on stdout."""
    assert at.inv("smoke") == 0

    words = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    stages = ["add", "get_all", "neo4j", "qdrant", "milvus", "removed"]
    assert words == [["ok", stage] for stage in stages]


def test_secrets_are_masked(at: Checkout, capsys: Capture) -> None:
    """In the resolved file and in the list of variables; both say what is set."""
    secret = "correct-horse-battery"
    put("NEO4J_PASSWORD", secret)(at)
    at.config["services"]["neo4j"]["environment"] = {"NEO4J_AUTH": f"neo4j/{secret}"}

    assert (at.inv("config"), at.inv("env")) == (0, 0)

    shown = capsys.readouterr().out
    assert secret not in shown
    assert "NEO4J_AUTH: neo4j/********" in shown
    assert "NEO4J_PASSWORD" in shown


def test_images_status_says_what_is_missing(at: Checkout, capsys: Capture) -> None:
    """A table on stdout."""
    del at.state["images"]["docker.io/library/etcd:1.2"]

    assert at.inv("images.status") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["here"] * 4 + ["missing"]


def built(at: Checkout, name: str) -> None:
    """Let a service's image be built here."""
    context = at.root / "docker" / name
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\n")
    at.config["services"][name]["build"] = {"context": str(context), "dockerfile": "Dockerfile"}


def test_up_builds_and_pulls_what_is_missing(at: Checkout) -> None:
    """Each with the command that fits, before anything is created."""
    built(at, "etcd")
    del at.state["images"]["docker.io/library/milvus:1.2"]
    at.answer("pip config", "true")

    assert at.inv("up") == 0

    calls = at.calls()
    assert "pull docker.io/library/milvus:1.2" in calls
    (build,) = [index for index, call in enumerate(calls) if call.startswith("build ")]
    assert "--tag docker.io/library/etcd:1.2" in calls[build]
    (create,) = [index for index, call in enumerate(calls) if " create " in call]
    assert build < create


def test_the_base_image_is_there_before_what_is_built_upon_it(
    at: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How it is made is tried with a real engine, in e2e."""
    built(at, "etcd")
    at.config["services"]["etcd"]["build"]["args"] = {"BASE": BASE_TAG}
    log = at.folder / "base.log"
    script = f"docker calls; touch {at.folder}/made"
    base = Job(name="base", argv=["sh", "-c", script], log=log)
    monkeypatch.setattr(base_image, "jobs", lambda *_: (base,))

    assert at.inv("images.build") == 0

    assert (at.folder / "made").exists()
    calls = [call for call in at.calls() if call == "calls" or call.startswith("build ")]
    assert [call.split()[0] for call in calls] == ["calls", "build"]


def test_images_are_built_or_pulled_on_request(at: Checkout, capsys: Capture) -> None:
    """What is built here is not pulled, and the other way round."""
    built(at, "etcd")

    assert at.inv("images.build") == 0
    assert at.inv("images.pull", "--service", "milvus") == 0
    assert at.inv("images.pull", "--service", "etcd") == 0

    calls = [call.split()[0] for call in at.calls() if call.startswith(("build ", "pull "))]
    assert calls == ["build", "pull"]
    assert "nothing to pull: with IMAGE_SOURCE=registry use inv images.build" in (
        capsys.readouterr().err
    )


@pytest.fixture
def wheel(at: Checkout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let .venv be made of one small wheel, which pip finds in a folder."""
    wheel = at.folder / "wheels" / "demo-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("demo.py", "")
        file.writestr(
            "demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
        )
        file.writestr("demo-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n")
        file.writestr("demo-1.0.dist-info/RECORD", "")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (at.root / "requirements").mkdir()
    pins = at.root / "requirements" / "runtime.txt"
    pins.write_text(f"demo==1.0 --hash=sha256:{digest}\n")
    shutil.copy(ROOT / "pyproject.toml", at.root)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    return wheel


def test_a_bundle_brings_all_images_to_another_engine(
    at: Checkout, capsys: Capture, wheel: Path
) -> None:
    """Saved once, loaded where they were not; the image source is noted in `.env`."""
    file = at.folder / "b.tar"
    put("NEO4J_PASSWORD", "correct-horse")(at)

    assert at.inv("images.save", str(file)) == 0

    made = bundle_file.read(file).manifest
    assert validate(made.document(), "bundle") == ()
    assert [one.name for one in made.members] == [f"wheels/{wheel.name}", "images.tar"]
    assert set(made.images) == {f"docker.io/library/{name}:1.2" for name in at.config["services"]}
    assert (made.image_source, made.release) == ("registry", "")
    assert b"correct-horse" not in file.read_bytes()
    shown = capsys.readouterr()
    assert "5 for amd64, from registry" in shown.out
    assert "./dev --bundle b.tar inv up" in shown.err

    at.close()
    at.state["images"] = {}
    at.env_file.write_text("")
    assert at.inv("images.load", str(file)) == 0
    shown = capsys.readouterr()
    assert [line.split()[2] for line in shown.out.splitlines()[1:]] == ["here"] * 5
    assert "IMAGE_SOURCE=registry written to .env" in shown.err
    assert "IMAGE_SOURCE=registry" in at.env_file.read_text()


def test_up_takes_from_a_bundle_what_is_missing(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is pulled; and once all is there the bundle is not read again."""
    names = [str(one["image"]) for one in at.config["services"].values()]
    here = replace(MANIFEST, image_source=ImageSource.REGISTRY)
    bundled(at.folder / "b.tar", {"images.tar": json.dumps(names).encode()}, here)
    monkeypatch.setenv("BUNDLE_FILE", str(at.folder / "b.tar"))
    at.state["images"] = {}

    assert at.inv("up", "--service", "etcd") == 0
    assert "images    checked" in capsys.readouterr().err

    assert at.inv("up", "--service", "etcd") == 0
    assert "images    checked" not in capsys.readouterr().err
    assert [call for call in at.calls() if call.startswith("pull")] == []


def in_bundle(image: str, **facts: Any) -> Prepare:
    """Make a bundle b.tar that brings one image."""
    made = replace(MANIFEST, image_source=ImageSource.REGISTRY, **facts)

    def make(at: Checkout) -> None:
        at.state["images"] = {}
        bundled(at.folder / "b.tar", {"images.tar": json.dumps([image]).encode()}, made)

    return make


def full_disk(at: Checkout) -> None:
    """Let the engine have no room for images."""
    in_bundle("x:1")(at)
    at.state["refuse"] = {"load": "no space left on device"}


def changed_byte(at: Checkout) -> None:
    """Let a byte of the images change on the way."""
    in_bundle("example/memos:1")(at)
    file = at.folder / "b.tar"
    file.write_bytes(file.read_bytes().replace(b'["example', b'["exbmple'))


@pytest.mark.parametrize(
    ("words", "prepare", "code", "told"),
    [
        ("images.load b.tar", nothing, 2, "there is no file "),
        ("images.load b.tar", in_bundle("x:1"), 2, "does not bring the image of memos, neo4j,"),
        ("images.load b.tar", in_bundle("x:1", architecture="arm64"), 2, "the engine is for amd64"),
        ("images.load b.tar", changed_byte, 2, "is damaged: images.tar is not what was saved"),
        ("images.load b.tar", full_disk, 4, "did not take the images: no space left on device"),
        ("images.save c.tar --python=3.9", nothing, 2, "--python is '3.9', wanted a version"),
        ("images.save b.tar", in_bundle("x:1"), 2, "b.tar already, and it is not overwritten"),
        (
            "images.save c.tar",
            in_bundle("x:1"),
            2,
            "images are missing or out of date: ",
        ),
    ],
)
def test_a_bundle_that_does_not_fit_is_told(
    at: Checkout, capsys: Capture, words: str, prepare: Prepare, code: int, told: str
) -> None:
    """What it is, before anything is changed as far as that can be known."""
    prepare(at)
    task, file, *more = words.split()

    assert (at.inv(task, str(at.folder / file), *more), told in capsys.readouterr().err) == (
        code,
        True,
    )
    assert not (at.folder / "c.tar").exists()


def test_what_other_settings_start_is_saved_too_where_it_is_here(at: Checkout, wheel: Path) -> None:
    """The local embedder, for one who has a model of another; what is not here is not missed."""
    assert wheel.exists()
    every = deepcopy(at.config)
    for name in ("embedder", "unknown"):
        every["services"][name] = service(name, **{"x-no-probe": "it has no published port"})
    at.state["images"]["docker.io/library/embedder:1.2"] = {}
    (at.folder / "every.yml").write_text(yaml.safe_dump(every))
    choose = '[ "$COMPOSE_PROFILES" = "*" ] && cat every.yml || cat config.yml'
    at.answer(" config", f"cd {shlex.quote(str(at.folder))}; {choose}")

    assert at.inv("images.save", str(at.folder / "b.tar")) == 0

    names = bundle_file.read(at.folder / "b.tar").manifest.images
    assert "docker.io/library/embedder:1.2" in names
    assert len(names) == len(at.config["services"]) + 1


DEBIAN = System(
    kernel="linux",
    machine="x86_64",
    uid=0,
    release={"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"},
)


def test_a_bundle_brings_the_engine_and_other_pythons_on_request(
    at: Checkout, capsys: Capture, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wheels first, then packages, then images; it says what each is for."""

    def fetched(at: places.Places, *_: object, **__: object) -> tuple[Deb, ...]:
        at.debs.mkdir(parents=True)
        (at.debs / "runc.deb").write_bytes(b"a package")
        return (Deb(name="runc.deb", size=9, sha256=""),)

    monkeypatch.setattr(engine_files, "fetched", fetched)
    monkeypatch.setattr(packing, "this_system", lambda: DEBIAN)
    words = ("--engine", "--python", "3.13", "--python", "3.14")

    assert at.inv("images.save", str(at.folder / "b.tar"), *words) == 0

    made = bundle_file.read(at.folder / "b.tar").manifest
    names = [one.name for one in made.members]
    assert names == [f"wheels/{wheel.name}", "engine/runc.deb", "images.tar"]
    assert (made.distribution, made.release) == ("debian", "bookworm")
    assert set(made.python) >= {"3.13", "3.14"}
    assert "debian bookworm" in capsys.readouterr().out


def test_where_there_can_be_no_private_engine_none_is_saved(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, and why."""
    monkeypatch.setattr(packing, "this_system", lambda: replace(DEBIAN, uid=1000))

    assert at.inv("images.save", str(at.folder / "b.tar"), "--engine") == 2
    assert "a private engine needs root, this is user id 1000" in capsys.readouterr().err


def test_what_pip_refuses_ends_a_bundle(at: Checkout, capsys: Capture, wheel: Path) -> None:
    """Another hash than the pinned one, for instance; no file is left."""
    wheel.write_bytes(wheel.read_bytes() + b" ")

    assert at.inv("images.save", str(at.folder / "b.tar")) == 4

    assert "download the wheels for Python 3." in capsys.readouterr().err
    assert list(at.folder.glob("b.tar*")) == []


def test_an_image_that_goes_while_a_bundle_is_made_ends_it(
    at: Checkout, capsys: Capture, wheel: Path
) -> None:
    """The engine gives nothing then, and no bundle without images is left."""
    assert wheel.exists()
    at.state["refuse"] = {"get": "reference does not exist"}

    assert at.inv("images.save", str(at.folder / "b.tar")) == 4

    assert "neo4j:1.2, docker.io/library/qdrant:1.2: one of them went" in capsys.readouterr().err
    assert list(at.folder.glob("b.tar*")) == []


def test_a_disk_without_room_ends_a_bundle_at_once(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before pip or the engine is asked for anything."""
    usage = shutil.disk_usage(at.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))

    assert at.inv("images.save", str(at.folder / "b.tar")) == 5

    assert "1000 B are free in" in capsys.readouterr().err
    assert list(at.folder.glob("b.tar*")) == []


def test_an_unknown_service_is_told_before_an_engine_is_brought(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped name costs no download: nothing is fetched, started or chosen."""
    monkeypatch.setattr(prepare, "discover", lambda *_: pytest.fail("an engine was looked for"))

    assert at.inv("up", "--service", "mlivus") == 2
    assert "there is no service 'mlivus'; did you mean milvus?" in capsys.readouterr().err


def test_engine_commands_show_the_one_that_is_used(at: Checkout, capsys: Capture) -> None:
    """Its address for people, and as shell lines for a plain docker."""
    assert (at.inv("engine.status"), at.inv("engine.env")) == (0, 0)

    shown = capsys.readouterr().out
    assert f"26.1.5+dfsg1 at unix://{at.folder}/engine.sock (yours)" in shown
    assert f"export DOCKER_HOST=unix://{at.folder}/engine.sock\n" in shown


def test_a_private_engine_that_is_not_there_can_be_stopped_and_removed(at: Checkout) -> None:
    """Both leave nothing, and nothing is what is there."""
    assert (at.inv("engine.stop"), at.inv("engine.remove", "--yes")) == (0, 0)

    assert not (at.root / ".engine").exists()


def test_engine_start_says_where_it_runs(
    at: Checkout, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The start itself is tried with a real one, in e2e."""
    found = Engine(endpoint="unix:///e", env={}, private=True, version="26", api_version="1.45")
    monkeypatch.setattr(control, "start", lambda *_: found)

    assert at.inv("engine.start") == 0

    assert capsys.readouterr().out == "the private engine 26 runs at unix:///e\n"

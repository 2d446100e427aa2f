"""What is wrong has its exit code, and is told before anything is changed."""

import json
import os

import pytest

from scripts.config.rules.schema import validate
from scripts.core.files import held
from scripts.start import prepare
from tests.kit.changes import (
    Change,
    breach,
    broken_env,
    foreign,
    no_folder,
    no_yaml,
    nothing,
    old_engine,
    put,
    raw_breach,
    stranger,
    uncreated,
)
from tests.kit.checkout import Checkout

PREFERENCES = "ENABLE_PREFERENCE_MEMORY"


def old_compose(at: Checkout) -> None:
    """Let Compose be of before what is needed."""
    at.answer("compose version", "echo 2.20.3")


def no_create(at: Checkout) -> None:
    """Let Compose fail to make the containers."""
    at.answer(" create ", "echo no >&2; exit 1")


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
        ("up", put(PREFERENCES, "True"), 2, "MEMORY is 'True', wanted true or false"),
        ("ps", no_yaml, 2, "docker-compose.yml"),
        ("ps", breach, 2, "service etcd: mem_limit: found nothing"),
        ("up", foreign, 2, "etcd of project 'memos-test' belongs to the checkout at "),
        ("down", foreign, 2, "/elsewhere"),
        ("restart", foreign, 2, "inv env --offset 100 --write second.env"),
        ("up", raw_breach, 2, "docker-compose.yml: service qdrant: container_name: found "),
        ("restart --service etcd", uncreated, 2, "etcd has no container yet\nnext: inv up --ser"),
        ("up", no_folder, 2, "/.cache/memos-test\nnext: look whose it is (ls -l)"),
        ("down", no_folder, 2, "/.cache/memos-test\nnext: look whose it is (ls -l)"),
        ("up", stranger, 5, "etcd-docker already, and it belongs to project 'memos-old'"),
        ("up", old_engine, 3, "is 24.0.9 (API 1.43); wanted is 25.0"),
        ("ps", old_compose, 3, "Docker Compose is 2.20.3; wanted is 2.24.4"),
        ("up", no_create, 4, "create failed: no"),
        ("down --volumes", nothing, 7, "memos-test_etcd_data\nDelete these volumes?"),
        ("engine.remove", nothing, 7, "nothing was changed\nnext: the same command with --yes"),
        ("fly", nothing, 1, "No idea what 'fly' is!"),
        ("images.save --engin", nothing, 2, "--engin is no flag of this task"),
        ("snapshot.delete -x", nothing, 2, "-x is no flag of this task"),
        ("down --service", nothing, 1, "needed value and was not given one!"),
        ("up --service --build", nothing, 1, "needed value and was not given one!"),
        ("up --higher", nothing, 1, "No idea what '--higher' is!"),
    ],
)
def test_what_is_wrong_has_its_exit_code_and_is_told_with_its_value(
    at: Checkout, words: str, prepare: Change, code: int, told: str
) -> None:
    """As the README's table says; nothing is on stdout, and no container was touched."""
    prepare(at)

    assert at.inv(*words.split()) == code

    shown = at.shown()
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
        ("up", foreign, 2, "/elsewhere"),
        ("up", no_folder, 2, "/.cache"),
        ("up", old_engine, 3, "is 24.0.9"),
        ("up", no_create, 4, "create failed: no"),
        ("restart --service etcd", uncreated, 2, "etcd has no container yet"),
        ("restart --timeout soon", nothing, 2, "--timeout is 'soon'"),
    ],
)
def test_what_is_refused_is_the_result_line_of_json(
    at: Checkout, words: str, prepare: Change, code: int, detail: str
) -> None:
    """A program that reads only stdout learns the exit code, and why."""
    prepare(at)

    assert at.inv(*words.split(), "--format", "json") == code

    shown = at.shown()
    (line,) = (json.loads(line) for line in shown.out.splitlines())
    assert validate(line, "event") == ()
    assert (line["verdict"], line["exit_code"]) == ("refused", code)
    assert detail in line["detail"]
    assert "Traceback" not in shown.err


def test_a_file_that_breaks_a_rule_comes_before_an_engine_that_does_not_answer(
    at: Checkout,
) -> None:
    """What can be mended at once is told first, and no process was started to find it."""
    at.patch.setenv("DOCKER_HOST", f"unix://{at.folder}/nobody.sock")
    raw_breach(at)

    assert at.inv("up") == 2

    assert "service qdrant: container_name" in at.shown().err
    assert at.calls() == []


@pytest.mark.parametrize("words", ["ps", "up", "down", "logs", "images.status", "engine.env"])
def test_without_an_engine_it_is_3(at: Checkout, words: str) -> None:
    """The one that was named is never replaced by another without a word."""
    at.patch.setenv("DOCKER_HOST", f"unix://{at.folder}/nobody.sock")

    assert at.inv(words) == 3

    assert "no engine answers there" in at.shown().err


@pytest.mark.parametrize("words", ["up", "down", "restart"])
def test_while_another_run_holds_the_lock_nothing_is_changed(at: Checkout, words: str) -> None:
    """And it says who holds it."""
    with held(at.root / ".cache" / "memos-test", "reset"):
        assert at.inv(words) == 4

    assert f"another run holds the lock: inv reset, pid {os.getpid()}" in at.shown().err
    assert not any("--progress" in call for call in at.calls())


def test_ctrl_c_is_130(at: Checkout) -> None:
    """While Compose is at work: it is stopped, and there is no traceback."""
    at.answer(" config", "kill -INT $PPID; exec sleep 30")

    assert at.inv("ps") == 130

    told = at.shown().err
    assert told.splitlines()[-1] == "interrupted; inv ps shows what runs"
    assert "Traceback" not in told


def test_an_unknown_service_is_told_before_an_engine_is_brought(at: Checkout) -> None:
    """A mistyped name costs no download: nothing is fetched, started or chosen."""
    at.patch.setattr(prepare, "discover", lambda *_: pytest.fail("an engine was looked for"))

    assert at.inv("up", "--service", "mlivus") == 2
    assert "there is no service 'mlivus'; did you mean milvus?" in at.shown().err

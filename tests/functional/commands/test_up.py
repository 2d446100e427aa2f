"""`inv up`: what it makes, waits for, and says."""

import json

from scripts.config.rules.schema import validate
from tests.kit.changes import built, put
from tests.kit.checkout import Checkout


def test_up_starts_what_is_missing_and_gives_the_addresses(at: Checkout) -> None:
    """Containers are made by Compose, and what runs already is left alone."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "created")

    assert at.inv("up", "--timeout", "20") == 0

    shown = at.shown()
    create = "--progress plain create --no-build --pull never memos neo4j qdrant milvus etcd"
    assert at.calls()[-1] == create
    assert [line.split()[1:4] for line in shown.err.splitlines() if "started" in line] == [
        ["s", "etcd", "started"]
    ]
    port = at.config["services"]["memos"]["ports"][0]["published"]
    assert f"http://127.0.0.1:{port}/docs" in shown.out


def test_up_says_nothing_of_mends_where_the_api_ran_already(at: Checkout) -> None:
    """Once a start is enough; inv ps has a mark."""
    at.state["files"] = {"id-memos": '{"memos": "2.0.6", "mended": ["1093"], "left": []}'}

    assert at.inv("up", "--service", "memos") == 0

    assert "mended" not in at.shown().err


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


def test_up_as_json_is_one_event_a_line_and_the_result_last(at: Checkout) -> None:
    """JSON alone on stdout, each line as its schema promises."""
    assert at.inv("up", "--service", "memos", "--service", "etcd", "--format", "json") == 0

    events = [json.loads(line) for line in at.shown().out.splitlines()]
    assert [validate(event, "event") for event in events] == [()] * len(events)
    assert {event["service"] for event in events[:-1]} == {"memos", "etcd"}
    assert (events[-1]["verdict"], events[-1]["exit_code"]) == ("ready", 0)


def test_what_waiting_cannot_mend_ends_the_run_with_5(at: Checkout) -> None:
    """At once, with the cause and what to type; the last line of JSON says the same."""
    at.state["containers"]["id-etcd"] = at.container("etcd", "paused")

    assert at.inv("up", "--service", "etcd", "--format", "json") == 5

    shown = at.shown()
    assert json.loads(shown.out.splitlines()[-1])["exit_code"] == 5
    assert "✗ etcd: it is paused\n  next: inv restart --service etcd" in shown.err


def test_when_time_is_up_it_is_6(at: Checkout) -> None:
    """And it says for whom."""
    one = at.container("etcd")
    one["State"]["Health"]["Status"] = "starting"
    at.state["containers"]["id-etcd"] = one

    assert at.inv("up", "--service", "etcd", "--timeout", "0.3") == 6

    assert "error: time is up: etcd: starting\n" in at.shown().err


def test_a_port_that_somebody_else_holds_is_told_before_anything_is_touched(at: Checkout) -> None:
    """5: waiting does not help."""
    at.state["containers"]["id-memos"] = at.container("memos", "exited")

    assert at.inv("up") == 5

    port = at.config["services"]["memos"]["ports"][0]["published"]
    assert f"memos: port {port} is taken by" in at.shown().err
    assert not any("create" in call for call in at.calls())


def test_up_makes_env_where_there_is_none_and_writes_its_choice_into_it(at: Checkout) -> None:
    """The images are all here, so no registry has to be asked."""
    at.env_file.unlink()

    assert at.inv("up") == 0

    assert "IMAGE_SOURCE=registry\n" in at.env_file.read_text()
    told = at.shown().err
    assert "made .env from .env.example" in told
    assert "IMAGE_SOURCE=registry written to .env" in told
    assert "embeddings: the local model multilingual-e5-small-centred answers (384 numbers)" in told


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

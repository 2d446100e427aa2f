"""Looks at an engine that answers what a real one did (26.1.5), over a real socket."""

import base64
import threading
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scripts.core.errors import EngineError
from scripts.core.look import Container, Health, Look, Reading, State
from scripts.core.polling import until_none
from scripts.core.stack import Probe, Stack
from scripts.engine import events
from scripts.engine.api import Api
from scripts.engine.containers import container, containers
from scripts.watch.calls import health_check
from scripts.watch.observer import Observer
from tests.kit.builders import service, stack
from tests.kit.fake_engine import FOLDER, RECORDED, SERVICE, FakeEngine
from tests.kit.servers import Answer, Request, http, unix

PATIENCE = 5.0
"""Seconds for what is expected to answer; a look returns as soon as it has."""


@pytest.fixture
def engine() -> FakeEngine:
    """Return an engine with the recorded containers."""
    return FakeEngine(deepcopy({"containers": RECORDED["inspected"], "logs": RECORDED["logs"]}))


def recorded(name: str) -> dict[str, Any]:
    """Return the recorded description of a service's container, to be changed at will."""
    documents: Iterable[dict[str, Any]] = deepcopy(RECORDED["inspected"]).values()
    return next(one for one in documents if one["Config"]["Labels"][SERVICE] == name)


def id_of(name: str) -> str:
    """Return the id of a service's container."""
    return str(recorded(name)["Id"])


def test_an_engine_that_is_silent_for_a_moment_is_believed_to_be_as_it_was(
    engine: FakeEngine, tmp_path: Path
) -> None:
    """Where that is wanted, and for no longer; one that never answered is told at once."""
    file = tmp_path / "engine.sock"
    api = Api(f"unix://{file}")
    project = replace(stack(service("memos")), project="memos-dev")
    patient, strict = Observer(api, project), Observer(api, project)
    patient.outage = 60.0
    with pytest.raises(EngineError):
        patient.look(())
    with unix(engine.respond, file):
        seen = patient.look(()).containers
        assert strict.look(()).containers == seen
    assert seen

    assert patient.look(()).containers == seen
    with pytest.raises(EngineError):
        strict.look(())


def test_a_running_container_is_read_whole() -> None:
    """As Engine 26.1.5 describes it."""
    found = container(one := recorded("memos"))

    assert found == Container(
        id=one["Id"],
        service="memos",
        name="memos-api-docker",
        state=State.RUNNING,
        health=Health.HEALTHY,
        created_at=one["Created"],
        started_at="2026-11-23T01:55:09.201591587Z",
        working_dir=one["Config"]["Labels"][FOLDER],
        check=tuple(one["Config"]["Healthcheck"]["Test"]),
    )


@pytest.mark.parametrize(
    ("policy", "kept"),
    [("unless-stopped", True), ("always", True), ("on-failure", False), ("no", False), ("", False)],
)
def test_what_the_engine_starts_again_by_itself_is_known(policy: str, kept: bool) -> None:
    """When such a one has ended for good somebody stopped it."""
    one = recorded("memos")
    one["HostConfig"] = {"RestartPolicy": {"Name": policy, "MaximumRetryCount": 0}}

    assert container(one).kept is kept


def test_a_check_that_failed_does_not_tell_what_the_loader_says_of_every_program() -> None:
    """In the image of Milvus 2.5.4 each program begins so."""
    one = recorded("memos")
    loader = "ERROR: ld.so: object '/milvus/lib/' from LD_PRELOAD cannot be preloaded: ignored."
    failed = {"ExitCode": 1, "Output": f"{loader}\ncurl: (7) refused\n{loader}\n"}
    one["State"]["Health"] = {"Status": "unhealthy", "Log": [failed]}

    assert container(one).health_output == "curl: (7) refused"

    failed["Output"] = loader
    assert container(one).health_output == "no output"


@pytest.mark.parametrize(
    ("variables", "proxy", "direct"),
    [
        (["PATH=/bin"], "", frozenset()),
        (["HTTP_PROXY="], "", frozenset()),
        (
            ["http_proxy=http://me:secret@p:3128/", "NO_PROXY=localhost, .local,etcd"],
            "http_proxy=p:3128",
            frozenset({"localhost", "local", "etcd"}),
        ),
        (["ALL_PROXY=socks5://p:1", "no_proxy=*"], "ALL_PROXY=p:1", frozenset({"*"})),
    ],
)
def test_a_proxy_of_a_container_is_known_without_its_login(
    variables: list[str], proxy: str, direct: frozenset[str]
) -> None:
    """Compose hands on what stands in the docker config, and the settings' file what it names."""
    one = deepcopy(recorded("memos"))
    one["Config"]["Env"] = variables

    found = container(one)

    assert (found.proxy, found.no_proxy) == (proxy, direct)


def test_a_container_whose_start_was_refused_keeps_the_engines_reason() -> None:
    """As the engine left it: created, with an exit code and an error, and never started."""
    found = container(RECORDED["refused"])

    assert (found.state, found.exit_code, found.health) == ("created", 128, "")
    assert found.error.endswith("Bind for 127.0.0.1:17687 failed: port is already allocated")
    assert found.started_at == ""


def test_the_health_of_a_container_that_has_stopped_is_not_believed() -> None:
    """The engine keeps the last one."""
    one = recorded("etcd")
    one["State"] |= {"Status": "exited", "ExitCode": 137, "OOMKilled": True}
    one["RestartCount"] = 2

    found = container(one)

    assert (found.health, found.exit_code, found.oom_killed, found.restarts) == ("", 137, True, 2)


@pytest.mark.parametrize(("last", "quoted"), [((1, " curl: (7)\n"), "curl: (7)"), ((0, "ok"), "")])
def test_the_last_health_check_is_quoted_when_it_failed(last: tuple[int, str], quoted: str) -> None:
    """Not one that passed, and not an older one."""
    one = recorded("minio")
    outputs = [(1, "old"), last]
    one["State"]["Health"]["Log"] = [{"ExitCode": c, "Output": text} for c, text in outputs]

    assert container(one).health_output == quoted


def test_a_container_without_labels_or_health_check_is_no_error() -> None:
    """Somebody may have made it by hand."""
    one = recorded("etcd")
    one["Config"]["Labels"] = None
    del one["State"]["Health"]

    assert (container(one).service, container(one).health) == ("", "")


def test_only_the_projects_own_containers_are_seen(engine: FakeEngine, api: Api) -> None:
    """Not those of another project, and not the ones of `docker compose run`."""
    one_off, other = recorded("etcd"), recorded("minio")
    one_off["Config"]["Labels"]["com.docker.compose.oneoff"] = "True"
    other["Config"]["Labels"]["com.docker.compose.project"] = "another"
    for one in (one_off, other):
        engine.state["containers"][one["Id"]] = one

    assert [one.service for one in containers(api, "memos-dev")] == ["memos"]


def test_a_stopped_container_is_seen_too_and_a_removed_one_left_out(
    engine: FakeEngine, api: Api
) -> None:
    """The engine is asked for all; one may go between the list and the question about it."""
    engine.state["containers"][id_of("etcd")]["State"]["Status"] = "exited"
    engine.state["containers"][id_of("minio")]["gone"] = True

    assert {one.service for one in containers(api, "memos-dev")} == {"memos", "etcd"}


def test_an_engine_that_is_gone_raises(tmp_path: Path) -> None:
    """A question that could not be asked is no state of a service."""
    with pytest.raises(EngineError, match="does not answer"):
        containers(Api(f"unix://{tmp_path}/nobody.sock"), "memos-dev")


def logs(observer: Observer, *names: str) -> Mapping[str, tuple[str, ...]]:
    """Return the logs of these services in a look that has only those."""
    seen = observer.look(set(), patience=0.0)
    added = observer.with_logs(seen, names)
    assert replace(added, logs={}) == seen
    return added.logs


def test_a_log_is_read_line_by_line(engine: FakeEngine, observer: Observer) -> None:
    """The recorded stream has a header of eight bytes before each line.

    Only of the guilty ones: each costs a call.
    """
    found = logs(observer, "etcd", "nobody")

    assert list(found) == ["etcd"]
    assert [line[:9] for line in found["etcd"]] == ['{"level":'] * 5
    assert "notifying init daemon" in found["etcd"][1]
    assert any("logs?stdout=true&stderr=true&tail=400" in call for call in engine.calls)


def test_colours_and_broken_letters_do_not_spoil_a_log(
    engine: FakeEngine, observer: Observer
) -> None:
    """Both streams in order; a piece may end within a letter or be cut off."""
    euro = "€".encode()
    pieces = [(1, b"\x1b[31mred\x1b[0m\n"), (2, b"half " + euro[:1]), (2, euro[1:] + b"\n\xff")]
    raw = b"".join(bytes([s, 0, 0, 0]) + len(p).to_bytes(4, "big") + p for s, p in pieces)
    engine.state["logs"][id_of("etcd")] = base64.b64encode(raw + b"\1\0\0").decode()

    assert logs(observer, "etcd")["etcd"] == ("red", "half €", "\ufffd")


class Door:
    """A server that answers when it is let, and counts."""

    def __init__(self) -> None:
        """Let answers through at first."""
        self.open = threading.Event()
        self.open.set()
        self.status = 200
        self.asked = 0

    def respond(self, request: Request) -> Answer:
        """Wait for the door, then answer."""
        del request
        self.asked += 1
        self.open.wait(timeout=30)
        return self.status, ""


@pytest.fixture
def door() -> Iterator[Door]:
    """Return the server behind `memos`; whatever waits at its end is let through."""
    found = Door()
    yield found
    found.open.set()


@pytest.fixture
def observer(api: Api, door: Door) -> Iterator[Observer]:
    """Watch three services: memos has a probe, etcd and minio have none."""
    with http(door.respond) as port:
        found = Observer(api, watched(port))
        yield found
        door.open.set()
        found.close()


def watched(port: int) -> Stack:
    """Return a stack of the recorded services."""
    memos = replace(service("memos"), probes=(Probe(kind="http", port=port),))
    services = stack(service("etcd", probed=False), service("minio", probed=False), memos)
    return replace(services, project="memos-dev")


def details(seen: Look) -> dict[str, str]:
    """Return what the service with a probe answered; the others' health checks are run as well."""
    found = {reading.service: reading.detail for reading in seen.readings}
    return {name: detail for name, detail in found.items() if name == "memos"}


def test_one_look_gives_containers_and_answers(observer: Observer) -> None:
    """What has no probe is asked by its own health check."""
    seen = observer.look(patience=PATIENCE)

    assert len(seen.containers) == 3
    assert [seen.reading(name) is not None for name in ("etcd", "minio")] == [True, True]
    assert details(seen) == {"memos": "200 GET /"}


@pytest.mark.parametrize(("health", "told"), [("healthy", True), ("unhealthy", False)])
def test_of_what_is_out_of_reach_the_health_is_believed(
    engine: FakeEngine, observer: Observer, door: Door, health: str, *, told: bool
) -> None:
    """On a node that publishes nothing, and whose manager alone tells of it."""
    observer.look(patience=PATIENCE)
    asked, memos = door.asked, engine.state["containers"][id_of("memos")]
    memos["Node"] = {"Name": "two", "Addr": "192.0.2.2"}
    memos["Config"].pop("Healthcheck", None)
    memos["State"]["Health"]["Status"] = health

    found = observer.look(patience=PATIENCE).reading("memos")

    assert found is not None
    assert (found.ok, found.detail, door.asked) == (told, health, asked)


@pytest.mark.parametrize("state", ["created", "exited", "restarting", "paused"])
def test_what_does_not_run_is_not_probed(
    engine: FakeEngine, observer: Observer, door: Door, state: str
) -> None:
    """And its last answer is forgotten."""
    observer.look(patience=PATIENCE)
    engine.state["containers"][id_of("memos")]["State"]["Status"] = state

    assert details(observer.look(patience=PATIENCE)) == {}
    assert door.asked == 1


def test_only_what_is_asked_for_is_probed_and_the_rest_keeps_its_reading(
    observer: Observer, door: Door
) -> None:
    """A service that was ready a moment ago needs no new call."""
    observer.look(patience=PATIENCE)
    door.status = 503

    assert details(observer.look(set(), patience=PATIENCE)) == {"memos": "200 GET /"}
    assert details(observer.look({"memos"}, patience=PATIENCE)) == {"memos": "503: "}
    assert door.asked == 2


def test_a_probe_that_hangs_holds_up_nothing_and_is_not_put_twice(
    observer: Observer, door: Door
) -> None:
    """Its answer is taken by the look after it has come; until then the last one holds."""
    observer.look(patience=PATIENCE)
    door.open.clear()
    door.status = 503

    hanging = [observer.look(patience=0.01) for _ in range(3)]
    door.open.set()
    done = observer.look(patience=PATIENCE)

    assert [details(seen) for seen in hanging] == [{"memos": "200 GET /"}] * 3
    assert details(done) == {"memos": "503: "}
    assert door.asked == 2


def test_only_another_answer_is_news(observer: Observer, door: Door) -> None:
    """Whoever naps sleeps on while a service answers as before, and wakes when it does not."""
    for _ in range(2):
        observer.look({"memos"}, patience=PATIENCE)
    observer.nap(0.0)
    observer.look({"memos"}, patience=PATIENCE)
    assert not observer.nap(0.0)

    door.status = 503
    observer.look({"memos"}, patience=0.0)
    assert observer.nap(PATIENCE)


def test_an_answer_of_a_container_that_has_stopped_meanwhile_is_dropped(
    engine: FakeEngine, observer: Observer, door: Door
) -> None:
    """It says nothing about what is there now."""
    door.open.clear()
    observer.look(patience=0.01)
    engine.state["containers"][id_of("memos")]["State"]["Status"] = "exited"
    door.open.set()

    assert details(observer.look(patience=PATIENCE)) == {}


def test_a_launch_is_carried_out_and_told_once(engine: FakeEngine, observer: Observer) -> None:
    """It waits for nothing; how it ended is asked for later."""
    state = engine.state["containers"][id_of("etcd")]["State"]
    state["Status"] = "created"

    assert launched(observer) == {"etcd": ""}
    assert observer.launched() == {}
    assert state["Status"] == "running"


def launched(observer: Observer) -> dict[str, str]:
    """Launch etcd, and ask until that has ended."""
    etcd = observer.look(patience=0.01).container("etcd")
    assert etcd is not None
    observer.launch(etcd)
    for _ in range(500):
        if done := observer.launched():
            return done
        threading.Event().wait(0.01)
    raise AssertionError("no start ended within 5 s")


def test_a_launch_that_the_engine_refuses_gives_its_words(
    engine: FakeEngine, observer: Observer
) -> None:
    """No exception: what it means is decided elsewhere."""
    engine.state["refuse"] = {id_of("etcd"): RECORDED["refused"]["State"]["Error"]}

    assert launched(observer)["etcd"].endswith("port is already allocated")


def happened(name: str, action: str, **attributes: str) -> dict[str, Any]:
    """Return an event as Engine 26.1.5 writes it."""
    actor = {"ID": id_of(name), "Attributes": attributes}
    return {"Type": "container", "Action": action, "Actor": actor, "timeNano": 1}


@pytest.fixture
def live(engine: FakeEngine, api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[Observer]:
    """Watch live, and never look at all again by the clock: only events tell."""
    monkeypatch.setattr("scripts.watch.observer.FULL_LOOK", float("inf"))
    observer = Observer(api, watched(1), live=True)
    observer.look(set(), patience=0.0)
    yield observer
    engine.tell(None)
    observer.close()


def heard(observer: Observer, wanted: str) -> Container:
    """Look until an event has changed what is seen of etcd."""
    for _ in range(100):
        one = observer.look(set(), patience=0.0).container("etcd")
        if one is not None and one.state == wanted:
            return one
        observer.nap(0.05)
    raise AssertionError(f"etcd was not seen {wanted} within 5 s")


def test_an_event_wakes_who_waits_and_only_its_container_is_asked_for(
    engine: FakeEngine, live: Observer
) -> None:
    """A look costs one call, whatever the number of services."""
    engine.state["containers"][id_of("etcd")]["State"]["Status"] = "exited"
    engine.requests.clear()
    engine.tell(happened("etcd", "die", exitCode="3"))

    assert heard(live, "exited").exit_code == 0
    asked = {call for call in engine.calls if "/containers/" in call}
    assert asked == {f"GET /v1.44/containers/{id_of('etcd')}/json"}


def test_the_exit_code_of_a_crash_is_kept_when_the_container_runs_again(
    engine: FakeEngine, live: Observer
) -> None:
    """The engine forgets it, and the mark of a kill for memory, with the next start."""
    one = engine.state["containers"][id_of("etcd")]
    one["State"]["Status"], one["RestartCount"] = "restarting", 1
    engine.tell(happened("etcd", "oom"))
    engine.tell(happened("etcd", "die", exitCode="137"))
    heard(live, "restarting")
    one["State"] |= {"Status": "running", "ExitCode": 0, "OOMKilled": False}
    engine.tell(happened("etcd", "start"))

    found = heard(live, "running")

    assert (found.exit_code, found.oom_killed) == (137, True)


def test_a_removed_container_is_seen_no_more(engine: FakeEngine, live: Observer) -> None:
    """Its event comes, and the engine has none of that name."""
    engine.state["containers"][id_of("etcd")]["gone"] = True
    engine.tell(happened("etcd", "destroy"))

    for _ in range(100):
        if live.look(set(), patience=0.0).container("etcd") is None:
            return
        live.nap(0.05)
    raise AssertionError("etcd was still seen after 5 s")


@pytest.mark.parametrize("told", [None, {"Type": "container"}])
def test_when_the_engine_tells_no_more_all_are_asked_for(
    engine: FakeEngine, live: Observer, told: dict[str, str] | None
) -> None:
    """A stream that has ended, or told what nobody understands, is no sign of peace."""
    engine.tell(told)
    engine.state["containers"][id_of("etcd")]["State"]["Status"] = "paused"

    assert heard(live, "paused").id == id_of("etcd")


def test_events_that_ended_are_followed_again(
    engine: FakeEngine, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a full look for what was missed meanwhile, they are enough again."""
    monkeypatch.setattr(events, "AGAIN", 0.01)
    observer = Observer(api, watched(1), live=True, full=float("inf"))
    observer.look(set(), patience=0.0)
    engine.tell(None)
    until_none(
        lambda: sum("/events" in call for call in engine.calls) < 2, timeout=PATIENCE, interval=0.01
    )
    engine.state["containers"][id_of("etcd")]["State"]["Status"] = "paused"
    heard(observer, "paused")
    observer.look(set(), patience=0.0)
    engine.requests.clear()

    engine.state["containers"][id_of("etcd")]["State"]["Status"] = "running"
    engine.tell(happened("etcd", "unpause"))

    heard(observer, "running")
    asked = {call for call in engine.calls if "/containers/" in call}
    assert asked == {f"GET /v1.44/containers/{id_of('etcd')}/json"}
    engine.tell(None)
    observer.close()


def test_an_engine_that_dies_is_told_by_the_next_look(tmp_path: Path) -> None:
    """Whoever waits is woken, and the look raises."""
    observer = Observer(Api(f"unix://{tmp_path}/nobody.sock"), watched(1), live=True)
    observer.nap(5.0)

    with pytest.raises(EngineError, match="does not answer"):
        observer.look(patience=0.0)


CHECK = ("CMD-SHELL", "curl -f http://127.0.0.1/ || exit 1")


def checked(engine: FakeEngine, api: Api, answer: object) -> Reading:
    """Run the health check of etcd, which answers so."""
    engine.state["checks"][id_of("etcd")] = answer
    return health_check.read(api, replace(container(recorded("etcd")), check=CHECK))


def test_a_health_check_that_passes_now_is_an_answer(engine: FakeEngine, api: Api) -> None:
    """It is run in the container as the engine would run it."""
    found = checked(engine, api, (0, "fine"))

    assert (found.service, found.ok, found.detail) == ("etcd", True, "healthy")
    assert any(f"POST /v1.44/containers/{id_of('etcd')}/exec" in call for call in engine.calls)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [((1, "alarm: NOSPACE"), "alarm: NOSPACE"), ((2, ""), "exit code 2"), (None, "not running")],
)
def test_a_health_check_that_fails_now_says_why(
    engine: FakeEngine, api: Api, answer: object, detail: str
) -> None:
    """Whatever the engine's last result, half a minute ago, was."""
    found = checked(engine, api, answer)

    assert not found.ok
    assert detail in found.detail


def test_a_health_check_that_hangs_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its container answers nobody, while the engine is well."""
    monkeypatch.setattr(health_check, "LIMIT", 0.05)
    hanging = threading.Event()

    def respond(request: Request) -> Answer:
        del request
        hanging.wait(5)
        return 200, {}

    with unix(respond, tmp_path / "hangs.sock") as endpoint:
        one = replace(container(recorded("etcd")), check=CHECK)
        found = health_check.read(Api(endpoint), one)
        hanging.set()

    assert (found.ok, "no answer within" in found.detail) == (False, True)


def test_a_container_without_a_health_check_is_not_asked(
    engine: FakeEngine, observer: Observer
) -> None:
    """NONE switches one off, and one that is not healthy yet is not disturbed."""
    engine.state["containers"][id_of("etcd")]["Config"]["Healthcheck"] = {"Test": ["NONE"]}
    engine.state["containers"][id_of("minio")]["State"]["Health"]["Status"] = "starting"

    assert [one.service for one in observer.look(patience=PATIENCE).readings] == ["memos"]

"""One observer for all who follow, none for nobody; what is asked is a real engine's API."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from scripts.core import files
from scripts.core.checkout import Checkout as Here
from scripts.core.errors import ConfigError
from scripts.core.polling import until_none
from scripts.core.process import run
from scripts.live.actions import Actions
from scripts.live.feed import Feed, inputs
from scripts.live.looking import scene
from scripts.live.looking.scene import Scene, Source
from scripts.live.looking.starts import Starts
from scripts.start.events import Ending
from scripts.start.history import timeline
from scripts.start.history.timeline import Run
from tests.kit.checkout import Checkout
from tests.kit.fake_engine import FakeEngine
from tests.kit.fakes import raising
from tests.kit.live import PATIENCE, following
from tests.kit.reloads import edited, failed, state
from tests.kit.reloads import run as run_of
from tests.kit.servers import unix


@pytest.fixture
def engine(at: Checkout) -> FakeEngine:
    """Return the engine of the checkout, in this process."""
    return FakeEngine(at.state)


@pytest.fixture
def here(at: Checkout, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Return the checkout as a command sees it; its engine answers."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    with unix(engine.respond, at.socket):
        at.serve()
        yield seen(at)


def seen(at: Checkout) -> Here:
    """Return a checkout as a command sees it."""
    return Here(root=at.root, environ=dict(os.environ), runner=run, say=lambda _: None)


def event(name: str, action: str) -> dict[str, Any]:
    """Return an event of the engine."""
    return {"Type": "container", "Action": action, "Actor": {"ID": f"id-{name}", "Attributes": {}}}


def idle(feed: Feed) -> None:
    """Wait until nobody looks any more."""
    for thread in threading.enumerate():
        if thread.name == "feed":
            thread.join(PATIENCE)
    assert not feed.looking


def test_a_secret_that_was_changed_before_we_began_is_hidden_too(at: Checkout, here: Here) -> None:
    """Containers were made with it, and write it; one that has ended has left it in its log."""
    for name, how in (("neo4j", "running"), ("etcd", "exited")):
        container = at.container(name, how)
        container["Config"]["Env"] = [f"NEO4J_PASSWORD=before-it-changed-{name}"]
        at.state["containers"][f"id-{name}"] = container
    feed = Feed(here)
    feed.put(action={"lines": ["before-it-changed-neo4j"]})

    with following(feed) as follower:
        follower.until(lambda one: one["services"])
        feed.put(memos={"said": "before-it-changed-neo4j before-it-changed-etcd"})
        document = follower.until(lambda one: "memos" in one)

    assert document["memos"] == {"said": "******** ********"}
    assert document["action"] == {"lines": ["********"]}
    assert not any("before-it" in str(one) for one in follower.events)


def test_the_first_thing_is_the_whole_state(here: Here) -> None:
    """It keeps its schema, and says how all is."""
    with following(Feed(here)) as follower:
        document = follower.until(lambda one: one["services"]["memos"]["ready"])

    assert validate(document, "state") == ()
    assert [kind for _, kind, _ in follower.events][:2] == ["state", "usages"]
    assert (document["project"], document["engine"]["answers"]) == ("memos-test", True)
    assert set(document["order"]) == set(document["services"]) >= {"memos", "etcd"}


def test_what_happens_is_told_as_a_change(here: Here, engine: FakeEngine) -> None:
    """A service that was killed, with what is wrong; nothing else is sent of it."""
    with following(Feed(here)) as follower:
        follower.until(lambda one: one["services"]["qdrant"]["ready"])
        engine.state["containers"]["id-qdrant"]["State"] |= {"Status": "exited", "ExitCode": 137}
        engine.tell(event("qdrant", "die"))
        document = follower.until(lambda one: one["services"]["qdrant"]["state"] == "exited")

    assert not document["services"]["qdrant"]["ready"]
    assert [one["service"] for one in document["findings"]] == ["qdrant"]
    assert [kind for _, kind, _ in follower.events].count("state") == 1


def test_all_who_follow_have_one_observer(here: Here, engine: FakeEngine) -> None:
    """A second viewer costs the engine nothing."""
    feed = Feed(here)
    with following(feed) as one, following(feed) as other:
        one.until(lambda seen: seen["services"])
        other.until(lambda seen: seen["services"])

    assert sum("/events" in call for call in engine.calls) == 1


def test_while_nobody_follows_nothing_is_asked(
    here: Here, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before the first one comes, nor after the last has gone."""
    monkeypatch.setattr(scene, "KEEN", 0.05)
    feed = Feed(here)
    assert engine.calls == []
    with following(feed) as follower:
        follower.until(lambda one: one["services"])
    idle(feed)
    asked = len(engine.calls)

    engine.tell(event("qdrant", "die"))
    time.sleep(5 * scene.KEEN)

    # a row of use that had begun is still asked for
    assert [call for call in engine.calls[asked:] if "/stats" not in call] == []


def test_who_was_away_gets_what_was_missed(here: Here, engine: FakeEngine) -> None:
    """Also what happened while nobody followed; the state is not sent anew."""
    feed = Feed(here)
    with following(feed) as follower:
        follower.until(lambda one: one["services"]["qdrant"]["ready"])
    idle(feed)
    engine.state["containers"]["id-qdrant"]["State"]["Status"] = "paused"

    with following(feed, follower.events[-1][0]) as again:
        again.document = dict(follower.document)
        again.until(lambda one: one["services"]["qdrant"]["state"] == "paused")

    assert "state" not in {kind for _, kind, _ in again.events}


def test_use_is_told_beside_the_document(here: Here, engine: FakeEngine) -> None:
    """A row every few seconds, by name."""
    stats = {
        "pids_stats": {"current": 1},
        "memory_stats": {"usage": 100},
        "read": "2026-11-23T02:00:00Z",
    }
    stats["cpu_stats"] = {"cpu_usage": {"total_usage": 10**9}}
    later = {"read": "2026-11-23T02:00:05Z", "cpu_stats": {"cpu_usage": {"total_usage": 2 * 10**9}}}
    engine.state["stats"] = {"id-memos": stats}

    with following(Feed(here)) as follower:
        follower.until(lambda one: one["services"])
        until_none(
            lambda: not any("id-memos/stats" in call for call in engine.calls),
            timeout=PATIENCE,
            interval=0.01,
        )
        engine.state["stats"] = {"id-memos": stats | later}
        row = follower.until_told("usage")

    assert row["services"] == {"memos": [20.0, 100]}


def test_an_engine_that_goes_is_told_and_what_was_seen_stays(
    at: Checkout, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is taken up again when it comes back, with other containers too."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    with unix(engine.respond, at.socket):
        at.serve()
        follower = following(Feed(seen(at)))
        one = follower.__enter__()
        before = dict(one.until(lambda seen: seen["services"]["qdrant"]["ready"]))
        engine.tell(None)
    at.socket.unlink()
    gone = one.until(lambda seen: not seen["engine"]["answers"])

    assert gone["services"] == before["services"]
    assert "does not answer" in gone["engine"]["error"] or "no engine" in gone["engine"]["error"]
    assert gone["engine"]["next"]
    assert validate(gone, "state") == ()

    engine.state["containers"].pop("id-qdrant")
    with unix(engine.respond, at.socket):
        back = one.until(lambda seen: seen["engine"]["answers"])
        assert back["services"]["qdrant"]["state"] == "absent"
        follower.__exit__(None, None, None)


def test_edits_are_told_as_their_versions_are_made(
    at: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which one answers, what became of the last ones, and what is wrong with the newest."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    edited(at, state(run_of(7)))
    engine = FakeEngine(at.state)
    with unix(engine.respond, at.socket):
        at.serve()
        with following(Feed(seen(at))) as follower:
            before = follower.until(lambda one: one["reloads"])
            assert before["services"]["memos"]["reload"]["version"] == 7
            assert before["findings"] == []
            engine.state["files"]["id-memos"] = state(run_of(7), failed(8))
            document = follower.until(lambda one: len(one["reloads"]) == 2)

    assert [one["outcome"] for one in document["reloads"]] == ["failed", "answers"]
    assert [one["code"] for one in document["findings"]] == ["reload-failed"]
    assert document["services"]["memos"]["reload"]["error"]["line"] == 12
    assert validate(document, "state") == ()


def test_settings_that_break_are_told_and_the_stack_is_as_it_was_last(
    here: Here, at: Checkout
) -> None:
    """A page that is open sees the mistake, and its mending."""
    with following(Feed(here)) as follower:
        follower.until(lambda one: one["services"] and not any("MEMOS" in n for n in one["notes"]))
        at.env_file.write_text("IMAGE_SOURCE=registry\nMEMOS_PORT=x\n")
        broken = follower.until(lambda one: any("MEMOS_PORT" in note for note in one["notes"]))
        assert broken["services"]
        at.env_file.write_text("IMAGE_SOURCE=registry\n")
        follower.until(lambda one: not any("MEMOS_PORT" in note for note in one["notes"]))


def test_settings_that_cannot_be_read_at_all_are_told(here: Here, at: Checkout) -> None:
    """Nothing is guessed of a stack that is not known."""
    at.env_file.write_text("COMPOSE_PROJECT_NAME\n")

    with following(Feed(here)) as follower:
        document = follower.until(lambda one: "engine" in one)

    assert validate(document, "state") == ()


def test_a_settings_file_that_is_named_and_not_there_is_an_error(here: Here) -> None:
    """Another stack's would be shown."""
    environ = {**here.environ, "ENV_FILE": "/nowhere/else.env"}

    with pytest.raises(ConfigError, match="ENV_FILE"):
        Feed(Here(root=here.root, environ=environ, runner=run, say=print))


def test_other_parts_come_beside_in_their_own_time(here: Here) -> None:
    """One that takes long holds nobody up."""
    go = threading.Event()

    def slow(*_: object) -> dict[str, int]:
        go.wait(PATIENCE)
        return {"cubes": 1}

    def quick(*_: object) -> dict[str, int]:
        return {"adds": 1}

    sources = [
        Source(name="memories", seconds=60.0, ask=slow),
        Source(name="memos", seconds=0.0, ask=quick),
    ]
    with following(Feed(here, sources=sources)) as follower:
        follower.until(lambda one: one["services"]["memos"]["ready"] and "memos" in one)
        assert "memories" not in follower.document
        go.set()
        document = follower.until(lambda one: "memories" in one)

    assert (document["memories"], document["memos"]) == ({"cubes": 1}, {"adds": 1})


def test_what_cannot_be_asked_any_more_is_not_known(here: Here) -> None:
    """Counts of hours ago would look like those of now."""
    silent = threading.Event()

    def asked(*_: object) -> dict[str, int]:
        if silent.is_set():
            raise ConfigError("it cannot be asked", next_step="inv doctor")
        return {"cubes": 1}

    source = Source(name="memories", seconds=0.0, ask=asked)
    with following(Feed(here, sources=[source])) as follower:
        follower.until(lambda one: "memories" in one)
        silent.set()
        follower.until(lambda one: "memories" not in one)


def test_what_takes_long_is_asked_seldom(here: Here) -> None:
    """To look through a hundred thousand memories is a second's work."""
    asked: list[str] = []

    def heavy(*_: object) -> dict[str, int]:
        asked.append("heavy")
        began = time.thread_time()
        while time.thread_time() - began < 1.0:
            pass
        return {"cubes": 1}

    def light(*_: object) -> dict[str, int]:
        asked.append("light")
        return {"adds": len(asked)}

    sources = [
        Source(name="memories", seconds=0.0, ask=heavy),
        Source(name="memos", seconds=0.0, ask=light),
    ]
    with following(Feed(here, sources=sources)) as follower:
        follower.until(lambda one: "memories" in one)
        known = asked.count("light")
        follower.until(lambda _: asked.count("light") > known + 2)

    assert asked.count("heavy") == 1


def test_what_others_put_is_part_of_the_document(here: Here) -> None:
    """As an action, while it goes on; None takes it out."""
    feed = Feed(here)
    with following(feed) as follower:
        follower.until(lambda one: one["services"])
        feed.put(action={"id": 1, "ended": None})
        assert follower.until(lambda one: "action" in one)["action"] == {"id": 1}
        feed.put(action=None)
        follower.until(lambda one: "action" not in one)


def test_a_bug_of_ours_ends_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told in the place of the engine, and looked again."""

    def broken(_: Scene) -> dict[str, Any]:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(Scene, "parts", broken)
        follower = following(Feed(here))
        one = follower.__enter__()
        told = one.until(lambda seen: "engine" in seen)
        assert told["engine"]["error"] == "unexpected: ZeroDivisionError"
    one.until(lambda seen: seen["engine"]["answers"])
    follower.__exit__(None, None, None)


def test_what_cannot_even_be_told_ends_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """What tells of a bug, and what it tells besides, may have one too."""
    with monkeypatch.context() as patched:
        patched.setattr(Scene, "parts", raising(ZeroDivisionError()))
        patched.setattr(Starts, "parts", raising(OSError()))
        follower = following(Feed(here, judged=raising(KeyError())))
        one = follower.__enter__()
        told = one.until(lambda seen: "engine" in seen)
        assert told["engine"]["error"] == "unexpected: ZeroDivisionError"
    one.until(lambda seen: seen["engine"]["answers"])
    follower.__exit__(None, None, None)


def test_another_stack_is_not_mixed_with_the_one_that_is_followed(
    here: Here, at: Checkout, engine: FakeEngine
) -> None:
    """The page of a stack whose name the settings change says so and does nothing to it."""
    environ = {name: value for name, value in here.environ.items() if "PROJECT" not in name}
    before = at.env_file.read_text()
    at.env_file.write_text(before + "COMPOSE_PROJECT_NAME=memos-test\n")
    feed = Feed(replace(here, environ=environ))
    with following(feed) as follower:
        follower.until(lambda one: one["services"])
        at.env_file.write_text(before + "COMPOSE_PROJECT_NAME=memos-other\n")
        # it may be read while it is written
        other = "COMPOSE_PROJECT_NAME is memos-other"
        gone = follower.until(lambda one: other in one["engine"].get("error", ""))
        assert not gone["engine"]["answers"]
        assert gone["project"] == "memos-test"
        doing = Actions(here, feed.history, str, lambda: None)
        doing.allowed = feed.still
        with pytest.raises(ConfigError, match="what is followed here is memos-test"):
            doing.begin("restart", {})
        at.env_file.write_text(before + "COMPOSE_PROJECT_NAME=memos-test\n")
        follower.until(lambda one: one["engine"]["answers"])

    assert not [call for call in engine.calls if "memos-other" in call]


def test_settings_below_the_home_folder_are_watched(
    here: Here, at: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tilde is what it is for who reads them."""
    monkeypatch.setenv("HOME", str(at.folder))
    (at.folder / "own.env").write_text("")

    (file, age), *_ = inputs(replace(here, environ={"ENV_FILE": "~/own.env"}))

    assert (file, age > 0) == (str(at.folder / "own.env"), True)


def test_a_start_that_ends_is_told(here: Here, at: Checkout) -> None:
    """And those before it, the newest first."""
    cache = at.root / ".cache" / "memos-test"
    with following(Feed(here)) as follower:
        follower.until(lambda one: one["starts"] == [])
        for minute in ("01", "02"):
            began = f"2026-11-23T02:{minute}:00.000Z"
            run = Run(began=began, seconds=3.0, verdict=Ending.READY, bars=())
            files.write_json(cache / "runs" / f"{minute}.json", timeline.document(run))
        document = follower.until(lambda one: len(one["starts"]) == 2)

    assert [one["began"][14:16] for one in document["starts"]] == ["02", "01"]
    assert document["start"]["began"] == document["starts"][0]["began"]
    assert not document["start"]["going"]
    assert validate(document, "state") == ()

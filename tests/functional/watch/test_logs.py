"""Logs of several services, from an engine on a socket: what is there, and what comes."""

import base64
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from scripts.core.errors import EngineError, RefusedError
from scripts.engine.api import Api
from scripts.watch import on_host
from scripts.watch.inside import Wanted
from scripts.watch.log_lines import LogLine
from scripts.watch.logs import WAITING, LogReader
from tests.kit.fake_engine import END
from tests.kit.fakes import raising
from tests.kit.servers import Request, unix
from tests.kit.writing import World, at, event, nano

PATIENCE = 20.0
"""Seconds after which a test gives up; none of them measures time."""


@pytest.fixture
def world() -> World:
    """Return web and db, which have written nothing yet."""
    return World()


@pytest.fixture
def api(world: World, tmp_path: Path) -> Iterator[Api]:
    """Return the way to the engine; what follows a log there is let go at the end."""
    with unix(world.engine.respond, tmp_path / "engine.sock") as endpoint:
        yield Api(endpoint, timeout=PATIENCE)
        for live in list(world.engine.live.values()):
            live.put(END)


def reader(api: Api, *names: str, tail: int = 200, since: int = 0) -> LogReader:
    """Return the logs of these services."""
    return LogReader(api, "memos-test", names or ("web", "db"), Wanted(tail=tail, since=since))


def shown(lines: Iterator[LogLine], count: int = 10**6) -> list[str]:
    """Return the next lines as they are shown."""
    found = []
    for line in lines:
        found.append(line.text if line.mark else f"{line.service} {line.text}")
        if len(found) == count:
            break
    return found


@pytest.fixture
def following(world: World, api: Api) -> Iterator[Iterator[LogLine]]:
    """Follow both services, of which each has written a line."""
    world.wrote("id-web", (1, "one"))
    world.wrote("id-db", (2, "two"))
    found = reader(api)
    lines = found.lines(follow=True)
    timer = threading.Timer(PATIENCE, found.close)  # a test that waits in vain ends
    timer.start()
    assert shown(lines, 2) == ["web one", "db two"]
    yield lines
    timer.cancel()
    found.close()


def test_services_come_in_order_of_time(world: World, api: Api) -> None:
    """Whatever the order in which they were asked; without follow it ends."""
    world.wrote("id-web", (1, "INFO one"), (4, "four"))
    world.wrote("id-db", (2, "two"), (3, "ERROR three"))

    found = list(reader(api, "db", "web").lines())

    assert [f"{one.service} {one.text}" for one in found] == [
        *("web INFO one", "db two", "db ERROR three", "web four")
    ]
    assert [one.level for one in found] == ["info", "info", "error", "info"]
    assert {call.partition("?")[2] for call in world.asked("/logs")} == {
        "stdout=true&stderr=true&timestamps=true&tail=200"
    }


def test_only_what_was_asked_for_is_read(world: World, api: Api) -> None:
    """One service, so many lines, since then."""
    world.wrote("id-db", (2, "two"))

    assert shown(reader(api, "db", tail=5, since=nano(1)).lines()) == ["db two"]

    (call,) = world.asked("/logs")
    assert call.endswith("id-db/logs?stdout=true&stderr=true&timestamps=true&tail=5"
                         "&since=1795399201.000000000")  # fmt: skip


def test_a_line_without_an_end_is_shown_when_nothing_more_comes(world: World, api: Api) -> None:
    """Whoever crashed in the middle of it wrote nothing else."""
    text = f"{at(1)} half".encode()
    raw = bytes([2, 0, 0, 0]) + len(text).to_bytes(4, "big") + text
    world.engine.state["logs"]["id-web"] = base64.b64encode(raw).decode()

    assert shown(reader(api).lines()) == ["web half"]


def test_a_service_without_a_container_has_written_nothing(api: Api) -> None:
    """It is no error."""
    assert shown(reader(api, "nobody").lines()) == []


def test_a_restart_is_marked_with_its_exit_code(world: World, api: Api) -> None:
    """As the engine's events tell it; those of others, and a first start, are no mark."""
    world.wrote("id-web", (1, "one"), (6, "two"))
    world.wrote("id-db", (2, "db"))
    world.run("web", 5.2, FinishedAt=at(4.8))
    events = [event("start", "db", 0), event("die", "web", 4.9, "137"), event("start", "web", 5.1)]
    world.engine.state["events"] = [*events, event("die", "other", 3), event("start", "other", 3)]

    found = reader(api).lines()

    assert shown(found) == ["web one", "db db", "--- web restarted (exit 137) ---", "web two"]


@pytest.mark.parametrize(
    ("began", "ended", "state", "mark"),
    [(5.2, 4.8, "running", ["--- web restarted ---"]), (0, 5, "exited", [])],
)
def test_a_restart_that_the_engine_has_forgotten_is_marked_without_one(
    world: World, api: Api, began: float, ended: float, state: str, mark: list[str]
) -> None:
    """Its container knows when it ended, a line may precede its start; an end is no restart."""
    world.wrote("id-web", (1, "one"), (5.19, "two"))
    world.run("web", began, FinishedAt=at(ended), Status=state)

    assert shown(reader(api).lines()) == ["web one", *mark, "web two"]


def test_an_engine_that_refuses_is_told(world: World, api: Api) -> None:
    """A log that cannot be read is no empty log."""

    def respond(request: Request) -> tuple[int, object]:
        if "/logs" in request.path:
            return 501, {"message": "configured logging driver does not support reading"}
        return world.engine.respond(request)

    with (
        unix(respond, Path(api.endpoint.removeprefix("unix://")).with_name("other")) as endpoint,
        pytest.raises(RefusedError, match="does not support reading"),
    ):
        shown(reader(Api(endpoint)).lines())


def test_what_comes_is_shown(world: World, following: Iterator[LogLine]) -> None:
    """From where the past has ended, and without a line twice."""
    world.writes("id-db", (3, "three"))
    assert shown(following, 1) == ["db three"]
    world.writes("id-web", (4, "four"))
    assert shown(following, 1) == ["web four"]

    asked = "logs?stdout=true&stderr=true&timestamps=true&follow=true&since=1795399"
    assert sorted(call.rpartition("/containers/")[2] for call in world.asked("follow=true")) == [
        f"id-db/{asked}202.000000001",
        f"id-web/{asked}201.000000001",
    ]


def test_following_goes_on_through_a_restart(world: World, following: Iterator[LogLine]) -> None:
    """The engine ends the log with the container; the next run's lines come behind a mark."""
    world.writes("id-db", (3, "three"))
    assert shown(following, 1) == ["db three"]

    state = world.engine.state["containers"]["id-db"]["State"]
    state |= {"Status": "restarting", "FinishedAt": at(4)}
    world.ends("id-db")
    world.engine.state["events"] = [event("die", "db", 4, "1"), event("start", "db", 5)]
    state |= {"Status": "running", "StartedAt": at(5)}
    world.writes("id-db", (6, "six"))

    assert shown(following, 2) == ["--- db restarted (exit 1) ---", "db six"]
    assert world.asked("id-db/logs")[-1].endswith("since=1795399203.000000001")


def test_following_goes_on_with_the_next_container(
    world: World, following: Iterator[LogLine]
) -> None:
    """`up` makes a new one where the settings have changed."""
    del world.engine.state["containers"]["id-web"]
    world.ends("id-web")
    world.run("web", 5, "id-web-2")
    world.engine.state["events"] = [event("die", "web", 4, "143"), event("start", "web", 5)]
    world.writes("id-web-2", (6, "six"))

    assert shown(following, 2) == ["--- web restarted (exit 143) ---", "web six"]


def test_what_a_short_run_wrote_is_not_lost(world: World, following: Iterator[LogLine]) -> None:
    """It may have ended again before we looked."""
    world.writes("id-db", (3, "three"))
    assert shown(following, 1) == ["db three"]

    state = world.engine.state["containers"]["id-db"]["State"]
    state |= {"Status": "restarting", "StartedAt": at(5), "FinishedAt": at(7)}
    world.engine.state["events"] = [event("die", "db", 4, "1"), event("start", "db", 5)]
    world.ends("id-db")
    world.writes("id-db", (6, "six"))

    assert shown(following, 2) == ["--- db restarted (exit 1) ---", "db six"]


def test_a_service_that_is_made_later_is_followed_too(world: World, api: Api) -> None:
    """From its first line, and that is no restart."""
    threading.Timer(0.05, world.run, ("late", 1)).start()
    world.writes("id-late", (2, "hello"))

    with closing(reader(api, "late")) as found:
        assert shown(found.lines(follow=True), 1) == ["late hello"]


@pytest.mark.parametrize(
    ("tail", "since", "asked"),
    [(0, 0, "&tail=0"), (5, 0, ""), (5, nano(1), "&since=1795399201.000000000")],
)
def test_where_nothing_was_shown_following_begins_as_asked(
    world: World, api: Api, tail: int, since: int, asked: str
) -> None:
    """With --tail 0 at the end, else with what comes since."""
    world.writes("id-web", (2, "two"))

    with closing(reader(api, "web", tail=tail, since=since)) as found:
        shown(found.lines(follow=True), 1)

    assert world.asked("follow=true")[0].endswith("&follow=true" + asked)


def test_a_container_that_is_being_removed_is_waited_for(world: World, tmp_path: Path) -> None:
    """The engine refuses its log; the next one has it."""
    refusals = iter([409])

    def respond(request: Request) -> tuple[int, object]:
        if "follow" in request.path and next(refusals, 0):
            return 409, {"message": "can not get logs from container which is dead"}
        return world.engine.respond(request)

    world.writes("id-web", (2, "two"))
    with unix(respond, tmp_path / "refusing.sock") as endpoint:
        found = reader(Api(endpoint), "web")
        assert shown(found.lines(follow=True), 1) == ["web two"]
        world.ends("id-web")
        found.close()


def test_an_engine_that_goes_away_ends_following(world: World, tmp_path: Path) -> None:
    """With what it had said before."""
    with unix(world.engine.respond, tmp_path / "leaving.sock") as endpoint:
        found = reader(Api(endpoint), "web")
        lines = found.lines(follow=True)
        world.writes("id-web", (2, "two"))
        assert shown(lines, 1) == ["web two"]
    (tmp_path / "leaving.sock").unlink()
    world.ends("id-web")

    with pytest.raises(EngineError, match="does not answer"):
        shown(lines)
    found.close()


def test_a_bug_in_following_is_raised(
    following: Iterator[LogLine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else that one service would fall silent."""
    monkeypatch.setattr(on_host, "seen", raising(ValueError("odd")))

    with pytest.raises(ValueError, match="odd"):
        next(following)


def test_a_reader_that_stops_reading_holds_up_the_engine_and_not_memory(
    world: World, api: Api
) -> None:
    """Lines wait in a queue with an end; `close` frees who waits there, and no thread stays."""
    before = threading.active_count()
    found = reader(api, "web")
    lines = found.lines(follow=True)
    world.writes("id-web", *((2 + number / 10**6, "x") for number in range(3 * WAITING)))
    assert shown(lines, 1) == ["web x"]
    for _ in range(int(PATIENCE * 100)):
        if found.waiting == WAITING:
            break
        threading.Event().wait(0.01)
    assert found.waiting == WAITING

    found.close()

    assert not found.following
    assert before <= threading.active_count()
    assert list(lines)[-1:] != []  # what was taken out is still given, then it ends


def test_closing_what_was_never_followed_is_no_error(world: World, api: Api) -> None:
    """Twice neither; nothing is read after it."""
    found = reader(api)
    world.wrote("id-web", (1, "one"))
    found.close()
    found.close()

    assert shown(found.lines()) == []

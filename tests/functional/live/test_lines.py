"""The book of lines: one follower for all viewers, the last lines kept, and every gap is said."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.core.errors import EngineError
from scripts.engine.api import Api
from scripts.live import lines
from scripts.live.lines import Batch, Book, Source, Viewer
from tests.kit.fake_engine import END, framed
from tests.kit.servers import unix
from tests.kit.writing import World, at, event

PATIENCE = 20.0
"""Seconds after which a test gives up; none of them measures time."""


@pytest.fixture
def world() -> World:
    """Return web and db; each has written a line."""
    world = World()
    world.wrote("id-web", (1, "INFO one"))
    world.wrote("id-db", (2, "ERROR two secret"))
    return world


@pytest.fixture
def api(world: World, tmp_path: Path) -> Iterator[Api]:
    """Return the way to the engine; what follows something there is let go at the end."""
    with unix(world.engine.respond, tmp_path / "engine.sock") as endpoint:
        yield Api(endpoint, timeout=PATIENCE)
        world.engine.tell(None)
        for live in list(world.engine.live.values()):
            live.put(END)


@pytest.fixture
def source(api: Api, tmp_path: Path) -> Source:
    """Return the logs of both; "secret" is one."""
    return Source(
        api=api,
        project="memos-test",
        names=("web", "db", "later"),
        cache=tmp_path,
        mask=lambda text: text.replace("secret", "***"),
    )


@pytest.fixture
def book(source: Source, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    """Return the book of both."""
    monkeypatch.setattr(lines, "LINGER", 0.0)
    found = Book(lambda: source)
    yield found
    found.close()
    until(lambda: not found.following)


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class Reader:
    """A viewer, and what it has seen."""

    def __init__(self, book: Book, *services: str, position: str = "") -> None:
        self.more = threading.Event()
        self.viewer: Viewer = book.view(services, self.more.set, position)
        self.batches: list[Batch] = []

    def next(self) -> list[str]:
        """Wait for the next lines; give their texts."""
        while (batch := self.viewer.more()) is None:
            assert self.more.wait(PATIENCE)
            self.more.clear()
        self.batches.append(batch)
        return [line.text for line in batch.lines]

    def all(self, count: int) -> list[str]:
        """Wait for so many lines."""
        found = list[str]()
        while len(found) < count:
            found += self.next()
        return found

    @property
    def position(self) -> str:
        """Where it would go on."""
        return self.batches[-1].position


def test_a_viewer_sees_what_was_written_and_what_comes(book: Book, world: World) -> None:
    """In the order in which it came; each line with number, service, moment, level and text."""
    reader = Reader(book)

    assert reader.next() == ["INFO one", "ERROR two ***"]
    document = reader.batches[0].document()
    assert document == {
        "lines": [
            [1, "web", at(1), "info", "INFO one"],
            [2, "db", at(2), "error", "ERROR two ***"],
        ],
        "first": True,
    }
    world.writes("id-db", (3, "three"))
    assert reader.next() == ["three"]
    assert "first" not in reader.batches[1].document()
    assert reader.viewer.more() is None


def test_all_viewers_have_one_follower(book: Book, world: World) -> None:
    """A second one asks the engine for nothing, and may want one service only."""
    one = Reader(book)
    one.all(2)
    world.writes("id-db", (3, "three"))
    one.next()
    until(lambda: sum("follow" in call for call in world.asked("/logs")) == 2)
    asked = len(world.asked("/logs"))

    two = Reader(book, "db")

    assert two.next() == ["ERROR two ***", "three"]
    world.writes("id-web", (4, "four"))
    assert one.next() == ["four"]
    assert two.viewer.more() is None
    assert len(world.asked("/logs")) == asked


def test_a_restart_is_a_mark_and_a_new_container_is_followed(book: Book, world: World) -> None:
    """The engine tells of it: nothing is looked for meanwhile."""
    reader = Reader(book)
    reader.all(2)
    looks = len(world.asked("/containers/json"))
    world.run("later", 5)
    world.writes("id-later", (5, "hello"))
    world.engine.tell(event("start", "later", 5))
    assert reader.next() == ["hello"]

    world.engine.state["events"] = [event("die", "db", 6, "3"), event("start", "db", 7)]
    world.run("db", 7, "id-new")
    world.writes("id-new", (7, "again"))
    world.ends("id-db")
    world.engine.tell(event("start", "db", 7))

    assert reader.all(2) == ["--- db restarted (exit 3) ---", "again"]
    shown = [line for batch in reader.batches for line in batch.lines]
    assert [line.level for line in shown[-2:]] == ["mark", "info"]
    assert looks < len(world.asked("/containers/json")) < looks + 20


def test_a_service_that_the_settings_bring_is_followed_too(
    source: Source, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack is asked anew after a change, once something happens; no line comes twice."""
    monkeypatch.setattr(lines, "LINGER", 0.0)
    names = ["web"]
    book = Book(lambda: replace(source, names=tuple(names), stamp=lambda: len(names)))
    reader = Reader(book)
    assert reader.all(1) == ["INFO one"]
    until(lambda: any("follow" in call for call in world.asked("/logs")))
    world.wrote("id-web")

    names.append("db")
    world.engine.tell(event("start", "db", 2))

    assert reader.next() == ["ERROR two ***"]
    book.close()
    until(lambda: not book.following)


def test_while_nobody_looks_nothing_is_followed_and_nothing_comes_twice(
    book: Book, world: World
) -> None:
    """Who comes back has the rest from the engine."""
    reader = Reader(book)
    reader.all(2)
    world.writes("id-web", (3, "three"))
    reader.next()
    reader.viewer.close()
    until(lambda: not book.following)
    world.wrote("id-web", (4, "four"))
    world.wrote("id-db")

    again = Reader(book, position=reader.position)

    assert again.next() == ["four"]
    assert not again.batches[0].first
    web = [call for call in world.asked("id-web/logs") if "follow" not in call]
    assert web[-1].endswith("&since=1795399203.000000001")
    assert Reader(book).all(4) == ["INFO one", "ERROR two ***", "three", "four"]


def test_a_gap_that_nobody_can_fill_is_said(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More came than is kept, while nobody looked."""
    monkeypatch.setattr(lines, "KEPT", 3)
    reader = Reader(book)
    reader.all(2)
    reader.viewer.close()
    until(lambda: not book.following)
    world.wrote("id-web", (7, "seven"), (8, "eight"), (9, "nine"))
    world.wrote("id-db")

    again = Reader(book, position=reader.position)

    texts = again.next()
    assert texts[-3:] == ["seven", "eight", "nine"]
    assert again.batches[0].lost == {"web": 1}


def test_who_reads_slowly_is_told_how_much_is_lost(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By service and once; no more is held than what is kept."""
    monkeypatch.setattr(lines, "KEPT", 4)
    monkeypatch.setattr(lines, "BATCH", 3)
    slow, quick = Reader(book), Reader(book)
    slow.all(2)
    quick.all(2)

    for number in range(10):
        world.writes("id-web", (10 + number, f"web {number}"))
        assert quick.next() == [f"web {number}"]
    world.writes("id-db", (30, "db"))
    quick.next()

    assert slow.next() == ["web 6", "web 7", "web 8"]
    assert slow.batches[-1].document()["lost"] == {"web": 6}
    assert slow.next() == ["web 9", "db"]
    assert slow.batches[-1].lost == {}
    # the same where the connection broke before
    late = Reader(book, position=quick.batches[0].position)
    late.all(5)
    assert late.batches[0].lost == {"web": 6}


def test_the_newest_come_first_and_a_break_before_the_end_begins_anew(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no position until all that is kept was sent."""
    monkeypatch.setattr(lines, "FIRST", 2)
    monkeypatch.setattr(lines, "BATCH", 2)
    world.wrote("id-web", *((number, f"{number}") for number in range(10, 17)))
    reader = Reader(book)

    assert reader.next() == ["ERROR two ***", "15", "16"]
    assert [reader.next(), reader.next(), reader.next()] == [["13", "14"], ["11", "12"], ["10"]]

    assert [bool(batch.position) for batch in reader.batches] == [False, False, False, True]
    assert Reader(book, position="no:position").next() == ["ERROR two ***", "15", "16"]


def test_long_lines_are_cut_after_they_are_masked_and_many_of_them_are_fewer(
    book: Book, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a secret would not be known as one."""
    monkeypatch.setattr(lines, "LONGEST", 6)
    monkeypatch.setattr(lines, "ROOM", 70)
    world.wrote("id-web", *((number, f"abc secret {number}") for number in range(10, 17)))
    world.wrote("id-db")

    assert Reader(book).next() == ["abc **… (4 more characters)"] * 2


@pytest.mark.parametrize("error", [EngineError("no", next_step="x"), OSError(), ValueError()])
def test_after_an_error_it_is_asked_again(
    source: Source, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whoever looks sees the lines once the engine answers; a bug of ours ends nothing either."""
    monkeypatch.setattr(lines, "AGAIN", 0.01)
    monkeypatch.setattr(lines, "LINGER", 0.0)
    answers, told = iter([error] * 2), list[Exception]()

    def asked() -> Source:
        with suppress(StopIteration):
            raise next(answers)
        return source

    book = Book(asked, told.append)
    reader = Reader(book)
    assert len(reader.all(2)) == 2
    assert told == [error] * 2

    reader.viewer.close()
    until(lambda: not book.following)


def test_what_the_engine_says_without_a_moment_is_a_line(book: Book, world: World) -> None:
    """It cannot read a log of its own; all others are shown."""
    raw = framed("Error grabbing logs: invalid character", stream=2)
    world.engine.state["logs"]["id-web"] = base64.b64encode(raw).decode()

    assert sorted(Reader(book).all(2)) == [
        "ERROR two ***",
        "Error grabbing logs: invalid character",
    ]


def test_a_viewer_that_leaves_while_nothing_answers_leaves_nobody_behind() -> None:
    """It is not asked for ever."""

    def silent() -> Source:
        raise EngineError("no", next_step="x")

    book = Book(silent)
    viewer = book.view((), lambda: None)
    assert viewer.more() is None
    book.close()
    until(lambda: not book.following)

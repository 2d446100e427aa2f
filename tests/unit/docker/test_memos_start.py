"""The API's entry point: it loads at once, connects to nothing, and waits for its databases."""

import gc
import logging.config
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Self

import memos_start
import pytest
from memos_start import Database

STACK = {
    "NEO4J_BACKEND": "neo4j-community",
    "NEO4J_URI": "bolt://neo4j-docker:7687",
    "QDRANT_HOST": "qdrant-docker",
    "QDRANT_PORT": "6333",
    "MILVUS_URI": "http://milvus-standalone:19530",
}


@pytest.fixture(autouse=True)
def others_log_as_they_did(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is loaded changes how logs are configured, for as long as the process lives."""
    monkeypatch.setattr(logging.config, "dictConfig", logging.config.dictConfig)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


def ready_after(seconds: float, time: Time, why: str = "refused") -> Database:
    """Return a database that answers so many seconds from now."""
    begin = time.now
    return Database(
        name="db",
        address="bolt://me:secret@db:7687",
        ask=lambda: "" if time.now >= begin + seconds else why,
    )


def waited(*wanted: Database, time: Time) -> list[str]:
    """Wait for these, and give what the log says."""
    lines: list[str] = []
    memos_start.wait(wanted, lines.append, clock=time.clock, sleep=time.sleep)
    return lines


def test_it_goes_on_at_once_when_all_answer() -> None:
    """One line, and no sleep."""
    time = Time()

    assert waited(ready_after(0, time), time=time) == ["the databases answer, after 0.0 s"]
    assert time.now == 100.0


def test_a_database_that_comes_late_is_waited_for_and_named() -> None:
    """The log says at once what is waited for and why, then now and then how long already."""
    time = Time()

    *lines, last = waited(ready_after(15, time), time=time)

    assert lines[0] == "waiting for db at bolt://db:7687, 0 s so far: refused"
    assert [line.split()[5] for line in lines] == ["0", "1", "2", "4", "8", "13"]
    assert last == "the databases answer, after 15.0 s"


def test_a_database_that_never_comes_keeps_the_api_from_connecting() -> None:
    """It is still being asked after ten minutes: nothing goes on without it."""
    time = Time()

    def never() -> str:
        if time.now > 700:
            raise KeyboardInterrupt
        return "no route"

    with pytest.raises(KeyboardInterrupt):
        waited(Database(name="db", address="http://db", ask=never), time=time)


def test_no_login_of_an_address_gets_into_the_log() -> None:
    """A URL may hold one."""
    time = Time()

    assert "secret" not in "".join(waited(ready_after(1, time), time=time))


def test_the_databases_are_those_that_memos_will_connect_to() -> None:
    """Under the names that it reads; Milvus only where preference memory is on."""
    found = memos_start.databases(STACK, "2.0.6")

    assert [(one.name, one.address) for one in found] == [
        ("neo4j", "bolt://neo4j-docker:7687"),
        ("qdrant", "http://qdrant-docker:6333"),
    ]
    also = memos_start.databases({**STACK, "ENABLE_PREFERENCE_MEMORY": "true"}, "2.0.7")
    assert [(one.name, one.address) for one in also[2:]] == [
        ("milvus", "http://milvus-standalone:19530")
    ]


@pytest.mark.parametrize("version", ["2.0.8", "2.0.33", "2.1.0"])
def test_later_releases_wait_for_no_milvus(version: str) -> None:
    """They connect to none, although the variables are there."""
    preferring = {**STACK, "ENABLE_PREFERENCE_MEMORY": "true"}

    found = memos_start.databases(preferring, version)
    assert [one.name for one in found] == ["neo4j", "qdrant"]


def test_a_store_that_is_no_server_is_not_waited_for() -> None:
    """Qdrant as a folder, and a graph backend that is not Neo4j."""
    env = {**STACK, "GRAPH_DB_BACKEND": "nebular", "QDRANT_PATH": "/data"}

    assert memos_start.databases(env, "2.0.6") == ()


def test_the_address_of_qdrant_may_be_a_url() -> None:
    """It beats the host, as in MemOS."""
    found = memos_start.databases({**STACK, "QDRANT_URL": "https://q.example/"}, "2.0.6")

    assert found[1].address == "https://q.example/"


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Have importing note what is asked for; `absent` is not there, `broken` breaks."""
    asked: list[str] = []

    def load(name: str) -> ModuleType:
        asked.append(name)
        if name.startswith("absent"):
            raise ModuleNotFoundError(name="absent")
        if name == "broken":
            raise ModuleNotFoundError(name="what.it.needs")
        assert not gc.isenabled()
        return ModuleType(name)

    monkeypatch.setattr("importlib.import_module", load)
    yield asked
    gc.unfreeze()


def test_what_another_memos_lacks_is_left_out(modules: list[str]) -> None:
    """The list is for 2.0.6; a mounted source may be older or newer."""
    memos_start.load(["absent.part", "there"])

    assert modules == ["absent.part", "there"]
    assert gc.isenabled()


def test_what_is_broken_ends_the_api_at_once(modules: list[str]) -> None:
    """Before any database is there, with the same traceback as without loading ahead."""
    with pytest.raises(ModuleNotFoundError):
        memos_start.load(["broken", "there"])
    gc.enable()
    assert modules == ["broken"]


def test_nothing_that_is_loaded_ahead_connects() -> None:
    """`server_router` makes the connections while it is imported, and `server_api` imports it."""
    names = set(memos_start.QUIET)

    assert not {name for name in names if "router" in name or "server_api" in name}


class Neo4j(ModuleType):
    """A driver that fails as told."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__("neo4j")
        self.error = error
        self.exceptions = SimpleNamespace(
            AuthError=AuthError, DriverError=DownError, Neo4jError=DownError
        )
        self.GraphDatabase = SimpleNamespace(driver=lambda _uri, **_: self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute_query(self, _: str) -> None:
        """Fail, or not."""
        if self.error:
            raise self.error


class DownError(Exception):
    """Nobody answers."""


class AuthError(DownError):
    """The login is rejected."""


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (None, ""),
        (AuthError("no"), ""),
        (DownError("No connection:\nrefused"), "refused"),
        (DownError(), "DownError"),
        (ValueError("Cannot resolve address db:7687"), "Cannot resolve address db:7687"),
    ],
)
def test_neo4j_is_there_when_it_answers_the_login(
    error: Exception | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rejected one is an answer too: trying again would lock the user out."""
    monkeypatch.setitem(sys.modules, "neo4j", Neo4j(error))

    assert memos_start.ask_neo4j("bolt://db", ("neo4j", "secret")) == why


@pytest.mark.parametrize(
    ("wanted", "mounted", "watched"),
    [("", True, True), ("yes", True, True), ("no", True, False), ("", False, False)],
)
def test_a_mounted_source_is_watched_unless_that_is_not_wanted(
    tmp_path: Path, *, wanted: str, mounted: bool, watched: bool
) -> None:
    """Without one, the process is as it always was."""
    if mounted:
        (tmp_path / "memos").mkdir()
    assert memos_start.watched(wanted, tmp_path) == (tmp_path if watched else None)


def test_the_copy_in_the_image_is_watched_where_that_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package itself: what lies beside it is others'."""
    assert memos_start.watched("yes", tmp_path) is None
    package = tmp_path / "site-packages" / "memos"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    assert memos_start.watched("yes", tmp_path) == package


def test_the_supervisor_ends_at_the_first_failure_once(tmp_path: Path) -> None:
    """The engine starts it again, and then it stays for the edit that mends it."""
    state = tmp_path / "reload.json"
    first = memos_start.supervised(Path("/app/src"), state)
    state.write_text('{"runs": [{"outcome": "failed"}]}')
    second = memos_start.supervised(Path("/app/src"), state)

    assert (first["MEMOS_RELOAD_FIRST"], second["MEMOS_RELOAD_FIRST"]) == ("exit", "")
    assert first["MEMOS_RELOAD_BIND"] == "0.0.0.0:8000"
    assert first["MEMOS_RELOAD_METRICS"] == "0.0.0.0:9464"


def test_a_configuration_of_the_log_that_is_in_force_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another one is not, nor the first one after it: it has taken away what that had made."""
    made: list[object] = []
    monkeypatch.setattr(logging.config, "dictConfig", made.append)
    memos_start.configure_logs_once()
    memos, uvicorn = {"version": 1}, {"version": 1}
    for config in (memos, memos, memos, uvicorn, memos, memos):
        logging.config.dictConfig(config)

    assert [id(one) for one in made] == [id(memos), id(uvicorn), id(memos)]

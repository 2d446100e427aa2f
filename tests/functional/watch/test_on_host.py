"""A process of this machine in the place of the API's container: noted, seen, and read."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.core import units
from scripts.core.look import Container, HostProcess, Look, State
from scripts.core.units import SECOND, nanoseconds
from scripts.engine.api import Api
from scripts.watch import inside, measuring, mends, on_host
from scripts.watch.inside import Wanted
from scripts.watch.logs import LogReader
from tests.kit.fake_engine import FakeEngine
from tests.kit.on_host import SECOND as FIRST
from tests.kit.on_host import noted, wrote

API = Container(id="1", service="memos", name="memos-api", state=State.EXITED)
OTHER = Container(id="2", service="neo4j", name="neo4j", state=State.RUNNING)


@pytest.fixture
def process(tmp_path: Path) -> HostProcess:
    """Return this very process, noted as the API."""
    return noted(tmp_path)


def test_what_is_noted_is_read_by_its_owner_only(tmp_path: Path, process: HostProcess) -> None:
    """Other parts and editors read the same file."""
    file = tmp_path / "host.json"

    assert on_host.read(tmp_path) == process
    assert file.stat().st_mode & 0o777 == 0o600
    document = json.loads(file.read_text())
    assert document == {
        "format": 1,
        "pid": process.pid,
        "started": process.started,
        "folder": "/home/me/MemOS",
        "port": 8000,
        "log": str(tmp_path / "host" / "log"),
        "state": str(tmp_path / "host" / "reload.json"),
        "debug_port": None,
        "metrics_port": None,
    }


def test_a_process_that_has_ended_is_nobody(tmp_path: Path) -> None:
    """Its note stays behind when it is killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as ended:
        noted(tmp_path, pid=ended.pid)
        assert on_host.read(tmp_path) is not None

    assert on_host.read(tmp_path) is None


def test_another_process_of_its_number_is_nobody(tmp_path: Path, process: HostProcess) -> None:
    """It began at another moment."""
    on_host.note(tmp_path, replace(process, started="1"))

    assert on_host.read(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": "x", "started": 1}', "{"])
def test_a_note_that_is_none_is_nobody(tmp_path: Path, text: str) -> None:
    """Written by hand, or by a later version."""
    (tmp_path / "host.json").write_text(text)

    assert on_host.read(tmp_path) is None


def test_only_what_has_ended_is_forgotten(tmp_path: Path, process: HostProcess) -> None:
    """Another one may have begun since, and what was not to be ended is still to be found."""
    on_host.forget(tmp_path)
    assert on_host.read(tmp_path) == process

    on_host.note(tmp_path, replace(process, started="1"))
    on_host.forget(tmp_path)
    assert not (tmp_path / "host.json").exists()


def test_it_is_seen_where_the_container_was(tmp_path: Path, process: HostProcess) -> None:
    """It runs, since it began; the others stay."""
    api, other = on_host.seen(tmp_path, (API, OTHER))

    assert other == OTHER
    assert (api.service, api.state, api.host) == ("memos", State.RUNNING, process)
    assert api.name == f"pid {process.pid}"
    assert 0 < nanoseconds(api.started_at) <= time.time_ns()
    assert on_host.seen(tmp_path, ())[0].host == process
    assert on_host.seen(None, (API, OTHER)) == (API, OTHER)


def test_its_log_is_read_from_its_file(api: Api, tmp_path: Path, process: HostProcess) -> None:
    """The last lines, or those of some moments; what steers a terminal is left out."""
    wrote(process, "one", "two \x1b[31mred\x1b[0m", "three")
    container = on_host.container(process)

    def read(tail: int | None = None, since: int = 0, until: int = 0) -> list[str]:
        return [
            text
            for _, text in inside.log(api, container, Wanted(tail=tail, since=since, until=until))
        ]

    assert read() == ["one", "two red", "three"]
    assert read(tail=1) == ["three"]
    assert read(tail=0) == []
    assert read(since=(FIRST + 1) * SECOND) == ["two red", "three"]
    assert read(until=FIRST * SECOND) == ["one"]
    del tmp_path


def test_a_log_that_is_not_there_is_empty(api: Api, process: HostProcess) -> None:
    """A command of the user's writes to its terminal."""
    assert inside.log(api, on_host.container(process), Wanted(tail=5)) == []


def test_what_is_mended_in_it_is_read_from_beside_its_state(api: Api, process: HostProcess) -> None:
    """Where its container has it in its working directory."""
    document = {"memos": "2.0.6", "mended": ["1093"], "left": []}
    process.state.with_name("mends.json").write_text(json.dumps(document))
    look = Look(containers=(on_host.container(process),))

    assert mends.added(api, look).mended == {"memos": "mended: #1093"}


def test_what_it_uses_is_measured_on_this_machine(api: Api, process: HostProcess) -> None:
    """The engine knows nothing of it."""
    look = Look(containers=(on_host.container(process),))

    used = measuring.measured(api, look, ["memos"]).usage["memos"]
    assert used.memory > 1 << 20
    assert used.cpu > 0


@pytest.fixture
def follower(engine: FakeEngine, api: Api, tmp_path: Path) -> Iterator[LogReader]:
    """Return a reader of the API's log."""
    assert engine.state["containers"] == {}
    wanted = Wanted(tail=1)
    with closing(LogReader(api, "memos-test", ["memos"], wanted, cache=tmp_path)) as found:
        yield found


def test_its_log_is_followed_also_when_it_is_begun_anew(
    follower: LogReader, process: HostProcess
) -> None:
    """From the lines that were asked for on, each once; half a line is no line yet."""
    wrote(process, "zero", "one")
    lines = follower.lines(follow=True)

    assert next(lines).text == "one"
    wrote(process, "two", first=FIRST + 10)
    assert next(lines).text == "two"
    with process.log.open("a") as log:
        log.write(units.exactly((FIRST + 20) * SECOND))
        log.flush()
        log.write(" three\n")
    assert next(lines).text == "three"
    process.log.rename(on_host.earlier(process.log))
    wrote(process, "four", first=FIRST + 30)
    assert next(lines).text == "four"

"""`inv page` serves until somebody ends it, and there is one server for each stack."""

import http.client
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from scripts.commands.flows.live import page
from scripts.core.errors import RefusedError
from scripts.core.files import held
from scripts.core.polling import until_none
from scripts.live import tasks
from scripts.live.history import History
from scripts.machine import groups, processes
from scripts.serve.page import place
from scripts.serve.page.access import Access
from scripts.serve.page.server import Server
from scripts.tell.report import Report
from tests.kit.checkout import Checkout
from tests.kit.live import Viewer
from tests.kit.places import ROOT
from tests.kit.servers import closed_port

PATIENCE = 20.0
"""Seconds after which a test gives up; none of them measures time."""


@pytest.fixture
def cache(at: Checkout, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the cache of the stack; its project has a name of its own."""
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "memos-test")
    return at.root / ".cache" / "memos-test"


def while_served(at: Checkout, cache: Path, then: Callable[[str], object], *words: str) -> int:
    """Type `inv page WORDS`, do something with its address, press Ctrl-C; give the exit code."""
    problems: list[BaseException] = []

    def other() -> None:
        try:
            until_none(lambda: place.running(cache) is None, timeout=PATIENCE, interval=0.05)
            note = place.running(cache)
            assert note is not None
            assert asked(note.url) == 303
            then(note.url)
        except BaseException as problem:  # noqa: BLE001 - raised where the test is
            problems.append(problem)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=other)
    thread.start()
    code = at.inv("page", *words)
    thread.join()
    for problem in problems:
        raise problem
    return code


def asked(url: str) -> int:
    """Return the status of what is answered at an address."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_serves_until_ctrl_c_and_tells_its_address(at: Checkout, cache: Path) -> None:
    """The address is the result, on stdout alone; Ctrl-C is how it ends, and no error."""
    urls: list[str] = []

    assert while_served(at, cache, urls.append) == 0

    shown = at.shown()
    assert shown.out.split() == urls
    assert urls[0].startswith("http://127.0.0.1:")
    assert "Ctrl-C" in shown.err


def test_what_it_notes_is_its_owners_and_gone_afterwards(at: Checkout, cache: Path) -> None:
    """A secret is in it."""
    file = cache / "page" / "page.json"
    modes: list[int] = []

    while_served(at, cache, lambda _: modes.append(file.stat().st_mode & 0o777))

    assert modes == [0o600]
    assert not file.exists()


def test_a_port_may_be_named(at: Checkout, cache: Path) -> None:
    """It is served there or not at all."""
    urls: list[str] = []
    free = str(closed_port())

    while_served(at, cache, urls.append, "--port", free)

    assert str(urlsplit(urls[0]).port) == free


def test_a_start_may_begin_it_beside(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It outlives the command, and its log, in which its address is, is its owner's alone."""
    argv = (sys.executable, "-m", "tests.kit.inv_at", str(at.root))
    monkeypatch.setattr(tasks, "PROGRAM", argv)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    assert at.inv("up", "--page") == 0

    note = place.running(cache)
    assert note is not None
    try:
        assert f"the page: {note.url}" in at.shown().err
        assert asked(note.url) == 303
        assert (cache / "page" / "log").stat().st_mode & 0o777 == 0o600
        assert at.inv("up", "--page") == 0
        assert note.url in at.shown().err
        assert at.inv("page", "--stop") == 0
    finally:
        processes.stop(note.pid)
    assert place.read(cache) is None


def test_a_start_goes_on_without_its_page(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was asked for is the stack."""

    def refused(*_: object) -> None:
        raise RefusedError("no packages can be had", next_step="look at the network")

    monkeypatch.setattr(groups, "need", refused)

    assert at.inv("up", "--page") == 0

    assert "no page: no packages can be had; next: look at the network" in at.shown().err
    assert place.read(cache) is None


def test_a_page_that_does_not_begin_says_where_its_words_are(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for longer than it takes."""
    monkeypatch.setattr(tasks, "PROGRAM", ("false",))
    monkeypatch.setattr(page, "PATIENCE", 0.2)

    assert at.inv("up", "--page") == 0

    assert f"next: read {cache / 'page' / 'log'}, or: inv page" in at.shown().err


def test_a_start_goes_on_where_its_page_may_write_nothing(at: Checkout, cache: Path) -> None:
    """As on a full disk, or where another user made the folder."""
    cache.mkdir(parents=True)
    (cache / "page").write_text("no folder")

    assert at.inv("up", "--page") == 0

    assert f"no page: File exists: {cache / 'page'}; next: look whose" in at.shown().err


def test_a_page_that_cannot_be_noted_is_served_all_the_same(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what does not work then."""
    served: list[object] = []
    monkeypatch.setattr(Server, "run", lambda _, sockets: served.append(sockets))
    (cache / "page" / "page.json.new").mkdir(parents=True)

    assert at.inv("page", "--open") == 0

    shown = at.shown()
    assert shown.out.startswith("http://127.0.0.1:")
    assert "inv page --stop will not find it: Is a directory: " in shown.err
    assert len(served) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--port", "x"), "--port is 'x', wanted a whole number"),
        (("--port", "70000"), "above 65535"),
        (("--port", "6666"), "browsers refuse"),
        (("--stop", "--open"), "--stop does not go with --open"),
    ],
)
def test_wrong_words_are_told(at: Checkout, words: tuple[str, ...], problem: str) -> None:
    """With exit code 2, and nothing is served."""
    assert at.inv("page", *words) == 2
    assert problem in at.shown().err


def living(cache: Path, *, read_only: bool = False) -> place.Note:
    """Note this process as a server."""
    found = place.server(os.getpid(), 4173, "a secret", read_only=read_only)
    place.note(cache, found)
    return found


def test_a_second_one_tells_where_the_first_is(at: Checkout, cache: Path) -> None:
    """It ends at once."""
    note = living(cache)

    assert at.inv("page") == 0
    assert at.shown().out.strip() == note.url


@pytest.mark.parametrize("words", [("--port", "4174"), ("--read-only",)])
def test_a_second_one_of_another_kind_is_refused(
    at: Checkout, cache: Path, words: tuple[str, ...]
) -> None:
    """Who asks for a page without actions must not be given one with them."""
    living(cache)

    assert at.inv("page", *words) == 2
    assert "inv page --stop" in at.shown().err


def test_one_without_actions_is_good_enough_for_who_does_not_ask(at: Checkout, cache: Path) -> None:
    """It is told where it is."""
    living(cache, read_only=True)

    assert at.inv("page", "--port", "4173") == 0


def test_stopping_ends_the_one_of_this_stack(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so where none is."""
    ended: list[int] = []
    monkeypatch.setattr(processes, "stop", lambda pid, **_: ended.append(pid))

    assert at.inv("page", "--stop") == 0
    assert "no page" in at.shown().err
    living(cache)
    assert at.inv("page", "--stop") == 0
    assert ended == [os.getpid()]


def test_stopping_waits_for_what_the_page_has_begun(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after some seconds it would leave nobody to tell how that ended."""
    waited: list[float] = []
    monkeypatch.setattr(processes, "stop", lambda _, *, grace: waited.append(grace))
    living(cache)
    history = History(cache)
    history.began("action", "x", "inv reset --all", at="x", record={"words": ["reset", "--all"]})
    assert at.inv("page", "--stop") == 0
    assert "waiting until inv reset --all has ended, which the page has begun" in at.shown().err
    history.ended("action", "x")
    assert at.inv("page", "--stop") == 0
    history.close()

    assert waited[0] > waited[1] == processes.GRACE


def test_ctrl_c_waits_for_what_was_begun(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left half done without a word: it is waited for, and that is said."""
    go = at.folder / "go"
    code = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)"
    monkeypatch.setattr(tasks, "PROGRAM", (sys.executable, "-c", code))
    say = Report.say

    def heard(self: Report, text: str) -> None:
        say(self, text)
        if text.startswith("waiting until"):
            go.touch()

    monkeypatch.setattr(Report, "say", heard)

    def act(_: str) -> None:
        note = place.running(cache)
        assert note is not None
        viewer = Viewer(note.port, Access(note.port, note.secret))
        token = json.loads(viewer.ask("/session").body)["token"]
        answer = viewer.ask("/action", "POST", '{"task": "smoke"}', X_Token=token)
        assert json.loads(answer.body) == {"id": 1}

    assert while_served(at, cache, act) == 0

    assert go.exists()
    assert "waiting until inv smoke has ended; Ctrl-C interrupts it" in at.shown().err
    (past,) = History(cache, writes=False).past()
    assert past["text"] == "inv smoke: done"


def test_the_one_after_a_killed_one_has_its_address(at: Checkout, cache: Path) -> None:
    """So an open page comes back by itself; after one that was ended it is another."""
    urls: list[str] = []
    while_served(at, cache, urls.append)
    port = urlsplit(urls[0]).port or 0
    killed = place.server(os.getpid(), port, "its secret", read_only=False)
    place.note(cache, killed)
    gone = json.loads((cache / "page" / "page.json").read_text()) | {"started": "another moment"}
    (cache / "page" / "page.json").write_text(json.dumps(gone))

    while_served(at, cache, urls.append)
    while_served(at, cache, urls.append)

    assert urls[1] == killed.url
    assert urlsplit(urls[2]).query not in {urlsplit(url).query for url in urls[:2]}


def test_a_browser_is_opened_without_the_token_in_its_words(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every user of this machine sees the words of a process."""
    note = living(cache)
    script = at.folder / "browser"
    script.write_text(f'#!/bin/sh\necho "$*" >>{at.folder}/opened\n')
    script.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{script} %s")

    assert at.inv("page", "--open") == 0

    opened = at.folder / "opened"
    until_none(lambda: not opened.exists(), timeout=PATIENCE, interval=0.05)
    words = opened.read_text().strip()
    assert words.startswith("file://")
    assert note.url.partition("token=")[2] not in words
    file = Path(urlsplit(words).path)
    assert note.url in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_without_a_browser_the_address_is_there_to_be_opened_by_hand(
    at: Checkout, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine without a screen, above all."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    living(cache)

    assert at.inv("page", "--open") == 0
    assert "by hand" in at.shown().err


def test_another_run_that_begins_at_the_same_time_is_not_served_twice(
    at: Checkout, cache: Path
) -> None:
    """Whoever holds the lock serves."""
    with held(cache / "page", "page"):
        assert at.inv("page") == 4
    assert "another run holds the lock" in at.shown().err

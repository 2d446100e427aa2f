"""Actions of a viewer: the plan of the task, the run that was agreed to, and how each ends."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts.config import workspace
from scripts.core import checkout
from scripts.core.errors import ConfigError, RefusedError
from scripts.core.files import Json, held
from scripts.core.polling import until_none
from scripts.core.process import run
from scripts.live import actions, tasks
from scripts.live.actions import Actions, AnotherPlanError
from scripts.live.history import History
from tests.kit.checkout import DataCheckout

PATIENCE = 60.0
"""Seconds after which a test gives up; none of them measures time."""
RESET = {"service": ["milvus"]}


@pytest.fixture
def kind() -> type[DataCheckout]:
    """Its stack keeps data."""
    return DataCheckout


@pytest.fixture
def news() -> threading.Semaphore:
    """Return what counts how often there was news."""
    return threading.Semaphore(0)


@pytest.fixture
def history(at: DataCheckout) -> Iterator[History]:
    """Return what is kept of the stack."""
    found = History(workspace.cache(at.root, "memos-test"))
    yield found
    found.close()


@pytest.fixture
def here(at: DataCheckout, monkeypatch: pytest.MonkeyPatch) -> checkout.Checkout:
    """Return the checkout, on which tasks work."""
    monkeypatch.setattr(tasks, "PROGRAM", at.program())
    return checkout.Checkout(root=at.root, environ={}, runner=run, say=print)


@pytest.fixture
def doing(here: checkout.Checkout, history: History, news: threading.Semaphore) -> Actions:
    """Return what runs tasks."""
    return Actions(here, history, lambda text: text.replace("secret", "***"), news.release)


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, here: checkout.Checkout) -> Callable[[str], None]:
    """Return what puts lines of Python in the place of inv."""
    del here  # which puts another program there

    def put(code: str) -> None:
        code = f"import sys, time\n{code}"
        monkeypatch.setattr(tasks, "PROGRAM", (sys.executable, "-c", code))

    return put


def ended(doing: Actions, news: threading.Semaphore) -> dict[str, Json]:
    """Wait until the last action has ended; give it."""
    while "ended" not in doing.document().get("action", {}):
        assert news.acquire(timeout=PATIENCE)
    return dict(doing.document()["action"])


def test_a_reset_is_planned_agreed_to_and_done(
    at: DataCheckout, doing: Actions, news: threading.Semaphore, history: History
) -> None:
    """The plan is what the task shows; the data is gone, and what ran runs again."""
    plan = doing.plan("reset", RESET)
    assert plan.document() == {
        "plan": list(plan.lines),
        "question": "Delete this data?",
        "id": plan.id,
    }
    assert "stops     memos, milvus, etcd" in plan.lines
    assert at.held()["etcd_data"] == "old"

    assert doing.begin("reset", RESET, plan.id) == 1

    found = ended(doing, news)
    assert (found["id"], found["task"], found["exit_code"]) == (1, "reset", 0)
    assert found["words"] == ["reset", "--service", "milvus", "--yes"]
    assert any("the data of milvus was deleted" in line for line in found["lines"])
    assert at.held()["etcd_data"] == ""
    (past,) = history.past()
    assert (past["kind"], past["text"]) == ("action", "inv reset --service milvus --yes: done")
    assert past["until"] == found["ended"]


def test_nothing_is_done_without_a_plan_that_fits(
    at: DataCheckout, doing: Actions, news: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, a used one, one of something else, an old one: each time a new one is shown."""
    used = doing.plan("restart", {"service": ["etcd"]}).id
    doing.begin("restart", {"service": ["etcd"]}, used)
    ended(doing, news)
    other = doing.plan("reset", {"service": ["qdrant"]}).id
    with monkeypatch.context() as patched:
        patched.setattr(actions, "VALID", -1.0)
        old = doing.plan("reset", RESET).id

    for plan, why in (("", "not asked yet"), (other, "not asked yet"), (old, "older than")):
        with pytest.raises(AnotherPlanError, match=why) as caught:
            doing.begin("reset", RESET, plan)
        assert caught.value.plan.lines
    with pytest.raises(AnotherPlanError, match="done already"):
        doing.begin("restart", {"service": ["etcd"]}, used)
    assert at.held()["etcd_data"] == "old"


def test_a_plan_that_is_no_longer_so_is_shown_anew(
    at: DataCheckout, doing: Actions, news: threading.Semaphore
) -> None:
    """A service was stopped meanwhile; that data has grown is no other plan."""
    first = doing.plan("reset", RESET)
    at.put("etcd_data", "old and more")
    doing.plan("reset", RESET)
    doing.begin("down", {"service": ["memos"]}, doing.plan("down", {"service": ["memos"]}).id)
    ended(doing, news)

    with pytest.raises(AnotherPlanError, match="something has changed") as caught:
        doing.begin("reset", RESET, first.id)

    now = caught.value.plan
    assert "stops     milvus, etcd" in now.lines
    doing.begin("reset", RESET, now.id)
    assert ended(doing, news)["exit_code"] == 0


def test_the_lock_is_that_of_the_terminal(at: DataCheckout, doing: Actions) -> None:
    """Who works there is named."""
    with (
        held(workspace.cache(at.root, "memos-test"), "up"),
        pytest.raises(RefusedError, match="another run holds the lock: inv up") as caught,
    ):
        doing.plan("reset", RESET)
    assert "wait for it to end" in caught.value.next_step


def test_what_the_task_refuses_is_told_in_its_words(doing: Actions) -> None:
    """Before anything is asked."""
    with pytest.raises(RefusedError, match="there is no snapshot 'no'"):
        doing.plan("snapshot.restore", {"name": "no"})
    with pytest.raises(RefusedError, match="there is no unfinished restore"):
        doing.plan("snapshot.undo", {})


def test_one_runs_at_a_time(
    doing: Actions, program: Callable[[str], None], news: threading.Semaphore, tmp_path: Path
) -> None:
    """Its lines are there while it runs, masked; the others are told which it is."""
    go = tmp_path / "go"
    program(
        "import pathlib\nprint('a secret', flush=True)\n"
        f"while not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\nsys.exit(5)"
    )
    doing.begin("smoke", {})
    while not doing.document()["action"]["lines"]:
        assert news.acquire(timeout=PATIENCE)

    assert doing.document()["action"]["lines"] == ["a ***"]
    for refused in (doing.begin, doing.plan):
        with pytest.raises(RefusedError, match="inv smoke runs"):
            refused("smoke", {})
    go.touch()
    assert ended(doing, news)["exit_code"] == 5
    program("print(sys.argv[1:])")
    doing.begin("doctor", {})

    assert ended(doing, news)["lines"] == ["['doctor', '--format', 'text']"]
    assert [one["task"] for one in doing.document()["actions"]] == ["doctor", "smoke"]


def test_the_end_of_the_page_waits_and_ctrl_c_then_reaches_the_action(
    doing: Actions, program: Callable[[str], None], news: threading.Semaphore
) -> None:
    """It ends as it does in a terminal, and that is said."""
    program(
        "try:\n    print('began', flush=True)\n    while True: time.sleep(0.01)\n"
        "except KeyboardInterrupt:\n    print('mended'); sys.exit(130)"
    )
    doing.begin("smoke", {})
    while not doing.document()["action"]["lines"]:
        assert news.acquire(timeout=PATIENCE)
    told: list[str] = []

    def say(text: str) -> None:
        told.append(text)
        if len(told) == 1:  # what follows waits
            signal.setitimer(signal.ITIMER_REAL, 0.2)

    def interrupted(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    try:
        doing.finish(say)
    finally:
        signal.signal(signal.SIGALRM, before)

    waiting = "waiting until inv smoke has ended; Ctrl-C interrupts it as in a terminal"
    assert told == [waiting, "interrupting inv smoke", waiting]
    found = doing.document()["action"]
    assert (found["exit_code"], found["lines"]) == (130, ["began", "mended"])
    doing.finish(told.append)


def test_what_cannot_be_seen_to_its_end_has_ended_all_the_same(
    here: checkout.Checkout, program: Callable[[str], None], history: History
) -> None:
    """What is told of it fails here; the next may be done."""
    program("print('a line')")

    def failing(_: str) -> str:
        if threading.current_thread() is threading.main_thread():
            return "masked"
        raise LookupError("odd")

    runs = Actions(here, history, failing, lambda: None)
    runs.begin("smoke", {})
    runs.finish(print)

    found = runs.document()["action"]
    assert found["lines"] == ["masked: not known how it ended: unexpected: LookupError"]
    assert ("ended" in found, "exit_code" in found) == (True, False)
    assert "until" in history.of(actions.KIND)[0]


def test_what_is_told_last_is_how_it_is(
    here: checkout.Checkout, program: Callable[[str], None], history: History
) -> None:
    """Who has made the document before the end, and is slow, does not tell it after the end."""
    program("pass")
    told: list[bool] = []
    over = threading.Event()

    def changed() -> None:
        has_ended = "ended" in runs.document()["action"]
        if not has_ended:
            over.wait(2.0)
        told.append(has_ended)
        if has_ended:
            over.set()

    runs = Actions(here, history, str, changed)
    runs.begin("smoke", {})
    assert over.wait(PATIENCE)

    assert told == [False, True]


def test_nothing_begins_once_the_page_has_ended(
    doing: Actions, program: Callable[[str], None], history: History, tmp_path: Path
) -> None:
    """Its plan is made anew for seconds; by then nobody would see how it ends."""
    go, planning, ran = (tmp_path / name for name in ("go", "planning", "ran"))
    program("print('the plan')")
    plan = doing.plan("reset", RESET)
    program(
        f"import pathlib\nfiles = {[*map(str, (go, planning, ran))]}"
        "\ngo, planning, ran = map(pathlib.Path, files)"
        "\nif '--dry-run' not in sys.argv: ran.touch()"
        "\nplanning.touch()"
        "\nwhile not go.exists(): time.sleep(0.01)"
        "\nprint('the plan')"
    )
    refused: list[str] = []

    def begin() -> None:
        with pytest.raises(RefusedError) as caught:
            doing.begin("reset", RESET, plan.id)
        refused.append(str(caught.value))

    viewer = threading.Thread(target=begin)
    viewer.start()
    until_none(lambda: not planning.exists(), timeout=PATIENCE, interval=0.01)
    doing.finish(print)
    go.touch()
    viewer.join(PATIENCE)

    assert refused == ["the page has ended"]
    assert not ran.exists()
    assert history.of(actions.KIND) == []


def test_what_was_going_on_when_the_page_was_killed_is_told_by_the_next(
    here: checkout.Checkout, history: History
) -> None:
    """It goes on by itself; how it ended nobody saw."""
    history.began(actions.KIND, "odd", "by hand", at="w", record={"id": 1})
    fits = {"id": 1, "task": "up", "words": ["up"], "began": "w"}
    odds: tuple[dict[str, Json], ...] = (
        *({"id": "1"}, {"words": None}, {"words": [1]}, {"task": {}}, {"ended": 5}),
    )
    for odd in odds:
        history.began(actions.KIND, repr(odd), "by hand", at="w", record={**fits, **odd})
    for lines in ("abc", [1], {"a": 1}):
        history.began(actions.KIND, repr(lines), "by hand", at="w", record=fits, lines=lines)
    record = {"id": 3, "task": "reset", "words": ["reset", "--all"], "began": "x"}
    history.began(actions.KIND, "x", "inv reset --all", at="x", record=record, lines=None)

    found = Actions(here, history, str, lambda: None).document()["action"]

    assert found["lines"] == [
        "inv reset --all: it went on by itself when the page ended; inv ps shows how all is"
    ]
    assert "exit_code" not in found
    assert found["ended"]
    again = Actions(here, history, str, lambda: None).document()["action"]
    assert again == {**found, "lines": found["lines"]}


def test_who_may_only_look_does_nothing(here: checkout.Checkout, history: History) -> None:
    """No plan either: it takes the lock."""
    looking = Actions(here, history, str, lambda: None, read_only=True)

    for refused in (looking.begin, looking.plan):
        with pytest.raises(ConfigError, match="read-only") as caught:
            refused("smoke", {})
        assert caught.value.code == "read-only"
    assert looking.document() == {"actions": []}

"""A command that starts services is noted while it goes on, and how it ended."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.core.errors import ConfigError, RefusedError
from scripts.core.finding import advice, fatal
from scripts.core.progress import Outcome, phase
from scripts.start.events import Event, EventKind
from scripts.start.history import runs
from scripts.start.history.recorder import Recorder
from tests.kit.builders import service, stack
from tests.kit.clock import Clock

STACK = stack(service("db"))
STARTED = Event(kind=EventKind.STARTED, seconds=0.0, service="db")
BEGAN = 1000.0


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock(BEGAN)


@pytest.fixture
def recorder(clock: Clock) -> Recorder:
    """What notes by that clock."""
    return Recorder(BEGAN, clock=clock)


def seen(folder: Path) -> list[tuple[str, float | None, str]]:
    """Return what who looks from elsewhere sees of the phases of the start that goes on."""
    (run,) = runs.read(folder)
    assert run.going
    return [(one.title, one.ended, one.outcome) for one in run.phases]


def test_who_looks_meanwhile_sees_how_far_it_is(
    recorder: Recorder, clock: Clock, tmp_path: Path
) -> None:
    """From the moment that the stack is known, also what was before, and what is beside."""
    clock.now += 1
    recorder.within(tmp_path)
    engine = recorder.note("engine", "start")
    clock.now += 2
    base = recorder.note("base", "packages")

    assert seen(tmp_path) == [
        ("checks", 1.0, "done"),
        ("engine start", None, "going"),
        ("base packages", None, "going"),
    ]
    clock.now += 4
    engine(Outcome.DONE)
    base(Outcome.FAILED, ago=3.0)
    assert seen(tmp_path)[1:] == [
        ("engine start", 7.0, "done"),
        ("base packages", 4.0, "failed"),
    ]


def test_the_first_end_of_a_phase_counts(recorder: Recorder, clock: Clock, tmp_path: Path) -> None:
    """What was stopped ends with an error a moment later."""
    recorder.within(tmp_path)
    end = recorder.note("build", "db")
    clock.now += 1
    end(Outcome.STOPPED)
    clock.now += 1
    end(Outcome.FAILED)

    assert seen(tmp_path) == [("build db", 1.0, "stopped")]


def test_who_looks_sees_the_services_as_they_start(
    recorder: Recorder, clock: Clock, tmp_path: Path
) -> None:
    """The last event too."""
    recorder.of(tmp_path, STACK, ("db",))
    clock.now += 1
    events: Iterator[Event] = recorder.noted([STARTED])
    next(events)

    (run,) = runs.read(tmp_path)
    assert [(bar.service, bar.started) for bar in run.bars] == [("db", 1.0)]
    assert (run.going, run.verdict) == (True, "starting")


@pytest.mark.parametrize(
    ("error", "verdict", "why", "step"),
    [
        (RefusedError("no route to x", next_step="inv up"), "refused", "no route to x", "inv up"),
        (KeyError("x"), "refused", "a bug: KeyError", "inv up"),
        (KeyboardInterrupt(), "interrupted", "", ""),
    ],
)
def test_a_start_that_ends_before_its_first_container_is_kept_with_why(
    recorder: Recorder,
    clock: Clock,
    tmp_path: Path,
    error: BaseException,
    verdict: str,
    why: str,
    step: str,
) -> None:
    """How far it came, too; and nothing says that it goes on."""

    def fails() -> None:
        with recorder.whole():
            recorder.within(tmp_path)
            recorder.of(tmp_path, STACK, ("db",))
            with phase(recorder.note, "pull", "db"):
                clock.now += 3
                raise error

    with pytest.raises(type(error)):
        fails()

    (run,) = runs.read(tmp_path)
    ended = Outcome.STOPPED if verdict == "interrupted" else Outcome.FAILED
    assert [(one.title, one.ended, one.outcome) for one in run.phases] == [("pull db", 3.0, ended)]
    assert (run.going, run.verdict, run.why, run.next_step) == (False, verdict, why, step)
    assert (run.seconds, run.prepared, [bar.service for bar in run.bars]) == (3.0, 3.0, ["db"])
    assert not (tmp_path / runs.GOING).exists()


def test_what_was_found_before_is_why(recorder: Recorder, tmp_path: Path) -> None:
    """The first thing that cannot be waited for; nothing needs to have been done."""
    with recorder.whole():
        recorder.of(tmp_path, STACK, ("db",))
        recorder.refused(
            [advice("x", "a hint", "look"), *(fatal("y", one, f"free {one}") for one in "pq")]
        )

    (run,) = runs.read(tmp_path)
    assert (run.verdict, run.why, run.next_step) == ("broken", "p", "free p")


def test_what_never_came_to_do_anything_is_not_kept(recorder: Recorder, tmp_path: Path) -> None:
    """A name that is wrong pushes out no start that says something."""

    def fails() -> None:
        with recorder.whole():
            recorder.within(tmp_path)
            raise ConfigError("there is no service x", next_step="inv ps")

    with pytest.raises(ConfigError):
        fails()

    assert runs.read(tmp_path) == ()


def test_a_start_whose_process_was_killed_is_kept_as_interrupted(
    recorder: Recorder, clock: Clock, tmp_path: Path
) -> None:
    """Nothing was written at its end: who looks says so, and the next start files it."""
    recorder.within(tmp_path)
    recorder.note("build", "db")
    file = tmp_path / runs.GOING
    killed = json.loads(file.read_text()) | {"born": "at another moment"}
    file.write_text(json.dumps(killed))

    (run,) = runs.read(tmp_path)
    assert (run.going, run.verdict) == (False, "interrupted")
    clock.now += 100
    Recorder(clock.now, clock=clock).within(tmp_path)
    now, before = runs.read(tmp_path)
    assert (now.going, before) == (True, run)


def test_a_second_start_writes_nothing_over_the_first(recorder: Recorder, tmp_path: Path) -> None:
    """It will be refused, by the lock that the first one holds."""
    recorder.within(tmp_path)
    other = Recorder(BEGAN + 1)
    other.within(tmp_path)
    other.note("engine", "start")

    (run,) = runs.read(tmp_path)
    assert run.began == "1970-01-01T00:16:40.000Z"


def test_a_folder_that_takes_no_file_fails_no_start(recorder: Recorder, tmp_path: Path) -> None:
    """What it was for goes on."""
    (tmp_path / "file").touch()

    with recorder.whole():
        recorder.within(tmp_path / "file")
        with phase(recorder.note, "pull", "db"):
            pass
        recorder.refused([fatal("y", "p", "q")])

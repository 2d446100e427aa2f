"""The last starts are kept, for `inv timeline`."""

import os
from pathlib import Path

from scripts.core.finding import Verdict
from scripts.start.events import Event, EventKind
from scripts.start.history import runs
from scripts.start.history.recorder import Recorder
from tests.kit.builders import container, service, stack

STACK = stack(service("db"))
STARTED = (
    Event(kind=EventKind.STARTED, seconds=0.0, service="db"),
    Event(kind=EventKind.READY, seconds=1.0, service="db"),
    Event(kind=EventKind.RESULT, seconds=1.0, verdict=Verdict.READY),
)


def keep(folder: Path, *events: Event, began: float = 1000.0) -> None:
    """Let a start happen whose events began 0.7 s after the command."""
    recorder = Recorder(began, clock=lambda: began + 0.7)
    assert tuple(recorder.noted(events)) == events
    made = container("db", created_at="1970-01-01T00:16:40.500Z")
    recorder.keep(folder, STACK, ("db",), [made])


def test_a_start_is_kept_with_what_came_before_it(tmp_path: Path) -> None:
    """Its moments count from the beginning of the command."""
    keep(tmp_path, *STARTED)

    (found,) = runs.read(tmp_path)
    (bar,) = found.bars
    assert (found.began, found.verdict, found.seconds) == ("1970-01-01T00:16:40.000Z", "ready", 1.7)
    assert (bar.created, bar.started, bar.ready) == (0.5, 0.7, 1.7)


def test_a_run_that_started_nothing_is_not_kept(tmp_path: Path) -> None:
    """It would push out one that says something."""
    keep(tmp_path, *STARTED[1:])

    assert runs.read(tmp_path) == ()


def test_the_last_twenty_are_kept_the_newest_first(tmp_path: Path) -> None:
    """The oldest go."""
    for number in range(25):
        keep(tmp_path, *STARTED, began=1000.0 + number)

    found = [run.began for run in runs.read(tmp_path)]
    assert (len(found), found[0], found[-1]) == (
        runs.KEPT,
        "1970-01-01T00:17:04.000Z",
        "1970-01-01T00:16:45.000Z",
    )


def test_a_file_that_is_no_start_is_left_out(tmp_path: Path) -> None:
    """Written by hand, or by another version."""
    keep(tmp_path, *STARTED)
    (kept,) = (tmp_path / runs.FOLDER).glob("*.json")
    whole = kept.read_text()
    for number, text in enumerate(
        (
            *("{", "[]", '{"began": 1}', "[" * 100_000, "\0"),
            whole.replace('"seconds": 1.7', '"seconds": NaN'),
            whole.replace('"seconds": 1.7', '"seconds": 1e300'),
            whole.replace('"seconds": 1.7', '"seconds": -1'),
            whole.replace('"ready": 1.7', '"ready": 1e9'),
            whole.replace('"ready": 1.7', '"ready": Infinity'),
            whole.replace('"service": "db"', '"service": ["db"]'),
            whole.replace('"needs": []', '"needs": "db"'),
        )
    ):
        assert text != whole
        (tmp_path / runs.FOLDER / f"{number}.json").write_text(text)
    os.mkfifo(tmp_path / runs.FOLDER / "pipe.json")

    assert len(runs.read(tmp_path)) == 1

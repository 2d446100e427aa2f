"""Who follows sees a start while it goes on, and how it ended."""

import json
import os
from pathlib import Path

from scripts.live.looking.starts import Starts
from scripts.start.history import runs
from scripts.start.history.recorder import Recorder
from tests.kit.builders import service, stack


def test_a_start_that_goes_on_is_the_start_and_not_among_those_that_are_kept(
    tmp_path: Path,
) -> None:
    """Each step is news, and nothing is where there is none."""
    starts = Starts(tmp_path)
    assert starts.parts() == {"start": None, "starts": []}
    recorder = Recorder(1000.0, clock=lambda: 1001.0)

    recorder.of(tmp_path, stack(service("db")), ("db",))
    found = starts.parts()
    assert (found["start"]["going"], found["starts"]) == (True, [])
    assert starts.parts() == {}

    recorder.note("build", "db")
    assert starts.parts()["start"]["phases"][-1]["what"] == "db"


def test_a_start_whose_process_was_killed_goes_on_no_more(tmp_path: Path) -> None:
    """Nobody wrote that down."""
    starts = Starts(tmp_path)
    Recorder(1000.0, clock=lambda: 1001.0).of(tmp_path, stack(service("db")), ("db",))
    assert starts.parts()["start"]["going"]
    file = tmp_path / runs.GOING
    age = file.stat().st_mtime_ns
    file.write_text(json.dumps(json.loads(file.read_text()) | {"born": "at another moment"}))
    os.utime(file, ns=(age, age))

    found = starts.parts()
    assert (found["start"]["going"], found["start"]["verdict"]) == (False, "interrupted")
    assert [one["verdict"] for one in found["starts"]] == ["interrupted"]

"""The journal of data commands: what is written is read again, and stays readable."""

import json
from pathlib import Path

import pytest

from scripts.core.errors import BrokenError
from scripts.data import journal
from scripts.data.model import MEANS, Command, Entry, Phase


def test_a_journal_on_the_disk_keeps_its_format(tmp_path: Path) -> None:
    """What one version began another may have to finish."""
    entry = Entry(
        command=Command.RESTORE,
        phase=Phase.SWAPPING,
        running=("memos",),
        volumes={"graph_data": "test_graph_data"},
        snapshot="one",
        since="2026-01-31T12:00:00.000Z",
    )

    journal.write(tmp_path, entry)

    assert json.loads((tmp_path / "journal.json").read_text(encoding="utf-8")) == {
        "command": "restore",
        "phase": "swapping",
        "running": ["memos"],
        "volumes": {"graph_data": "test_graph_data"},
        "snapshot": "one",
        "since": "2026-01-31T12:00:00.000Z",
    }
    assert journal.read(tmp_path) == entry


@pytest.mark.parametrize("key", ["command", "phase"])
@pytest.mark.parametrize("value", ["", "STARTING", "starting ", None, 1, ["starting"]])
def test_a_word_that_is_none_of_ours_is_never_taken_for_one(
    tmp_path: Path, key: str, value: object
) -> None:
    """To guess could throw away the only good data."""
    fine = {"command": "reset", "phase": "starting", "running": [], "volumes": {}}
    (tmp_path / "journal.json").write_text(json.dumps(fine | {key: value}), encoding="utf-8")

    with pytest.raises(BrokenError, match=f"{key} is .*, wanted one of "):
        journal.read(tmp_path)


def test_a_journal_that_is_no_object_is_told_too(tmp_path: Path) -> None:
    """A list, for instance."""
    (tmp_path / "journal.json").write_text("[]", encoding="utf-8")

    with pytest.raises(BrokenError, match=r"cannot be read: it is no object"):
        journal.read(tmp_path)


def test_every_phase_says_what_it_means_for_the_data() -> None:
    """A user reads it after a crash."""
    assert set(MEANS) == set(Phase)

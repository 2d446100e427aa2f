"""The journal of data commands: what is written is read again, and stays readable."""

import json
import re
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
        engine="an-engine",
    )

    journal.write(tmp_path, entry)

    assert json.loads((tmp_path / "journal.json").read_text(encoding="utf-8")) == {
        "command": "restore",
        "phase": "swapping",
        "running": ["memos"],
        "volumes": {"graph_data": "test_graph_data"},
        "snapshot": "one",
        "since": "2026-01-31T12:00:00.000Z",
        "engine": "an-engine",
    }
    assert journal.read(tmp_path) == entry


FINE = {"command": "reset", "phase": "starting", "running": [], "volumes": {}}
WORDS = {"command": "save, reset, restore", "phase": "stopped, unpacking, swapping, "}


@pytest.mark.parametrize("key", WORDS)
@pytest.mark.parametrize("value", ["", "STARTING", "starting ", None, 1, ["starting"]])
def test_a_word_that_is_none_of_ours_is_never_taken_for_one(
    tmp_path: Path, key: str, value: object
) -> None:
    """To guess could throw away the only good data."""
    (tmp_path / "journal.json").write_text(json.dumps(FINE | {key: value}), encoding="utf-8")

    words = f"cannot be read: {key} is {value!r}, wanted one of {WORDS[key]}"
    with pytest.raises(BrokenError, match=re.escape(words)):
        journal.read(tmp_path)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], r"it is \[\], wanted an object"),
        ({**FINE, "volumes": ["etcd_data"]}, r"volumes is \['etcd_data'\], wanted an object"),
        ({**FINE, "running": None}, "running is None, wanted a list"),
        ({**FINE, "running": [1]}, r"running\[0\] is 1, wanted a text"),
        ({**FINE, "volumes": {"etcd_data": 1}}, "volumes.'etcd_data' is 1, wanted a text"),
        ({**FINE, "more": 1}, "'more' is a key that is not known"),
        ([[[]]] * 99999, "wanted an object"),
    ],
)
def test_a_journal_of_another_shape_is_refused(
    tmp_path: Path, document: object, words: str
) -> None:
    """With what is odd in it; it may be one of a later version."""
    (tmp_path / "journal.json").write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(BrokenError, match=f"cannot be read: .*{words}"):
        journal.read(tmp_path)


def test_every_phase_says_what_it_means_for_the_data() -> None:
    """A user reads it after a crash."""
    assert set(MEANS) == set(Phase)

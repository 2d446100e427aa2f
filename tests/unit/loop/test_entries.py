"""What editors are told: every name leads somewhere, paths may have any letters."""

import re
import shlex
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import tasks
from scripts.loop.editor import entries
from scripts.loop.editor.entries import Place

ODD = Path('/home/ü ser/it\'s "here" & there')
MEMOS = Place(
    folder=ODD / "MemOS",
    dev=ODD / "dev",
    env_file=ODD / "second.env",
    source=ODD / "MemOS" / "src",
)
HERE = Place(folder=ODD, dev=ODD / "dev", env_file=None)


def wanted(place: Place, name: str) -> dict[str, dict[str, Any]]:
    """Return our entries in the arrays of a file, by their names."""
    return {
        entry[one.key]: dict(entry)
        for file, _, lists in entries.documents(place)
        if file.name == name
        for one in lists
        for entry in one.wanted
    }


def test_the_files_are_those_that_editors_read() -> None:
    """In the folder that is opened."""
    assert [file for file, *_ in entries.documents(HERE)] == [ODD / ".vscode" / "tasks.json"]
    assert {file.parent for file, _ in entries.configurations(HERE)} == {ODD / ".run"}


@pytest.mark.parametrize("place", [MEMOS, HERE], ids=["MemOS", "this checkout"])
def test_every_task_is_a_command_that_there_is(place: Place) -> None:
    """A task that was renamed would fail in the editor only."""
    words = [task.words for task in entries.tasks(place)]

    typed = {name[1] for name in words if name[0] == "inv"}
    assert typed <= set(tasks.ns.task_names)
    assert {name[0] for name in words} <= {"inv", "nox"}


def test_a_command_is_started_by_no_shell_and_by_its_whole_path() -> None:
    """A blank or a quote in it means nothing; the settings file is that of this stack."""
    task = wanted(MEMOS, "tasks.json")["MemOS: up"]

    assert (task["type"], task["command"]) == ("process", str(MEMOS.dev))
    assert task["options"]["env"] == {"ENV_FILE": str(MEMOS.env_file)}
    assert "options" not in wanted(HERE, "tasks.json")["MemOS: up"]


def test_pycharm_is_given_the_same_commands() -> None:
    """Through a shell, which reads the path as it is."""
    for file, text in entries.configurations(MEMOS):
        configuration = ET.fromstring(text)[0]
        options = {one.get("name"): one.get("value", "") for one in configuration.iter("option")}
        assert configuration.get("name", "").startswith("MemOS: ")
        env_file, *words = shlex.split(options["SCRIPT_TEXT"])
        assert env_file == f"ENV_FILE={MEMOS.env_file}"
        assert words[0] == str(MEMOS.dev)
        assert not re.search(r"[^a-z0-9.-]", file.name)


def test_a_place_in_a_file_is_found_in_a_line_of_ours() -> None:
    """The last colons count: a path may have some, and so may what is wrong."""
    pattern = entries.MATCHER["pattern"]
    assert isinstance(pattern, dict)
    path = "/home/ü ser/a:b/memos/x.py"

    for line in (
        f"{path}:12: SyntaxError: invalid syntax: 3",
        f"error: {path}:12: SyntaxError: invalid syntax: 3",
        f"✗ {path}:12: SyntaxError: invalid syntax: 3",
    ):
        found = re.search(pattern["regexp"], line)
        assert found is not None
        assert (found[pattern["file"]], found[pattern["line"]]) == (path, "12")
        assert found[pattern["message"]] == "SyntaxError: invalid syntax: 3"
    assert re.search(pattern["regexp"], "memos  running  8000→8000") is None

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
    settings=ODD / "second.env",
    named=True,
    source=ODD / "MemOS" / "src",
    debug_port=5678,
    variables=ODD / "second.env.host",
)
FAILED = "version 8 failed, version 7 serves on"
HERE = Place(folder=ODD, dev=ODD / "dev", settings=ODD / ".env", named=False)


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
    """Debugging is MemOS' matter: the checkout of the stack has commands only."""
    assert [file for file, *_ in entries.documents(MEMOS)] == [
        MEMOS.folder / ".vscode" / name for name in ("tasks.json", "launch.json")
    ]
    assert [file for file, *_ in entries.documents(HERE)] == [ODD / ".vscode" / "tasks.json"]
    assert {file.parent for file, _ in entries.configurations(HERE)} == {ODD / ".run"}


@pytest.mark.parametrize("place", [MEMOS, HERE], ids=["MemOS", "this checkout"])
def test_every_task_is_a_command_that_there_is(place: Place) -> None:
    """A task that was renamed would fail in the editor only."""
    words = [task.words for task in entries.tasks(place)]

    typed = {name[1] for name in words if name[0] == "inv"}
    assert typed <= set(tasks.ns.task_names)
    assert len(typed) >= 6
    assert {name[0] for name in words} <= {"inv", "nox"}


def test_what_a_way_to_debug_runs_first_is_a_task() -> None:
    """VS Code would ask what to do about an unknown one."""
    launches, tasks_ = (wanted(MEMOS, name) for name in ("launch.json", "tasks.json"))
    first = {one["preLaunchTask"] for one in launches.values() if "preLaunchTask" in one}

    assert len(first) == 2
    assert first <= tasks_.keys()


def test_what_goes_on_is_waited_for_until_the_api_answers() -> None:
    """VS Code would wait for its end, and attach to nothing."""
    task = wanted(MEMOS, "tasks.json")["MemOS: API on the host with debugger"]
    (matcher,) = task["problemMatcher"]

    assert task["isBackground"] is True
    ends = matcher["background"]["endsPattern"]
    assert re.search(ends, "memos: reload: version 1 answers after 4.02 s")
    assert not re.search(ends, f"memos: reload: {FAILED}: memos/x.py:12: SyntaxError")
    assert not re.search(matcher["pattern"]["regexp"], "")


def test_the_debugger_knows_the_files_by_both_their_names() -> None:
    """As the folder is opened, and as the process has it."""
    launches = wanted(MEMOS, "launch.json")
    container, host = (
        launches[f"MemOS: debug the API {where}"] for where in ("in its container", "on the host")
    )

    assert container["connect"] == {"host": "127.0.0.1", "port": 5678} == host["connect"]
    mapping = {"localRoot": "${workspaceFolder}/src", "remoteRoot": "/app/src"}
    assert container["pathMappings"] == [mapping]
    assert host["pathMappings"] == [{**mapping, "remoteRoot": str(MEMOS.source)}]
    assert container["justMyCode"] is host["justMyCode"] is False


def test_a_test_is_debugged_with_the_variables_of_the_stack() -> None:
    """Its name is asked for; the question is one that is there."""
    launches = wanted(MEMOS, "launch.json")
    test = launches["MemOS: debug a test of this file"]

    assert test["envFile"] == str(MEMOS.variables)
    asked = re.findall(r"\$\{input:(\w+)\}", " ".join(test["args"]))
    assert [launches[name]["type"] for name in asked] == ["promptString"]


def test_a_command_is_started_by_no_shell_and_by_its_whole_path() -> None:
    """A blank or a quote in it means nothing; the settings file is that of this stack."""
    task = wanted(MEMOS, "tasks.json")["MemOS: up"]

    assert (task["type"], task["command"]) == ("process", str(MEMOS.dev))
    assert task["options"]["env"] == {"ENV_FILE": str(MEMOS.settings)}
    assert "options" not in wanted(HERE, "tasks.json")["MemOS: up"]


def test_pycharm_is_given_the_same_commands() -> None:
    """Through a shell, which reads the path as it is."""
    for file, text in entries.configurations(MEMOS):
        configuration = ET.fromstring(text)[0]
        options = {one.get("name"): one.get("value", "") for one in configuration.iter("option")}
        assert configuration.get("name", "").startswith("MemOS: ")
        env_file, *words = shlex.split(options["SCRIPT_TEXT"])
        assert env_file == f"ENV_FILE={MEMOS.settings}"
        assert words[0] == str(MEMOS.dev)
        assert not re.search(r"[^a-z0-9.-]", file.name)


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("/home/ü ser/a:b/memos/x.py:12: SyntaxError: a: 3", "/home/ü ser/a:b/memos/x.py"),
        ("✗ memos: memos/x.py:12 in MEMOS_SRC: SyntaxError: a: 3", "memos/x.py"),
        ("  evidence: /home/memos/x.py:12: SyntaxError: a: 3", "/home/memos/x.py"),
        (f"memos  | memos: reload: {FAILED}: memos/x.py:12: SyntaxError: a: 3", "memos/x.py"),
    ],
)
def test_a_place_in_the_code_is_known_in_all_that_tells_one(line: str, file: str) -> None:
    """The first place counts: what is wrong may have numbers and colons too."""
    matcher, _ = wanted(MEMOS, "tasks.json")["MemOS: reload"]["problemMatcher"]
    pattern = matcher["pattern"]

    found = re.search(pattern["regexp"], line)

    assert found is not None
    assert (found[pattern["file"]], found[pattern["line"]]) == (file, "12")
    assert found[pattern["message"]] == "SyntaxError: a: 3"


@pytest.mark.parametrize(
    "line",
    [
        "memos    running, healthy  yes  12 s  8000→8000  memos-dev/memos-api:2.0.6 (real)",
        "2026-11-27 20:15:30,123 - memos.api - server_api.py:12 - INFO - started",
        "version 8 answers after 0.61 s (compile 0.02): memos/api/x.py",
        '  File "/app/src/memos/x.py", line 12, in <module>',
    ],
)
def test_a_line_that_tells_nothing_wrong_is_no_problem(line: str) -> None:
    """Neither code nor settings."""
    for matcher in wanted(MEMOS, "tasks.json")["MemOS: up"]["problemMatcher"]:
        assert re.search(matcher["pattern"]["regexp"], line) is None


@pytest.mark.parametrize(
    ("place", "name", "line"),
    [
        (MEMOS, "test this file", "tests/test_x.py:3: AssertionError: x"),
        (HERE, "nox -t fast", "scripts/x.py:3: error: Incompatible types"),
    ],
)
def test_paths_of_checks_are_seen_from_the_folder(place: Place, name: str, line: str) -> None:
    """As pytest and mypy write them."""
    matcher = wanted(place, "tasks.json")[f"MemOS: {name}"]["problemMatcher"][0]

    assert matcher["fileLocation"] == ["autoDetect", str(place.folder)]
    assert re.search(matcher["pattern"]["regexp"], line)


def test_what_is_wrong_with_the_settings_is_known_where_there_is_no_code() -> None:
    """The name of the file is that of this stack."""
    (matcher,) = wanted(HERE, "tasks.json")["MemOS: up"]["problemMatcher"]

    line = "error: .env line 3: NEO4J_PASSWORD is too short"
    assert re.search(matcher["pattern"]["regexp"], line)
    assert matcher["fileLocation"] == ["autoDetect", str(HERE.settings.parent)]

"""`inv editor`: our entries among the user's own, and what git would make of them."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.loop.editor import jsonc
from tests.kit.changes import put
from tests.kit.checkout import Checkout
from tests.kit.hosts import NOBODY
from tests.kit.reloads import edited, failed, run, state

OWN = '{\n  // the build\n  "tasks": [{"label": "build", "command": "make"}], // mine\n}\n'


@pytest.fixture
def memos(at: Checkout) -> Path:
    """Return a checkout of MemOS that the settings name, in a folder with odd letters."""
    folder = at.folder / "Mem ÖS's"
    (folder / "src" / "memos").mkdir(parents=True)
    (folder / "src" / "memos" / "__init__.py").write_text('__version__ = "2.0.6"\n')
    with at.env_file.open("a") as file:
        file.write(f"MEMOS_SRC={folder}\n")
    return folder


def git(folder: Path, *words: str) -> str:
    """Run git in a folder; give what it printed."""
    env = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    argv = ["git", "-C", str(folder), *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=env).stdout


def written(file: Path) -> str:
    """Return what a file has, byte for byte."""
    return file.read_bytes().decode()


def outcomes(at: Checkout, *words: str) -> dict[str, str]:
    """Run the command for programs; give what became of each file."""
    assert at.inv("editor", "--format", "json", *words) in {0, 2}
    return {one["file"]: one["outcome"] for one in at.document("editor")["files"]}


def test_editors_get_tasks_and_ways_to_debug_once(at: Checkout, memos: Path) -> None:
    """A second time nothing changes, and nothing is written."""
    first = outcomes(at)
    files = {file: Path(file).stat().st_mtime_ns for file in first}

    assert set(first.values()) == {"new"}
    assert str(memos / ".vscode" / "launch.json") in first
    assert str(at.root / ".run" / "memos-up.run.xml") in first
    assert set(outcomes(at).values()) == {"unchanged"}
    assert {file: Path(file).stat().st_mtime_ns for file in first} == files
    assert at.inv("editor") == 0
    assert at.shown().out == "all files are as they should be\n"


def test_what_is_the_users_own_stays_with_its_comments(at: Checkout, memos: Path) -> None:
    """The file keeps its mode, and a link leads where it led."""
    target = at.folder / "shared.json"
    target.write_text(OWN)
    target.chmod(0o640)
    (memos / ".vscode").mkdir()
    (memos / ".vscode" / "tasks.json").symlink_to(target)

    assert at.inv("editor") == 0

    text = written(target)
    assert (memos / ".vscode" / "tasks.json").is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert "// the build" in text
    assert "}\n    ], // mine" in text.replace("  ]", "    ]")
    document = jsonc.parsed(text)
    assert document is not None
    assert document.value["tasks"][0] == {"label": "build", "command": "make"}
    assert document.value["tasks"][1]["label"] == "MemOS: up"


def test_a_dry_run_shows_the_difference_and_writes_nothing(at: Checkout, memos: Path) -> None:
    """Also where the folder is not there yet."""
    assert at.inv("editor", "--dry-run") == 0

    shown = at.shown()
    assert f"+++ {memos}/.vscode/tasks.json" in shown.out
    assert '+            "label": "MemOS: up",' in shown.out
    assert f"would make the folder {memos}/.vscode" in shown.err
    assert "nothing was written" in shown.err
    assert not (memos / ".vscode").exists()
    assert set(outcomes(at, "--dry-run").values()) == {"new"}
    assert not (at.root / ".run").exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b'{"tasks": [}', "line 1, column 12: a value was expected"),
        (b'{"tasks": {}}', "'tasks' was expected to be an array"),
        (b'{"tasks": "\xff"}', "it is no UTF-8 text"),
        (None, "it is no regular file"),
    ],
)
def test_a_file_that_cannot_be_read_is_left_alone_and_told(
    at: Checkout, memos: Path, text: bytes | None, told: str
) -> None:
    """The others are written all the same."""
    file = memos / ".vscode" / "tasks.json"
    file.parent.mkdir()
    file.mkdir() if text is None else file.write_bytes(text)

    assert at.inv("editor") == 2

    assert f"{file}: " in (said := at.shown().err)
    assert told in said
    assert "next: mend it, or move it away; then: inv editor" in said
    assert file.is_dir() if text is None else file.read_bytes() == text
    assert (memos / ".run" / "memos-up.run.xml").exists()


def test_what_root_writes_belongs_to_who_has_the_folder(at: Checkout, memos: Path) -> None:
    """A new file and one that was there; an editor of that user writes to them again."""
    user = NOBODY if os.geteuid() == 0 else os.geteuid()
    (memos / ".vscode").mkdir()
    (memos / ".vscode" / "tasks.json").write_text(OWN)
    for path in (memos, memos / ".vscode", memos / ".vscode" / "tasks.json"):
        os.chown(path, user, -1)

    assert at.inv("editor") == 0

    made = [*memos.glob(".vscode/*"), *memos.glob(".run/*"), memos / ".run"]
    assert len(made) > 4
    assert {path.stat().st_uid for path in made} == {user}


def test_a_folder_that_cannot_be_written_to_is_told(at: Checkout, memos: Path) -> None:
    """No file of ours is left half written there."""
    (memos / ".vscode").symlink_to("/proc")
    (memos / ".run").write_text("no folder")

    assert at.inv("editor") == 2

    said = at.shown().err
    assert f"{memos}/.vscode/tasks.json: it cannot be written: " in said
    assert f"{memos}/.run/memos-up.run.xml: " in said


def test_a_run_configuration_of_somebody_else_stays(at: Checkout, memos: Path) -> None:
    """Though it has the name of ours."""
    file = memos / ".run" / "memos-up.run.xml"
    file.parent.mkdir()
    file.write_text("<component />")

    assert at.inv("editor") == 2

    assert file.read_text() == "<component />"
    assert "it is not one that inv editor has written" in at.shown().err


def test_what_git_would_see_is_told_with_a_way_to_hide_it(at: Checkout, memos: Path) -> None:
    """The way works; what is tracked is told apart, and what is ignored needs no word."""
    (memos / ".vscode").mkdir()
    (memos / ".vscode" / "tasks.json").write_text(OWN)
    git(memos, "init", "--quiet")
    git(memos, "add", ".vscode/tasks.json")

    assert at.inv("editor") == 0

    said = at.shown().err
    assert f"git tracks tasks.json of {memos}" in said
    assert "?? .run/" in git(memos, "status", "--porcelain")
    step = said.partition("overlook them: ")[2].splitlines()[0]
    subprocess.run(["/bin/sh", "-c", step], check=True)
    assert "??" not in git(memos, "status", "--porcelain", "--", ".vscode", ".run")
    assert at.inv("editor", "--format", "json") == 0
    files = at.document("editor")["files"]
    found = {Path(one["file"]).name: one["git"] for one in files if str(memos) in one["file"]}
    assert (found["tasks.json"], found["memos-up.run.xml"]) == ("tracked", "ignored")


def test_the_settings_file_of_this_stack_is_named_to_every_command(at: Checkout) -> None:
    """A task of a second stack starts the second stack, from whatever folder it was written."""
    second = at.folder / "second.env"
    second.write_text("COMPOSE_PROJECT_NAME=second\n")
    at.patch.setenv("ENV_FILE", str(second))

    assert at.inv("editor") == 0

    tasks = json.loads((at.root / ".vscode" / "tasks.json").read_text())["tasks"]
    assert {task["options"]["env"]["ENV_FILE"] for task in tasks} == {str(second)}
    assert "MEMOS_SRC is empty" in at.shown().err


def test_nothing_is_written_beside_a_source_that_is_no_src(at: Checkout) -> None:
    """Such as a home, in which a folder has the package memos."""
    source = at.folder / "home" / "lib"
    (source / "memos").mkdir(parents=True)
    (source / "memos" / "__init__.py").write_text('__version__ = "2.0.6"\n')
    at.patch.setenv("MEMOS_SRC", str(source))

    assert at.inv("editor") == 0

    assert [one.name for one in source.parent.iterdir()] == ["lib"]
    launches = json.loads((source / ".vscode" / "launch.json").read_text())["configurations"]
    (roots,) = launches[0]["pathMappings"]
    assert roots["localRoot"] == "${workspaceFolder}"


def test_a_path_that_editors_would_read_as_another_is_refused(at: Checkout) -> None:
    """VS Code puts values in the place of ${...}, and there is no way to quote it."""
    folder = at.folder / "${HOME}"
    (folder / "src" / "memos").mkdir(parents=True)
    at.patch.setenv("MEMOS_SRC", str(folder))

    assert at.inv("editor") == 2

    shown = at.shown().err
    assert "the environment beats .env: MEMOS_SRC" in shown
    assert "editors would read the path" in shown
    assert not (folder / ".vscode").exists()


def problems(text: str, matchers: list[dict[str, Any]]) -> list[tuple[Path, int, str]]:
    """Return the places in files that VS Code finds in a text: file, line, what is wrong."""
    found = []
    for line in text.splitlines():
        for matcher in matchers:
            pattern = matcher["pattern"]
            if match := re.search(pattern["regexp"], line):
                file = Path(matcher["fileLocation"][1], match[pattern["file"]])
                found.append((file, int(match[pattern["line"]]), match[pattern["message"]]))
                break
    return found


def test_what_is_wrong_with_the_code_is_found_by_file_and_line(at: Checkout) -> None:
    """In what `inv reload` and `inv ps` write; what is wrong with the settings, too."""
    source = edited(at, state(run(7)), state(run(7), failed(8, asked=1), asked=1))
    assert at.inv("editor") == 0
    at.shown()
    tasks = json.loads((source.parent / ".vscode" / "tasks.json").read_text())["tasks"]
    matchers = next(task for task in tasks if task["label"] == "MemOS: reload")["problemMatcher"]
    wrong = [(source / "memos" / "api" / "x.py", 12, "SyntaxError: invalid syntax")]

    assert at.inv("reload") == 5
    assert problems("\n".join(at.shown()), matchers) == wrong

    assert at.inv("ps") == 0
    assert problems("\n".join(at.shown()), matchers) == wrong

    put("NEO4J_PASSWORD", "short")(at)
    assert at.inv("up") == 2
    ((file, line, what),) = problems("\n".join(at.shown()), matchers)
    assert file == at.env_file
    assert at.env_file.read_text().splitlines()[line - 1] == "NEO4J_PASSWORD=short"
    assert "NEO4J_PASSWORD is too short" in what


def test_a_task_has_nothing_of_the_shell_that_it_was_written_from(at: Checkout) -> None:
    """So a MEMOS_SRC that only this shell knows is told."""
    source = edited(at, "")
    put("MEMOS_SRC", "")(at)
    at.patch.setenv("MEMOS_SRC", str(source))

    assert at.inv("editor") == 0

    assert "a task has MEMOS_SRC only where the editor has" in at.shown().err

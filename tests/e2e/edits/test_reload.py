"""Reload of the real MemOS in its container: what hangs others does not hang it."""

import http.client
import shutil
import subprocess
import threading
import time

import pytest

from scripts.config.rules.schema import validate
from tests.e2e.kit.edited import Edited
from tests.kit.reloading import ERRORS, HABITS

pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def api(edited: Edited) -> Edited:
    """The API of the container, as its source was released."""
    return edited.up()


@pytest.mark.parametrize("habit", HABITS)
def test_what_hangs_others_keeps_no_edit_away(api: Edited, habit: str) -> None:
    """The next version answers, and of the old one nothing is left."""
    more, call = HABITS[habit]
    api.answered(more)
    if call:
        api.begin(call)
        time.sleep(0.5)  # it is being answered, for ever

    api.answered()

    api.until(lambda: api.processes() == 3)  # supervisor, template, version


@pytest.mark.parametrize(
    ("name", "more", "error"),
    [(*one, error) for one, error in ERRORS.items()],
)
def test_an_error_is_told_by_its_line_and_the_old_version_serves_on(
    api: Edited, name: str, more: str, error: str
) -> None:
    """Until the line is mended."""
    file = api.source / name
    whole = file.read_text()
    before = api.answered()
    file.write_text(whole + more)
    line = len(file.read_text().splitlines())

    api.until(lambda: api.told()["runs"][-1]["outcome"] == "failed")

    run = api.told()["runs"][-1]
    assert (run["file"], run["line"], run["error"]) == (name, line, error)
    assert api.call() == before
    file.write_text(whole)
    api.answered()


def test_no_call_is_refused_or_lost_over_edits(api: Edited) -> None:
    """At 20 a second, each over a connection of its own."""
    failed: list[str] = []
    done = threading.Event()

    def call() -> None:
        while not done.wait(0.05):
            try:
                api.call("/openapi.json")
            except (OSError, ValueError, http.client.HTTPException) as error:
                failed.append(str(error))

    api.answered()
    caller = threading.Thread(target=call)
    caller.start()
    try:
        for _ in range(4):
            api.answered()
    finally:
        done.set()
        caller.join()

    assert failed == []


def test_a_source_that_was_cloned_anew_is_taken_by_the_step_that_is_told(api: Edited) -> None:
    """The container has the folder that was deleted, and cannot see the new one."""
    before = api.answered()
    fresh = api.source.with_name("fresh")
    shutil.copytree(api.source, fresh)
    shutil.rmtree(api.source)
    fresh.rename(api.source)
    api.until(lambda: "reload-unwatched" in api.codes())
    assert api.call() == before
    document = api.stack.inv("doctor", "--format", "json", check=False).document

    (step,) = (
        one["next_step"] for one in document["findings"] if one["code"] == "reload-unwatched"
    )
    inv, *words = step.split()
    assert inv == "inv"
    api.stack.inv(*words)

    api.answered()
    assert "reload-unwatched" not in api.codes()


def test_a_checkout_of_two_hundred_files_is_one_version(api: Edited) -> None:
    """As a contributor goes to another commit and back."""

    def git(*words: str) -> None:
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", "-C", str(api.source), *author, *words], check=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    files = [file for file in sorted(api.source.rglob("*.py")) if file.stat().st_size][:200]
    last = api.told()["runs"][-1]["version"]
    for file in files:
        file.write_text(file.read_text() + "\n# two\n")
    git("commit", "--quiet", "--all", "--message", "two")

    def taken() -> bool:
        told = api.told()
        runs = [run for run in told["runs"] if run["version"] > last]
        files_of = [run["files"] for run in runs if run["outcome"] == "answers"]
        return told["pending"] is None and sum(files_of) >= len(files)

    api.until(taken)
    before = api.told()["serving"]

    git("checkout", "--quiet", "HEAD~1")
    api.until(lambda: api.told()["serving"] != before)

    run = api.told()["runs"][-1]
    assert (run["version"], run["files"], run["outcome"]) == (before + 1, len(files), "answers")


def test_an_edit_that_answers_is_told_with_its_seconds(api: Edited) -> None:
    """By `inv reload`, which ends when the new code answers; `ps` has the version."""
    said = api.stack.inv("up", "--service", "memos").stderr
    assert f"reload is on: an edit below {api.source} is taken when it is saved" in said
    before = api.row()["reload"]
    number = api.save()

    done = api.stack.inv("reload", "--format", "json").document

    assert api.call() == number
    assert validate(done, "reload") == ()
    assert done["run"]["seconds"]["answer"] > 0
    after = api.row()["reload"]
    assert after["version"] == done["serving"] > before["version"]
    assert (after["changed"], after["error"], after["watching"]) == (0, None, "events")
    assert "answers after" in api.stack.inv("timeline", "--reload", "1").stdout


def test_an_edit_that_is_wrong_is_told_until_it_is_mended(api: Edited) -> None:
    """With the file's path on this machine and its line; the version before serves on."""
    before = api.save()
    api.stack.inv("reload")
    api.save("def broken(:\n")
    line = len(api.text.splitlines()) + 1

    wrong = api.stack.inv("reload", check=False)

    assert wrong.exit_code == 5
    assert wrong.stdout.startswith(f"{api.file}:{line}: SyntaxError: ")
    assert f"next: mend {api.file}:{line}" in wrong.stderr
    assert api.call() == before
    row = api.row()
    assert (row["ready"], row["reload"]["error"]["line"]) == (True, line)
    assert "reload-failed" in api.codes()
    said = api.stack.inv("logs", "--service", "memos", "--level", "error", "--tail", "50").stdout
    assert "memos: reload: version" in said

    after = api.save()
    api.stack.inv("reload")

    assert api.call() == after
    assert api.row()["reload"]["error"] is None
    assert "reload-failed" not in api.codes()


def test_a_start_with_code_that_is_wrong_ends_with_its_place(api: Edited) -> None:
    """The container lives on, and takes the mended file by itself."""
    api.save("def broken(:\n")
    line = len(api.text.splitlines()) + 1

    said = api.stack.inv("restart", "--service", "memos", check=False)

    assert said.exit_code == 5
    assert f"✗ memos: memos/api/server_api.py:{line} in MEMOS_SRC" in said.stderr
    assert f"next: mend memos/api/server_api.py:{line}," in said.stderr

    after = api.save()
    api.stack.inv("reload")

    assert api.call() == after

"""Reload of the real MemOS in its container: what hangs others does not hang it."""

import http.client
import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, made
from tests.kit.reloading import ERRORS, HABITS

pytestmark = pytest.mark.docker

PATIENCE = 120.0
"""Seconds for what takes one: other tests may be running."""
ROUTE = """
@app.get("/edited")
def edited():
    return {number}
"""


@dataclass(kw_only=True)
class Edited:
    """A stack whose API runs the source of a release, and the file of it that is edited."""

    stack: Checkout
    source: Path
    file: Path
    text: str
    number: int = 0

    def save(self, more: str = "") -> int:
        """Save the file with this at its end, and a route that answers the next number."""
        self.number += 1
        self.file.write_text(self.text + more + ROUTE.format(number=self.number))
        return self.number

    def call(self, path: str = "/edited", timeout: float = 30.0) -> object:
        """Return what the API answers."""
        with urllib.request.urlopen(self.stack.url("MEMOS_PORT", path), timeout=timeout) as said:
            return json.loads(said.read())

    def begin(self, path: str) -> None:
        """Make a call that does not end."""

        def call() -> None:
            with suppress(OSError, ValueError, http.client.HTTPException):
                self.call(path, timeout=PATIENCE)

        threading.Thread(target=call, daemon=True).start()

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds; a call that is answered 404 or 503 does not yet."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with suppress(urllib.error.HTTPError):
                if holds():
                    return
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.1)

    def told(self) -> dict[str, Any]:
        """Return what the supervisor tells."""
        name = f"{self.stack.project}-memos-api-docker"
        found: dict[str, Any] = json.loads(
            self.stack.docker("exec", name, "cat", "/app/reload.json").stdout
        )
        return found

    def row(self) -> dict[str, Any]:
        """Return the API's row of `inv ps`."""
        found = self.stack.inv("ps", "--service", "memos", "--format", "json").document
        assert validate(found, "ps") == ()
        return dict(found["services"][0])

    def codes(self) -> list[str]:
        """Return what `inv doctor` finds of the API."""
        found = self.stack.inv("doctor", "--format", "json", check=False).document["findings"]
        return [one["code"] for one in found if one["service"] == "memos"]

    def processes(self) -> int:
        """Return how many processes run in the container, its init left out."""
        name = f"{self.stack.project}-memos-api-docker"
        rows = self.stack.docker("top", name, "-eo", "pid,args").stdout.splitlines()[1:]
        return sum("python" in row.split()[1] for row in rows)


@pytest.fixture(scope="module")
def api(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """Run the API from the source of 2.0.6; its template is loaded."""
    del engine
    folder = tmp_path_factory.mktemp("source")
    source = releases.source(folder, "2.0.6")
    changes = {"MEMOS_SRC": str(source), "WITH_MILVUS": "no"}
    with made(folder, "memos-e2e-reload", changes=changes) as stack:
        stack.inv("up", "--service", "memos")
        file = source / "memos" / "api" / "server_api.py"
        found = Edited(stack=stack, source=source, file=file, text=file.read_text())
        found.until(lambda: found.told()["template"]["ready"])
        yield found


@pytest.mark.parametrize("habit", HABITS)
def test_what_hangs_others_keeps_no_edit_away(api: Edited, habit: str) -> None:
    """The next version answers, and of the old one nothing is left."""
    more, call = HABITS[habit]
    before = api.save(more)
    api.until(lambda: api.call() == before)
    if call:
        api.begin(call)
        time.sleep(0.5)  # it is being answered, for ever

    after = api.save()
    api.until(lambda: api.call() == after)

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
    before = api.save()
    api.until(lambda: api.call() == before)
    file.write_text(whole + more)
    line = len(file.read_text().splitlines())

    api.until(lambda: api.told()["runs"][-1]["outcome"] == "failed")

    run = api.told()["runs"][-1]
    assert (run["file"], run["line"], run["error"]) == (name, line, error)
    assert api.call() == before
    file.write_text(whole)
    after = api.save()
    api.until(lambda: api.call() == after)


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

    before = api.save()
    api.until(lambda: api.call() == before)
    caller = threading.Thread(target=call)
    caller.start()
    try:
        for _ in range(4):
            number = api.save()
            api.until(lambda number=number: api.call() == number)  # type: ignore[misc]
    finally:
        done.set()
        caller.join()

    assert failed == []


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

"""An edit of MEMOS_SRC on real containers: what `inv reload`, `ps` and `doctor` say of it."""

import json
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.config.rules.schema import validate
from tests.e2e.kit import releases
from tests.e2e.kit.checkout import Checkout, made

pytestmark = pytest.mark.docker

ROUTE = """

@app.get("/edited")
def edited():
    return {number}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """A stack whose API runs the source of a release, and the file of it that is edited."""

    stack: Checkout
    file: Path
    text: str

    def save(self, more: str) -> None:
        """Save the file with this at its end."""
        self.file.write_text(self.text + more)

    def answer(self) -> object:
        """Return what the route answers that an edit has added."""
        with urllib.request.urlopen(self.stack.url("MEMOS_PORT", "/edited"), timeout=5) as said:
            return json.loads(said.read())

    def row(self) -> dict[str, Any]:
        """Return the API's row of `inv ps`."""
        found = self.stack.inv("ps", "--service", "memos", "--format", "json").document
        assert validate(found, "ps") == ()
        return dict(found["services"][0])

    def codes(self) -> list[str]:
        """Return what `inv doctor` finds of the API."""
        found = self.stack.inv("doctor", "--format", "json", check=False).document["findings"]
        return [one["code"] for one in found if one["service"] == "memos"]


@pytest.fixture(scope="module")
def api(engine: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edited]:
    """Run the API from the source of 2.0.6; it answers."""
    del engine
    folder = tmp_path_factory.mktemp("source")
    source = releases.source(folder, "2.0.6")
    changes = {"MEMOS_SRC": str(source), "WITH_MILVUS": "no"}
    with made(folder, "memos-e2e-edited", changes=changes) as stack:
        said = stack.inv("up", "--service", "memos").stderr
        assert f"reload is on: an edit below {source} is taken when it is saved" in said
        file = source / "memos" / "api" / "server_api.py"
        yield Edited(stack=stack, file=file, text=file.read_text())


def test_an_edit_that_answers_is_told_with_its_seconds(api: Edited) -> None:
    """By `inv reload`, which ends when the new code answers; `ps` has the version."""
    before = api.row()["reload"]
    api.save(ROUTE.format(number=1))

    done = api.stack.inv("reload", "--format", "json")

    assert api.answer() == 1
    assert validate(done.document, "reload") == ()
    assert done.document["run"]["seconds"]["answer"] > 0
    after = api.row()["reload"]
    assert after["version"] == done.document["serving"] > before["version"]
    assert (after["changed"], after["error"], after["watching"]) == (0, None, "events")
    assert "answers after" in api.stack.inv("timeline", "--reload", "1").stdout


def test_an_edit_that_is_wrong_is_told_until_it_is_mended(api: Edited) -> None:
    """With the file's path on this machine and its line; the version before serves on."""
    api.save(ROUTE.format(number=2))
    api.stack.inv("reload")
    api.save(ROUTE.format(number=3) + "def broken(:\n")
    line = len(api.file.read_text().splitlines())

    wrong = api.stack.inv("reload", check=False)

    assert wrong.exit_code == 5
    assert wrong.stdout.startswith(f"{api.file}:{line}: SyntaxError: ")
    assert f"next: mend {api.file}:{line}" in wrong.stderr
    assert api.answer() == 2
    row = api.row()
    assert (row["ready"], row["reload"]["error"]["line"]) == (True, line)
    assert "reload-failed" in api.codes()
    said = api.stack.inv("logs", "--service", "memos", "--level", "error", "--tail", "50").stdout
    assert "memos: reload: version" in said

    api.save(ROUTE.format(number=4))
    api.stack.inv("reload")

    assert api.answer() == 4
    assert api.row()["reload"]["error"] is None
    assert "reload-failed" not in api.codes()


def test_a_start_with_code_that_is_wrong_ends_with_its_place(api: Edited) -> None:
    """The container lives on, and takes the mended file by itself."""
    api.save("def broken(:\n")
    line = len(api.file.read_text().splitlines())

    said = api.stack.inv("restart", "--service", "memos", check=False)

    assert said.exit_code == 5
    assert f"✗ memos: memos/api/server_api.py:{line} in MEMOS_SRC" in said.stderr
    assert f"next: mend memos/api/server_api.py:{line}," in said.stderr

    api.save(ROUTE.format(number=5))
    api.stack.inv("reload")

    assert api.answer() == 5

"""A stack whose API runs the source of a release, which is edited."""

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.config.rules.schema import validate
from tests.e2e.kit.checkout import Checkout

PATIENCE = 120.0
"""Seconds for what takes one: other tests may be running."""
ROUTE = """
@app.get("/edited")
def edited():
    return {number}
"""


@dataclass(kw_only=True)
class Edited:
    """Such a stack, and the file of its source that is edited."""

    stack: Checkout
    source: Path
    file: Path = field(init=False)
    text: str = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        """Remember the file as it is."""
        self.file = self.source / "memos" / "api" / "server_api.py"
        self.text = self.file.read_text()

    def up(self) -> "Edited":
        """Start the API, and wait until its template is loaded."""
        self.stack.inv("up", "--service", "memos")
        self.until(lambda: bool(self.told()["template"]["ready"]))
        return self

    def save(self, more: str = "") -> int:
        """Save the file with this at its end, and a route that answers the next number."""
        self.number += 1
        self.file.write_text(self.text + more + ROUTE.format(number=self.number))
        return self.number

    def answered(self, more: str = "") -> int:
        """Save as `save` does, and wait for the answer; give it."""
        number = self.save(more)
        self.until(lambda: self.call() == number)
        return number

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
        said = self.stack.docker("exec", name_of(self.stack), "cat", "/app/reload.json").stdout
        found: dict[str, Any] = json.loads(said)
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
        top = self.stack.docker("top", name_of(self.stack), "-eo", "pid,args").stdout
        return sum("python" in row.split()[1] for row in top.splitlines()[1:])


def name_of(stack: Checkout) -> str:
    """Return the name of the API's container."""
    return f"{stack.project}-memos-api-docker"


def installed(stack: Checkout) -> str:
    """Return the folder in the API's container in which the released MemOS is."""
    where = "import importlib.util as u; print(u.find_spec('memos').submodule_search_locations[0])"
    return stack.docker("exec", name_of(stack), "python", "-c", where).stdout.strip()

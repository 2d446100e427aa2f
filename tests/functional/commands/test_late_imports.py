"""What takes long to import and is not needed is not imported: half of a short command was that."""

import subprocess
import sys

import pytest

from tests.kit.checkout import Checkout
from tests.kit.places import ROOT

LATE = frozenset(
    {
        *("rich", "asyncio", "importlib.metadata", "unittest.mock", "invoke.vendor.yaml"),
        *("sh", "yaml", "jsonschema", "dotenv", "requests", "zstandard", "tarfile", "difflib"),
        *("scripts.config.resolving", "scripts.diagnosis.causes.catalogue", "scripts.start.first"),
        *("gzip", "scripts.engine.remote.link", "scripts.engine.remote.keeper"),
        *("scripts.engine.source.attend", "scripts.engine.swarm.cluster", "scripts.swarm.up"),
        *("scripts.images.carry", "scripts.watch.calls.bolt"),
    }
)
BEGIN = """\
import sys
from pathlib import Path
from scripts.commands import program
with program.stand_ins():
    from scripts.commands import command
command.ROOT, loaded = (Path(sys.argv.pop(1)) for _ in range(2))
try:
    program.run()
finally:
    loaded.write_text(" ".join(sys.modules))
"""
"""As .venv/bin/inv begins, on another checkout."""


def loaded(at: Checkout, *words: str) -> set[str]:
    """Type `inv WORDS` in a Python of its own; give the modules that it has loaded at the end."""
    file = at.folder / "loaded"
    argv = [sys.executable, "-c", BEGIN, str(at.root), str(file), *words]
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True)
    return set(file.read_text().split())


def test_a_list_of_tasks_loads_no_more_than_their_flags(at: Checkout) -> None:
    """Neither does a Tab."""
    for words in (("--list",), ("--complete", "--", "inv", "up", "--")):
        found = loaded(at, *words)

        assert found & {*LATE, "http.client", "scripts.config.workspace"} == set()
        assert "scripts.commands.watch" in found


@pytest.mark.parametrize("words", [("ps",), ("ps", "--format", "json"), ("up",)])
def test_where_nothing_changed_nothing_is_loaded_to_check_it(
    at: Checkout, words: tuple[str, ...]
) -> None:
    """What was resolved and checked is kept; nobody is sick, and no process is started."""
    at.state["containers"]["id-etcd"]["health"] = "healthy"
    assert at.inv("up") == 0

    assert loaded(at, *words) & LATE == set()


def test_after_a_change_all_is_checked_again(at: Checkout) -> None:
    """The same modules are there when they are needed."""
    assert at.inv("up") == 0
    with (at.root / "docker" / "docker-compose.yml").open("a") as file:
        file.write("# changed\n")

    assert loaded(at, "ps") >= {"yaml", "jsonschema", "scripts.config.resolving"}

"""Who may import whom: read from the source, not from a list."""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.kit.imports import MODULES, ROOMS, imported, modules, neighbours, reached, room
from tests.kit.places import ROOT

MOST = 12
"""Modules of one folder; what has more is two rooms, or wants a room inside."""
OWNERS = {
    "sh": {"core/process"},
    "requests": {"doctor/ask_models"},
    "rich": {"tell/screen"},
    "zstandard": {"data/archive"},
    "mcp": {"serve/mcp/server"},
    "starlette": {f"serve/page/{name}" for name in ("actions", "app", "logs", "streams", "trying")},
    "uvicorn": {"serve/page/server"},
}
"""Who alone imports a package; invoke is imported by the commands alone."""
ASKING = {
    *("sh", "requests", "subprocess", "socket", "http.client", "urllib.request"),
    *("scripts.core.process", "scripts.engine.api", "scripts.watch.probes"),
}
PURE = (
    *("core/errors", "core/finding", "core/inventory", "core/look", "core/texts"),
    *("core/polling", "core/stack", "core/units", "data/model", "data/plan"),
    *("loop/editor/entries", "loop/editor/jsonc"),
    *("config/swarm", "images/drift", "swarm/placement"),
    *("data/volume_scripts", "doctor/areas", "doctor/details", "doctor/env_lines", "doctor/facts"),
    *("doctor/rules", "engine/versions", "images/build_output", "start/events"),
    *("live/changes", "live/looking/moments", "live/looking/paces", "live/patch", "live/state"),
    "serve/page/access",
    *("start/history/timeline", "start/scheduler", "start/tracking", "tell/board"),
    *("loop/console/answer", "loop/console/rest", "loop/console/statements", "tell/console"),
    *("tell/data_report", "tell/drawing", "tell/numbers/memories", "tell/numbers/metrics"),
    *("tell/report", "tell/start_report", "serve/mcp/tools"),
    *("tell/screen", "tell/views", "watch/calls/s3_signing", "watch/log_lines"),
    *("watch/memories/halves", "watch/status"),
)
"""Modules outside `diagnosis` that decide or tell, and so see values only."""


def packages(path: Path) -> set[str]:
    """Return the packages that a file imports."""
    return {name.partition(".")[0] for name in imported(path)}


def faults(known: dict[str, Path], rooms: tuple[str, ...] = ROOMS) -> list[str]:
    """Return what is wrong with the rooms of these modules: one line each."""
    order = {one: place for place, one in enumerate((*rooms, "flat"))}
    told = [f"no room {room(name)}: {name}" for name in known if room(name) not in order]
    told += [f"the room {one} is empty" for one in rooms if one not in set(map(room, known))]
    for name, path in known.items():
        for other in sorted(neighbours(path, known)):
            if order.get(room(other), 0) > order.get(room(name), 99):
                told.append(f"{name} imports {other}, of a later room")
    return told


def circle(known: dict[str, Path]) -> list[str]:
    """Return modules that need each other in a circle, the first one again as the last."""
    try:
        TopologicalSorter(
            {name: neighbours(path, known) - {name} for name, path in known.items()}
        ).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def owners(known: dict[str, Path], package: str) -> set[str]:
    """Return the modules that import a package."""
    return {name for name, path in known.items() if package in packages(path)}


def test_a_room_imports_only_those_before_it() -> None:
    """No arrow points back, every module is in a room, and no room is empty."""
    assert faults(MODULES) == []


def test_no_module_needs_itself() -> None:
    """A circle could not be understood, or tested, one module after the other."""
    assert circle(MODULES) == []


def test_every_room_says_what_it_is_for() -> None:
    """The docstring of a folder is where a reader begins."""
    folders = {path.parent for path in MODULES.values()}

    assert folders
    for folder in folders:
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))


def test_a_room_can_be_looked_over() -> None:
    """What has more modules is two rooms."""
    folders = [path.parent for path in MODULES.values()]

    assert {str(one): folders.count(one) for one in folders if folders.count(one) > MOST} == {}


@pytest.mark.parametrize(
    "name", [*PURE, *(name for name in MODULES if name.startswith("diagnosis/"))]
)
def test_what_decides_or_tells_does_not_ask(name: str) -> None:
    """These see values only, so a test can give them any world; not even through a neighbour."""
    assert reached(name) & ASKING == set()


def test_diagnosis_knows_core_alone() -> None:
    """What a look means does not depend on how it was taken."""
    rooms = {
        room(other)
        for name, path in MODULES.items()
        if room(name) == "diagnosis"
        for other in neighbours(path)
    }

    assert rooms == {"core", "diagnosis"}


def test_what_a_neighbour_imports_is_reached_too() -> None:
    """The availability of images asks the engine, and so starts processes through its API."""
    assert {"scripts.engine.api", "scripts.core.process", "sh"} <= reached("images/availability")


@pytest.mark.parametrize(("package", "sole"), OWNERS.items())
def test_a_package_has_one_owner(package: str, sole: set[str]) -> None:
    """One module starts processes, one asks models elsewhere, one room tells."""
    assert owners(MODULES, package) == sole


def test_only_what_is_typed_knows_invoke() -> None:
    """Flows can be called, and tested, without a command line."""
    assert {room(name) for name in owners(MODULES, "invoke")} == {"commands"}


@pytest.mark.parametrize("name", ["machine/pip_config", "images/bundle/wheels"])
def test_what_dev_runs_needs_the_standard_library_only(name: str) -> None:
    """It runs before anything is installed."""
    others = {one.partition(".")[0] for one in reached(name)} - {"scripts"}

    assert others <= sys.stdlib_module_names


def test_nothing_starts_processes_past_the_one_that_does() -> None:
    """A second way through is a defect."""
    doors = ("subprocess", "pty", "multiprocessing")

    assert set().union(*(owners(MODULES, one) for one in doors)) == {"core/process"}


def test_scripts_know_nothing_of_the_tasks() -> None:
    """The arrow points one way: tasks.py names what the commands are."""
    assert owners(MODULES, "tasks") == set()


def borrowers(folder: Path) -> set[str]:
    """Return the modules that import from a test module, or from a conftest."""
    return {
        name
        for name, path in modules(folder).items()
        for other in imported(path)
        for word in other.split(".")
        if other.startswith("tests.") and word.startswith(("test_", "conftest"))
    }


def test_what_tests_share_lies_in_the_kit() -> None:
    """A test module can be read, split and removed without a look at others."""
    assert borrowers(ROOT / "tests") == set()


def test_a_borrower_is_seen(tmp_path: Path) -> None:
    """Whichever way it imports, and a fixture's function too."""
    (tmp_path / "test_one.py").write_text("from tests.unit.core import test_two")
    (tmp_path / "test_two.py").write_text("def f():\n    from tests.unit.test_one import helper")
    (tmp_path / "three.py").write_text("from tests.functional.conftest import Fake")
    (tmp_path / "four.py").write_text("from tests.kit.fakes import FakeRunner\nimport test_x")

    assert borrowers(tmp_path) == {"test_one", "test_two", "three"}


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"one/a": "import os"}, ["the room two is empty"]),
        ({}, ["the room one is empty", "the room two is empty"]),
        (
            {"one/a": "def f():\n    from scripts.two import b", "two/b": ""},
            ["one/a imports two/b, of a later room"],
        ),
        ({"one/a": "", "two/b": "", "three/c": ""}, ["no room three: three/c"]),
        ({"one/a": "", "two/b": "from scripts.one.a import x"}, []),
    ],
    ids=["an empty room", "nothing at all", "a late import back", "a foreign room", "all is well"],
)
def test_what_breaks_the_order_is_told(
    tmp_path: Path, files: dict[str, str], told: list[str]
) -> None:
    """The rule is seen failing, or it would hold nothing."""
    for name, text in files.items():
        file = tmp_path / f"{name}.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    assert faults(modules(tmp_path), ("one", "two")) == told


def test_a_circle_is_seen(tmp_path: Path) -> None:
    """Over any number of modules, also where one imports late."""
    texts = {"a": "from scripts.one import b", "b": "from scripts.one.c import x"}
    texts["c"] = "def f():\n    from scripts.one import a"
    (tmp_path / "one").mkdir()
    for name, text in texts.items():
        (tmp_path / "one" / f"{name}.py").write_text(text)

    ring = circle(modules(tmp_path))

    assert ring[0] == ring[-1]
    assert sorted(ring[1:]) == ["one/a", "one/b", "one/c"]


def test_a_second_owner_is_seen(tmp_path: Path) -> None:
    """Also where it stands inside a function, as all of a command's imports do."""
    file = tmp_path / "late.py"
    file.write_text("def f():\n    from scripts.watch import probes\n    import rich.table\n")

    assert imported(file) >= {"scripts.watch.probes", "rich.table"}
    assert owners({"late": file, **MODULES}, "rich") == {"late", *OWNERS["rich"]}

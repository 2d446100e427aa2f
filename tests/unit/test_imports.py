"""Who may import whom: read from the source, not from a list."""

import ast
import itertools
import re
import sys
from pathlib import Path

import pytest

from tests.kit.places import ROOT

MODULES = {path.stem: path for path in sorted((ROOT / "scripts").rglob("*.py"))}
IN_IMAGES = sorted((ROOT / "docker").rglob("*.py"))
DECIDING = (
    *("model", "inventory", "errors", "diagnosis", "starting", "preflight", "status", "waiting"),
    *(
        "log_watch",
        "findings",
        "evidence",
        "course",
        "restarts",
        "cells",
        "report",
        "displays",
        "boards",
        "build_output",
        "pull_causes",
        "log_lines",
    ),
    *("moments", "timeline", "drawing", "page"),
    *("doctor", "doctor_details", "env_lines", "facts", "versions", "aws_signing"),
    *("data_plan", "data_texts", "data_report", "data_words", "doctor_data", "volume_scripts"),
)
ASKING = {
    *("scripts.process", "scripts.probes", "scripts.model_endpoint", "scripts.compose"),
    *("scripts.engine_api", "scripts.observing", "scripts.host", "requests", "sh"),
}


def imported(path: Path) -> set[str]:
    """Give the names that a file imports anywhere: `scripts.x` for ours, else the package."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return {
        ".".join(name.split(".")[:2]) if name.startswith("scripts.") else name.split(".")[0]
        for name in names
    }


def reached(name: str) -> set[str]:
    """Give what a module of ours imports, itself or through others of ours."""
    found: set[str] = set()
    pending = [f"scripts.{name}"]
    while pending:
        module = pending.pop()
        if module not in found:
            found.add(module)
            path = MODULES.get(module.removeprefix("scripts."))
            pending += imported(path) if path is not None else ()
    return found


def test_there_are_modules_to_hold_rules_for() -> None:
    """A rule that holds for every module of an empty list holds nothing."""
    assert {*DECIDING, "process", "engine_api"} <= MODULES.keys()
    assert IN_IMAGES


@pytest.mark.parametrize("name", DECIDING)
def test_what_decides_or_tells_does_not_ask(name: str) -> None:
    """These see values only, so a test can give them any world; not even through a neighbour."""
    assert reached(name) & ASKING == set()


def test_what_a_neighbour_imports_is_reached_too() -> None:
    """`images` asks the engine through `engine_api`, and starts processes through that one."""
    assert {"scripts.engine_api", "scripts.process", "sh"} <= reached("images")


def test_the_module_map_names_every_module() -> None:
    """Whoever looks for a place finds it in CONTRIBUTING.md; what is gone stands there no more."""
    lines = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines()
    start = lines.index("| | module | |")
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    named = [name for row in rows for name in re.findall("`([a-z_]+)`", row.split("|")[2])]

    assert sorted(named) == sorted(MODULES.keys() - {"__init__"})


@pytest.mark.parametrize(
    ("package", "owners"),
    [
        ("sh", {"process"}),
        ("requests", {"model_endpoint"}),
        ("rich", {"report", "displays", "boards"}),
        ("zstandard", {"archive"}),
        ("invoke", set()),
    ],
)
def test_a_package_has_one_owner(package: str, owners: set[str]) -> None:
    """One module starts processes, one asks models elsewhere, three tell, none knows invoke."""
    assert {name for name, path in MODULES.items() if package in imported(path)} == owners


@pytest.mark.parametrize("name", ["host_pip", "bundle_wheels"])
def test_what_dev_runs_needs_the_standard_library_only(name: str) -> None:
    """It runs before anything is installed."""
    others = {one for one in reached(name) if one.partition(".")[0] != "scripts"}

    assert others <= sys.stdlib_module_names


def test_nothing_starts_processes_past_the_one_that_does() -> None:
    """A second way through is a defect."""
    doors = {"subprocess", "pty", "multiprocessing"}

    assert {name for name, path in MODULES.items() if doors & imported(path)} == {"process"}


def test_scripts_know_nothing_of_the_tasks() -> None:
    """The arrow points one way: tasks.py uses the modules."""
    assert {name for name, path in MODULES.items() if "tasks" in imported(path)} == set()


def test_the_reader_of_imports_sees_what_stands_inside_functions(tmp_path: Path) -> None:
    """tasks.py imports late; a rule that sees only the top of a file holds nothing."""
    file = tmp_path / "late.py"
    file.write_text("def f():\n    from scripts import probes\n    import rich.table\n")

    assert imported(file) >= {"scripts.probes", "rich"}

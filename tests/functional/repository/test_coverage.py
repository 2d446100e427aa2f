"""What is covered is counted the same on one core and on many."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.kit.places import ROOT

MEASURED = """
def one():
    return 1

def two():
    return 2

def three():
    return 3

def other():
    return 4
"""
TESTS = {
    "one": "from measured import one\ndef test_one(): assert one() == 1\n",
    "two": "from measured import two\ndef test_two(): assert two() == 2\n",
    "child": """
import subprocess, sys
def test_child(): subprocess.run([sys.executable, "-c", "import measured; measured.three()"])
""",
}


def missing(folder: Path, *words: str) -> list[int]:
    """Run the tests under coverage as the session does; return the lines that nobody came to."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    env |= {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, folder))), "COVERAGE_FILE": "counts"}
    coverage, rules = [sys.executable, "-m", "coverage"], f"--rcfile={ROOT / 'pyproject.toml'}"
    plain = ["-c", os.devnull, "--rootdir=.", "--basetemp=temporary", "-p", "no:cacheprovider"]
    plain += ["-p", "no:hypothesispytest", "-p", "no:anyio", "-p", "tests.conftest"]
    for argv in (
        [*coverage, "run", rules, "--source=measured", "-m", "pytest", *plain, *words],
        [*coverage, "combine", rules],
        [*coverage, "json", rules, "--fail-under=0", "-o", "counts.json"],
    ):
        subprocess.run(argv, cwd=folder, env=env, check=True, capture_output=True)
    counts = json.loads((folder / "counts.json").read_text())
    lines: list[int] = counts["files"]["measured.py"]["missing_lines"]
    return lines


def test_each_line_counts_whichever_core_came_to_it(tmp_path: Path) -> None:
    """And none that only a Python came to which a test has started."""
    (tmp_path / "measured.py").write_text(MEASURED)
    for name, text in TESTS.items():
        (tmp_path / f"test_{name}.py").write_text(text)

    assert missing(tmp_path, "--numprocesses=2", "--dist=worksteal") == [9, 12]

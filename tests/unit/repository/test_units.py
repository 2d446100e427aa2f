"""Bytes are written in one system of units, by one function."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.places import ROOT

MODULES = sorted((ROOT / "scripts").rglob("*.py"))
THEIRS = {"_UNITS", "_SIZE"}
"""The names of the units in which pip, apt and curl write."""
DECIMAL = re.compile(r"(?<![A-Za-z])[kMGT]B(?![A-Za-z])")


def texts(node: ast.AST) -> Iterator[str]:
    """Yield the texts in a module's code that a user may read: no docstring, no pattern."""
    for part in ast.iter_child_nodes(node):
        docstring = isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)
        theirs = isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) in THEIRS
        pattern = isinstance(part, ast.Call) and ast.unparse(part.func).startswith("re.")
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value
        if not (docstring or theirs or pattern):
            yield from texts(part)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_text_of_ours_counts_bytes_in_thousands(module: Path) -> None:
    """MB beside MiB is a riddle: `units.size` writes MiB, as memory limits are counted."""
    tree = ast.parse(module.read_text(encoding="utf-8"))

    assert [text for text in texts(tree) if DECIMAL.search(text)] == []


def test_what_counts_in_thousands_is_seen() -> None:
    """In the pieces of an f-string too; an empty list of modules would prove nothing."""
    tree = ast.parse('"""in MB"""\nname = f"{done / 1e6:.0f} MB/s"\n_SIZE = "kB"')

    assert [text for text in texts(tree) if DECIMAL.search(text)] == [" MB/s"]
    assert len(MODULES) > 100

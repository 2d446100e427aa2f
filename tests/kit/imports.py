"""Who imports whom, read from the source."""

import ast
from pathlib import Path

from tests.kit.places import ROOT

ROOMS = (
    *("core", "machine", "engine", "config", "diagnosis", "images", "watch"),
    *("data", "start", "swarm", "doctor", "loop", "live", "tell", "serve", "commands"),
)
"""In their order: a room imports those before it, and itself."""


def modules(folder: Path) -> dict[str, Path]:
    """Return the modules below a folder, by their path in it without the ending."""
    found = {
        str(path.relative_to(folder).with_suffix("")): path for path in sorted(folder.rglob("*.py"))
    }
    return {name: path for name, path in found.items() if not name.endswith("__init__")}


MODULES = modules(ROOT / "scripts")


def imported(path: Path) -> set[str]:
    """The dotted names that a file imports anywhere, and those of the modules they are in."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            names |= {f"{module}.{alias.name}" for alias in node.names} | {module}
    return names


def neighbours(path: Path, known: dict[str, Path] = MODULES) -> set[str]:
    """Return the modules of ours that a file imports."""
    ours = {name.removeprefix("scripts.").replace(".", "/") for name in imported(path)}
    return ours & known.keys()


def closure(*names: str) -> set[str]:
    """Return the modules of ours that these need, themselves among them."""
    needed: set[str] = set()
    pending = list(names)
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending += neighbours(MODULES[name])
    return needed


def reached(name: str) -> set[str]:
    """Return all that a module of ours imports, itself or through others of ours."""
    return {other for needed in closure(name) for other in imported(MODULES[needed])}


def room(name: str) -> str:
    """Return the room of a module; what lies in none comes after all."""
    return name.partition("/")[0] if "/" in name else "flat"

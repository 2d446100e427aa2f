"""Keeps what transformers finds in its own files when it is imported: a seventh of a start.

To know which name lies in which of its modules, transformers reads 1,400 files twice at each import
(`create_import_structure_from_path`, from 4.48 on): 0.45 s of one core. They stay as they are
installed, so the answers are written down when the image is built and used at each start:

    python3 memos_structure.py
"""

import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

Structure: TypeAlias = dict[str | frozenset[str], Any] | set[str]
"""The names of a module, of a folder of modules, or of those that need the same other packages."""
Plain: TypeAlias = list[tuple[Any, Any]] | dict[str, list[str]] | str
"""The same in JSON: a dict as pairs, a set as an object."""
NAMES = "names"
MODULE = "transformers.utils.import_utils"
FUNCTION = "create_import_structure_from_path"
FILE = Path(sys.prefix) / "transformers-structure"
"""Beside the packages, so another environment has another one, or none."""


class Structures(Loader):
    """Loads the module that finds out, and has it remember."""

    def __init__(self, loader: Loader, known: dict[str, Structure]) -> None:
        """Load by `loader`; `known` are answers by their folder, and gets those that are new."""
        self.loader, self.known = loader, known

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave that to the module's own loader."""
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, and put what remembers in the place of its function, if it has it."""
        self.loader.exec_module(module)
        find: Callable[[str], Structure] | None = getattr(module, FUNCTION, None)
        if find is None:
            return

        def found(place: str | os.PathLike[str]) -> Structure:
            where = Path(place)
            folder = str(where.parent if where.is_file() else where)
            if folder not in self.known:
                self.known[folder] = find(folder)
            return self.known[folder]

        setattr(module, FUNCTION, found)


class Finder(MetaPathFinder):
    """Finds that module where it lies, with the loader that remembers."""

    def __init__(self, known: dict[str, Structure], made_of: list[int]) -> None:
        """Use `known` for the file that `made_of` describes, and no other; both are filled."""
        self.known, self.made_of = known, made_of

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the module's spec; None for any other module."""
        spec = PathFinder.find_spec(name, path, target) if name == MODULE else None
        if spec is None or spec.loader is None or spec.origin is None:
            return None
        made_of = signature(spec.origin)
        if self.made_of != made_of:
            self.known.clear()
            self.made_of[:] = made_of
        spec.loader = Structures(spec.loader, self.known)
        return spec


def signature(file: str) -> list[int]:
    """Return what changes when another transformers is installed: size and time of a file of it."""
    about = Path(file).stat()
    return [about.st_size, about.st_mtime_ns]


def plain(value: Structure | frozenset[str] | str) -> Plain:
    """Return a structure as JSON can have it."""
    if isinstance(value, dict):
        return [(plain(key), plain(of)) for key, of in value.items()]
    return value if isinstance(value, str) else {NAMES: sorted(value)}


def structure(value: Plain) -> Structure:
    """Return a structure out of JSON; ValueError, TypeError or LookupError for what is none."""
    if isinstance(value, dict):
        return set(value[NAMES])
    if isinstance(value, str):
        raise TypeError(f"{value!r} is no structure")
    return {
        frozenset(key[NAMES]) if isinstance(key, dict) else str(key): structure(of)
        for key, of in value
    }


def use(file: Path = FILE) -> None:
    """Have transformers take the answers of a file, if it is there and whole."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        known = {folder: structure(found) for folder, found in kept["known"].items()}
        sys.meta_path.insert(0, Finder(known, kept["made_of"]))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return


def keep(file: Path = FILE) -> None:
    """Import transformers and write its answers down; nothing where there is no such package."""
    finder = Finder({}, [])
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module("transformers.models")
    except ImportError:  # the API will say so, if it needs it
        return
    known = {folder: plain(found) for folder, found in finder.known.items()}
    file.write_text(json.dumps({"made_of": finder.made_of, "known": known}), encoding="utf-8")


if __name__ == "__main__":
    keep()

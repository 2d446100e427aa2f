"""The source's byte code, kept in a folder of ours: the source may be read-only.

A version's changed files are compiled anew whatever their byte code says of itself: it knows a
file by its size and a time in whole seconds, and two saves may have both in common.
"""

import importlib.util
import py_compile
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType

from memos_reload import where


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Let byte code be kept below this folder while the block runs, whatever is set."""
    before = sys.pycache_prefix, sys.dont_write_bytecode
    sys.pycache_prefix, sys.dont_write_bytecode = str(folder), False
    try:
        yield
    finally:
        sys.pycache_prefix, sys.dont_write_bytecode = before


def keep(source: Path, folder: Path) -> None:
    """Keep the byte code of the modules below `source` in `folder`, and that of no others.

    `sys.pycache_prefix` alone would have all packages compiled once more.
    """

    class Loader(SourceFileLoader):
        def get_code(self, fullname: str) -> CodeType | None:
            with kept_in(folder):
                return super().get_code(fullname)

    def finder(path: str) -> FileFinder:
        if not where.inside(f"{path}/", source):
            raise ImportError(path)
        return FileFinder(
            path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (Loader, SOURCE_SUFFIXES)
        )

    sys.path_hooks.insert(0, finder)
    for path in [path for path in sys.path_importer_cache if where.inside(f"{path}/", source)]:
        del sys.path_importer_cache[path]


def compile_all(source: Path, files: Iterable[str], folder: Path) -> list[BaseException]:
    """Compile changed files, as they are named below `source`; return what is wrong with some.

    Who imports one of these hears the same from Python. Others hold nobody up: a template, or a
    test that is being written.
    """
    wrong: list[BaseException] = []
    with kept_in(folder):
        for file in files:
            path = str(source / file)
            if not file.endswith(".py") or not Path(path).exists():
                continue
            kept = importlib.util.cache_from_source(path)
            try:
                py_compile.compile(path, kept, doraise=True)
            except (py_compile.PyCompileError, OSError) as error:
                wrong.append(getattr(error, "exc_value", error))
                with suppress(OSError):  # what it said before may not be taken for this
                    Path(kept).unlink(missing_ok=True)
    return wrong

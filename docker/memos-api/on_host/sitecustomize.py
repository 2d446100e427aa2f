"""Lets no .env of a checkout count beside the variables that a process of `inv api.host` is given.

MemOS reads the one above its code over them. python-dotenv listens to PYTHON_DOTENV_DISABLED from
1.2 on, and MemOS' own lock has 1.1.1. Python imports a module of this name when it starts, from the
first folder of PYTHONPATH that has one; the next one is run too.
"""

import importlib
import importlib.util
import os
import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

VARIABLE = "PYTHON_DOTENV_DISABLED"
TRUE = frozenset({"1", "true", "t", "yes", "y"})
"""Its values that python-dotenv takes for a yes."""
NAME = "sitecustomize"


def leave_env_files() -> None:
    """Have `load_dotenv` read nothing, by either of its names, where there is a python-dotenv."""
    with suppress(ImportError):
        for name in ("dotenv", "dotenv.main"):
            importlib.import_module(name).__dict__["load_dotenv"] = lambda *_args, **_more: False


def run_next(here: str) -> None:
    """Run the module that Python would have found without this folder."""
    elsewhere = [folder for folder in sys.path if os.path.realpath(folder) != here]
    spec = PathFinder.find_spec(NAME, elsewhere)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


if os.environ.get(VARIABLE, "").lower() in TRUE:
    leave_env_files()
if __name__ == NAME:
    run_next(str(Path(__file__).resolve().parent))

"""The Python environment that somebody has made for a checkout of MemOS: where it is, and whose."""

import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scripts.config import release
from scripts.core import files
from scripts.core.process import Runner

IN_CHECKOUT = (".venv", "venv")
"""Where uv, poetry (if told so) and people put it."""
ACTIVE = ("VIRTUAL_ENV", "CONDA_PREFIX")
OLDEST = (3, 11)
"""The oldest Python that loads versions of the API: MemOS takes 3.10 too, our programs do not."""
NEWER = f"{release.dotted(OLDEST)}, or newer"
PATIENCE = 20.0
"""Seconds for poetry to say where its environment is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment with what a checkout of MemOS imports."""

    python: Path
    origin: str
    """Whose it is, in a few words."""
    anew: str = ""
    """How a newer Python comes in its place; empty where it is removed and made again."""

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self.python.parent.parent

    @property
    def replaced(self) -> str:
        """Say what a person does to have another one; none that is somebody else's is removed."""
        return self.anew or f"remove {self.folder}, and make one of Python {NEWER}"


def found(folder: Path, environ: Mapping[str, str], runner: Runner) -> Environment | None:
    """Return the environment of a checkout; None where nobody has made one.

    The one in the checkout comes first, then those that uv and poetry keep elsewhere for it, then
    the one that is activated, unless it is our own.
    """
    for name in IN_CHECKOUT:
        python = folder / name / "bin" / "python"
        if python.exists():
            return Environment(python=python, origin=f"the checkout's own {name}")
    return (
        _of_uv(folder, environ) or _of_poetry(folder, environ, runner) or _active(folder, environ)
    )


def _of_uv(folder: Path, environ: Mapping[str, str]) -> Environment | None:
    """Return where uv keeps it, if not in .venv, where it does by default."""
    named = environ.get("UV_PROJECT_ENVIRONMENT")
    python = folder / (named or "none") / "bin" / "python"
    if named and (folder / "pyproject.toml").exists() and python.exists():
        return Environment(
            python=python,
            origin=f"uv's, by UV_PROJECT_ENVIRONMENT={named}",
            anew=f"uv sync --directory {shlex.quote(str(folder))} --python {NEWER}",
        )
    return None


def _active(folder: Path, environ: Mapping[str, str]) -> Environment | None:
    for name in ACTIVE:
        python = folder / environ.get(name, "none") / "bin" / "python"
        # `./dev` activates ours, which has nothing of MemOS
        ours = files.same(python.parent.parent, Path(sys.prefix))
        if environ.get(name) and python.exists() and not ours:
            return Environment(
                python=python,
                origin=f"the activated one, by {name}",
                anew=f"deactivate it, or activate one of Python {NEWER}",
            )
    return None


def _of_poetry(folder: Path, environ: Mapping[str, str], runner: Runner) -> Environment | None:
    poetry = shutil.which("poetry", path=environ.get("PATH"))
    if poetry is None or not (folder / "poetry.lock").exists():
        return None
    # ours is activated, and poetry would take it for its own
    words = ["env", "-u", "VIRTUAL_ENV", poetry, "--no-interaction", "--directory", str(folder)]
    done = runner([*words, "env", "info", "--executable"], timeout=PATIENCE)
    python = Path(done.stdout.strip() or "none")
    if done.exit_code == 0 and python.is_absolute() and python.exists():
        there = f"poetry --directory {shlex.quote(str(folder))}"
        return Environment(
            python=python,
            origin="poetry's for this checkout",
            anew=f"{there} install, after {there} env use {NEWER}",
        )
    return None


def has(environment: Environment, package: str, runner: Runner) -> bool:
    """Say whether a package can be imported there; nothing of it is run."""
    script = "import importlib.util, sys; sys.exit(not importlib.util.find_spec(sys.argv[1]))"
    done = runner([str(environment.python), "-c", script, package], timeout=PATIENCE)
    return done.exit_code == 0

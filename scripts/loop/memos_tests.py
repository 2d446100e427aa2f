"""MemOS' own tests of the checkout that runs: where they are, in which Python, how they are run."""

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.config import release
from scripts.config.release import Source
from scripts.config.settings import Settings
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError
from scripts.loop import environment, made_environment, requirements
from scripts.loop.environment import Environment
from scripts.loop.host_variables import PATH, path
from scripts.loop.made_environment import Packages

FOLDER, MODULES = "tests", "test_*.py"
ALWAYS = {"PYTHON_DOTENV_DISABLED": "1"}
"""Else MemOS and its packages read the first .env above themselves: the checkout's, and ours. A
python-dotenv before 1.2 does so all the same, unless our folder is on its path."""
CACHE = Path(".cache", "memos-tests")
"""Below the root: an environment for each checkout that has none of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of tests."""

    version: str
    """Of the MemOS that is tested."""
    source: Path
    """Its src/."""
    root: Path
    """Of the workspace."""
    environment: Environment
    left_out: Sequence[Path] = ()
    """Modules of tests that import what the environment has not."""
    words: Sequence[str]
    """For pytest."""

    @property
    def folder(self) -> Path:
        """Its checkout."""
        return release.top(self.source)

    @property
    def argv(self) -> list[str]:
        """The command; where no file is named, the tests of the checkout are meant."""
        ignored = (f"--ignore={file.relative_to(self.folder)}" for file in self.left_out)
        words = ["-m", "pytest", "-o", f"testpaths={FOLDER}", *ignored, *self.words]
        return [str(self.environment.python), *words]

    @property
    def variables(self) -> dict[str, str]:
        """What it runs with: some tests start a Python of their own, which finds MemOS too."""
        return {**ALWAYS, PATH: path(self.root, str(self.source))}

    @property
    def told(self) -> str:
        """Say what is run, and where."""
        where = self.environment
        return (
            f"the tests of MemOS {self.version} in {self.folder}"
            f"\nwith {where.folder}, {where.origin}: {shlex.join(['python', *self.argv[1:]])}"
        )


def prepared(settings: Settings, words: Sequence[str], checkout: Checkout) -> Run:
    """Find the tests and an environment for them, or make one.

    ConfigError where MEMOS_SRC names no checkout with tests, RefusedError where packages cannot be
    had.
    """
    source = _source(settings)
    folder = release.top(source.folder)
    own = _own(folder, checkout)
    if own is None:
        packages = _packages(settings, source)
        made = made_environment.made(settings.root / CACHE / source.name, packages, checkout)
        left_out = tuple(requiring(folder / FOLDER, requirements.HUGE))
        if left_out:
            checkout.say(
                f"without {' and '.join(sorted(requirements.HUGE))}, which are 5 GiB, a few"
                " tests fail, and these are left out:"
                f" {', '.join(str(file.relative_to(folder)) for file in left_out)};"
                f" an environment in {folder / '.venv'} that has them is used as it is"
            )
    else:
        made, left_out = own, ()
    return Run(
        version=settings.memos.version,
        source=source.folder,
        root=settings.root,
        environment=made,
        left_out=left_out,
        words=words,
    )


def _source(settings: Settings) -> Source:
    """Return the checkout that MEMOS_SRC names, which has tests; ConfigError for none."""
    source = settings.memos_source
    if source is None:
        raise ConfigError(
            f"{settings.told('MEMOS_SRC')}, wanted a checkout of MemOS, whose tests are run",
            next_step="git clone https://github.com/MemTensor/MemOS,"
            f" and set MEMOS_SRC to its path: {settings.step(['MEMOS_SRC'])}",
        )
    tests = release.top(source.folder) / FOLDER
    if next(tests.rglob(MODULES), None) is None:
        raise ConfigError(
            f"{settings.told('MEMOS_SRC')}, and there are no tests in {tests}",
            next_step="name a clone of MemOS' repository: what PyPI has of it is without tests",
        )
    return source


def requiring(tests: Path, packages: Iterable[str]) -> Iterator[Path]:
    """Yield the modules of tests that import one of these packages at once."""
    names = "|".join(name.replace("-", "_") for name in packages)
    imports = re.compile(rf"^(?:import|from)\s+(?:{names})\b", re.MULTILINE)
    for file in sorted(tests.rglob(MODULES)):
        if imports.search(file.read_text(encoding="utf-8", errors="replace")):
            yield file


def _own(folder: Path, checkout: Checkout) -> Environment | None:
    """Return the environment that somebody has made for a checkout, if it has pytest."""
    own = environment.found(folder, checkout.environ, checkout.runner)
    if own is None or environment.has(own, requirements.RUNNER, checkout.runner):
        return own
    checkout.say(f"{own.folder}, {own.origin}, has no {requirements.RUNNER}: it is not used")
    return None


def _packages(settings: Settings, source: Source) -> Packages:
    """Return what the tests of a checkout need; ConfigError for what is no requirement."""
    release_of = settings.memos.packages
    pins = release.pins(settings.locks, release_of) if release_of else {}
    if not source.project.is_file():  # a bare src/: what the stack runs it on
        plain = (requirements.RUNNER, *requirements.pinned((), pins))
        return Packages(wanted=plain)
    import tomllib

    try:
        wanted = requirements.of_tests(tomllib.loads(source.project.read_text(encoding="utf-8")))
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{source.project} cannot be resolved: {' '.join(str(error).split())}",
            next_step="mend it, or make an environment with pytest: a .venv beside it is used",
        ) from error
    return Packages(wanted=wanted, pinned=requirements.pinned(wanted, pins))

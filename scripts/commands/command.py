"""How a task becomes an exit status, and what every task begins with."""

import atexit
import functools
import gc
import inspect
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task

from scripts.commands import flags
from scripts.core.errors import ConfigError, EngineError, ExitCode, StackError, known

if TYPE_CHECKING:
    from scripts.config.settings import Settings
    from scripts.config.workspace import Workspace
    from scripts.core.checkout import Checkout
    from scripts.start.starter import Starter
    from scripts.tell.data_report import DataReport

ROOT = Path(__file__).resolve().parents[2]
BEGAN = time.time()
"""When this command began: the first of the moments that `inv timeline` shows."""
HELP = {
    "service": "service or container name; may be repeated; none means all",
    "timeout": "seconds from the first start until all must be ready",
    "format": "text for people, json for programs",
    "yes": "do not ask",
}
"""What a flag of this name means where a task does not say otherwise."""

# at its end Python searches all that was ever loaded for cycles: 30 ms of every command, in vain
atexit.register(gc.freeze)

WORDS = "words"
"""A parameter of this name is no flag: it gets what was typed after `--`, word by word."""
Body = Callable[..., int | None]
"""What a task does; None is success, and what it gives is an `ExitCode` or a program's own."""


def command(name: str = "", /, **flags: str) -> Callable[[Body], Task[Callable[..., None]]]:
    """Make a task of a function; `flags` are the help texts of those that `HELP` does not explain.

    A parameter that is a list is a flag that may be repeated.
    """

    def made(body: Body) -> Task[Callable[..., None]]:
        parameters = inspect.signature(body).parameters
        many = [flag for flag in parameters if parameters[flag].annotation == list[str]]
        texts = {flag: text for flag, text in HELP.items() if flag in parameters} | flags
        return _Task(_told(body), name=name or None, iterable=many, help=texts)

    return made


class _Task(Task[Callable[..., None]]):
    """A task of which no flag is -h: that is for help."""

    def arg_opts(self, name: str, default: str, taken_names: set[str]) -> dict[str, Any]:
        """Return how a flag is read; one that would be -h has no short form."""
        found = super().arg_opts(name, default, taken_names)
        return {**found, "names": [one for one in found["names"] if one != "h"]}


def _told(body: Body) -> Callable[..., None]:
    """Make the exit code of a function that of the command; its errors become two lines.

    The result has the flags of the function, after the context that invoke hands to every task.
    """

    @functools.wraps(body)
    def wrapper(context: Context, /, *args: object, **kwargs: object) -> None:
        try:
            _require_no_flags(signature, kwargs)
            code = body(*args, **kwargs, **_passed_on(signature, context))
        except KeyboardInterrupt:
            raise Exit("interrupted; inv ps shows what runs", ExitCode.INTERRUPTED) from None
        except Exception as error:
            problem = judged(error)
            report().error(problem)
            raise Exit(code=problem.exit_code) from error
        if code:
            raise Exit(code=code)

    signature = inspect.signature(body)
    flags = [one for name, one in signature.parameters.items() if name != WORDS]
    first = inspect.Parameter("context", inspect.Parameter.POSITIONAL_ONLY, annotation=Context)
    wrapper.__dict__["__signature__"] = signature.replace(
        parameters=[first, *flags], return_annotation=None
    )
    return wrapper


def _require_no_flags(signature: inspect.Signature, values: Mapping[str, object]) -> None:
    """Raise ConfigError for a flag that was taken for a value: invoke does so with unknown ones."""
    for name, value in values.items():
        wanted = signature.parameters[name].default is inspect.Parameter.empty
        if wanted and isinstance(value, str) and value.startswith("-"):
            raise ConfigError(
                f"{value} is no flag of this task, and is not taken for its {name.upper()}",
                next_step="--help in its place shows those that it has",
            )


def _passed_on(signature: inspect.Signature, context: Context) -> dict[str, tuple[str, ...]]:
    """Return what was typed after `--`, which `program.passed_on` has quoted, for who takes it."""
    if WORDS not in signature.parameters:
        return {}
    return {WORDS: tuple(shlex.split(context.remainder))}


def judged(error: Exception) -> StackError:
    """Return an error as it is told: with its cause, where the engine or Compose said one we know.

    Of a bug of ours the traceback is kept.
    """
    if (ours := known(error)) is not None:
        from scripts.diagnosis import refused

        return refused.explained(_by_break(ours))
    from scripts.commands import bugs

    return bugs.told(error, ROOT)


def _by_break(error: StackError) -> StackError:
    """Return an error with the break of a link that is behind it, where one broke meanwhile."""
    of_engine = error.exit_code in {ExitCode.ENGINE, ExitCode.REFUSED}
    if not of_engine or error.code.startswith("remote-") or not (ROOT / ".cache/remote").exists():
        return error
    from scripts.engine.remote import link

    if not (told := link.broke(ROOT, BEGAN)):
        return error
    step = "inv remote shows whether it is back; then the same again"
    return EngineError(f"{told}: {error}", next_step=step, code="remote-broken")


@contextmanager
def result_line(tell: "DataReport") -> Iterator[None]:
    """Give `--format json` its last line also when an error or Ctrl-C ends the block."""
    try:
        yield
    except KeyboardInterrupt:
        tell.interrupted()
        raise
    except Exception as error:
        problem = judged(error)
        tell.refused(problem)
        raise problem from error


def report(form: str = "text") -> "DataReport":
    """Return what tells, as text or JSON; ConfigError for another form."""
    from scripts.tell.data_report import DataReport
    from scripts.tell.origins import Origins

    origins = Origins(_settings, os.environ.get("ENV_FILE", ""))
    return DataReport(form=flags.form(form), origins=origins)


def _settings() -> "Settings":
    """Return the settings as far as they can be read, for what is told about them."""
    from scripts.config import settings

    return settings.load(ROOT, os.environ, strict=False)


def checkout(tell: "DataReport") -> "Checkout":
    """Return this checkout, as a command that tells `tell` sees it."""
    from scripts.core.checkout import Checkout
    from scripts.core.process import run

    return Checkout(root=ROOT, environ=os.environ, runner=run, say=tell.say)


def look(tell: "DataReport") -> "Workspace":
    """Return the stack for what only looks or stops; errors as `workspace.look` raises them."""
    from scripts.config import workspace

    return workspace.look(checkout(tell))


def as_set(tell: "DataReport") -> "Workspace":
    """Return the stack as the settings have it; errors as `workspace.as_set` raises them."""
    from scripts.config import workspace

    return workspace.as_set(checkout(tell))


def project(tell: "DataReport") -> str:
    """Return the name of the stack's project; no engine is asked."""
    from scripts.config import workspace

    return workspace.look_project(checkout(tell))


def starter(tell: "DataReport", *, stopping: bool = False) -> "Starter":
    """Return what starts again, after a data command, what that has stopped.

    With `stopping` nothing is: what only a start needs is in nobody's way.
    """
    from scripts.start.history.recorder import Recorder
    from scripts.start.starter import Starter

    space = (look if stopping else as_set)(tell)
    return Starter(space=space, tell=tell, recorder=Recorder(BEGAN, rest="data"))

"""What stands in for the world in unit tests: a runner of processes, and an engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from scripts.core.checkout import Checkout
from scripts.core.errors import RefusedError
from scripts.core.process import Completed, OnLine, Runner
from scripts.core.progress import Say
from scripts.engine.api import Api


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One process that was asked for."""

    argv: tuple[str, ...]
    timeout: float | None
    env: Mapping[str, str]
    stdin: str


@dataclass(slots=True)
class FakeRunner:
    """A Runner that starts nothing: it gives prepared answers and remembers its calls.

    An answer belongs to words that stand in the command in this order, other words between them
    or not; the answer prepared last wins. A command without an answer fails the test.
    """

    calls: list[Call] = field(default_factory=list)
    _answers: list[tuple[tuple[str, ...], Completed | Exception]] = field(default_factory=list)

    def answer(
        self, words: str, stdout: str = "", *, stderr: str = "", exit_code: int = 0
    ) -> "FakeRunner":
        """Prepare what a command with these words leaves behind."""
        done = Completed(argv=(), exit_code=exit_code, stdout=stdout, stderr=stderr)
        self._answers.append((tuple(words.split()), done))
        return self

    def fail(self, words: str, error: Exception) -> "FakeRunner":
        """Prepare an error for a command with these words, such as that there is no program."""
        self._answers.append((tuple(words.split()), error))
        return self

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        on_line: OnLine | None = None,
    ) -> Completed:
        """Return the prepared answer for `argv`, its lines to `on_line` first."""
        self.calls.append(Call(argv=tuple(argv), timeout=timeout, env=env or {}, stdin=stdin))
        for words, done in reversed(self._answers):
            if not _in_order(words, argv):
                continue
            if isinstance(done, Exception):
                raise done
            for line in (done.stdout + done.stderr).splitlines() if on_line else ():
                on_line and on_line(line)
            return Completed(
                argv=tuple(argv), exit_code=done.exit_code, stdout=done.stdout, stderr=done.stderr
            )
        raise AssertionError(f"no answer was prepared for: {' '.join(argv)}")

    def commands(self) -> list[str]:
        """Return the commands so far, each as one line."""
        return [" ".join(call.argv) for call in self.calls]


class FakeApi(Api):
    """An engine that has prepared answers by path; what it does not know is 404, so None."""

    def __init__(self, answers: Mapping[str, object] | None = None) -> None:
        """Answer a GET of each path; an answer that is an exception is raised."""
        super().__init__("unix:///nowhere/docker.sock")
        self.answers = dict(answers or {})
        self.asked: list[str] = []

    def get(self, path: str, **query: object) -> object:
        """Return the prepared answer for `path`, whatever the query."""
        del query
        self.asked.append(path)
        answer = self.answers.get(path)
        if isinstance(answer, Exception):
            raise answer
        return answer


def raising(error: BaseException) -> Callable[..., NoReturn]:
    """Return a function that takes anything and raises an error."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    return fail


def no_program(name: str) -> RefusedError:
    """Return the error that the real runner raises when a program is not there."""
    return RefusedError(f"there is no program {name!r} on PATH", next_step=f"install {name}")


def _in_order(words: Iterable[str], argv: Sequence[str]) -> bool:
    rest = iter(argv)
    return all(word in rest for word in words)


def checkout(
    root: Path, runner: Runner, environ: Mapping[str, str] | None = None, say: Say = lambda _: None
) -> Checkout:
    """Return a checkout as a command is given it, in an empty environment."""
    return Checkout(root=root, environ=environ or {}, runner=runner, say=say)

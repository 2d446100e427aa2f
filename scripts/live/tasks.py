"""A task of ours in a process of its own: its locks, plans and exit codes are those of a terminal.

Any thread may start one.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.core import files
from scripts.core.checkout import Checkout
from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.core.process import Relayed
from scripts.machine import program

FORMATTED = frozenset(
    {
        *("up", "ps", "restart", "doctor", "timeline", "smoke", "memories", "editor", "reload"),
        *("snapshot.list", "snapshot.verify", "wait", "metrics", "remote"),
        *("console.neo4j", "console.qdrant", "console.milvus"),
    }
)
"""Tasks with a --format."""
FORMAT = "--format"
PROGRAM = program.PROGRAM
KEPT = 1000
"""Lines of a task, from the end."""
SIGNALLED = 128
"""Added by shells to the number of the signal that ended a process."""

Line = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a task left behind."""

    exit_code: int
    """As in a shell: 128 and the number of a signal that ended it."""
    document: Json | None = None
    """The result of one that prints JSON, which may be a line for each event: the last one."""
    lines: tuple[str, ...] = ()
    """What it told besides, from the end."""

    @property
    def problem(self) -> tuple[str, str]:
        """Return the error that it told last, and the next step; empty where it told none."""
        found = {"error: ": "", "next: ": ""}
        for line in self.lines:
            for word in found:
                if line.startswith(word):
                    found[word] = line.removeprefix(word)
        return found["error: "], found["next: "]


class Running:
    """A task that was started and not yet waited for."""

    def __init__(self, checkout: Checkout, words: Sequence[str], line: Line) -> None:
        """Type `inv WORDS`, with --format json where the task has it and no format is named.

        `line` is given what it tells, in a thread; RefusedError where no process can be started.
        """
        shaped = words[0] in FORMATTED and FORMAT not in words
        typed = [*words[:1], FORMAT, "json", *words[1:]] if shaped else words
        self._line = line
        self._told: deque[str] = deque(maxlen=KEPT)
        self._result: deque[str] = deque(maxlen=1)
        self._process = Relayed(
            [*PROGRAM, *typed],
            folder=program.HERE,
            env=_environment(checkout),
            heard=self._hear,
            result=self._result.append if shaped else None,
        )
        self.pid = self._process.pid

    def _hear(self, line: str) -> None:
        self._told.append(line)
        self._line(line)

    def interrupt(self) -> None:
        """Say what Ctrl-C says in a terminal; it ends as it does there."""
        self._process.interrupt()

    def wait(self) -> Result:
        """Wait for its end; what went wrong where its lines were heard is raised here."""
        code = self._process.wait()
        document = None
        for line in self._result:
            with suppress(ValueError):  # it ended in the middle of it
                document = documents.parsed(line)
        return Result(
            exit_code=code if code >= 0 else SIGNALLED - code,
            document=document,
            lines=tuple(self._told),
        )


def run(checkout: Checkout, words: Sequence[str], line: Line) -> Result:
    """Run a task to its end, as `Running` does; Ctrl-C reaches it too, and is raised afterwards."""
    running = Running(checkout, words, line)
    try:
        return running.wait()
    except KeyboardInterrupt:
        running.interrupt()
        running.wait()
        raise


def _environment(checkout: Checkout) -> dict[str, str]:
    """Return the variables that a task sees otherwise than we: it works in another folder."""
    named = checkout.environ.get("ENV_FILE")
    return {"ENV_FILE": str(files.absolute(named, Path.cwd()))} if named else {}

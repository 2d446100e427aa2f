"""What a trial of a machine checks, how long each check takes, and how that is told."""

import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.core.errors import StackError
from tests.e2e.kit.checkout import LONGEST
from tests.e2e.machines.bare_machine import Machine, Ran

Marks = Sequence[tuple[str, str]]
"""Parts of a command, in order, and the line of progress with which each begins."""
PARTS = (
    ("dev: python3-venv through apt", r"dev: .* lacks"),
    ("dev: .venv", r"dev: making"),
    ("inv: .env", r"made \.env"),
    ("engine: package lists", r"engine: (none|reading|choosing)"),
    ("engine: fetch", r"engine: fetching"),
    ("engine: unpack", r"engine: unpacking"),
    ("engine: start dockerd", r"engine: starting"),
    ("images: choose the source", r"engine: ready"),
    ("images: fetch and build base", r"images: "),
    ("images: build the others", r"(?!base\b)[a-z]\w* +\["),
    ("containers: start until ready", r" *\d+\.\d s  "),
)
"""Of the first `up`."""


@dataclass(slots=True, kw_only=True)
class Trial:
    """What was checked, and how long each check took."""

    ports: Mapping[str, int]
    rows: list[tuple[str, float, str]] = field(default_factory=list)
    """Name, seconds, and "ok", "FAILED" or "" for a part of a check."""
    started: float = field(default_factory=time.monotonic)

    def say(self, line: str) -> None:
        """Tell one line, with the minutes and seconds since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.started), 60)
        sys.stdout.write(f"{minutes:2}:{seconds:02}  {line}\n")
        sys.stdout.flush()

    @contextmanager
    def check(self, name: str) -> Iterator[None]:
        """Time a check; one that fails is told, and the trial goes on."""
        self.say(f"== {name}")
        place, begun, result = len(self.rows), time.monotonic(), "FAILED"
        try:
            yield
            result = "ok"
        except (AssertionError, OSError, StackError, ValueError) as error:
            self.say(f"FAILED: {error}")
        finally:
            self.rows.insert(place, (name, time.monotonic() - begun, result))

    @property
    def failed(self) -> int:
        """How many checks failed."""
        return sum(row[2] == "FAILED" for row in self.rows)

    def tell(self) -> None:
        """Print the table and the closing line."""
        for name, seconds, result in self.rows:
            label = name if result else f"    {name}"
            sys.stdout.write(f"{label:<58}{seconds:8.1f} s  {result}\n")
        passed = sum(row[2] == "ok" for row in self.rows)
        sys.stdout.write(f"{passed} passed, {self.failed} failed\n")

    def hear(self, _: float, line: str) -> None:
        """Tell a line that a command inside wrote."""
        self.say(f"   {line}")

    def command(self, machine: Machine, script: str) -> Ran:
        """Run a command inside and show what it writes; its exit code must be 0."""
        ran = machine.run(script, limit=LONGEST, hear=self.hear)
        assert ran.exit_code == 0, f"{script}: exit code {ran.exit_code}\n{ran.stdout}"
        return ran

    def within(self, place: Path, prefix: str, everything: Callable[[Path], None]) -> int:
        """Try everything in a folder of its own, which is deleted; tell it, give the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        folder, code = Path(tempfile.mkdtemp(prefix=prefix, dir=place)), 0
        try:
            everything(folder)
        except KeyboardInterrupt:
            code = 130
        finally:
            ignore_signals()
            with self.check("nothing is left: the machine's folder"):
                delete(folder)
        self.tell()
        return code or int(self.failed > 0)


def ignore_signals() -> None:
    """Let the end come to its end."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def delete(folder: Path) -> None:
    """Delete the machine's files, unless something is mounted among them."""
    mounted = [
        line for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line
    ]
    assert not mounted, f"not deleted, for this is mounted: {mounted}"
    shutil.rmtree(folder)


def parts(ran: Ran, marks: Marks = PARTS) -> Iterator[tuple[str, float]]:
    """Yield the parts of a command that its lines show, and the seconds of each."""
    begins: list[tuple[str, float]] = []
    rest = list(marks)
    for seconds, line in ran.lines:
        place = next((at for at, (_, mark) in enumerate(rest) if re.match(mark, line)), None)
        if place is not None:
            begins.append((rest[place][0], seconds if begins else 0.0))
            del rest[: place + 1]
    ends = [*(seconds for _, seconds in begins[1:]), ran.seconds]
    for (name, begin), end in zip(begins, ends, strict=True):
        yield name, end - begin

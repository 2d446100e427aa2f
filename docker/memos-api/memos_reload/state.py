"""What is known of the versions, in a file that others read from outside."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from memos_reload.where import Fault

FORMAT = 1
KEPT = 20
"""So many versions are remembered."""
NAMED = 5
"""So many of a version's files are named."""
Stage = Literal["compile", "import", "connect", "serve"]
Outcome = Literal["answers", "failed", "superseded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """How changes are noticed."""

    folder: str = ""
    how: Literal["events", "polling", "off"] = "off"
    why: str = "it has not begun yet"
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The template that versions are forked from."""

    ready: bool = False
    modules: int = 0
    why: str = "nothing is loaded yet"
    """There is none, and each version a full start; empty when it is ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One version: from the change that was noticed until it answers, or does not."""

    version: int
    asked: int
    """How often a reload had been asked for when it began."""
    files: tuple[str, ...]
    """What changed, relative to the source, since the version that answers."""
    began: datetime
    stage: Stage | Literal[""] = "compile"
    """Where it is, or failed; empty when it answers."""
    since: datetime
    """It is in this stage."""
    seconds: dict[str, float] = field(default_factory=dict)
    outcome: Outcome | Literal[""] = ""
    fault: Fault | None = None
    """Why it failed; of one that is being made, where it seems to hang; of one that answers, a file
    that does not compile, and that nothing has imported."""

    def document(self) -> dict[str, Any]:
        """Return it as others read it."""
        fault = self.fault or Fault(error="")
        return {
            "version": self.version,
            "asked": self.asked,
            "files": len(self.files),
            "first_files": self.files[:NAMED],
            "began": rfc3339(self.began),
            "seconds": {name: round(self.seconds.get(name, 0.0), 3) for name in SECONDS},
            "outcome": self.outcome,
            "stage": self.stage,
            **asdict(fault),
        }

    def pending(self) -> dict[str, Any]:
        """Return it as others read it while it is being made."""
        fault = self.fault or Fault(error="")
        since = rfc3339(self.since)
        return {"version": self.version, "stage": self.stage, "since": since, **asdict(fault)}

    @property
    def cause(self) -> str:
        """The files that it was made for, in a few words."""
        if not self.files:
            return ""
        more = f" and {len(self.files) - 1} more" if len(self.files) > 1 else ""
        return f" ({self.files[0]}{more})"


SECONDS = ("compile", "import", "connect", "answer")


def rfc3339(time: datetime) -> str:
    """Return a time as it is written in documents."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


class Journal:
    """All that is known; each change of it is written and, where it matters, said."""

    def __init__(
        self,
        file: Path,
        say: Callable[[str], object],
        *,
        clock: Callable[[], datetime] = now,
        pid: int = 0,
    ) -> None:
        """Begin an empty one."""
        self.file, self.say, self.clock, self.pid = file, say, clock, pid
        self.watching, self.loaded = Watching(), Loaded()
        self.asked = 0
        self.serving: int | None = None
        self.pending: Run | None = None
        self.runs: list[Run] = []

    def began(self, version: int, files: tuple[str, ...], noticed: datetime) -> None:
        """A version is being made; one that was being made before is not needed any more."""
        if self.pending is not None:
            self._over(self.pending, "superseded")
        self.pending = Run(
            version=version, asked=self.asked, files=files, began=noticed, since=self.clock()
        )
        self.write()

    def reached(self, version: int, stage: Stage) -> None:
        """The version that is being made is in its next stage."""
        if (run := self._pending(version)) is not None:
            self.pending = replace(self._timed(run), stage=stage, since=self.clock(), fault=None)
            self.write()

    def hangs(self, version: int, fault: Fault) -> None:
        """The version that is being made does not go on."""
        if (run := self._pending(version)) is not None:
            self.pending = replace(run, fault=fault)
            self.say(f"version {version} does not come, {self.others}: {fault}")
            self.write()

    def answers(self, version: int, unused: Sequence[Fault] = ()) -> None:
        """The version is the one that serves, without files that do not compile."""
        self.serving = version
        if (run := self._pending(version)) is not None:
            fault = next(iter(unused), None)
            run = self._over(replace(self._timed(run), stage="", fault=fault), "answers")
            self.say(f"version {version} answers after {run.seconds['answer']:.2f} s{run.cause}")
            for one in unused:
                self.say(f"nothing has imported what does not compile: {one}")
        self.write()

    def failed(self, version: int, fault: Fault) -> None:
        """The version will not come."""
        if (run := self._pending(version)) is not None:
            self._over(replace(self._timed(run), fault=fault), "failed")
            self.say(f"version {version} failed, {self.others}: {fault}")
        self.write()

    def ended(self, version: int, why: str) -> None:
        """The version that served is no more, and nobody wanted that."""
        self.serving = None
        self.say(f"version {version} has ended by itself ({why}): it is started again")
        self.write()

    @property
    def answered(self) -> bool:
        """A version has answered, of those that are remembered."""
        return any(run.outcome == "answers" for run in self.runs)

    def write(self) -> None:
        """Write the document in place of the one before; a full disk is said and survived."""
        beside = self.file.with_name(f"{self.file.name}.new")
        try:
            beside.write_text(json.dumps(self.document()), encoding="utf-8")
            beside.replace(self.file)
        except OSError as error:
            self.say(f"{self.file} cannot be written: {error}")

    def document(self) -> dict[str, Any]:
        """Return all of it as others read it."""
        return {
            "format": FORMAT,
            "pid": self.pid,
            "watching": asdict(self.watching),
            "template": asdict(self.loaded),
            "asked": self.asked,
            "serving": self.serving,
            "pending": self.pending.pending() if self.pending is not None else None,
            "runs": [run.document() for run in self.runs],
        }

    @property
    def others(self) -> str:
        """Who answers meanwhile."""
        return "nothing answers" if self.serving is None else f"version {self.serving} serves on"

    def _pending(self, version: int) -> Run | None:
        run = self.pending
        return run if run is not None and run.version == version else None

    def _timed(self, run: Run) -> Run:
        passed = (self.clock() - run.since).total_seconds()
        return replace(run, seconds={**run.seconds, run.stage: passed})

    def _over(self, run: Run, outcome: Outcome) -> Run:
        passed = (self.clock() - run.began).total_seconds()
        run = replace(run, outcome=outcome, seconds={**run.seconds, "answer": passed})
        self.runs = [*self.runs, run][-KEPT:]
        self.pending = None
        return run


def failed_at_first(file: Path) -> bool:
    """Say whether the supervisor that left this file never had a version that answered."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        outcomes = [run["outcome"] for run in document["runs"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return "failed" in outcomes and "answers" not in outcomes

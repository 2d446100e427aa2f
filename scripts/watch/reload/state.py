"""Pure: the state of the API's supervisor, as it writes it (docker/memos-api/memos_reload/).

The file comes out of a container: what is in it is taken for nothing that it is not.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from scripts.core.foreign import documents, records
from scripts.core.foreign.documents import Json
from scripts.core.stack import Service
from scripts.core.texts import printable
from scripts.core.units import SECOND, nanoseconds
from scripts.diagnosis.evidence import masked

FORMAT = 1
MOST = 1 << 20
"""Bytes of the file: one of twenty runs has 10 KiB."""
LONGEST = 1e6
"""Seconds that a stage may have taken: eleven days."""
STAGES = ("compile", "import", "connect")
"""What a version goes through, in this order; `answer` in its seconds is all of it."""


V = TypeVar("V", bound="Version")


class How(StrEnum):
    """How edits are noticed."""

    EVENTS = "events"
    POLLING = "polling"
    OFF = "off"


class Outcome(StrEnum):
    """What became of a version."""

    ANSWERS = "answers"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    """A newer edit came before it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watching:
    """The folder whose edits are taken."""

    folder: str = ""
    how: How = How.OFF
    why: str = ""
    files: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The process that has what is imported beside MemOS, from which each version is forked."""

    ready: bool = False
    modules: int = 0
    why: str = ""
    """Why there is none, and every version a full start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of the code, and what is wrong with it."""

    version: int
    stage: str = ""
    """Where it is, or where it failed."""
    file: str = ""
    """Where the error is: from the folder on, or a whole path."""
    line: int = 0
    """0 where that is not known."""
    error: str = ""
    """Empty for none."""

    @property
    def place(self) -> str:
        """Where the error is, as FILE:LINE; empty where that is not known."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending(Version):
    """A version that does not answer yet; its error is where it seems to hang."""

    since: str = ""
    """It is in its stage, RFC 3339."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run(Version):
    """One version, once it has an outcome."""

    outcome: Outcome
    asked: int = 0
    """How often `inv reload` had asked when it began."""
    files: int = 0
    first_files: tuple[str, ...] = ()
    """Some of what was edited, from the folder on."""
    began: str = ""
    """When the edit was noticed, RFC 3339."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Of each of STAGES, and `answer`: from `began` until it answered."""

    @property
    def read(self) -> float:
        """When its code was read at the latest, seconds since 1970.

        What a checkout of many files wrote after the first was noticed is in it, too.
        """
        spent = self.seconds.get("import", 0.0) + self.seconds.get("connect", 0.0)
        return nanoseconds(self.began) / SECOND + max(0.0, self.seconds.get("answer", 0.0) - spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that the supervisor says."""

    pid: int = 0
    watching: Watching = field(default_factory=Watching)
    template: Template = field(default_factory=Template)
    asked: int = 0
    """How often it was asked to reload."""
    serving: int | None = None
    """The version that answers."""
    pending: Pending | None = None
    runs: tuple[Run, ...] = ()
    """The last ones, the oldest first."""

    @property
    def ended(self) -> tuple[Run, ...]:
        """The runs that came to an end of their own."""
        return tuple(run for run in self.runs if run.outcome is not Outcome.SUPERSEDED)

    @property
    def standing(self) -> Run | None:
        """The version that failed, as long as no newer one answers."""
        last = next(reversed(self.ended), None)
        return last if last is not None and last.outcome is Outcome.FAILED else None

    @property
    def moment(self) -> int:
        """When something happened last, nanoseconds since 1970; 0 where nothing has."""
        said = [
            self.pending.since if self.pending is not None else "",
            *(r.began for r in self.runs),
        ]
        return max(map(nanoseconds, said))

    @property
    def running(self) -> Run | None:
        """How the version began that answers; None where that is no longer known."""
        return next((run for run in self.runs if run.version == self.serving), None)

    def after(self, before: "State") -> Run | None:
        """Return the last run with an end that began after it was asked once more than `before`.

        Of a supervisor that was started since every run did.
        """
        same = not before.runs or before.runs[-1].began in {run.began for run in self.runs}
        asked = before.asked if same else -1
        return next((run for run in reversed(self.ended) if run.asked > asked), None)


def parsed(text: bytes) -> State:
    """Return the state that a file holds; ValueError for what is none.

    What a newer supervisor says beside all this is left out.
    """
    document = documents.parsed(text, most=MOST)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f"it is no state of format {FORMAT}")
    runs = document.get("runs", [])
    known = _known(State, document) | {
        name: _known(kind, document[name])
        for name, kind in (("watching", Watching), ("template", Template), ("pending", Pending))
        if document.get(name) is not None
    }
    if isinstance(runs, list):
        known["runs"] = [_known(Run, run) for run in runs]
    found = records.made(State, known)
    _ = found.moment
    for run in found.runs:
        if not all(0 <= seconds <= LONGEST for seconds in run.seconds.values()):
            raise ValueError("no version takes as long as that")
    return found


def told(state: State, service: Service, source: Path | None) -> State:
    """Return the state as it may be told here: each text on one line, and without secrets.

    An error of MemOS may quote an address with a login. Files in what is watched get the path that
    they have on this machine, where the supervisor's folder is `source`.
    """

    def safe(one: V) -> V:
        file = printable(_here(one.file, state.watching.folder, source))
        return replace(one, file=file, error=printable(masked(one.error, service)))

    runs = (
        replace(safe(run), first_files=tuple(map(printable, run.first_files))) for run in state.runs
    )
    pending = None if state.pending is None else safe(state.pending)
    return replace(state, runs=tuple(runs), pending=pending)


def _here(file: str, folder: str, source: Path | None) -> str:
    if not file:
        return ""
    path = PurePosixPath(folder) / file  # which is `file` where that is a whole path
    if source is None or not path.is_relative_to(folder):
        return str(path)
    return str(source / path.relative_to(folder))


def document(run: Run) -> dict[str, Any]:
    """Return a run as schemas/reload.schema.json has it."""
    known = (*STAGES, "answer")
    seconds = {name: round(run.seconds[name], 3) for name in known if name in run.seconds}
    row = asdict(run) | {"first_files": list(run.first_files), "seconds": seconds}
    return {name: value for name, value in row.items() if name != "asked"}


def _known(kind: type, document: Json) -> Json:
    """Return an object without the keys that are not fields of this dataclass."""
    if not isinstance(document, dict):
        return document
    names = {one.name for one in fields(kind)}
    return {name: value for name, value in document.items() if name in names}

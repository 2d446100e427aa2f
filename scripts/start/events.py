"""What happens while services start, one event at a time, and how it may end."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from scripts.core.errors import ExitCode
from scripts.core.finding import Finding, Verdict


class EventKind(StrEnum):
    """What happened, in the words of `schemas/event.schema.json`."""

    STARTED = "started"
    READY = "ready"
    LOST = "lost"
    """It was ready and is no more."""
    WAITING = "waiting"
    """`detail` says for what."""
    MENDED = "mended"
    """The API has started; `detail` says what is mended in it, or left."""
    RELOAD = "reload"
    """The API answers, and takes edits while it runs; `detail` says how."""
    FINDING = "finding"
    RESULT = "result"
    """The last one, with its verdict."""


class Ending(StrEnum):
    """How a command that starts services has ended, in the words of the schema."""

    READY = "ready"
    STARTING = "starting"
    """Time is up."""
    BROKEN = "broken"
    REFUSED = "refused"
    """By an error, before or while services started."""
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened while starting, `seconds` after the beginning."""

    kind: EventKind
    seconds: float
    service: str = ""
    detail: str = ""
    finding: Finding | None = None
    verdict: Verdict | None = None


def exit_code(verdict: Verdict) -> ExitCode:
    """Return what the verdict of a start means for the exit status."""
    match verdict:
        case Verdict.READY:
            return ExitCode.OK
        case Verdict.BROKEN:
            return ExitCode.BROKEN
        case Verdict.STARTING:
            return ExitCode.TIMEOUT
        case _:
            assert_never(verdict)

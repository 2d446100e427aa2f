"""Pure: what has become of each service while all start, by the events so far."""

from collections.abc import Iterable
from enum import StrEnum
from typing import assert_never

from scripts.core.finding import Finding, Verdict
from scripts.start.events import Event, EventKind


class Stage(StrEnum):
    """How far a service has come, as it is told."""

    READY = "ready"
    STARTED = "started, not ready yet"
    NOT_STARTED = "not started"


class Course:
    """Keeps what was last told of each service."""

    def __init__(self, names: Iterable[str]) -> None:
        """Nothing has happened to these services yet."""
        self._stages = dict.fromkeys(names, Stage.NOT_STARTED)
        self._details: dict[str, str] = dict.fromkeys(self._stages, Stage.NOT_STARTED)
        self.findings: list[Finding] = []
        self.verdict = Verdict.STARTING

    def note(self, event: Event) -> None:
        """Take in one event."""
        match event.kind:
            case EventKind.RESULT:
                self.verdict = event.verdict or self.verdict
            case EventKind.FINDING:
                self.findings += [event.finding] if event.finding else []
            case EventKind.READY:
                self._note(event, Stage.READY)
            case EventKind.STARTED | EventKind.LOST:
                self._note(event, Stage.STARTED)
            case EventKind.WAITING:
                self._note(event, self._stages[event.service])
            case _:
                assert_never(event.kind)

    def _note(self, event: Event, stage: Stage) -> None:
        self._stages[event.service] = stage
        self._details[event.service] = event.detail or event.kind

    def waits(self) -> str:
        """Say of each service that is not ready what it last answered or waits for."""
        return "; ".join(
            f"{name}: {self._details[name]}"
            for name, stage in self._stages.items()
            if stage is not Stage.READY
        )

    def summary(self) -> str:
        """Say who is ready, who has only started, and who has not."""
        groups = {
            stage: [name for name, reached in self._stages.items() if reached is stage]
            for stage in Stage
        }
        return "; ".join(f"{stage}: {', '.join(names)}" for stage, names in groups.items() if names)

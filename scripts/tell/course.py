"""Pure: what has become of each service while all start, by the events so far."""

from collections.abc import Iterable

from scripts.core.finding import Finding, Verdict
from scripts.start.scheduler import Event

READY, STARTED, NOT_STARTED = "ready", "started, not ready yet", "not started"


class Course:
    """Keeps what was last told of each service."""

    def __init__(self, names: Iterable[str]) -> None:
        """Nothing has happened to these services yet."""
        self._kinds = dict.fromkeys(names, NOT_STARTED)
        self._details = dict.fromkeys(self._kinds, NOT_STARTED)
        self.findings: list[Finding] = []
        self.verdict = Verdict.STARTING

    def note(self, event: Event) -> None:
        """Take in one event."""
        if event.verdict is not None:
            self.verdict = event.verdict
        elif event.finding is not None:
            self.findings.append(event.finding)
        else:
            self._details[event.service] = event.detail or event.kind
            if event.kind != "waiting":
                self._kinds[event.service] = READY if event.kind == "ready" else STARTED

    def waits(self) -> str:
        """Say of each service that is not ready what it last answered or waits for."""
        rows = self._details.items()
        return "; ".join(f"{name}: {detail}" for name, detail in rows if not self._ready(name))

    def summary(self) -> str:
        """Say who is ready, who has only started, and who has not."""
        groups = (
            (kind, [name for name, found in self._kinds.items() if found == kind])
            for kind in (READY, STARTED, NOT_STARTED)
        )
        return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in groups if names)

    def _ready(self, name: str) -> bool:
        return self._kinds[name] == READY

"""What is told while services start, and how far each has come."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Any, assert_never

from scripts.config.settings import Settings
from scripts.core.errors import ExitCode, OverdueError, StackError
from scripts.core.finding import Finding, Verdict
from scripts.core.stack import MEMOS, Stack
from scripts.start.events import Ending, Event, EventKind, exit_code
from scripts.tell.report import Report
from scripts.tell.screen import joined

MARKS = {
    EventKind.STARTED: ("·", "cyan"),
    EventKind.READY: ("✓", "green"),
    EventKind.LOST: ("!", "red"),
    EventKind.WAITING: ("·", "dim"),
}
"""Before live lines, with their colours; findings and the result are told at the end."""
LATE = "inv up --timeout 600, or: inv logs"


class StartReport(Report):
    """Tells what happens while services start, what was wrong before, and how it ended."""

    def follow(
        self, names: Sequence[str], events: Iterable[Event], *, last: bool = True, late: str = LATE
    ) -> ExitCode:
        """Tell what happens while services start; give the exit code of the result.

        Where another start comes after this one, that all is ready is not the `last` line. `late`
        is the next step when time is up.
        Ctrl-C is passed on, after saying how far all has come.
        """
        course = Course(names)
        try:
            with self.board(names):
                for event in events:
                    if last or event.verdict is not Verdict.READY:
                        self._happened(event)
                    course.note(event)
        except KeyboardInterrupt:
            self.say(f"what was started goes on running; {course.summary()}")
            raise
        for line in course.news:
            self.say(line)
        for finding in course.findings:
            self.finding(finding)
        if course.verdict is Verdict.STARTING:
            self.error(OverdueError(f"time is up: {course.waits()}", next_step=late))
        return exit_code(course.verdict)

    def _happened(self, event: Event) -> None:
        if self.form == "json":
            self.json_line(self.origins.document(event_document(event)))
        if event.kind not in MARKS:
            return
        if self._live:
            text = f"{event.kind:<8}{event.seconds:6.1f} s  {event.detail}"
            self.step(event.service, joined(MARKS[event.kind], " ", text))
        elif event.kind is not EventKind.WAITING:
            line = f"{event.seconds:6.1f} s  {event.service:<9} {event.kind:<8} {event.detail}"
            self._plain(line.rstrip())

    def preflight(self, findings: Sequence[Finding]) -> ExitCode:
        """Tell what was found before any container was touched; BROKEN when it cannot go on."""
        fatal = any(finding.fatal for finding in findings)
        for finding in findings:
            self.finding(finding)
            self._happened(
                Event(kind=EventKind.FINDING, seconds=0.0, service=finding.service, finding=finding)
            )
        if fatal:
            self._happened(Event(kind=EventKind.RESULT, seconds=0.0, verdict=Verdict.BROKEN))
        return ExitCode.BROKEN if fatal else ExitCode.OK

    def refused(self, error: StackError) -> None:
        """Write the last line of `--format json` when an error ended the command."""
        step = self.origins.step(error.next_step)
        why = {"code": error.code, "detail": str(error), "next_step": step}
        self._ended(Ending.REFUSED, error.exit_code, why)

    def interrupted(self) -> None:
        """Write the last line of `--format json` when Ctrl-C ended the command."""
        self._ended(Ending.INTERRUPTED, ExitCode.INTERRUPTED, {"next_step": "inv ps"})

    def _ended(self, ending: Ending, code: ExitCode, more: Mapping[str, str]) -> None:
        if self.form == "json":
            line = {"event": EventKind.RESULT, "seconds": 0.0, "verdict": ending}
            self.json_line({**line, "exit_code": int(code), **more})

    def ready(self, stack: Stack, names: Sequence[str], settings: Settings) -> None:
        """Write the addresses to open, once all is ready; which MemOS runs, and what does not."""
        if self.form == "json":
            return
        for name in names:
            for link in stack.service(name).links:
                self.text(f"{name:<9} {link.label:<17} {link.url}")
            if address := stack.service(name).elsewhere:
                self.say(f"{name} runs elsewhere, at {address}; its data is not this stack's")
        if MEMOS not in names:
            return
        self.say(f"this is {settings.memos.described}")
        if settings.debugger:
            self.say(f"a debugger attaches to {settings.debugger} (docs/debugger.md)")
        if (why := settings.choice.without) and "milvus" not in names:
            self.say(
                f"Milvus was not started: {why}; "
                + self.origins.step("WITH_MILVUS=yes in .env, or inv up --service attu starts it")
            )
        if settings.local_embedder:
            self.say(
                f"embeddings: the local model {settings.get('MOS_EMBEDDER_MODEL')} answers"
                f" ({settings.dimension} numbers); "
                + self.origins.step("MOS_EMBEDDER_API_BASE in .env names your own")
            )
        if chats := settings.stand_in_chats:
            self.say(
                "chat: a stand-in keeps what is said as it was said, by rules, and refuses what"
                " needs a model; "
                + self.origins.step(f"{' and '.join(chats)} in .env name your own")
            )


def event_document(event: Event) -> dict[str, Any]:
    """Return an event as `schemas/event.schema.json` promises it."""
    document: dict[str, Any] = {"event": event.kind, "seconds": round(event.seconds, 3)}
    if event.service:
        document["service"] = event.service
    if event.detail:
        document["detail"] = event.detail
    if event.finding is not None:
        document["finding"] = asdict(event.finding)
    if event.verdict is not None:
        code = exit_code(event.verdict)
        document |= {"verdict": event.verdict.value, "exit_code": int(code)}
    return document


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
        self.news: list[str] = []
        self.verdict = Verdict.STARTING

    def note(self, event: Event) -> None:
        """Take in one event."""
        match event.kind:
            case EventKind.RESULT:
                self.verdict = event.verdict or self.verdict
            case EventKind.MENDED | EventKind.RELOAD:
                self.news.append(event.detail)
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

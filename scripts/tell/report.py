"""The only place that formats: results go to stdout, progress and errors to stderr."""

import json
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from scripts.core.errors import ConfigError, DeclinedError, ExitCode, OverdueError, StackError
from scripts.core.finding import Finding, Verdict
from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.core.stack import Stack
from scripts.images.bundle.bundle_file import Manifest
from scripts.start.events import Ending, Event, EventKind, exit_code
from scripts.tell import displays
from scripts.tell import rows as cells
from scripts.tell.boards import Board
from scripts.tell.course import Course
from scripts.tell.rows import IMAGE_COLUMNS, engine_rows, event_document, image_row
from scripts.watch.log_lines import LogLine

MARKS = {
    EventKind.STARTED: ("·", "cyan"),
    EventKind.READY: ("✓", "green"),
    EventKind.LOST: ("!", "red"),
    EventKind.WAITING: ("·", "dim"),
}
"""Before live lines, with their colours; findings and the result are told at the end."""
PIPE_WIDTH = 240
"""Columns where there is no terminal: a line stays a line for grep."""


class Report(Board):
    """Tells the user. Colour and live lines only on a terminal; `NO_COLOR` holds (rich does it)."""

    def __init__(self, *, form: str = "text") -> None:
        """Write text for people, or with `form` json JSON alone to stdout."""
        super().__init__()
        self.form = form
        self.out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)

    # starting -------------------------------------------------------------------------------

    def follow(
        self, names: Sequence[str], events: Iterable[Event], *, last: bool = True
    ) -> ExitCode:
        """Tell what happens while services start; give the exit code of the result.

        Where another start comes after this one, that all is ready is not the `last` line.
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
        for finding in course.findings:
            self.finding(finding)
        if course.verdict is Verdict.STARTING:
            late = f"time is up: {course.waits()}"
            self.error(OverdueError(late, next_step="inv up --timeout 600, or: inv logs"))
        return exit_code(course.verdict)

    def _happened(self, event: Event) -> None:
        if self.form == "json":
            self.json_line(event_document(event))
        if event.kind not in MARKS:
            return
        if self._live is not None:
            text = f"{event.kind:<8}{event.seconds:6.1f} s  {event.detail}"
            self.step(event.service, Text.assemble(MARKS[event.kind], " ", text))
        elif event.kind is not EventKind.WAITING:
            line = f"{event.seconds:6.1f} s  {event.service:<9} {event.kind:<8} {event.detail}"
            self.err.print(Text(line.rstrip()), soft_wrap=True)

    def preflight(self, findings: Sequence[Finding]) -> ExitCode:
        """Tell what was found before any container was touched; BROKEN when it cannot go on."""
        fatal = any(finding.fatal for finding in findings)
        if self.form == "json":
            for one in findings:
                event = Event(kind=EventKind.FINDING, seconds=0.0, service=one.service, finding=one)
                self.json_line(event_document(event))
            if fatal:
                result = Event(kind=EventKind.RESULT, seconds=0.0, verdict=Verdict.BROKEN)
                self.json_line(event_document(result))
        for one in findings:
            self.finding(one)
        return ExitCode.BROKEN if fatal else ExitCode.OK

    def refused(self, error: StackError) -> None:
        """Write the last line of `--format json` when an error ended the command."""
        why = {"code": error.code, "detail": str(error), "next_step": error.next_step}
        self._ended(Ending.REFUSED, error.exit_code, why)

    def interrupted(self) -> None:
        """Write the last line of `--format json` when Ctrl-C ended the command."""
        self._ended(Ending.INTERRUPTED, ExitCode.INTERRUPTED, {"next_step": "inv ps"})

    def _ended(self, ending: Ending, code: ExitCode, more: Mapping[str, str]) -> None:
        if self.form == "json":
            line = {"event": EventKind.RESULT, "seconds": 0.0, "verdict": ending}
            self.json_line({**line, "exit_code": int(code), **more})

    def ready(self, stack: Stack, names: Sequence[str], *, local_embedder: bool) -> None:
        """Write the addresses to open, once all is ready."""
        if self.form == "json":
            return
        for name in names:
            for link in stack.service(name).links:
                self.text(f"{name:<9} {link.label:<17} {link.url}")
        if local_embedder and "memos" in names:
            self.say(
                "embeddings: the small local model answers (384 numbers);"
                " MOS_EMBEDDER_API_BASE in .env names your own"
            )

    # results --------------------------------------------------------------------------------

    def json_line(self, document: object) -> None:
        """Write one JSON document as one line."""
        self.text(json.dumps(document, ensure_ascii=False))

    def text(self, text: str) -> None:
        """Write plain text to stdout as it is."""
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table; on a narrow terminal cells wrap, in a pipe they do not."""
        self.out.print(displays.table(columns, rows))

    def status(self, document: Mapping[str, Any]) -> None:
        """Write what `inv ps` shows, and under it what is wrong."""
        if self.form == "json":
            self.json_line(document)
            return
        for drawn in displays.status(document, self.out.width, time.time()):
            # a line that is too long is not broken: it may be copied
            self.out.print(drawn, soft_wrap=isinstance(drawn, Text))

    def stacks(self, document: Mapping[str, Any]) -> None:
        """Write what `inv ps --all` shows."""
        if self.form == "json":
            self.json_line(document)
            return
        for drawn in displays.stacks(document):
            self.out.print(drawn, soft_wrap=isinstance(drawn, Text))

    def require_terminal(self, flag: str) -> None:
        """Refuse a flag that needs somebody who looks; raises ConfigError where nobody does."""
        if self.form == "json" or not self.out.is_terminal:
            raise ConfigError(
                f"--{flag} draws on a terminal, and stdout is none, or --format json was given",
                next_step="inv ps --format json, as often as you like",
            )

    def watch(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Draw each document over the one before, in one go, until there are no more."""
        with Live(console=self.out, auto_refresh=False) as live:
            for one in documents:
                drawn = displays.status(one, self.out.width, time.time())
                live.update(Group(*drawn), refresh=True)

    def logs(self, names: Sequence[str], lines: Iterable[LogLine]) -> None:
        """Write lines of logs behind the names of their services, a colour each on a terminal."""
        width = max(map(len, names), default=0)
        for line in lines:
            drawn = displays.log_line(line, names, width)
            if self.out.is_terminal:
                self.out.print(drawn, soft_wrap=True)
            else:
                self.text(drawn.plain)

    def doctor(self, document: Mapping[str, Any]) -> None:
        """Write what a checkup found: what is wrong first, then what is fine."""
        if self.form == "json":
            self.json_line(document)
            return
        for one in document["findings"]:
            self.finding(Finding(**one), to=self.out)
        self.text(cells.doctor_lines(document))

    def second_env(self, file: Path, changed: Mapping[str, str], exported: Sequence[str]) -> None:
        """Write what differs in a second stack's settings, and how it is started."""
        self.table(("variable", "value"), changed.items())
        self.say(f"wrote {file}; next: ENV_FILE={shlex.quote(str(file))} inv up")
        if exported:
            names = " ".join(exported)
            self.say(f"the environment sets {names}, which beats the file: unset {names}")

    def bundle(self, file: Path, made: Manifest) -> None:
        """Write what a bundle holds, and how it is used."""
        self.table(("bundle", ""), cells.bundle_rows(file, made))
        self.say(f"on a machine without network: ./dev --bundle {shlex.quote(file.name)} inv up")

    def images(self, statuses: Sequence[ImageStatus]) -> None:
        """Write which images are here, and what the stand-ins stand for."""
        self.table(IMAGE_COLUMNS, (image_row(one) for one in statuses))
        for one in statuses:
            if one.contains == "stand-in":
                self.say(f"{one.service}: {one.description}")

    def engine(self, status: EngineStatus) -> None:
        """Write which engine is used, and how the private one is."""
        self.table(("engine", ""), engine_rows(status))
        for problem in status.problems:
            self.say(problem)

    def finding(self, finding: Finding, *, to: Console | None = None) -> None:
        """Tell a finding: cause, evidence, next step; on stdout where it is the result."""
        for line in displays.finding(finding):
            (to or self.err).print(line, soft_wrap=True)

    def error(self, error: StackError) -> None:
        """Tell an error and the next step; to say no is none."""
        no = isinstance(error, DeclinedError)
        text = Text(str(error)) if no else Text(f"error: {error}", style="bold red")
        self.err.print(text, soft_wrap=True)
        self.err.print(Text(f"next: {error.next_step}"), soft_wrap=True)

    def confirm(self, question: str, names: Sequence[str], *, yes: bool) -> None:
        """List what will be deleted and ask once; raises DeclinedError unless the answer is yes."""
        for name in names:
            self.err.print(Text(f"  {name}"), soft_wrap=True)
        if yes:
            return
        if not sys.stdin.isatty():
            raise DeclinedError(
                f"{question} Nobody is there to answer; nothing was changed",
                next_step="the same command with --yes, if you mean it",
            )
        self.err.print(Text(f"{question} [y/N] "), end="")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise DeclinedError("nothing was changed", next_step="answer y, or add --yes")

"""The only place that formats: results go to stdout, progress and errors to stderr."""

import json
import shlex
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.core.errors import ConfigError, DeclinedError, StackError
from scripts.core.finding import Finding
from scripts.core.inventory import EngineStatus, ImageStatus
from scripts.core.texts import escaped, shown
from scripts.tell import views
from scripts.tell.board import Board
from scripts.tell.origins import Origins
from scripts.tell.screen import Drawn, Screen, line
from scripts.watch.log_lines import LogLine
from scripts.watch.smoke.stage import Stage

if TYPE_CHECKING:
    from scripts.images.bundle.bundle_file import Manifest


class Report(Board):
    """Tells the user; live lines only on a terminal."""

    def __init__(self, *, form: str = "text", origins: Origins | None = None) -> None:
        """Write text for people, or with `form` json JSON alone to stdout."""
        super().__init__()
        self.form = form
        self.origins = origins or Origins()
        self.out = Screen()

    def json_line(self, document: object) -> None:
        """Write one JSON document as one line."""
        self.text(escaped(json.dumps(document, ensure_ascii=False)))

    def text(self, text: str) -> None:
        """Write plain text of one line or several to stdout; no terminal obeys it."""
        text = shown(text)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
        sys.stdout.flush()

    def result(self, document: object, drawn: Iterable[Drawn]) -> None:
        """Write a result: for programs the document alone, for people what is drawn of it."""
        if self.form == "json":
            self.json_line(document)
            return
        for part in drawn:
            self.out.print(part)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write a table; on a narrow terminal cells wrap, in a pipe they do not."""
        self.out.print(views.table(columns, rows))

    def status(self, document: Mapping[str, Any]) -> None:
        """Write what `inv ps` shows, and under it what is wrong."""
        document = self.origins.document(document)
        self.result(document, views.status(document, self.out.width, time.time()))

    def stacks(self, document: Mapping[str, Any]) -> None:
        """Write what `inv ps --all` shows."""
        self.result(document, views.stacks(document))

    def nothing_stopped(self, project: str, document: Mapping[str, Any]) -> None:
        """Tell that a project has no containers, and which stacks there are."""
        rows = [views.stack_lines(row) for row in document["stacks"]]
        here = "; these stacks are on the engine:" if rows else ", nor is another stack here"
        self.say(f"nothing was stopped: the project {project!r} has no container{here}")
        for main, rest in rows:
            self._plain(f"{main} ({rest[0]})")

    def require_terminal(self, flag: str) -> None:
        """Refuse a flag that needs somebody who looks; raises ConfigError where nobody does."""
        if self.form == "json" or not self.out.is_terminal:
            raise ConfigError(
                f"--{flag} draws on a terminal, and stdout is none, or --format json was given",
                next_step="inv ps --format json, as often as you like",
            )

    def watch(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Draw each document over the one before, in one go, until there are no more."""
        with self.out.picture() as draw:
            for document in map(self.origins.document, documents):
                draw(views.status(document, self.out.width, time.time()))

    def logs(self, names: Sequence[str], lines: Iterable[LogLine]) -> None:
        """Write lines of logs behind the names of their services, a colour each on a terminal."""
        width = max(map(len, names), default=0)
        for one in lines:
            self.out.print(views.log_line(one, names, width))
            if self.out.unheard:
                break

    def reload(self, document: Mapping[str, Any]) -> None:
        """Write what became of a version of the code, in one line, and why it is no good."""
        document = self.origins.document(document)
        if self.form == "json":
            self.json_line(document)
            return
        if said := views.version(document):
            self.text(said)
        if document["finding"] is not None:
            # what the line says needs no evidence
            _, found, more = document["finding"]["evidence"].partition(said or "\0")
            known = {"evidence": more.lstrip("; ")} if found else {}
            for part in views.finding(Finding(**{**document["finding"], **known})):
                self.err.print(part)

    def version(self, document: Mapping[str, Any]) -> None:
        """Write how a version of the code came to answer, or why it did not."""
        from scripts.tell import drawing

        document = self.origins.document(document)
        self.result(document, map(line, drawing.version(document, self.out.width)))

    def memories(self, document: Mapping[str, Any], findings: Sequence[Finding]) -> None:
        """Write what MemOS keeps, and under it what lacks its other half."""
        from scripts.tell.numbers import memories

        self.result(document, memories.memories(document, findings, self.out.width))

    def metrics(self, document: Mapping[str, Any]) -> None:
        """Write what the API and the models tell of themselves."""
        from scripts.tell.numbers import metrics

        silent = [{**one, "next": self.origins.step(one["next"])} for one in document["silent"]]
        told = {**document, "silent": silent}
        self.result(told, metrics.metrics(told))

    def console(self, document: Mapping[str, Any]) -> None:
        """Write what a store has answered."""
        from scripts.tell import console

        self.result(document, console.answer(document, self.out.width))

    def doctor(self, document: Mapping[str, Any]) -> None:
        """Write what a checkup found: what is wrong first, then what is fine."""
        document = self.origins.document(document)
        self.result(document, views.checkup(document))

    def stage(self, stage: Stage) -> None:
        """Write a stage of `inv smoke` as it ends; JSON has them all at the end."""
        if self.form != "json":
            self.text(views.stage(stage))

    def smoke(self, document: Mapping[str, Any]) -> None:
        """Write what the API said while it was tried, and why a stage failed."""
        document = self.origins.document(document)
        if self.form == "json":
            self.json_line(document)
        for part in views.smoke(document):
            self.err.print(part)

    def second_env(self, file: Path, changed: Mapping[str, str], exported: Sequence[str]) -> None:
        """Write what differs in a second stack's settings, and how it is started."""
        self.table(("variable", "value"), changed.items())
        self.say(f"wrote {file}; next: ENV_FILE={shlex.quote(str(file))} inv up")
        if exported:
            names = " ".join(exported)
            self.say(f"the environment sets {names}, which beats the file: unset {names}")

    def bundle(self, file: Path, made: "Manifest") -> None:
        """Write what a bundle holds, and how it is used."""
        self.table(("bundle", ""), views.bundle_rows(file, made))
        self.say("who loads it runs its programs: hand the fingerprint on by another way")
        self.say(f"on a machine without network: ./dev --bundle {shlex.quote(file.name)} inv up")

    def images(self, statuses: Sequence[ImageStatus]) -> None:
        """Write which images are here, and what the stand-ins stand for."""
        self.table(views.IMAGE_COLUMNS, map(views.image_row, statuses))
        for image in statuses:
            if "stand-in" in image.contains:
                self.say(f"{image.service}: {image.description}")

    def engine(self, status: EngineStatus) -> None:
        """Write which engine is used, and how the private one is."""
        self.table(("engine", ""), views.engine_rows(status))
        for problem in status.problems:
            self.say(problem)

    def remote(self, document: Mapping[str, Any]) -> None:
        """Write how the links to engines on other machines are, a table each."""
        now = time.time()
        rows = (views.remote_rows(one, now) for one in (document, *document["others"]))
        self.result(document, [views.table(("link", ""), one) for one in rows])

    def finding(self, finding: Finding) -> None:
        """Tell a finding: cause, evidence, next step."""
        for part in views.finding(self.origins.finding(finding)):
            self.err.print(part)

    def error(self, error: StackError) -> None:
        """Tell an error and the next step; to say no is none."""
        no = isinstance(error, DeclinedError)
        self.err.print(line(str(error)) if no else line(f"error: {error}", "bold red"))
        self._plain(f"next: {self.origins.step(error.next_step)}")

    def confirm(
        self,
        question: str,
        names: Sequence[str],
        *,
        yes: bool,
        otherwise: str = "the same command with --yes, if you mean it",
    ) -> None:
        """List what will be deleted and ask once; raises DeclinedError unless the answer is yes.

        `otherwise` is the next step where nobody can answer.
        """
        for name in names:
            self._plain(f"  {name}")
        if yes:
            return
        if not sys.stdin.isatty():
            raise DeclinedError(
                f"{question} Nobody is there to answer; nothing was changed",
                next_step=otherwise,
            )
        self.err.print(line(f"{question} [y/N] "), end="")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise DeclinedError("nothing was changed", next_step="the same command, and answer y")

"""What the API writes while it is tried: a failure answers 200, and stands in its log alone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scripts.core.errors import StackError
from scripts.core.finding import Finding, fatal
from scripts.core.look import Container, Look
from scripts.core.stack import Service
from scripts.core.texts import masked
from scripts.diagnosis.causes import calls
from scripts.diagnosis.evidence import HIDDEN
from scripts.diagnosis.evidence import masked as without_logins
from scripts.diagnosis.failure import Failure
from scripts.engine.api import Api
from scripts.watch import inside
from scripts.watch.inside import Wanted
from scripts.watch.log_lines import level

LINES = 5000
"""Lines that are read at most, from the end; a search writes some 20, an error up to 100."""
SHOWN = 5
"""Different errors that are shown at most, the last ones."""
WIDTH = 200
"""Characters of each."""
_HEAD = re.compile(r"^[0-9a-z-]+ \| path=\S+ \| ")
"""The id of a request, and its path: each has its own."""
_CHANGING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
"""Ids and numbers, by which lines that say the same differ."""
_ANSWER = re.compile(r": [\[{\"].*$", re.DOTALL)
"""What a failure quotes of an answer."""
UNKNOWN = "smoke-failed"
"""The code of a failure whose cause no log tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A line of the API's log, and how often it came."""

    line: str
    times: int


@dataclass(slots=True, kw_only=True)
class ApiLog:
    """The log of one container from now on, by the engine's clock and not by ours."""

    api: Api
    service: Service
    container: Container | None
    secrets: Iterable[str] = ()
    """Values that are never shown."""
    began: int = 0
    """The moment of the last line before, nanoseconds since 1970."""

    def begin(self) -> None:
        """Take no notice of what was written until now."""
        self.began = max((at for at, _ in self._read(tail=1)), default=0)

    def lines(self) -> tuple[str, ...]:
        """Return what was written since `begin`; nothing where the engine does not say."""
        return tuple(text for _, text in self._read(tail=LINES, since=self.began + 1))

    def errors(self) -> tuple[Said, ...]:
        """Return the errors among it, each once, without secrets."""
        counts: dict[str, Said] = {}
        for text in self.lines():
            if level(text) == "error":
                line = self._shown(_HEAD.sub("", text))
                key = _CHANGING.sub("", line)
                times = counts[key].times + 1 if key in counts else 1
                counts[key] = Said(line=line, times=times)
        return tuple(counts.values())[-SHOWN:]

    def explained(self, error: StackError) -> Finding:
        """Return a failure as a finding, with the cause and the next step that the log tells."""
        text = self._shown(str(error), 2 * WIDTH)
        cause = self._cause()
        if cause is None:
            errors = self.errors()
            evidence = errors[-1].line if errors else ""
            code = UNKNOWN if error.code == error.kind else error.code
            return fatal(code, text, error.next_step, evidence=evidence)
        # what was answered says less than the log
        what = _ANSWER.sub("", text)
        evidence = self._shown(_HEAD.sub("", cause.evidence))
        return fatal(
            cause.code, f"{what}: {self._shown(cause.cause)}", cause.next_step, evidence=evidence
        )

    def _cause(self) -> Finding | None:
        if self.container is None:
            return None
        look = Look(containers=(self.container,), logs={self.service.name: self.lines()})
        return calls.explained(Failure.of(self.service, self.container, look))

    def _shown(self, text: str, width: int = WIDTH) -> str:
        """Return a text without secrets, and cut: what a cut leaves of one is no secret."""
        hidden = without_logins(masked(text, self.secrets, HIDDEN), self.service)
        return hidden if len(hidden) <= width else hidden[: width - 1] + "…"

    def _read(self, *, tail: int, since: int = 0) -> list[tuple[int, str]]:
        if self.container is None:
            return []
        wanted = Wanted(tail=tail, since=since)
        return inside.log(self.api, self.container, wanted, moments=True)

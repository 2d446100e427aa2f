"""Where a value comes from, put into what is told: findings and next steps know only its name."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from scripts.config.settings import Settings
from scripts.core.errors import StackError
from scripts.core.files import Json
from scripts.core.finding import Finding

_FILE = re.compile(r"(?<![\w./-])\.env(?![\w.-])")
_COMMAND = re.compile(r"(?P<own>ENV_FILE=\S+ |\./dev )?(?<![\w./-])inv (?=[a-z])")
_NAME = re.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b(?! \()")


class Origins:
    """Puts the file in use, and the line of a variable in it, into a text."""

    def __init__(self, load: Callable[[], Settings | None] = lambda: None, named: str = "") -> None:
        """Take what loads the settings, once, when they are asked for; and what ENV_FILE says."""
        self._load, self._named = load, named

    @cached_property
    def _settings(self) -> Settings | None:
        try:
            return self._load()
        except (StackError, OSError):  # what is told is another error
            return None

    def step(self, text: str) -> str:
        """Return a next step that edits the file in use, and whose commands use it."""
        if not self._named:
            return text
        named = shlex.quote(self._named)
        text = _FILE.sub(lambda _: named, text)
        return _COMMAND.sub(lambda one: one[0] if one["own"] else f"ENV_FILE={named} inv ", text)

    def cause(self, text: str) -> str:
        """Return a cause with the origin of each variable that it names."""
        settings = self._settings if _NAME.search(text) else None
        if settings is None:
            return text

        def placed(match: re.Match[str]) -> str:
            origin = settings.origin(match[0]) if match[0] in settings.defaults else ""
            return f"{match[0]} ({origin})" if origin and origin not in text else match[0]

        return _NAME.sub(placed, text)

    def finding(self, finding: Finding) -> Finding:
        """Return a finding with both."""
        return replace(
            finding, cause=self.cause(finding.cause), next_step=self.step(finding.next_step)
        )

    def document(self, document: Json) -> Json:
        """Return a document with both in each finding in it."""
        match document:
            case {"cause": str(cause), "next_step": str(step), **rest}:
                return {**rest, "cause": self.cause(cause), "next_step": self.step(step)}
            case dict():
                return {key: self.document(value) for key, value in document.items()}
            case list():
                return [self.document(value) for value in document]
            case _:
                return document

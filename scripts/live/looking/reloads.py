"""How the API takes edits, asked no oftener than it may have changed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.live.looking.paces import Paces
from scripts.watch.on_host import SERVICE
from scripts.watch.reload import asking, findings, state

EVERY = 2.0
"""Seconds between two readings of what the supervisor says: no event tells of an edit."""
SOURCE = 30.0
"""Seconds between two looks at the checkout itself, which cost more: its commit, its edits."""


class Reloads:
    """What the supervisor of the API says, and what that means."""

    def __init__(self, space: Workspace, paces: Paces) -> None:
        """Ask where the settings have edits taken."""
        self._space, self._paces = space, paces
        self._on = space.settings.reloads
        self._text = b""
        self._row: Mapping[str, object] | None = None
        self._advice: tuple[Finding, ...] = ()
        self.runs: list[dict[str, Any]] = []
        """As schemas/reload.schema.json has them, the newest first."""

    def added(self, look: Look) -> Look:
        """Return the look with how edits are taken; EngineError where the engine is silent."""
        asked = asking.supervisor(self._space, look) if self._on else None
        if asked is None:
            return look
        if self._paces.due("reload", EVERY):
            text = asked.text()
            if self._paces.due("source", SOURCE) or text != self._text:
                self._text = text
                self._read(asked.state())
        if self._row is None:
            return look
        return replace(
            look,
            reload={**look.reload, SERVICE: self._row},
            advice=(*look.advice, *self._advice),
        )

    def _read(self, found: state.State | None) -> None:
        if found is None:
            self._row, self._advice = None, ()
            return
        settings, runner = self._space.settings, self._space.compose.runner
        self._row = asking.row(found, settings.memos_src, runner)
        self._advice = tuple(findings.standing(found))
        self.runs = [state.document(run) for run in reversed(found.runs)]

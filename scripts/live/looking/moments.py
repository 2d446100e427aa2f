"""Pure: since when things are so, as far as whoever watches has seen them become so."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from scripts.core.finding import Finding
from scripts.core.look import Look
from scripts.core.stack import Stack
from scripts.diagnosis.readiness import answers


class Moments:
    """Remembers what was seen to become so, and when; moments are RFC 3339."""

    def __init__(self, findings: Mapping[tuple[str, str], str] | None = None) -> None:
        """Nothing was seen yet but these findings, by service and code, with since when."""
        self._findings = dict(findings or {})
        self._runs: dict[tuple[str, str], str | None] = {}
        """Runs of containers, by id and start: since when ready; empty where it always was."""

    def of_findings(self, findings: Iterable[Finding], now: str) -> dict[tuple[str, str], str]:
        """Return since when each of these stands, by its service and code."""
        keys = ((one.service, one.code) for one in findings)
        self._findings = {key: self._findings.get(key, now) for key in keys}
        return self._findings

    def of_ready(self, stack: Stack, look: Look, now: str) -> Look:
        """Return the look with since when services are ready, also of those no start waited for."""
        runs: dict[tuple[str, str], str | None] = {}
        found: dict[str, str] = {}
        for service in stack.services:
            container = look.container(service.name)
            if container is None:
                continue
            run = (container.id, container.started_at)
            ready, known = answers(service, look), self._runs.get(run, "")
            if not ready:
                runs[run] = None  # it was seen not to be
                continue
            runs[run] = now if known is None else known
            if moment := look.ready_since.get(service.name) or runs[run]:
                found[service.name] = moment
        self._runs = runs
        return replace(look, ready_since=found)

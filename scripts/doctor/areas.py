"""The areas of a checkup, each with its rules, and the document that they make."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from scripts.core.errors import ExitCode
from scripts.core.finding import Finding
from scripts.doctor import details, rules
from scripts.doctor.facts import Facts

Rule = Callable[[Facts], Iterator[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """One part of the checkup: its rules, and one line about it, empty when it is not known."""

    name: str
    rules: tuple[Rule, ...]
    detail: Callable[[Facts], str]

    def findings(self, facts: Facts) -> list[Finding]:
        """Ask all its rules."""
        return [finding for rule in self.rules for finding in rule(facts)]


AREAS = (
    Area(name="settings", rules=(rules.env_file,), detail=details.settings),
    Area(
        name="engine",
        rules=(rules.engine_answers, rules.limits, rules.known_bugs, rules.neighbours),
        detail=details.engine,
    ),
    Area(name="compose", rules=(rules.compose_file,), detail=details.compose),
    Area(name="machine", rules=(rules.machine, rules.nodes), detail=details.machine),
    Area(name="ports", rules=(rules.ports,), detail=details.ports),
    Area(name="names", rules=(rules.names,), detail=details.names),
    Area(
        name="images",
        rules=(rules.images_absent, rules.architecture, rules.packages),
        detail=details.images,
    ),
    Area(
        name="services",
        rules=(rules.sick_services, rules.unready_services, rules.elsewhere, rules.debugger),
        detail=details.services,
    ),
    Area(name="logins", rules=(rules.authorization,), detail=details.logins),
    Area(name="data", rules=(rules.data_state,), detail=details.data),
    Area(name="memories", rules=(rules.memories, rules.room_for_vectors), detail=details.memories),
    Area(
        name="models", rules=(rules.model_endpoints, rules.chat_model_needed), detail=details.models
    ),
    Area(name="proxies", rules=(rules.proxies,), detail=details.proxies),
)


def document(facts: Facts) -> dict[str, Any]:
    """Return what `inv doctor --format json` prints (schemas/doctor.schema.json)."""
    judged = [(area, area.findings(facts)) for area in AREAS]
    rows = [_row(area, findings, facts) for area, findings in judged]
    findings = [finding for _, of_area in judged for finding in of_area]
    broken = any(finding.fatal for finding in findings)
    return {
        "exit_code": int(ExitCode.BROKEN if broken else ExitCode.OK),
        "areas": rows,
        "findings": [
            asdict(finding) | {"victims": list(finding.victims)}
            for finding in sorted(findings, key=lambda finding: not finding.fatal)
        ],
    }


def _row(area: Area, findings: list[Finding], facts: Facts) -> dict[str, str]:
    detail, why = area.detail(facts), facts.unknown.get(area.name, "")
    if findings:
        state = "fatal" if any(finding.fatal for finding in findings) else "advice"
    else:
        state = "unknown" if why or not detail else "ok"
    parts = (detail, f"not known: {why}" if why else "")
    return {
        "area": area.name,
        "state": state,
        "detail": "; ".join(part for part in parts if part) or "not known",
    }

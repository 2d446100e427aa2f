"""Pure: a report (schemas/report.schema.json) as one HTML page that needs nothing else."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from scripts.start.history import timeline
from scripts.tell.page import STYLE, escape, table
from scripts.tell.page import timeline as drawn_start

TEMPLATE = Path(__file__).with_suffix(".html")
Document = Mapping[str, Any]
STATES = {"fatal": "✗", "advice": "!", "ok": "✓", "unknown": "?"}
SERVICE = ("service", "state", "ready", "answer", "restarts", "version", "image")
KIND = ("cube", "memories", "vectors", "without vector", "without memory", "preferences")


def page(document: Document) -> str:
    """Return the page."""
    parts = "\n".join(
        f"<h2>{title}</h2>\n{drawn}"
        for title, draw in PARTS.items()
        if (drawn := "\n".join(draw(document)))
    )
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8"),
        project=escape(document["project"]),
        moment=escape(document["at"]),
        parts=parts,
    )


def _wrong(document: Document) -> Iterator[str]:
    findings = document["checkup"]["findings"]
    if not findings:
        yield "<p>Nothing was found to be wrong.</p>"
    for one in findings:
        mark = STATES["fatal" if one["fatal"] else "advice"]
        who = f"{one['service']}: " if one["service"] else ""
        yield f'<p class="finding"><b>{mark} {escape(who + one["cause"])}</b></p>'
        if one["evidence"]:
            yield _pre(one["evidence"])
        yield f"<p>next: <code>{escape(one['next_step'])}</code></p>"


def _unknown(document: Document) -> Iterator[str]:
    for what, why in document["unknown"].items():
        yield f"<p>{escape(what)}: {escape(why)}</p>"


def _services(document: Document) -> Iterator[str]:
    rows = [
        (
            one["service"],
            f"{one['state']} {one['health']}".rstrip(),
            one["ready_since"] or ("yes" if one["ready"] else "no"),
            one["answer"],
            str(one["restarts"]),
            one["version"],
            f"{one['image']} ({one['contains']})",
        )
        for one in document["services"]
    ]
    if rows:
        yield table(SERVICE, rows)


def _checkup(document: Document) -> Iterator[str]:
    areas = document["checkup"]["areas"]
    rows = [(f"{STATES[one['state']]} {one['area']}", one["detail"]) for one in areas]
    yield table(("area", "what is known"), rows)


def _versions(document: Document) -> Iterator[str]:
    yield table(("what", "version"), document["versions"].items())


def _starts(document: Document) -> Iterator[str]:
    for one in document["starts"]:
        yield drawn_start(timeline.parsed(dict(one)), level=3)


def _memories(document: Document) -> Iterator[str]:
    if (found := document["memories"]) is not None:
        yield table(KIND, [_cube(one) for one in (*found["cubes"], {**found, "cube": "all"})])


def _cube(one: Document) -> tuple[str, ...]:
    counts = ("nodes", "vectors", "nodes_without_vector", "vectors_without_node", "preferences")
    return (one["cube"], *("-" if one[name] is None else f"{one[name]:,}" for name in counts))


def _past(document: Document) -> Iterator[str]:
    rows = [
        tuple(str(one.get(name, "")) for name in ("at", "until", "kind", "service", "text"))
        for one in document["past"]
    ]
    if rows:
        yield table(("at", "until", "kind", "service", "what"), rows)


def _settings(document: Document) -> Iterator[str]:
    rows = [(one["variable"], one["value"], one["origin"]) for one in document["settings"]]
    yield table(("variable", "value", "from"), rows)


def _logs(document: Document) -> Iterator[str]:
    for log in document["logs"]:
        name, lines = escape(log["service"]), log["lines"]
        text = "\n".join(f"{one['at']} {one['text']}" for one in lines)
        yield f"<details><summary>{name}: {len(lines)} lines</summary>{_pre(text)}</details>"


def _pre(text: str) -> str:
    lines = "\n".join(map(escape, text.splitlines()))
    return f'<pre tabindex="0">{lines}</pre>'


PARTS: Mapping[str, Callable[[Document], Iterator[str]]] = {
    "What is wrong": _wrong,
    "What could not be asked": _unknown,
    "Services": _services,
    "Checkup": _checkup,
    "Versions": _versions,
    "Last starts": _starts,
    "What MemOS keeps": _memories,
    "The last 24 hours": _past,
    "Settings": _settings,
    "Logs": _logs,
}
"""The parts of the page by their titles; one with nothing in it is left out."""

"""A start and the dependencies of a stack as one HTML page that needs nothing else.

All is pure but `write`, which makes its file.
Positions in the drawings are percentages, sizes of letters are not: so it reads on a telephone too.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape as html
from pathlib import Path
from string import Template

from scripts.core import files
from scripts.core.stack import Stack
from scripts.core.texts import printable
from scripts.core.units import written
from scripts.start.history.timeline import Bar, Phase, Run
from scripts.tell.drawing import HEAD, Condition, cells, longest, note, summary

TEMPLATE = Path(__file__).with_suffix(".html")
STYLE = Path(__file__).with_suffix(".css")
FILE = "stack.html"
"""In the stack's cache."""
ROW = 46
"""Pixels for a service in the timeline: its name, and its bar below."""
LAYER = 92
"""Pixels from one layer of the graph to the next."""
BOX = (72, 40)
"""Pixels of a box: four of them stand side by side on a telephone."""
STEPS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
"""Seconds between two lines of the axis."""
MOST_LINES = 6
KEY = {
    "long": "took longest",
    "work": "until it was ready, or done",
    "wait": "made, not started yet",
    "ink": "first answer, where it was not good enough yet",
}
"""What the colours of the style sheet mean."""
EDGE = 97
"""Percent of the width from which on a label would run out of the picture."""


def write(
    folder: Path, stack: Stack, runs: Sequence[Run], states: Mapping[str, str], now: float
) -> Path:
    """Write the page of `page` into a folder; give its file. `now` is in seconds since 1970."""
    file = folder / FILE
    files.write(file, page(stack, runs, states, written(now)))
    return file


def escape(text: str) -> str:
    """Return a text as a page shows it: no markup, and nothing that turns letters round."""
    return html(printable(text))


def page(stack: Stack, runs: Sequence[Run], states: Mapping[str, str], moment: str) -> str:
    """Return the page: the first of `runs` as a timeline, and the graph with states of `moment`."""
    shown = runs[0] if runs else None
    way = {row.title for row in shown.critical if isinstance(row, Bar)} if shown else set()
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8"),
        project=escape(stack.project),
        timeline=timeline(shown) if shown else "<p>No start has been kept yet: inv up</p>",
        graph=graph(stack, states, way),
        moment=escape(moment),
        table=_table("Moments, in seconds", HEAD, map(cells, shown.rows)) if shown else "",
        history=_history(runs),
    )


def timeline(run: Run, *, level: int = 2) -> str:
    """Draw a start: a row for each phase and service, its bar light until it was started.

    `level` is that of its heading.
    """
    whole = max(run.seconds, 0.1)
    step = next((step for step in STEPS if whole / step <= MOST_LINES), whole)
    ends = ROW * len(run.rows)
    times = (step * number for number in range(int(whole / step) + 1))
    lines = [_line(at / whole * 100, ends, f"{at:g} s") for at in times]
    rows = [_row(bar, whole, ROW * place) for place, bar in enumerate(run.rows)]
    key = "".join(f'<li><i style="background: var(--{name})"></i>{KEY[name]}</li>' for name in KEY)
    way, why = longest(run), f"{run.why} Next: {run.next_step}" if run.why else ""
    return "\n".join(
        (
            f"<h{level}>The start of {escape(run.began)}</h{level}>",
            *(
                f"<p>{escape(text)}</p>"
                for text in (f"{summary(run)}.", way and f"Took longest: {way}.", why)
                if text
            ),
            f'<svg role="img" aria-label="timeline" height="{ends + 22}">',
            *lines,
            *rows,
            "</svg>",
            f'<ul class="key">{key}</ul>',
        )
    )


def graph(stack: Stack, states: Mapping[str, str], way: set[str]) -> str:
    """Draw who needs whom, in layers; the way that took longest has thicker lines."""
    layers = _layers(stack)
    places = {
        name: ((2 * column + 1) * 50 / len(names), LAYER * row)
        for row, names in enumerate(layers)
        for column, name in enumerate(names)
    }
    edges = [
        _edge(places[need], places[service.name], critical={need, service.name} <= way)
        for service in stack.services
        for need in service.needs
    ]
    boxes = [
        _box(service.name, places[service.name], states.get(service.name, ""))
        for service in stack.services
    ]
    height = LAYER * (len(layers) - 1) + BOX[1] + 24
    return "\n".join(
        (f'<svg role="img" aria-label="dependencies" height="{height}">', *edges, *boxes, "</svg>")
    )


def _layers(stack: Stack) -> list[list[str]]:
    """Return the services in layers, each right above the first that needs it."""
    users = {
        name: [user.name for user in stack.services if name in user.needs] for name in stack.names()
    }
    heights: dict[str, int] = {}

    def height(name: str) -> int:
        if name not in heights:
            heights[name] = 1 + max(map(height, users[name]), default=-1)
        return heights[name]

    layers: list[list[str]] = [[] for _ in range(1 + max(map(height, users), default=0))]
    for name in users:
        layers[-1 - heights[name]].append(name)
    return layers


def _line(percent: float, ends: int, label: str) -> str:
    anchor = "start" if percent == 0 else "end" if percent > EDGE else "middle"
    return (
        f'<line class="axis" x1="{percent:.2f}%" x2="{percent:.2f}%" y1="0" y2="{ends + 4}"/>'
        f'<text class="soft" x="{percent:.2f}%" y="{ends + 18}" text-anchor="{anchor}">'
        f"{label}</text>"
    )


def _row(row: Phase | Bar, whole: float, top: int) -> str:
    created, started, answered, ready = row.moments
    end = whole if ready is None else ready
    start = end if started is None else started
    times = row.state if ready is None else f"{start:.1f} → {end:.1f} s"
    more = f"held by {note(row)}" if isinstance(row, Bar) and row.held_by else note(row)
    told = " · ".join(filter(None, dict.fromkeys((times, more))))
    pieces = [("track", 0.0, whole), ("wait", created or start, start), ("work", start, end)]
    drawn = "".join(
        f'<rect class="{kind}" x="{a / whole * 100:.2f}%" y="{top + 24}" rx="2"'
        f' width="{(b - a) / whole * 100:.2f}%" height="14"/>'
        for kind, a, b in pieces
        if b > a
    )
    if answered is not None and answered < end:
        place = f"{answered / whole * 100:.2f}%"
        drawn += f'<line class="tick" x1="{place}" x2="{place}" y1="{top + 24}" y2="{top + 38}"/>'
    return (
        f'<g class="{"critical" if row.critical else ""}">'
        f"<title>{escape(f'{row.title}: {row.state}')}</title>"
        f'<text class="name" x="0" y="{top + 17}">{escape(row.title)}</text>'
        f'<text class="soft" x="100%" y="{top + 17}" text-anchor="end">'
        f"{escape(told)}</text>"
        f"{drawn}</g>"
    )


def _edge(need: tuple[float, int], user: tuple[float, int], *, critical: bool) -> str:
    return (
        f'<line class="edge{" critical" if critical else ""}" x1="{need[0]:.2f}%"'
        f' y1="{need[1] + BOX[1] + 2}" x2="{user[0]:.2f}%" y2="{user[1] + 2}"/>'
    )


def _box(name: str, place: tuple[float, int], state: str) -> str:
    width, height = BOX
    kind = Condition.READY if state == Condition.READY else ""
    return (
        f'<svg x="{place[0]:.2f}%" y="{place[1]}" class="{kind}">'
        f"<title>{escape(name)}: {escape(state)}</title>"
        f'<rect class="box" x="{-width / 2}" y="2" width="{width}" height="{height}" rx="6"/>'
        f'<text class="small" y="19" text-anchor="middle">{escape(name)}</text>'
        f'<text class="small state" y="35" text-anchor="middle">'
        f"{escape(state or 'not known')}</text>"
        "</svg>"
    )


def _history(runs: Sequence[Run]) -> str:
    rows = ((run.began, f"{run.seconds:.1f}", run.verdict) for run in runs)
    return _table("Starts that are kept", ("began", "seconds", "result"), rows) if runs else ""


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return f"<h2>{title}</h2>\n{table(head, rows)}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of cells below the names of their columns."""
    drawn = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return (
        '<div class="scroll" tabindex="0"><table><thead><tr>'
        + "".join(f"<th>{escape(name)}</th>" for name in head)
        + "</tr></thead><tbody>"
        + "".join(f"<tr>{row}</tr>\n" for row in drawn)
        + "</tbody></table></div>"
    )

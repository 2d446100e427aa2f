"""Pure: what one start amounts to: what came first, how far each service came when, what held it.

What came first are phases: an engine, images, containers, before the first of them was started.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, assert_never

from scripts.core.foreign import records
from scripts.core.foreign.documents import Json
from scripts.core.progress import Outcome
from scripts.core.stack import Stack
from scripts.start.events import Ending, Event, EventKind

LONGEST = 1e6
"""Seconds of a start that is kept: eleven days."""
SHORTEST = 0.2
"""Seconds of a phase that is kept, and of what no phase has noted."""
_ANSWER = re.compile(r"[1-5]\d\d\b")
"""How the detail of a reading begins when a server has answered, if not well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One service in a start; moments in seconds since the command began.

    A moment that is None has not come, or came before the command.
    """

    service: str
    needs: tuple[str, ...] = ()
    early: bool = False
    """It was started before what it needs, and waited by itself."""
    created: float | None = None
    started: float | None = None
    answered: float | None = None
    """When anything was answered for the first time, good enough or not."""
    ready: float | None = None
    held_by: str = ""
    """Which of its needs was ready last, and so let it go on."""
    critical: bool = False
    """It is on the way that took longest: sooner there, and all were ready sooner."""
    state: str = "not started"
    """ready, or what was told of it last."""

    @property
    def moments(self) -> tuple[float | None, ...]:
        """When it was created, started, answered and ready."""
        return (self.created, self.started, self.answered, self.ready)

    @property
    def title(self) -> str:
        """Its service."""
        return self.service


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """What a command was at before its first container started; as moments of `Bar`."""

    name: str
    what: str = ""
    began: float
    ended: float | None = None
    """None while it goes on."""
    outcome: Outcome = Outcome.GOING
    critical: bool = False
    """It held the first container back: sooner done, and that was started sooner."""

    @property
    def title(self) -> str:
        """Its name, and what it is about."""
        return self.name if self.what in {"", self.name} else f"{self.name} {self.what}"

    @property
    def state(self) -> str:
        """What has become of it."""
        return self.outcome

    @property
    def moments(self) -> tuple[float | None, ...]:
        """Those of a bar: it was started and is done."""
        return (None, self.began, None, self.ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start of a stack."""

    began: str
    """RFC 3339."""
    seconds: float
    """Until the result."""
    verdict: Ending
    bars: tuple[Bar, ...]
    phases: tuple[Phase, ...] = ()
    going: bool = False
    why: str = ""
    """What ended it before its first container, and what to type next."""
    next_step: str = ""

    @property
    def prepared(self) -> float:
        """The seconds before the first start: checks, images, containers; all, where none came."""
        return min(self.started, default=self.seconds)

    @property
    def started(self) -> tuple[float, ...]:
        """When containers were started."""
        return tuple(bar.started for bar in self.bars if bar.started is not None)

    @property
    def rows(self) -> tuple[Phase | Bar, ...]:
        """All that went on, phases first."""
        return (*self.phases, *self.bars)

    @property
    def critical(self) -> tuple[Phase | Bar, ...]:
        """The way that took longest, in order of time."""
        way = (row for row in self.rows if row.critical)
        return tuple(sorted(way, key=lambda row: row.moments[-1] or self.seconds))


def blank(stack: Stack, names: Iterable[str], created: Mapping[str, float]) -> tuple[Bar, ...]:
    """Return the bars of a start of which nothing has happened yet.

    `created` says when containers were made, negative for before the command.
    """
    return tuple(
        Bar(
            service=name,
            needs=stack.service(name).needs,
            early=stack.service(name).early,
            created=_rounded(at) if (at := created.get(name, -1.0)) >= 0 else None,
        )
        for name in names
    )


def run(
    blanks: Iterable[Bar],
    events: Sequence[Event],
    *,
    began: str,
    before: float,
    now: float | None = None,
) -> Run:
    """Return what the events of a start amount to.

    `before` are the seconds from the beginning of the command to that of the events, `now` those
    until a start was cut off, or is looked at.
    """
    bars = {bar.service: bar for bar in blanks}
    seconds, ending = _rounded(before), Ending.INTERRUPTED
    for event in events:
        seconds = _rounded(before + event.seconds)
        if event.verdict is not None:
            ending = Ending(event.verdict.value)
        elif event.service in bars:
            bars[event.service] = _after(bars[event.service], event, seconds)
    held = [replace(bar, held_by=_held_by(bar, bars)) for bar in bars.values()]
    path = _longest({bar.service: bar for bar in held})
    return Run(
        began=began,
        seconds=seconds if now is None else _rounded(now),
        verdict=ending,
        bars=tuple(replace(bar, critical=bar.service in path) for bar in held),
    )


def phases(noted: Iterable[Phase], until: float, rest: str) -> tuple[Phase, ...]:
    """Return the phases of the seconds until the first start, without short ones that went well.

    Where nothing went on that was noted, one named `rest` did. What held the first start back is
    critical: whatever ended last, then whatever had ended last when that began, and so on.
    """
    long = [
        replace(one, began=_rounded(one.began), ended=None if one.ended is None else _rounded(end))
        for one in noted
        if (end := _end(one, until)) - one.began >= SHORTEST or one.outcome is not Outcome.DONE
    ]
    covered = 0.0
    for one in sorted(long, key=lambda one: one.began):
        long += _gap(rest, covered, one.began)
        covered = max(covered, _end(one, until))
    long += _gap(rest, covered, until)
    way, at = set[Phase](), until
    while before := [one for one in long if one.began < at]:
        # what went on beside it held it back only where nothing had ended by then
        over = [one for one in before if _end(one, until) <= at]
        last = max(over or before, key=lambda one: (_end(one, until), -one.began))
        way.add(last)
        at = last.began
    return tuple(
        replace(one, critical=one in way) for one in sorted(long, key=lambda one: one.began)
    )


def _end(phase: Phase, until: float) -> float:
    return until if phase.ended is None else min(phase.ended, until)


def _gap(rest: str, began: float, ended: float) -> list[Phase]:
    """Return what went on between two moments of which nothing was noted, if it was not short."""
    if ended - began < SHORTEST:
        return []
    return [Phase(name=rest, began=_rounded(began), ended=_rounded(ended), outcome=Outcome.DONE)]


def document(run: Run) -> dict[str, Any]:
    """Return a run as JSON has it; schemas/timeline.schema.json says what the fields mean."""
    services = [{**asdict(bar), "needs": list(bar.needs)} for bar in run.bars]
    return {
        "began": run.began,
        "going": run.going,
        "seconds": run.seconds,
        "prepared": run.prepared,
        "verdict": run.verdict,
        "why": run.why,
        "next_step": run.next_step,
        "phases": [asdict(one) for one in run.phases],
        "services": services,
    }


def parsed(document: Json) -> Run:
    """Return the run of such a document; ValueError when it is none."""
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name != "prepared"}
        document["bars"] = document.pop("services", None)
    found = records.made(Run, document)
    moments = [found.seconds, *(at for bar in found.bars for at in bar.moments)]
    moments += [at for one in found.phases for at in (one.began, one.ended)]
    if not all(0 <= at <= LONGEST for at in moments if at is not None):
        raise ValueError("no start takes as long as that")
    return found


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _after(bar: Bar, event: Event, at: float) -> Bar:
    match event.kind:
        case EventKind.STARTED:
            return replace(bar, started=at, answered=None, ready=None, state=event.kind)
        case EventKind.READY:
            answered = at if bar.answered is None else bar.answered
            return replace(bar, answered=answered, ready=at, state=event.kind)
        case EventKind.LOST:
            return replace(bar, ready=None, state=event.detail or event.kind)
        case EventKind.WAITING:
            answers = bar.answered is None and _ANSWER.match(event.detail)
            return replace(bar, state=event.detail, answered=at if answers else bar.answered)
        case EventKind.MENDED | EventKind.RELOAD | EventKind.FINDING | EventKind.RESULT:
            return bar
        case _:
            assert_never(event.kind)


def _held_by(bar: Bar, bars: Mapping[str, Bar]) -> str:
    """Return the need that was ready last, if it was ready after this one could have gone on."""
    ready = {name: bars[name].ready for name in bar.needs if name in bars}
    times = {name: at for name, at in ready.items() if at is not None}
    if not times or bar.started is None:
        return ""
    last = max(times, key=lambda name: times[name])
    # what is not early was started the moment that it could be
    return last if not bar.early or times[last] > bar.started else ""


def _longest(bars: Mapping[str, Bar]) -> set[str]:
    """Follow what held back whoever was ready last."""
    started = [bar for bar in bars.values() if bar.ready is not None and bar.started is not None]
    if not started:
        return set()
    bar = max(started, key=lambda bar: bar.ready or 0.0)
    path = {bar.service}
    while bar.held_by and bars[bar.held_by].started is not None:
        bar = bars[bar.held_by]
        path.add(bar.service)
    return path

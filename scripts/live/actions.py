"""What a viewer may have done: tasks of ours, one at a time, each with its plan and its question.

A plan is what the task itself shows. It is good for one run, for ten minutes, and only while the
same would be done.
"""

import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock, Thread

from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, RefusedError, StackError, unexpected
from scripts.core.foreign.documents import Json
from scripts.core.texts import short
from scripts.core.units import written
from scripts.live import tasks
from scripts.live.history import History

KIND = "action"
"""Of the entries of the history."""
VALID = 600.0
"""Seconds for which a plan is good."""
PLANS = 20
"""Plans that wait for an answer; of more the oldest is forgotten."""
LINES = 200
"""Lines of an action that are kept."""
KEPT = 20
"""Actions that are kept, without their lines."""
TEXT = ("--format", "text")
"""Progress is for people here: a task that has JSON would say nothing until its end."""
_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)
_CHANGING = re.compile(r" \([\d.]+ [KMG]?i?B\)$|-\d{8}-\d{6}\b", re.MULTILINE)
"""Of a plan: sizes, the name of a snapshot. They change by themselves, and are no other plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A task that is offered."""

    takes: frozenset[str] = frozenset()
    """Its options: `service` is a list of names, `name` a name, all others yes or no."""
    needs: str = ""
    """The option without which it is not offered."""
    question: str = ""
    """What is asked before; without one it is run at once."""
    dry: bool = False
    """It shows its plan with --dry-run."""
    asks: bool = False
    """In a terminal it asks: where a plan was agreed to, it is given --yes."""


OFFERS: Mapping[str, Offer] = {
    "up": Offer(takes=frozenset({"service"})),
    "restart": Offer(takes=frozenset({"service"}), question="Restart this?"),
    "down": Offer(takes=frozenset({"service"}), needs="service", question="Stop this?"),
    "smoke": Offer(),
    "doctor": Offer(),
    "reload": Offer(),
    "snapshot.list": Offer(),
    "snapshot.verify": Offer(takes=frozenset({"name"}), needs="name"),
    "snapshot.save": Offer(
        takes=frozenset({"service", "name"}), question="Save this data?", dry=True
    ),
    "snapshot.restore": Offer(
        takes=frozenset({"name", "anyway"}),
        needs="name",
        question="Replace this data?",
        dry=True,
        asks=True,
    ),
    "snapshot.undo": Offer(question="Bring back the data from before?", dry=True),
    "reset": Offer(
        takes=frozenset({"service", "all", "no_snapshot"}),
        question="Delete this data?",
        dry=True,
        asks=True,
    ),
}
"""By the names of the tasks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be done, as it was shown."""

    words: tuple[str, ...]
    lines: tuple[str, ...]
    question: str
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    until: float = 0.0

    @property
    def essence(self) -> str:
        """What it does, without what changes by itself."""
        return _CHANGING.sub("", "\n".join(self.lines))

    def document(self) -> dict[str, object]:
        """Return it as it is sent."""
        return {"plan": list(self.lines), "question": self.question, "id": self.id}


class AnotherPlanError(RefusedError):
    """The plan that was agreed to is no longer good; `plan` is what would be done now."""

    def __init__(self, why: str, plan: Plan) -> None:
        """Say why."""
        super().__init__(why, next_step="look at the plan as it is now", code="another-plan")
        self.plan = plan


class Actions:
    """Runs tasks for viewers, and keeps what became of them."""

    def __init__(
        self,
        checkout: Checkout,
        history: History,
        mask: Callable[[str], str],
        changed: Callable[[], object],
        *,
        read_only: bool = False,
    ) -> None:
        """Run tasks of this checkout; `changed` is called when there is news.

        That is from any thread, but never twice at once: what it tells last is how it is.
        What they tell is masked. With `read_only` none is run.
        """
        self._checkout = checkout
        self._history = history
        self._mask = mask
        self._tell = changed
        self._telling = Lock()
        self._read_only = read_only
        self.allowed: Callable[[], object] = bool
        """Raises an error of ours where nothing may be done now."""
        self._turn = Lock()
        """Held while something is planned or begun: a plan takes the lock of the tasks too."""
        self._begins = Lock()
        """Held for the moment in which a task begins."""
        self._closed = False
        """None begins any more."""
        self._plans: dict[str, Plan] = {}
        self._running: tasks.Running | None = None
        """What was begun last."""
        self._idle = Event()
        self._idle.set()
        self._lines: deque[str] = deque(maxlen=LINES)
        kept = [one for one in history.of(KIND) if _is_record(one.get("record"), one.get("lines"))]
        self._records = deque((dict(one["record"]) for one in kept), maxlen=KEPT)
        for one in kept[-1:]:
            self._lines.extend(one.get("lines") or ())
        for one in self._records:
            if "ended" not in one:
                self._lost(one)

    def plan(self, task: str, options: Mapping[str, Json]) -> Plan:
        """Return what a task would do; errors as in `words`, and those of the task itself."""
        with self._free():
            plan = self._planned(task, options)
            self._plans[plan.id] = plan
            for oldest in list(self._plans)[:-PLANS]:
                del self._plans[oldest]
            return plan

    def begin(self, task: str, options: Mapping[str, Json], plan: str = "") -> int:
        """Run a task; give its number. Errors as in `words`; RefusedError while another runs.

        Raises AnotherPlanError where it asks first, and `plan` is none that it has shown for these
        options, or that was used, is too old, or is no longer what would be done.
        """
        with self._free():
            typed = words(task, options)
            if OFFERS[task].question:
                self._agreed(task, options, self._plans.pop(plan, None), typed)
            return self._begin(typed + (("--yes",) if OFFERS[task].asks else ()))

    def document(self) -> dict[str, Json]:
        """Return `action`, the running one or the last, and `actions`, the last ones."""
        newest = [dict(one) for one in reversed(list(self._records))]
        if not newest:
            return {"actions": []}
        return {"action": {**newest[0], "lines": list(self._lines)}, "actions": newest}

    def finish(self, say: Callable[[str], object]) -> None:
        """Wait for what runs, and let nothing begin any more.

        Ctrl-C meanwhile reaches what runs, as in a terminal: it ends in its way.
        """
        with self._begins:
            self._closed = True
        while not self._idle.is_set():
            typed = "inv " + " ".join(self._records[-1]["words"])
            say(f"waiting until {typed} has ended; Ctrl-C interrupts it as in a terminal")
            try:
                self._idle.wait()
            except KeyboardInterrupt:
                say(f"interrupting {typed}")
                if self._running is not None:
                    self._running.interrupt()

    def _changed(self) -> None:
        with self._telling:
            self._tell()

    @contextmanager
    def _free(self) -> Iterator[None]:
        """Let one at a time plan or begin, and nobody while an action runs."""
        if self._read_only:
            raise ConfigError(
                "this page is read-only", next_step="inv page without --read-only", code="read-only"
            )
        self.allowed()
        with self._turn:
            if not self._idle.is_set():
                raise RefusedError(
                    f"inv {' '.join(self._records[-1]['words'])} runs",
                    next_step="wait until it has ended, then try again",
                    code="busy",
                )
            yield

    def _planned(self, task: str, options: Mapping[str, Json]) -> Plan:
        typed, offer = words(task, options), OFFERS[task]
        lines: Sequence[str] = (f"inv {' '.join(typed)}",)
        if offer.dry:
            result = tasks.run(self._checkout, (*typed, "--dry-run"), lambda _: None)
            if result.exit_code:
                what, step = map(self._mask, result.problem)
                raise RefusedError(
                    what or f"inv {' '.join(typed)} --dry-run ended with {result.exit_code}",
                    next_step=step or "inv doctor",
                )
            lines = result.lines
        shown = tuple(map(self._mask, lines))
        return Plan(
            words=typed, lines=shown, question=offer.question, until=time.monotonic() + VALID
        )

    def _agreed(
        self, task: str, options: Mapping[str, Json], plan: Plan | None, typed: Sequence[str]
    ) -> None:
        """Raise AnotherPlanError unless this plan is what would be done now."""
        now = self._planned(task, options)
        if plan is None or plan.words != tuple(typed):
            why = "this was not asked yet, or is done already"
        elif plan.until < time.monotonic():
            why = f"the plan is older than {VALID / 60:.0f} minutes"
        elif plan.essence != now.essence:
            why = "since the plan was shown something has changed"
        else:
            return
        self._plans[now.id] = now
        raise AnotherPlanError(why, now)

    def _begin(self, typed: tuple[str, ...]) -> int:
        """Begin, unless the page has ended while the plan was made anew."""
        with self._begins:
            if self._closed:
                raise RefusedError("the page has ended", next_step="inv page")
            number = self._started(typed)
        self._changed()
        return number

    def _started(self, typed: tuple[str, ...]) -> int:
        number = 1 + max((one["id"] for one in self._records), default=0)
        form = TEXT if typed[0] in tasks.FORMATTED else ()
        lines: deque[str] = deque(maxlen=LINES)
        self._running = tasks.Running(self._checkout, (*typed, *form), self._heard(lines))
        self._lines = lines
        record: dict[str, Json] = {
            "id": number,
            "task": typed[0],
            "words": list(typed),
            "began": written(time.time()),
        }
        text = self._mask(f"inv {' '.join(typed)}")
        self._history.began(KIND, record["began"], text, at=record["began"], record=record)
        self._records.append(record)
        self._idle.clear()
        Thread(target=self._wait, args=(self._running, record, lines, text), daemon=True).start()
        return number

    def _heard(self, lines: deque[str]) -> tasks.Line:
        def line(text: str) -> None:
            lines.append(self._mask(text))
            self._changed()

        return line

    def _wait(
        self, running: tasks.Running, record: dict[str, Json], lines: deque[str], text: str
    ) -> None:
        try:
            told, how = self._how(running, text)
            if not how:
                lines.append(told)
            record |= {"ended": written(time.time()), **how}
            self._history.ended(
                KIND,
                record["began"],
                until=record["ended"],
                text=told,
                record=record,
                lines=list(lines),
            )
        finally:
            self._idle.set()
            self._changed()

    def _how(self, running: tasks.Running, text: str) -> tuple[str, dict[str, Json]]:
        """Wait; say in words and with its exit code how it ended, without where nobody knows."""
        try:
            code = running.wait().exit_code
        except Exception as error:  # noqa: BLE001 - told: a thread that ends would end nothing
            return f"{text}: not known how it ended: {unexpected(error)}", {}
        return f"{text}: exit code {code}" if code else f"{text}: done", {"exit_code": code}

    def _lost(self, record: dict[str, Json]) -> None:
        """Say of what an earlier page has begun, and did not see end, that nobody knows how."""
        record["ended"] = written(time.time())
        text = self._mask(f"inv {' '.join(record['words'])}")
        told = f"{text}: it went on by itself when the page ended; inv ps shows how all is"
        self._lines.append(told)
        self._history.ended(
            KIND, record["began"], until=record["ended"], text=told, record=record, lines=[told]
        )


def _is_record(found: Json, lines: Json) -> bool:
    """Say whether an entry has what those of ours have: anybody may write to a file."""
    if not isinstance(found, dict) or not _are_texts(lines if lines is not None else []):
        return False
    texts = [found.get("task"), found.get("began"), found.get("ended", "")]
    return type(found.get("id")) is int and _are_texts(found.get("words")) and _are_texts(texts)


def _are_texts(found: Json) -> bool:
    return isinstance(found, list) and all(isinstance(one, str) for one in found)


def going_on(history: History) -> str:
    """Return what is typed for the action that has not ended; empty for none."""
    return next((str(one["text"]) for one in history.of(KIND) if "until" not in one), "")


def words(task: str, options: Mapping[str, Json]) -> tuple[str, ...]:
    """Return what is typed for a task; ConfigError for one not offered, and for wrong options."""
    offer = OFFERS.get(task)
    if offer is None:
        raise ConfigError(
            f"the task {short(task)!r} is not offered", next_step=f"one of: {', '.join(OFFERS)}"
        )
    given = {name: value for name, value in options.items() if value not in (None, False, "", [])}
    if foreign := sorted(given.keys() - offer.takes):
        raise ConfigError(
            f"{task} does not take {short(', '.join(foreign))}",
            next_step=f"it takes: {', '.join(sorted(offer.takes)) or 'nothing'}",
        )
    if offer.needs and offer.needs not in given:
        raise ConfigError(f"{task} needs a {offer.needs}", next_step="name one")
    typed = [task]
    for name in sorted(given):
        flag, value = f"--{name.replace('_', '-')}", given[name]
        if name == "service" and isinstance(value, list):
            for one in value:
                typed += [flag, _named(name, one)]
        elif name == "name":
            typed += [flag, _named(name, value)]
        elif value is True:
            typed.append(flag)
        else:
            raise _wrong(name, value)
    return tuple(typed)


def _named(option: str, value: Json) -> str:
    """Return a name of a service or a snapshot; ConfigError for what would be a flag or a path."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise _wrong(option, value)
    return value


def _wrong(option: str, value: Json) -> StackError:
    return ConfigError(
        f"{option} is {short(repr(value))}", next_step="wanted a name, or true, or a list of names"
    )

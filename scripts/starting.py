"""Starts what is wanted, each the moment what it needs is ready, and says what happens.

One whose entry point waits by itself is started at once (`x-start: early`).

Knows nothing of rendering: it yields events. One deadline holds for all, from the first start.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from scripts.diagnosis import diagnose, troubled, verdict
from scripts.model import Container, Finding, Snapshot, Stack, Verdict
from scripts.readiness import GONE, answers
from scripts.waiting import poll

INTERVAL = 0.1
"""Seconds between two looks; a look costs about 10 ms."""
SLOW = 3.0
"""Seconds after its start from which a service that does not answer has its log read."""
LOGS_AGAIN = 1.0
"""Seconds between two readings of the log of a service whose state has not changed."""
RECHECK = 1.0
"""Seconds between two probes of a service that was ready already."""
PATIENCE = 0.05
"""Seconds that one look waits for probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened while starting, `seconds` after the beginning.

    `kind` is started, ready, lost (it was ready), waiting (`detail`: for what), finding or result.
    """

    kind: str
    seconds: float
    service: str = ""
    detail: str = ""
    finding: Finding | None = None
    verdict: Verdict | None = None


class World(Protocol):
    """What starting needs of the engine; the real one is `observing.Observer`."""

    def look(self, probed: set[str], *, patience: float) -> Snapshot: ...

    def launch(self, container: Container) -> None: ...

    def launched(self) -> dict[str, str]: ...

    def with_logs(self, seen: Snapshot, names: tuple[str, ...]) -> Snapshot: ...


def start(  # noqa: PLR0913 - clock and sleep are there for tests
    stack: Stack,
    wanted: tuple[str, ...],
    world: World,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Event]:
    """Bring `wanted` (with all they need) up; the last event is the result with its verdict.

    STARTING as the verdict means that `timeout` seconds were not enough. A service that runs
    already is left alone.
    """
    run = Start(stack, wanted, world, clock)
    findings: tuple[Finding, ...] = ()
    result = Verdict.STARTING
    for seen in poll(run.look, timeout=timeout, interval=INTERVAL, clock=clock, sleep=sleep):
        yield from run.changes(seen)
        yield from run.launches(seen)
        known = run.with_logs(seen)
        findings = run.findings(known)
        result = verdict(stack, wanted, known, findings)
        if result is not Verdict.STARTING:
            break
    for finding in findings:
        yield run.event("finding", finding.service, finding=finding)
    yield run.event("result", verdict=result)


class Start:
    """One start under way: what has happened to whom so far, and what follows from a look."""

    def __init__(
        self, stack: Stack, wanted: tuple[str, ...], world: World, clock: Callable[[], float]
    ) -> None:
        """Begin now, by `clock`."""
        self.stack, self.wanted, self.world, self.clock = stack, wanted, world, clock
        self._began = clock()
        self._launched: set[str] = set()
        self._landed: dict[str, float] = {}
        """When the engine had carried out a start; before that the state of before shows."""
        self._refused: dict[str, str] = {}
        self._ready: dict[str, float] = {}
        """When each ready service was last probed."""
        self._waiting: dict[str, str] = {}
        self._looked = False
        self._crashes: dict[str, int] = {}
        """How often each container had been restarted before we came."""
        self._logs: dict[str, tuple[str, ...]] = {}
        self._read: dict[str, tuple[float, Container]] = {}
        """When, and in which state of its container, a log was last read."""

    def event(
        self,
        kind: str,
        service: str = "",
        detail: str = "",
        finding: Finding | None = None,
        verdict: Verdict | None = None,
    ) -> Event:
        """Give an event that happens now."""
        return Event(
            kind=kind,
            seconds=self.clock() - self._began,
            service=service,
            detail=detail,
            finding=finding,
            verdict=verdict,
        )

    def look(self) -> Snapshot:
        """Take a look; who was ready a moment ago is not probed again."""
        for name, error in self.world.launched().items():
            self._landed[name] = self.clock()
            if error:
                self._refused[name] = error
        # a probe before the start has returned can cost a second: the first packet is lost while
        # the engine still plugs the network in
        under_way = self._launched - self._landed.keys()
        due = {name for name in self.wanted if self._old(self._ready.get(name), RECHECK)}
        return self._since_we_came(self.world.look(due - under_way, patience=PATIENCE))

    def _since_we_came(self, seen: Snapshot) -> Snapshot:
        """Give the look with only the restarts since the first one: older ones say nothing."""
        for one in seen.containers:
            # the engine counts anew when a container is started by hand
            before = self._crashes.setdefault(one.id, 0 if self._looked else one.restarts)
            self._crashes[one.id] = min(before, one.restarts)
        self._looked = True
        recent = (
            replace(one, restarts=one.restarts - self._crashes[one.id]) for one in seen.containers
        )
        return replace(seen, containers=tuple(recent))

    def changes(self, seen: Snapshot) -> Iterator[Event]:
        """Tell who became ready, who fell over, and what the others are waiting for."""
        for name in self.wanted:
            if answers(self.stack.service(name), seen):
                if name not in self._ready:
                    yield self.event("ready", name, _answer(seen, name))
                if self._old(self._ready.get(name), RECHECK):
                    self._ready[name] = self.clock()
                continue
            if self._ready.pop(name, None) is not None:
                yield self.event("lost", name, _answer(seen, name))
            if self._waiting.get(name) != (detail := self._waits(seen, name)):
                self._waiting[name] = detail
                yield self.event("waiting", name, detail)

    def launches(self, seen: Snapshot) -> Iterator[Event]:
        """Start the containers that can be started: all that they need is ready."""
        for name in self.wanted:
            container = seen.container(name)
            # the engine refuses to start a dead container, and says why; one that waits for its
            # next restart, up to a minute, is started anew
            stopped = container is not None and container.state in {"created", "restarting", *GONE}
            if container is None or name in self._launched or not stopped:
                continue
            needs = self._open_needs(seen, name)
            if self.stack.service(name).early or not needs:
                self.world.launch(container)
                self._launched.add(name)
                yield self.event("started", name, self._waiting[name] if needs else "")

    def with_logs(self, seen: Snapshot) -> Snapshot:
        """Add the logs of those in trouble: at once when they fall, then now and then."""
        due = []
        for name in self.wanted:
            container = seen.container(name)
            if container is None or not self._touched(seen, name):
                continue
            slow = name not in self._ready and self._old(self._landed.get(name), SLOW, never=False)
            if slow or troubled(self.stack.service(name), seen):
                when, before = self._read.get(name, (None, None))
                if before != container or self._old(when, LOGS_AGAIN):
                    self._read[name] = (self.clock(), container)
                    due.append(name)
        if due:
            self._logs |= self.world.with_logs(seen, tuple(due)).logs
        return replace(seen, logs=dict(self._logs))

    def findings(self, seen: Snapshot) -> tuple[Finding, ...]:
        """Diagnose what was started or ran before; what has yet to start is no finding."""
        touched = tuple(name for name in self.wanted if self._touched(seen, name))
        found = {
            name: Finding(
                code="start-refused",
                service=name,
                cause="the engine could not start it",
                evidence=error,
                next_step=f"inv logs --service {name}",
            )
            for name, error in self._refused.items()
        }
        for name in self.wanted:
            if seen.container(name) is None:
                found[name] = Finding(
                    code="container-gone",
                    service=name,
                    cause="its container was removed while it started",
                    next_step="inv up",
                )
        others = diagnose(self.stack, touched, seen)
        return (*found.values(), *(one for one in others if one.service not in found))

    def _old(self, moment: float | None, age: float, *, never: bool = True) -> bool:
        """Say whether a moment is `age` seconds ago or more; `never` for one that never was."""
        return never if moment is None else self.clock() - moment >= age

    def _open_needs(self, seen: Snapshot, name: str) -> tuple[str, ...]:
        needs = self.stack.service(name).needs
        return tuple(need for need in needs if not answers(self.stack.service(need), seen))

    def _touched(self, seen: Snapshot, name: str) -> bool:
        container = seen.container(name)
        return container is not None and (
            container.state in {"running", "restarting", "paused"} or name in self._landed
        )

    def _waits(self, seen: Snapshot, name: str) -> str:
        container, needs = seen.container(name), self._open_needs(seen, name)
        early = self.stack.service(name).early
        if needs and (early or container is None or container.state in {"created", *GONE}):
            return "waits for " + ", ".join(needs)
        return _answer(seen, name)


def _answer(seen: Snapshot, name: str) -> str:
    reading, container = seen.reading(name), seen.container(name)
    if reading is not None:
        return reading.detail
    return (container.health or container.state) if container is not None else "no container"

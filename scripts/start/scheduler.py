"""Starts what is wanted, each the moment what it needs is ready, and says what happens.

Knows nothing of rendering: it yields events. One deadline holds for all, from the first start.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from scripts.core.finding import Finding, Verdict
from scripts.core.look import ALIVE, GONE, Container, Look, State
from scripts.core.polling import poll
from scripts.core.stack import Stack
from scripts.diagnosis.readiness import answers, last_answer
from scripts.diagnosis.rules import verdict
from scripts.start.events import Event, EventKind
from scripts.start.tracking import Diagnosis, LogCollector, LogSource, RestartCounter

INTERVAL = 0.1
"""Seconds between two looks when nothing happens, and between two probes of one service."""
RECHECK = 1.0
"""Seconds between two probes of a service that was ready already."""
STEADY = 4.0
"""Seconds after which whoever waits for a ready service must have noticed that it is."""
PATIENCE = 5.0
"""Seconds for the last answers of all; a probe gives up before."""
STARTABLE = GONE | {State.CREATED, State.RESTARTING}
"""The engine refuses to start a dead container, and says why; one that waits for its next restart,
up to a minute, is started anew."""


class World(LogSource, Protocol):
    """What starting needs of the engine; the real one is `watch.observer.Observer`."""

    def look(self, probed: set[str], /, *, patience: float) -> Look: ...

    def nap(self, seconds: float, /) -> object: ...

    def launch(self, container: Container, /) -> None: ...

    def launched(self) -> dict[str, str]: ...


def start(
    stack: Stack,
    wanted: tuple[str, ...],
    world: World,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Event]:
    """Bring `wanted` (with all they need) up; the last event is the result with its verdict.

    STARTING as the verdict means that `timeout` seconds were not enough. A service that runs
    already is left alone.
    """
    yield from course(Start(stack, wanted, world, clock), timeout)


def course(run: "Start", timeout: float) -> Iterator[Event]:
    """Follow a start to its end, one of our own or as an onlooker; the last event is as above."""
    stack, wanted, world, clock = run.stack, run.wanted, run.world, run.clock
    findings: tuple[Finding, ...] = ()
    result = Verdict.STARTING
    for look in poll(run.look, timeout=timeout, interval=INTERVAL, clock=clock, sleep=world.nap):
        yield from run.changes(look)
        yield from run.launches(look)
        known = run.with_logs(look)
        findings = run.findings(known)
        result = verdict(stack, wanted, known, findings)
        if result is Verdict.READY:
            result = verdict(stack, wanted, run.last_look(), findings)
        if result is not Verdict.STARTING:
            break
    else:
        # what became ready at the last moment counts
        yield from run.changes(last := run.last_look())
        result = verdict(stack, wanted, last, findings)
    for finding in findings:
        yield replace(run.event(EventKind.FINDING, finding.service), finding=finding)
    yield replace(run.event(EventKind.RESULT), verdict=result)


class Start:
    """One start under way: what has happened to whom so far, and what follows from a look."""

    def __init__(
        self, stack: Stack, wanted: tuple[str, ...], world: World, clock: Callable[[], float]
    ) -> None:
        """Begin now, by `clock`."""
        self.stack, self.wanted, self.world, self.clock = stack, wanted, world, clock
        self._began = clock()
        services = [*map(stack.service, wanted)]
        self._asked = {one.name for one in services if one.probes}
        """Who has a probe; of all others the health check tells."""
        self._early = [one for one in services if one.early]
        self._launched: set[str] = set()
        self._landed: dict[str, float] = {}
        """When the engine had carried out a start; before that the state of before shows."""
        self._refused: dict[str, str] = {}
        """The engine's words about starts that it did not make."""
        self._ready: dict[str, float] = {}
        """Who is ready, and since when."""
        self._probed: dict[str, float] = {}
        """When each service was last probed."""
        self._final: set[str] = set()
        """Whose answer will not change; Neo4j locks out who tries a wrong login again and again."""
        self._waiting: dict[str, str] = {}
        self._restarts = RestartCounter()
        self._logs = LogCollector(stack, world)
        self._diagnosis = Diagnosis(stack, wanted)

    def event(self, kind: EventKind, service: str = "", detail: str = "") -> Event:
        """Return an event that happens now."""
        seconds = self.clock() - self._began
        return Event(kind=kind, seconds=seconds, service=service, detail=detail)

    def look(self) -> Look:
        """Take a look; who was ready a moment ago is not probed again."""
        for name, error in self.world.launched().items():
            self._landed[name] = self.clock()
            if error:
                self._refused[name] = error
        # a probe before the start has returned can cost a second: the first packet is lost while
        # the engine still plugs the network in
        under_way = self._launched - self._landed.keys()
        asked = self._asked
        unready = self._unready() - under_way
        # a health check is run by us only when all others answer, and after it has failed
        soon = (unready & asked) - self._final - self._held()
        later = ((asked & self._ready.keys()) | unready) - soon
        due = self._unprobed(soon, INTERVAL) | self._unprobed(later, RECHECK)
        return self._of_this_run(self._look(due, patience=0.0))

    def _held(self) -> set[str]:
        """Return who was started early and cannot answer yet: what it waits for is not ready."""
        unready = self._unready()
        return {one.name for one in self._early if not unready.isdisjoint(one.needs)}

    def _unready(self) -> set[str]:
        return set(self.wanted) - self._ready.keys()

    def last_look(self) -> Look:
        """Wait for an answer of all; who was ready a moment ago may have hung itself up since."""
        wanted, asked = set(self.wanted), self._asked
        # a health check takes 0.1 s: while others answered to theirs it has not grown old
        old = self._unprobed(asked, INTERVAL) | self._unprobed(wanted - asked, RECHECK)
        return self._look(self._unready() | old, patience=PATIENCE)

    def _look(self, probed: set[str], *, patience: float) -> Look:
        self._probed |= dict.fromkeys(probed, self.clock())
        look = self.world.look(probed, patience=patience)
        self._final = {reading.service for reading in look.readings if reading.final}
        return look

    def _unprobed(self, names: set[str], seconds: float) -> set[str]:
        now = self.clock()
        return {name for name in names if now - self._probed.get(name, -math.inf) >= seconds}

    def _of_this_run(self, look: Look) -> Look:
        """Return the look with only the restarts since we came, and why starts were refused."""
        containers = tuple(
            replace(one, error=one.error or self._refused[one.service])
            if one.service in self._refused
            else one
            for one in self._restarts.recent(look.containers)
        )
        return replace(look, containers=containers)

    def changes(self, look: Look) -> Iterator[Event]:
        """Tell who became ready, who fell over, and what the others are waiting for."""
        for name in self.wanted:
            if answers(self.stack.service(name), look):
                if name not in self._ready:
                    self._ready[name] = self.clock()
                    yield self.event(EventKind.READY, name, last_answer(look, name))
                continue
            if self._ready.pop(name, None) is not None:
                yield self.event(EventKind.LOST, name, last_answer(look, name))
            if self._waiting.get(name) != (detail := self._waits(look, name)):
                self._waiting[name] = detail
                yield self.event(EventKind.WAITING, name, detail)

    def launches(self, look: Look) -> Iterator[Event]:
        """Start the containers that can be started: all that they need is ready."""
        for name in self.wanted:
            container = look.container(name)
            if container is None or container.state not in STARTABLE or name in self._launched:
                continue
            needs = self._open_needs(look, name)
            if self.stack.service(name).early or not needs:
                self.world.launch(container)
                self._launched.add(name)
                yield self.event(EventKind.STARTED, name, self._waiting[name] if needs else "")

    def with_logs(self, look: Look) -> Look:
        """Add the logs of those in trouble, of this run."""
        # one that ran before, and is no longer ready, is overdue
        touched = (name for name in self._touched(look) if name not in self._ready)
        started = {name: self._landed.get(name, self._began) for name in touched}
        steady = (name for name, at in self._ready.items() if self.clock() - at >= STEADY)
        known = replace(look, steady=frozenset(steady))
        return self._logs.added(known, started, self.clock())

    def findings(self, look: Look) -> tuple[Finding, ...]:
        """Diagnose what was started or ran before; what has yet to start is no finding."""
        return self._diagnosis.of(self._touched(look), look)

    def _open_needs(self, look: Look, name: str) -> tuple[str, ...]:
        needs = self.stack.service(name).needs
        return tuple(need for need in needs if not answers(self.stack.service(need), look))

    def _touched(self, look: Look) -> tuple[str, ...]:
        """Return who runs, or has been started by us and may have ended."""
        containers = ((name, look.container(name)) for name in self.wanted)
        return tuple(
            name
            for name, container in containers
            if container is not None and (container.state in ALIVE or name in self._landed)
        )

    def _waits(self, look: Look, name: str) -> str:
        container, needs = look.container(name), self._open_needs(look, name)
        stopped = container is None or container.state in {State.CREATED, *GONE}
        if needs and (stopped or self.stack.service(name).early):
            return "waits for " + ", ".join(needs)
        return last_answer(look, name)


class Onlooker(Start):
    """What is seen of a start that somebody else makes, now or soon."""

    def __init__(
        self,
        stack: Stack,
        wanted: tuple[str, ...],
        world: World,
        busy: Callable[[], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin now, by `clock`.

        `busy` says whether a command of this workspace is at work: it may start again who stopped.
        """
        super().__init__(stack, wanted, world, clock)
        self._busy = busy
        self._diagnosis = Diagnosis(stack, ())  # no container is no finding: it is yet to come
        self._before: set[str] | None = None
        """Ids of containers that did not run when we came: how they ended says nothing of now."""

    def launches(self, look: Look) -> Iterator[Event]:
        """Start nothing."""
        del look
        return iter(())

    def _touched(self, look: Look) -> tuple[str, ...]:
        """Return who runs, or has ended or was refused since we came, and is left so."""
        alive = {one.id for one in look.containers if one.state in ALIVE}
        if self._before is None:
            self._before = {one.id for one in look.containers} - alive
        self._before -= alive
        over = {one.id for one in look.containers if one.state in GONE or one.error}
        final = alive if self._busy() else alive | (over - self._before)
        return tuple(one.service for one in look.containers if one.id in final)

"""Starts what is wanted, each the moment what it needs is ready, and says what happens.

Knows nothing of rendering: it yields events. One deadline holds for all, from the first start.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from scripts.diagnosis import GONE, answers, diagnose, verdict
from scripts.model import Container, Finding, Snapshot, Stack, Verdict
from scripts.waiting import poll

INTERVAL = 0.1
"""Seconds between two looks; a look costs about 10 ms."""
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


@dataclass(slots=True)
class Progress:
    """What has happened to whom so far."""

    began: float
    started: set[str] = field(default_factory=set)
    landed: set[str] = field(default_factory=set)
    """Whose start the engine has carried out; before that the old state shows."""
    failed: dict[str, str] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    """When each ready service was last probed."""
    waiting: dict[str, str] = field(default_factory=dict)
    looked: bool = False
    crashes: dict[str, int] = field(default_factory=dict)
    """How often each container had been restarted before we came: that says nothing of now."""

    def since_we_came(self, seen: Snapshot) -> Snapshot:
        """Give the look with only the restarts that happened since the first one."""
        for one in seen.containers:
            # the engine counts anew when a container is started by hand
            before = self.crashes.setdefault(one.id, 0 if self.looked else one.restarts)
            self.crashes[one.id] = min(before, one.restarts)
        self.looked = True
        recent = (
            replace(one, restarts=one.restarts - self.crashes[one.id]) for one in seen.containers
        )
        return replace(seen, containers=tuple(recent))


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
    now = Progress(began=clock())

    def look() -> Snapshot:
        ended = world.launched()
        now.landed |= set(ended)
        now.failed |= {name: error for name, error in ended.items() if error}
        # a probe before the start has returned can cost a second: the first packet is lost while
        # the engine still plugs the network in
        under_way = now.started - now.landed
        due = {name for name in wanted if clock() - now.ready.get(name, -RECHECK) >= RECHECK}
        return now.since_we_came(world.look(due - under_way, patience=PATIENCE))

    findings: tuple[Finding, ...] = ()
    result = Verdict.STARTING
    for seen in poll(look, timeout=timeout, interval=INTERVAL, clock=clock, sleep=sleep):
        yield from _changes(stack, wanted, seen, now, clock)
        for container in _due(stack, wanted, seen, now):
            world.launch(container)
            now.started.add(container.service)
            yield Event(kind="started", service=container.service, seconds=_since(now, clock))
        findings = _findings(stack, wanted, seen, now)
        result = verdict(stack, wanted, seen, findings)
        if result is not Verdict.STARTING:
            guilty = tuple(finding.service for finding in findings)
            findings = _findings(stack, wanted, world.with_logs(seen, guilty), now)
            break
    for finding in findings:
        yield Event(
            kind="finding", service=finding.service, finding=finding, seconds=_since(now, clock)
        )
    yield Event(kind="result", verdict=result, seconds=_since(now, clock))


def _since(now: Progress, clock: Callable[[], float]) -> float:
    return clock() - now.began


def _changes(
    stack: Stack,
    wanted: tuple[str, ...],
    seen: Snapshot,
    now: Progress,
    clock: Callable[[], float],
) -> Iterator[Event]:
    """Tell who became ready, who fell over, and what the others are waiting for."""
    for name in wanted:
        ok = answers(stack.service(name), seen)
        detail = _answer(seen, name)
        if ok and name not in now.ready:
            yield Event(kind="ready", service=name, detail=detail, seconds=_since(now, clock))
        if not ok and name in now.ready:
            del now.ready[name]
            yield Event(kind="lost", service=name, detail=detail, seconds=_since(now, clock))
        if ok and clock() - now.ready.get(name, -RECHECK) >= RECHECK:
            now.ready[name] = clock()
        if not ok and now.waiting.get(name) != (detail := _waits(stack, seen, name)):
            now.waiting[name] = detail
            yield Event(kind="waiting", service=name, detail=detail, seconds=_since(now, clock))


def _due(
    stack: Stack, wanted: tuple[str, ...], seen: Snapshot, now: Progress
) -> Iterator[Container]:
    """Give the containers that can be started: all that they need is ready."""
    for name in wanted:
        container = seen.container(name)
        if container is None or name in now.started:
            continue
        # the engine refuses to start a dead container, and says why; one that waits for its next
        # restart, up to a minute, is started anew
        stopped = container.state in {"created", "restarting", *GONE}
        if stopped and all(answers(stack.service(need), seen) for need in _needs(stack, name)):
            yield container


def _needs(stack: Stack, name: str) -> tuple[str, ...]:
    return stack.service(name).needs


def _findings(
    stack: Stack, wanted: tuple[str, ...], seen: Snapshot, now: Progress
) -> tuple[Finding, ...]:
    """Diagnose what was started or ran before; a container that has yet to start is no finding."""
    touched = tuple(name for name in wanted if _touched(seen, name, now))
    failed = tuple(
        Finding(
            code="start-refused",
            service=name,
            cause="the engine could not start it",
            evidence=error,
            next_step=f"inv logs --service {name}",
        )
        for name, error in now.failed.items()
    )
    gone = tuple(
        Finding(
            code="container-gone",
            service=name,
            cause="its container was removed while it started",
            next_step="inv up",
        )
        for name in wanted
        if seen.container(name) is None
    )
    failed += gone
    told = {finding.service for finding in failed}
    return failed + tuple(f for f in diagnose(stack, touched, seen) if f.service not in told)


def _touched(seen: Snapshot, name: str, now: Progress) -> bool:
    container = seen.container(name)
    return container is not None and (
        container.state in {"running", "restarting", "paused"} or name in now.landed
    )


def _answer(seen: Snapshot, name: str) -> str:
    reading, container = seen.reading(name), seen.container(name)
    if reading is not None:
        return reading.detail
    return (container.health or container.state) if container is not None else "no container"


def _waits(stack: Stack, seen: Snapshot, name: str) -> str:
    container = seen.container(name)
    open_needs = [n for n in _needs(stack, name) if not answers(stack.service(n), seen)]
    if open_needs and (container is None or container.state in {"created", *GONE}):
        return "waits for " + ", ".join(open_needs)
    return _answer(seen, name)

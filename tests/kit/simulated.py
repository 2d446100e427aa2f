"""A start of as many services as one likes: the real scheduler; engine and clock are made up.

Nothing waits: a nap moves the clock to what happens next. What is done for it is counted.
"""

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FrameType

from scripts.core.look import Container, Health, Look, Reading, State
from scripts.core.stack import Service, Stack
from scripts.start.events import Event
from scripts.start.scheduler import start
from tests.kit.builders import container, reading, service, stack

LANDS = 0.3
"""Seconds that the engine takes to carry out a start."""
ANSWERS = 4.0
"""Seconds, at most, from there until a service answers."""
TIMEOUT = 3600.0


def chain(count: int) -> Stack:
    """Each service needs the one before it: the longest start there is."""
    names = _names(count)
    return stack(*(service(name, *names[max(0, at - 1) : at]) for at, name in enumerate(names)))


def star(count: int) -> Stack:
    """All need the first one, and the last one needs all others."""
    first, *others = _names(count)
    *between, last = others
    return stack(
        service(first),
        *(service(name, first) for name in between),
        service(last, first, *between),
    )


def layers(count: int) -> Stack:
    """Each needs up to three of the ten before it, as stacks of people do."""
    made, dice, names = list[Service](), random.Random(7), _names(count)
    for at, name in enumerate(names):
        before = names[max(0, at - 10) : at]
        needs = dice.sample(before, min(len(before), dice.randint(0, 3)))
        made.append(service(name, *needs, early=bool(needs) and dice.random() < 0.2))
    return stack(*made)


SHAPES = {"chain": chain, "star": star, "layers": layers}


def _names(count: int) -> list[str]:
    return [f"service-{number:03d}" for number in range(count)]


@dataclass(slots=True)
class World:
    """A `scheduler.World` of services that become ready when all that they need is."""

    stack: Stack
    now: float = 0.0
    looks: int = 0
    probes: int = 0
    naps: int = 0
    _launched: dict[str, float] = field(default_factory=dict)
    _ready: dict[str, float] = field(default_factory=dict)
    """When each that was launched will answer."""
    _landing: dict[str, float] = field(default_factory=dict)
    _seen: dict[str, Container] = field(default_factory=dict)
    _answered: dict[str, Reading] = field(default_factory=dict)
    _waiting: list[str] = field(default_factory=list)
    """Early ones, which answer only after what they need."""

    def __post_init__(self) -> None:
        """Begin with containers that were made, and none that runs."""
        self._seen = {one.name: container(one.name, "created") for one in self.stack.services}

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def nap(self, seconds: float) -> None:
        """Let time pass until something happens, `seconds` at most."""
        self.naps += 1
        coming = [*self._landing.values(), *self._ready.values()]
        following = min((one for one in coming if one > self.now), default=self.now + seconds)
        self.now = min(following, self.now + seconds)

    def look(self, probed: set[str], *, patience: float) -> Look:
        """Return what there is to see now."""
        del patience
        self.looks += 1
        for name in probed:
            if name in self._ready:
                self.probes += 1
                ok = self._ready[name] <= self.now
                self._answered[name] = reading(name, "200" if ok else "refused", ok=ok)
        return Look(containers=tuple(self._seen.values()), readings=tuple(self._answered.values()))

    def launch(self, one: Container) -> None:
        """Carry out a start, after a while."""
        self._landing[one.service] = self.now + LANDS

    def launched(self) -> dict[str, str]:
        """Return whose start the engine has carried out."""
        done = [name for name, at in self._landing.items() if at <= self.now]
        for name in done:
            del self._landing[name]
            self._seen[name] = replace(
                self._seen[name], state=State.RUNNING, health=Health.STARTING
            )
            self._ready[name] = self.now + ANSWERS * (hash_of(name) % 100) / 100
        return dict.fromkeys(done, "")

    def with_logs(self, seen: Look, names: tuple[str, ...]) -> Look:
        """Return no log."""
        return replace(seen, logs=dict.fromkeys(names, ()))


def hash_of(name: str) -> int:
    """Return a number that is always the same for a name."""
    return sum(place * ord(letter) for place, letter in enumerate(name, start=1)) * 7919


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a start of so many services took."""

    services: int
    seconds: float
    """By the clock of the simulation."""
    events: tuple[Event, ...]
    looks: int
    probes: int
    calls: int
    """Of functions of this workspace."""


def run(of: Stack) -> Course:
    """Start a whole stack; give what it took."""
    world, names = World(of), of.names()
    with counted() as calls:
        events = tuple(start(of, names, world, timeout=TIMEOUT, clock=world.clock))
    return Course(
        services=len(names),
        seconds=world.now,
        events=events,
        looks=world.looks,
        probes=world.probes,
        calls=calls.total(),
    )


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count the calls of functions of scripts/ that the block makes, by their names."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and "/scripts/" in frame.f_code.co_filename:
            found[frame.f_code.co_qualname] += 1

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        yield found
    finally:
        sys.setprofile(before)

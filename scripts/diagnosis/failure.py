"""A service in trouble, and how a cause is known by what was said of it."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import NamedTuple, Self

from scripts.core.finding import Finding
from scripts.core.look import GONE, Container, Health, Look, State
from scripts.core.stack import Service
from scripts.core.texts import empty_talk, last
from scripts.diagnosis.readiness import failing

CRASHES = 3
"""Restarts from which on a container will not recover by itself; one may be a late neighbour."""

HOST = "inv api.host"
"""What starts once more what runs on this machine."""


class Cause(NamedTuple):
    """A code, the cause in plain words with the wrong value, and what to type."""

    code: str
    cause: str
    next_step: str
    fatal: bool = True
    resets: bool = False
    """The service says itself that its data cannot be used: to delete it is the last resort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A service that was started, with all that was seen and said of it."""

    service: Service
    container: Container
    look: Look
    lines: tuple[str, ...]
    """Its log, then its health check, the engine, and what it answers; each tells something."""

    @classmethod
    def of(cls, service: Service, container: Container, look: Look) -> Self:
        """Gather what was said of a service."""
        reading = look.reading(service.name)
        lines = (
            *look.logs.get(service.name, ()),
            *container.health_output.splitlines(),
            container.error,
            reading.detail if reading is not None else "",
        )
        spoken = tuple(line for line in lines if not empty_talk(line))
        return cls(service=service, container=container, look=look, lines=spoken)

    @property
    def name(self) -> str:
        """The service's name."""
        return self.service.name

    @property
    def who(self) -> str:
        """The service in a sentence, where it may be that nobody knows which."""
        return self.name or "the service"

    @property
    def image(self) -> str:
        """The service's image."""
        return self.service.image or "its image"

    @property
    def log(self) -> tuple[str, ...]:
        """What the service wrote itself."""
        return tuple(line for line in self.look.logs.get(self.name, ()) if not empty_talk(line))

    @property
    def failing(self) -> bool:
        """The service is known not to be ready."""
        return failing(self.service, self.container, self.look)

    @property
    def over(self) -> bool:
        """The container will not recover: it was not started, has ended, or is a loop."""
        refused = self.container.state is State.CREATED and bool(self.container.error)
        return refused or self.container.state in GONE or self.container.restarts >= CRASHES

    @property
    def hopeless(self) -> bool:
        """Waiting for neighbours is in vain: it is over, and all that it needs is ready."""
        loops = self.container.restarts >= CRASHES
        return self.container.state in GONE or (
            loops and all(_ready(need, self.look) for need in self.service.needs)
        )

    @property
    def up(self) -> str:
        """The command that starts the service once more."""
        if self.container.host is not None:
            return HOST
        return f"inv up --service {self.name}" if self.name else "inv up"

    @property
    def again(self) -> str:
        """What does once more what failed, once that is mended."""
        if self.container.host is not None:
            return HOST
        return f"inv restart --service {self.name}" if self.name else "the same again"

    def variable(self, kind: str) -> str:
        """Return the name in `.env` of the service's variable, such as NEO4J_HEAP."""
        return f"{self.name.upper().replace('-', '_')}_{kind}"

    def neighbour(self, hint: str) -> str:
        """Return the needed service that a host name or a word of a log means, or that word."""
        for need in self.service.needs:
            container = self.look.container(need)
            names = (need, container.name) if container is not None else (need,)
            if any(name in hint or hint in name for name in names):
                return need
        return hint

    def client_of(self, hint: str) -> bool:
        """It needs the service that a word means: what it says of that one it has by hearsay."""
        return self.neighbour(hint) in self.service.needs

    def well(self, name: str) -> bool:
        """A service was asked itself, and is ready."""
        container, reading = self.look.container(name), self.look.reading(name)
        if container is None or not self.runs(name):
            return False
        return reading.ok if reading is not None else container.health is Health.HEALTHY

    def runs(self, name: str) -> bool:
        """The container of a service runs, so that its name is known to the others."""
        container = self.look.container(name)
        return container is not None and container.state is State.RUNNING

    def absent(self, name: str) -> bool:
        """A needed service has no container: somebody removed it."""
        return name in self.service.needs and self.look.container(name) is None

    def by_proxy(self, name: str) -> bool:
        """It calls a neighbour by way of a proxy: one is set in its container for all hosts."""
        container = self.look.container(name)
        names = (name, *((container.name,) if container is not None else ()))
        # behind a prefix, which no host name has
        direct = (
            host == "*" or any(one.endswith(host) for one in names)
            for host in self.container.no_proxy
        )
        return bool(self.container.proxy) and name in self.service.needs and not any(direct)

    def _step(self, cause: Cause) -> str:
        """Return the next step of a cause.

        Here alone one may delete data, and only that of the service whose words are the evidence.
        """
        group = self.service.data_group
        if not (cause.resets and group):
            return cause.next_step or f"inv logs --service {self.name}"
        reset = (
            f"inv reset --service {self.name} (a snapshot is made, and the data of {group} goes)"
        )
        return f"{cause.next_step}; or {reset}" if cause.next_step else f"{reset}, then: {self.up}"

    def finding(self, cause: Cause, evidence: re.Match[str] | str) -> Finding:
        """Return the finding of a cause; a match stands for its line."""
        from scripts.diagnosis.evidence import masked, quoted

        text = (
            masked(evidence, self.service)
            if isinstance(evidence, str)
            else quoted(evidence, self.service)
        )
        return Finding(
            code=cause.code,
            service=self.name,
            cause=masked(cause.cause, self.service),
            evidence=text,
            next_step=self._step(cause),
            fatal=cause.fatal,
        )


Signature = Callable[[Failure], Finding | None]
Explain = Callable[[Failure, re.Match[str]], Cause | None]


def _said(failure: Failure) -> Iterable[str]:
    return failure.lines


def known_by(
    *patterns: str, within: Callable[[Failure], Iterable[str]] = _said, of: str = ""
) -> Callable[[Explain], Signature]:
    """Make a signature of a function that explains the line in which a pattern is found.

    It is given the last match of the first of these patterns that any line matches; that line is
    the evidence. `of` names who says so of itself: a client that repeats it is no proof, and who
    said it is asked himself.
    """

    def decorate(explain: Explain) -> Signature:
        @wraps(explain)
        def signature(failure: Failure) -> Finding | None:
            if of and failure.client_of(of):
                return None
            if (match := last(within(failure), *patterns)) is None:
                return None
            cause = explain(failure, match)
            return failure.finding(cause, match) if cause is not None else None

        return signature

    return decorate


def idle(failure: Failure, need: str, *, fatal: bool) -> Cause:
    """Say that a needed service does not run; to start the one that needs it starts both."""
    lacks = "has no container" if failure.look.container(need) is None else "does not run"
    return Cause(
        "neighbour-unreachable", f"it needs {need}, which {lacks}", failure.up, fatal=fatal
    )


def unreachable(failure: Failure, match: re.Match[str], need: str, *, fatal: bool) -> Cause:
    """Say that a needed service does not answer, or that the way to it is cut.

    It is cut when one that has been ready for a while is still waited for. Our own images say that
    they wait, for how long, and when the wait is over.
    """
    if failure.absent(need):
        return idle(failure, need, fatal=fatal)
    need_container = failure.look.container(need)
    if need_container is not None and need_container.elsewhere and failure.well(need):
        return Cause(
            "elsewhere-unreachable",
            f"{need} runs elsewhere ({need_container.elsewhere}) and answers from here, but not"
            f" from the container of {failure.who}: names and routes differ there",
            "inv doctor says what the container sees; then an address that leads there from both",
            fatal=fatal,
        )
    waits = re.search(r" for \d+ s \(| [1-9]\d* s so far", match.string)
    if waits and need in failure.look.steady:
        return Cause(
            "network-cut",
            f"it cannot reach {need}, which is well: the network between the two is cut",
            "inv down, then: inv up (the network is made anew, the data stays)",
        )
    return Cause(
        "neighbour-unreachable",
        f"it waits for {need}, which does not answer it",
        f"inv logs --service {need}",
        fatal=fatal,
    )


def proxied(failure: Failure, need: str, *, fatal: bool = True) -> Cause:
    """Say that it calls a neighbour through a proxy, which knows nobody of that name."""
    return Cause(
        "proxy",
        f"it calls {need} by way of a proxy ({failure.container.proxy}): its NO_PROXY lacks {need}",
        "inv down, then: inv up (containers are made anew with the compose file's NO_PROXY, the"
        " data stays)",
        fatal=fatal,
    )


def damaged(what: str) -> Cause:
    """Say that stored data cannot be read, as its own server says."""
    return Cause("data-damaged", what, "", resets=True)


def data_version(failure: Failure, writer: str = "another version") -> Cause:
    """Say that the data is not this image's: the former one can read it."""
    return Cause(
        "data-version",
        f"its data was written by {writer} than {failure.image}",
        f"put the former image of {failure.name} back into .env, then: inv up",
        resets=True,
    )


def _ready(name: str, look: Look) -> bool:
    container, reading = look.container(name), look.reading(name)
    if container is None or container.state is not State.RUNNING:
        return False
    return reading.ok if reading is not None else container.health in {Health.HEALTHY, Health.NONE}

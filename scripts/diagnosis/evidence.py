"""The lines that tell why a service fails: found, shortened, and without secrets."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from scripts.core.finding import Finding
from scripts.core.look import GONE, Container, Health, Look, State
from scripts.core.stack import Service
from scripts.diagnosis.readiness import failing

SHOWN = 300
"""Characters of a line that a finding quotes."""
LEAD = 80
"""Characters kept before the telling part of a line that is cut."""
CRASHES = 3
"""Restarts from which on a container will not recover by itself; one may be a late neighbour."""
HIDDEN = "***"
_SECRETS = (
    # name=value and "name": "value", as settings, JSON and Python's repr write them
    re.compile(
        r"(?i)((?:password|passwd|rootpass|secret|token|api_?-?key|secret_?-?access_?-?key)\w*"
        r"['\"\]]{0,2}\s*[:=]\s*['\"]?)([^\s'\",;)\]}]+)"
    ),
    re.compile(r"(?i)((?:bearer|basic) )([\w.~+/=:-]{6,})"),
    re.compile(r"()\b(sk-[\w-]{6,})"),
    re.compile(r"(\w+://[^\s:/@]*:)([^\s/@]+)(?=@)"),
    re.compile(r"(NEO4J_AUTH\b.{0,3}['\"])([^'\"]+)"),
    # the official Neo4j image echoes NEO4J_AUTH so
    re.compile(r"^(\s*)(\S+/\S*)(?= is invalid$)"),
)
_STACK = re.compile(r'[\s,]*("stacktrace":|\[stack=).*')


def heard(service: Service, container: Container, seen: Look) -> tuple[str, ...]:
    """Return all that was said about a service that is known to fail; nothing about any other.

    Its log, then its health check, the engine, and what it answers to us.
    """
    if not failing(service, container, seen):
        return ()
    reading = seen.reading(service.name)
    lines = (
        *seen.logs.get(service.name, ()),
        *container.health_output.splitlines(),
        container.error,
        reading.detail if reading is not None else "",
    )
    return tuple(line for line in lines if line.strip())


def last(lines: Iterable[str], *patterns: str) -> re.Match[str] | None:
    """Return the last match of the first of these patterns that any line matches."""
    return _last(tuple(lines), patterns)


@lru_cache(maxsize=1024)
def _last(told: tuple[str, ...], patterns: tuple[str, ...]) -> re.Match[str] | None:
    """Search once: while a stack starts most logs are the ones of the look before."""
    # nearly all patterns are in no line: a search through the whole text says so twice as fast
    text = "\n".join(told)
    there = (pattern for pattern in patterns if re.search(pattern, text, re.MULTILINE))
    found = (re.search(pattern, line) for pattern in there for line in reversed(told))
    return next((match for match in found if match), None)


def masked(text: str, service: Service) -> str:
    """Return a text without the service's passwords and whatever else looks like a secret."""
    logins = (probe.auth.password for probe in service.probes if probe.auth is not None)
    for password in sorted(filter(None, logins), key=len, reverse=True):
        text = text.replace(password, HIDDEN)
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


def quoted(match: re.Match[str], service: Service) -> str:
    """Return the line of a match as evidence: around the match, no stack, no secrets."""
    # hidden first: what a cut leaves of a secret would not be recognised
    line = _STACK.sub("", masked(match.string, service)).strip()
    place = match.re.search(line)
    start = max(0, place.start() - LEAD) if place and len(line) > SHOWN else 0
    rest = line[start:]
    cut = rest if len(rest) <= SHOWN else rest[: SHOWN - 1] + "…"
    return f"…{cut}" if start else cut


def finding(  # noqa: PLR0913 - a finding has this many parts
    service: Service,
    code: str,
    cause: str,
    match: re.Match[str] | str,
    next_step: str,
    *,
    fatal: bool = True,
) -> Iterator[Finding]:
    """Yield one finding whose evidence is the line of `match`, or that text."""
    evidence = masked(match, service) if isinstance(match, str) else quoted(match, service)
    yield Finding(
        code=code,
        service=service.name,
        cause=masked(cause, service),
        evidence=evidence,
        next_step=next_step,
        fatal=fatal,
    )


def over(container: Container) -> bool:
    """Say whether a container will not recover: it was not started, has ended, or is a loop."""
    refused = container.state is State.CREATED and bool(container.error)
    return refused or container.state in GONE or container.restarts >= CRASHES


def hopeless(service: Service, container: Container, seen: Look) -> bool:
    """Say whether waiting for neighbours is in vain: it is over, and all that it needs is ready."""
    looping = container.restarts >= CRASHES and all(_ready(need, seen) for need in service.needs)
    return container.state in GONE or looping


def _ready(name: str, seen: Look) -> bool:
    container, reading = seen.container(name), seen.reading(name)
    if container is None or container.state is not State.RUNNING:
        return False
    return reading.ok if reading is not None else container.health in {Health.HEALTHY, Health.NONE}


def unreachable(
    service: Service, seen: Look, match: re.Match[str], need: str, *, fatal: bool
) -> Iterator[Finding]:
    """Say that a needed service does not answer, or that the way to it is cut.

    It is cut when one that has been ready for a while is still waited for. Our own images say that
    they wait, for how long, and when the wait is over.
    """
    waits = re.search(r" for \d+ s \(| [1-9]\d* s so far", match.string)
    if waits and need in seen.steady:
        cause = f"it cannot reach {need}, which is well: the network between the two is cut"
        step = "inv down, then: inv up (the network is made anew, the data stays)"
        yield from finding(service, "network-cut", cause, match, step)
        return
    cause, step = f"it waits for {need}, which does not answer it", f"inv logs --service {need}"
    yield from finding(service, "neighbour-unreachable", cause, match, step, fatal=fatal)


def neighbour(hint: str, service: Service, seen: Look) -> str:
    """Return the needed service that a host name or a word of a log means, or that word itself."""
    for need in service.needs:
        container = seen.container(need)
        names = (need, container.name) if container is not None else (need,)
        if any(name in hint or hint in name for name in names):
            return need
    return hint


def again(service: Service) -> str:
    """Return the command that starts a service once more."""
    return f"inv up --service {service.name}"


def variable(service: Service, kind: str) -> str:
    """Return the name in `.env` of a service's variable, such as NEO4J_HEAP."""
    return f"{service.name.upper().replace('-', '_')}_{kind}"


def reset(service: Service) -> str:
    """Return the last resort when stored data cannot be used: a snapshot is made before it goes."""
    of = service.data_group or service.name
    return f"inv reset --service {service.name} (the data of {of} goes), then: inv up"

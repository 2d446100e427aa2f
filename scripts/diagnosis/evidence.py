"""The lines that tell why a service fails, as they are shown: short, and without secrets."""

import re

from scripts.core import texts
from scripts.core.stack import Service

SHOWN = 300
"""Characters of a line that a finding quotes."""
LEAD = 80
"""Characters kept before the telling part of a line that is cut."""
HIDDEN = "***"
_SECRETS = (
    # each begins with words of its own: a line may be long, and is read once for each of them
    # name=value and "name": "value", as settings, JSON and Python's repr write them
    re.compile(
        r"(?i)((?:password|passwd|rootpass|secret|token|api_?-?key|secret_?-?access_?-?key)\w{0,64}"
        r"['\"\]]{0,2}\s*[:=]\s*['\"]?)([^\s'\",;)\]}]+)"
    ),
    re.compile(r"(?i)((?:bearer|basic) )([\w.~+/=:-]{6,})"),
    re.compile(r"()\b(sk-[\w-]{6,})"),
    re.compile(r"(://[^\s:/@]*:)([^\s/@]+)(?=@)"),
    re.compile(r"(NEO4J_AUTH\b.{0,3}['\"])([^'\"]+)"),
    # the official Neo4j image echoes NEO4J_AUTH so
    re.compile(r"^(\s*)(\S[^\s/]*/\S*)(?= is invalid$)"),
)
# the blanks from their first one: to try each of many would take the square of them
_STACK = re.compile(r'(?<![\s,])[\s,]*("stacktrace":|\[stack=).*')


def masked(text: str, service: Service) -> str:
    """Return a text without the service's passwords and whatever else looks like a secret."""
    logins = {probe.auth.password for probe in service.probes if probe.auth is not None} - {""}
    text = texts.masked(text, logins, HIDDEN)
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

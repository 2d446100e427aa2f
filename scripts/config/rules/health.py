"""Rules about health checks in the resolved compose file: their durations and their commands."""

import re
import shlex
from collections.abc import Iterator, Mapping
from itertools import groupby

from scripts.config.rules.schema import Breach, as_list, as_tree, describe
from scripts.core.units import seconds

_BOUNDS = (
    # every check is an exec: small intervals eat CPU, so they stay inside start_period
    ("interval", 5.0, float("inf"), "5s or more, calm after start_period"),
    ("start_interval", 0.001, 2.0, "2s or less: it decides how soon a start is seen"),
    ("start_period", 1.0, float("inf"), "1s or more: start_interval holds only inside it"),
    ("timeout", 0.001, float("inf"), "more than 0s, which means the engine's 30s"),
)
_PAST_PROXIES = {"curl": ["--noproxy", "*"], "wget": ["--no-proxy"]}
"""What has a program call directly: the user's Docker may hand a proxy to every container."""
_OPERATOR = re.compile(r"[|&;()<>]+")


def durations(services: Mapping[str, Mapping[str, object]]) -> Iterator[Breach]:
    """Checks are quick while a service starts, and calm afterwards."""
    for name, service in services.items():
        health = as_tree(service.get("healthcheck"))
        for key, least, most, wanted in _BOUNDS:
            value = seconds(str(health.get(key)))
            if value is not None and not least <= value <= most:
                yield Breach(f"healthcheck.{key}", describe(health[key]), wanted, service=name)


def commands(services: Mapping[str, Mapping[str, object]]) -> Iterator[Breach]:
    """A test names 127.0.0.1, as localhost may be ::1, asks no proxy, and leaves no files."""
    key = "healthcheck.test"
    for name, service in services.items():
        words = [str(word) for word in as_list(as_tree(service.get("healthcheck")).get("test"))]
        if re.search(r"\blocalhost\b", " ".join(words), re.IGNORECASE):
            yield Breach(key, "localhost", "127.0.0.1", service=name)
        calls = [_call(command) for command in _commands(words[1:])]
        if any(program == "wget" and _keeps_file(options) for program, options in calls):
            wanted = "wget -O /dev/null: each check would leave one more file"
            yield Breach(key, "wget without -O", wanted, service=name)
        for program, flags in _PAST_PROXIES.items():
            if any(called == program and not _has(options, flags) for called, options in calls):
                wanted = f"{program} {shlex.join(flags)}: a proxy would stand between"
                yield Breach(key, f"{program} through a proxy", wanted, service=name)


def _commands(words: list[str]) -> Iterator[list[str]]:
    """Yield the simple commands of a health test, and those of the scripts among its words."""
    yield words
    for script in (word for word in words if len(word.split()) > 1):
        lexer = shlex.shlex(script, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            tokens = list(lexer)
        except ValueError:  # a quote is not closed
            tokens = script.split()
        for between, command in groupby(tokens, lambda token: bool(_OPERATOR.fullmatch(token))):
            if not between:
                yield list(command)


def _call(command: list[str]) -> tuple[str, list[str]]:
    """Return the program of a command that calls over HTTP, and its words; none of another."""
    names = [word.rpartition("/")[2] for word in command]
    place = next((names.index(name) for name in names if name in _PAST_PROXIES), len(names))
    return "".join(names[place : place + 1]), command[place + 1 :]


def _has(words: list[str], flags: list[str]) -> bool:
    return any(words[place : place + len(flags)] == flags for place in range(len(words)))


def _keeps_file(options: list[str]) -> bool:
    return not any(re.match(r"-[A-Za-z]*O|--output-document", option) for option in options)

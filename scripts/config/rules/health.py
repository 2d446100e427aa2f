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
    """A test names 127.0.0.1, because localhost may be ::1, and leaves no files behind."""
    key = "healthcheck.test"
    for name, service in services.items():
        words = [str(word) for word in as_list(as_tree(service.get("healthcheck")).get("test"))]
        if re.search(r"\blocalhost\b", " ".join(words), re.IGNORECASE):
            yield Breach(key, "localhost", "127.0.0.1", service=name)
        if any(_keeps_file(command) for command in _commands(words[1:])):
            wanted = "wget -O /dev/null: each check would leave one more file"
            yield Breach(key, "wget without -O", wanted, service=name)


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


def _keeps_file(command: list[str]) -> bool:
    names = [word.rpartition("/")[2] for word in command]
    if "wget" not in names:
        return False
    options = command[names.index("wget") + 1 :]
    return not any(re.match(r"-[A-Za-z]*O|--output-document", option) for option in options)

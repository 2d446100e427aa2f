"""Values of flags: parsed here, because invoke answers a wrong number with a traceback."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from scripts.core import units
from scripts.core.errors import ConfigError
from scripts.core.texts import short

T = TypeVar("T")

_TIME = re.compile(
    r"[0-9]{4}(-[0-9]{2}){2}"
    r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?\Z"
)
"""Of the forms that `datetime.fromisoformat` knows, those that Compose knows too."""
_PYTHON = re.compile(r"3\.([0-9]{1,3})\Z", re.ASCII)
OLDEST_PYTHON = 11
"""Of 3, as pyproject.toml has it."""
FORMATS = ("text", "json")


def seconds(flag: str, value: str) -> float:
    """Return a positive number of seconds; ConfigError for anything else."""
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise _wrong(flag, value, "a number of seconds above 0", f"for example: --{flag} 300")
    return number


def count(flag: str, value: str) -> int:
    """Return a whole number from 0; ConfigError for anything else."""
    if not value.isascii() or not value.isdigit():
        raise _wrong(flag, value, "a whole number", f"for example: --{flag} 200")
    return int(value)


def chosen(flag: str, number: int, known: Sequence[T], what: str = "the starts that are kept") -> T:
    """Return one of `what` there is, counted from 1; ConfigError when there are fewer."""
    if not 1 <= number <= len(known):
        wanted = f"1 to {len(known)}, {what}"
        raise _wrong(flag, number, wanted, f"--{flag} 1 is the last one")
    return known[number - 1]


def offset(value: str) -> int:
    """Return how far ports are to be shifted; ConfigError for what is no whole number from 1."""
    if not value.isascii() or not value.isdigit() or int(value) == 0:
        raise _wrong("offset", value, "a whole number from 1", "--offset 100")
    return int(value)


def pythons(values: Sequence[str]) -> tuple[str, ...]:
    """Return versions of Python; ConfigError for what is none, or too old."""
    for value in values:
        version = _PYTHON.match(value)
        if not version or int(version[1]) < OLDEST_PYTHON:
            wanted = f"a version from 3.{OLDEST_PYTHON} on"
            raise _wrong("python", value, wanted, "for example: --python 3.13")
    return tuple(values)


def together(**given: object) -> None:
    """Raise ConfigError unless all of these flags were given: one means nothing alone."""
    absent = [f"--{name}" for name, value in given.items() if not value]
    if absent:
        every = " and ".join(f"--{name}" for name in given)
        raise ConfigError(f"{' '.join(absent)} is missing", next_step=f"give {every} together")


def alone(flag: str, **others: object) -> None:
    """Raise ConfigError when `flag` was given with one of the others, which it cannot go with."""
    if given := [f"--{name}" for name, value in others.items() if value]:
        raise ConfigError(
            f"--{flag} does not go with {' and '.join(given)}", next_step=f"--{flag} alone"
        )


def only_with(other: str, **given: object) -> None:
    """Raise ConfigError when one of these was given: each means nothing without the other."""
    if named := [f"--{name}" for name, value in given.items() if value]:
        raise ConfigError(
            f"{' and '.join(named)} does not go without --{other}",
            next_step=f"--{other} {' '.join(named)}",
        )


def moment(flag: str, value: str) -> str:
    """A duration such as 10m or a time, as Compose takes it; ConfigError for anything else."""
    if units.seconds(value) is None and not _is_time(value):
        examples = f"for example: --{flag} 10m, or --{flag} 2026-01-31T12:00:00"
        raise _wrong(flag, value, "a duration or a time", examples)
    return value


def since(value: str, now: float) -> int:
    """Return nanoseconds since 1970 of what `moment` lets pass, 0 for none given."""
    return units.since(moment("since", value), now) if value else 0


def form(value: str, known: Sequence[str] = FORMATS) -> str:
    """Return an output format; ConfigError for an unknown one."""
    if value not in known:
        raise _wrong("format", value, " or ".join(known), "--format json")
    return value


def level(value: str) -> str:
    """Return a level of log lines, empty for all; ConfigError for an unknown one."""
    from scripts.watch.log_lines import LEVELS

    if value and value not in LEVELS:
        raise _wrong("level", value, ", ".join(LEVELS), "--level warning")
    return value


def _wrong(flag: str, value: str | int, wanted: str, next_step: str) -> ConfigError:
    shown = repr(short(value)) if isinstance(value, str) else value
    return ConfigError(f"--{flag} is {shown}, wanted {wanted}", next_step=next_step)


def _is_time(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return bool(_TIME.match(value))

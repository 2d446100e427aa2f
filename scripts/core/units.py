"""Pure: moments, durations and bytes as the engine and people write them."""

import re
from datetime import UTC, datetime

SECOND = 10**9
"""Nanoseconds."""
NEVER = "0001-01-01T00:00:00Z"
"""How the engine writes a moment that has not come."""
_PARTS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)\Z")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
STEP = 1024
"""Between a unit of bytes and the next one."""


def nanoseconds(text: str) -> int:
    """Nanoseconds since 1970 of a moment of the engine; 0 for none, ValueError for no moment.

    The engine writes nanoseconds, of which `datetime` keeps only microseconds.
    """
    if text in {"", NEVER}:
        return 0
    parts = _PARTS.match(text)
    if parts is None:
        raise ValueError(f"no moment of an engine: {text!r}")
    whole, fraction, zone = parts.groups()
    seconds = int(datetime.fromisoformat(whole + zone).timestamp())
    return seconds * SECOND + int((fraction or "").ljust(9, "0")[:9])


def written(moment: float) -> str:
    """Write seconds since 1970 as the engine does, to the millisecond."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def exactly(moment: int) -> str:
    """Write nanoseconds since 1970 as the engine does before the lines of a log."""
    whole = datetime.fromtimestamp(moment // SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{moment % SECOND:09d}Z"


def query(moment: int) -> str:
    """Write nanoseconds since 1970 as the engine's API wants them in a query."""
    return f"{moment // SECOND}.{moment % SECOND:09d}"


def seconds(text: str) -> float | None:
    """Return the seconds of a duration as Go writes it, such as 2m0s; None when it is none."""
    parts = _DURATION.findall(text)
    if not parts or "".join(map("".join, parts)) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def since(value: str, now: float) -> int:
    """Return nanoseconds since 1970 of what `flags.moment` lets pass; a time without zone is local.

    `now` is in seconds since 1970, for durations such as 10m.
    """
    ago = seconds(value)
    moment = datetime.fromisoformat(value).timestamp() if ago is None else now - ago
    return int(moment * SECOND)


def size(amount: float) -> str:
    """Return bytes for people, in the units of memory limits: 1536 gives 1.5 KiB."""
    for unit in ("B", "KiB", "MiB"):
        if amount < STEP:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= STEP
    return f"{amount:.1f} GiB"


def size_of(done: float, total: float) -> str:
    """Return how many of all bytes are done; `total` may be an estimate, and too small."""
    return f"{size(done)} of {size(max(done, total))}"


def duration(seconds: float | None) -> str:
    """Return a duration for people: 3725 gives 1 h 2 min."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

"""docs/faults.md: each fault, what was told and how soon, and what plain Compose says."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from checkout import ROOT
from fault import Fault
from fault_trial import PLAIN_LIMIT, Told

PAGE = ROOT / "docs" / "faults.md"
PLAIN = ROOT / "tests" / "data" / "faults" / "plain-compose.json"
"""What plain Compose said: measured once, each with its date."""
QUOTED = 90
HEAD = """\
# Faults

Each of these faults is made for real, on real containers, by `nox -s faults`, which writes this
page. `inv up` must tell the right service and cause with the right exit code, the next step must
mend it, and the data must be whole afterwards. {count} faults, all right on {date}; told after
{median:.1f} s in the median, {most:.1f} s at most.

"After" counts from the first event of the engine, health result or answer that shows the fault, or
*from the command* where the fault was there before it (0.7 s of that are Python, and Compose
reading the file). "Before" means: told before any container was touched. Beside it stands what
`docker compose up --detach --wait` said of the same fault, and when ({plain}; it was given
{limit:.0f} s).

| fault | told | after s | plain Compose | after s |
| --- | --- | --- | --- | --- |
"""
FOOT = """
Not made for real: a proxy that re-signs TLS (an engine trusts any certificate on loopback), a
processor without AVX, the texts of Docker Desktop and of Engine 28, images that Docker Hub deleted.
Their causes are held by unit tests on recorded texts.
"""


@dataclass(slots=True)
class Table:
    """What was seen of each fault, by its name."""

    told: dict[str, tuple[Told, float]] = field(default_factory=dict)
    plain: dict[str, Any] = field(default_factory=dict)

    def add(self, fault: Fault, told: Told, seconds: float) -> None:
        """Take in what `inv up` told."""
        self.told[fault.name] = (told, seconds)

    def add_plain(self, fault: Fault, found: dict[str, Any]) -> None:
        """Take in what plain Compose said, and keep it."""
        known = json.loads(PLAIN.read_text()) if PLAIN.exists() else {}
        known[fault.name] = {**found, "date": datetime.now(UTC).date().isoformat()}
        PLAIN.parent.mkdir(exist_ok=True)
        PLAIN.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")

    def write(self, faults: Sequence[Fault]) -> None:
        """Write the page; every fault must have been tried."""
        known = json.loads(PLAIN.read_text()) if PLAIN.exists() else {}
        tried = [(one, *self.told[one.name]) for one in faults]
        dates = sorted({row["date"] for row in known.values()})
        seconds = [took for one, told, took in tried if told.exit_code]
        head = HEAD.format(
            count=len(tried),
            date=datetime.now(UTC).date().isoformat(),
            median=statistics.median(seconds),
            most=max(seconds),
            plain=", ".join(dates) or "not measured yet",
            limit=PLAIN_LIMIT,
        )
        rows = (_row(one, told, took, known.get(one.name)) for one, told, took in tried)
        PAGE.write_text(head + "".join(rows) + FOOT)


def _row(fault: Fault, told: Told, seconds: float, plain: dict[str, Any] | None) -> str:
    said, after = ("not tried: it has no such thing", "") if plain is None else _plain(plain)
    cells = (fault.name, _told(fault, told), _after(fault, told, seconds), said, after)
    return f"| {' | '.join(cells)} |\n"


def _told(fault: Fault, told: Told) -> str:
    if not told.exit_code:
        return "nothing: it becomes ready"
    who = f"{fault.service}: " if fault.service else ""
    code = f"`{fault.code}`" if fault.code else "what it last answered"
    return f"{who}{code}, exit {told.exit_code}{', before' if fault.preflight else ''}"


def _after(fault: Fault, told: Told, seconds: float) -> str:
    if not told.exit_code:
        return ""
    return f"{seconds:.1f}{' from the command' if fault.shown == 'command' else ''}"


def _plain(plain: dict[str, Any]) -> tuple[str, str]:
    if plain["exit_code"] is None:
        return "nothing: it waits", f"> {plain['seconds']:.0f}"
    if plain["exit_code"] == 0:
        return "nothing: exit 0", f"{plain['seconds']:.1f}"
    text = plain["says"].replace("|", "/").replace("`", "'")
    short = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    return f"{short} (exit {plain['exit_code']})", f"{plain['seconds']:.1f}"

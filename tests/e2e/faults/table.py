"""docs/faults.md: each fault, what was told and how soon, and what plain Compose says."""

import json
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.faults.fault import Fault
from tests.e2e.faults.trial import PLAIN_LIMIT, Told
from tests.kit.places import ROOT

PAGE = ROOT / "docs" / "faults.md"
TOLD = ROOT / "tests" / "data" / "faults" / "told.json"
"""What `inv up` told last of each fault, and when."""
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
*from the command* where the fault was there before it. "Before" means: told before any container
was touched. Beside it stands what `docker compose up --detach --wait` said of the same fault, and
when ({plain}; it was given {limit:.0f} s).

| fault | told | after s | plain Compose | after s |
| --- | --- | --- | --- | --- |
"""
FOOT = """
Not made for real, and held by unit tests on recorded texts, beside those of Docker Desktop and of
Engine 28:

| why not | causes |
| --- | --- |
"""
NOT_MADE = {
    "it would break the machine for others": (
        *("firewall", "kernel-replaced", "engine-part-gone", "process-limit", "no-memory"),
        *("memory", "unstoppable", "half-removed", "image-damaged", "clocks-apart"),
        "volume-absent",
    ),
    "the engine has root": ("port-forbidden",),
    "on loopback an engine trusts every registry": ("tls-resigned", "registry-http", "image-gone"),
    "it is refused before, or always set": (*("milvus-too-old", "setting-missing", "proxy"),),
    "it takes minutes, or a moment": ("heap-exhausted", "neighbour-unreachable", "part-ended"),
    "`inv down` tells it": ("network-used", "volume-used"),
    "`inv smoke` tells it, in tests of its own": (
        *("embedder-unreachable", "vectors-refused", "chat-unreachable", "chat-unreadable"),
        *("scheduler-failed", "memos-defect"),
    ),
    "an advice, with exit code 0": (
        *("api-errors", "reload-polling", "reload-unwatched", "reload-template", "reload-unused"),
    ),
    "a Swarm tells it, in tests of its own": (
        *("node-down", "node-silent", "no-node", "image-away", "unhealthy-killed"),
    ),
    "of sources on another machine, in tests of its own": ("source-late", "source-refused"),
    "of a service elsewhere, in tests of its own": ("elsewhere-unreachable", "elsewhere-old"),
    "`inv reload` tells it, in tests of its own": (
        *("reload-failed", "reload-hangs", "reload-ended", "reload-overdue", "reload-unready"),
    ),
}
"""Causes of docs/causes.md that no fault has as its code."""


class Table:
    """What was seen of each fault: kept in two files, from which the page is written."""

    def __init__(self) -> None:
        """Nothing is tried yet in this run."""
        self._told: dict[str, Any] = {}
        self._plain: dict[str, Any] = {}

    def forget(self, fault: Fault) -> None:
        """Believe no longer what a former run saw of this fault: it is tried anew."""
        self._told[fault.name] = None

    def add(self, fault: Fault, told: Told, seconds: float) -> None:
        """Take in what `inv up` told."""
        found = {"exit_code": told.exit_code, "seconds": round(seconds, 2)}
        self._told[fault.name] = {**found, "date": _today()}

    def add_plain(self, fault: Fault, found: dict[str, Any]) -> None:
        """Take in what plain Compose said."""
        self._plain[fault.name] = {**found, "date": _today()}

    def write(self, faults: Sequence[Fault]) -> None:
        """Write the page, with what former runs saw of the faults that this one did not try."""
        told, plain = _kept(TOLD, self._told), _kept(PLAIN, self._plain)
        tried = [one for one in faults if one.name in told]
        seconds = [told[one.name]["seconds"] for one in tried if told[one.name]["exit_code"]]
        head = HEAD.format(
            count=len(tried),
            date=_dates(told),
            median=statistics.median(seconds),
            most=max(seconds),
            plain=_dates(plain),
            limit=PLAIN_LIMIT,
        )
        rows = (_row(one, told[one.name], plain.get(one.name)) for one in tried)
        left = (
            f"| {why} | {', '.join(f'`{code}`' for code in codes)} |\n"
            for why, codes in NOT_MADE.items()
        )
        PAGE.write_text(head + "".join(rows) + FOOT + "".join(left))


def _kept(file: Path, new: dict[str, Any]) -> dict[str, Any]:
    known = {**(json.loads(file.read_text()) if file.exists() else {}), **new}
    known = {name: row for name, row in known.items() if row is not None}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(known, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    return known


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def _dates(rows: dict[str, Any]) -> str:
    return ", ".join(sorted({row["date"] for row in rows.values()})) or "not measured yet"


def _row(fault: Fault, told: dict[str, Any], plain: dict[str, Any] | None) -> str:
    said, after = ("", "") if plain is None else _plain(plain)
    cells = (fault.name, _told(fault, told["exit_code"]), _after(fault, told), said, after)
    return f"| {' | '.join(cells)} |\n"


def _told(fault: Fault, exit_code: int) -> str:
    if not exit_code:
        return "nothing: it becomes ready"
    who = f"{fault.service}: " if fault.service else ""
    code = f"`{fault.code}`" if fault.code else "how far all has come"
    return f"{who}{code}, exit {exit_code}{', before' if fault.preflight else ''}"


def _after(fault: Fault, told: dict[str, Any]) -> str:
    if not told["exit_code"]:
        return ""
    return f"{told['seconds']:.1f}{' from the command' if fault.shown == 'command' else ''}"


def _plain(plain: dict[str, Any]) -> tuple[str, str]:
    if plain["exit_code"] is None:
        return "nothing: it waits", f"> {plain['seconds']:.0f}"
    if plain["exit_code"] == 0:
        return "nothing: exit 0", f"{plain['seconds']:.1f}"
    text = plain["says"].replace("|", "/").replace("`", "'")
    short = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    return f"{short} (exit {plain['exit_code']})", f"{plain['seconds']:.1f}"

"""What services have used lately, a row every few seconds; kept also when its reader is killed."""

import json
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from scripts.core import files
from scripts.core.foreign import documents
from scripts.core.look import Usage
from scripts.watch.status import percent

EVERY = 5.0
"""Seconds between two rows."""
KEPT = 180
"""Rows of a quarter of an hour."""
FILE = "usage.jsonl"
"""In the stack's cache."""
MOST = 1 << 20
"""Bytes of it that are read."""

Row = dict[str, Any]
"""`at` in seconds since 1970; `services`: by name CPU in percent of one processor, and bytes."""


class Ring:
    """The last rows, the newest last."""

    def __init__(self, file: Path | None) -> None:
        """Begin with what the file has, of whoever wrote it before; without one nothing is kept."""
        self._file = file
        read = _read(file) if file is not None else ()
        self._rows: deque[tuple[int, Row]] = deque(enumerate(read, 1), maxlen=KEPT)
        self.number = self._rows[-1][0] if self._rows else 0
        """Of the last row: what a clock says may come twice."""
        self._before: Mapping[str, Usage] = {}
        self._unwritten = KEPT  # so that the first row begins the file anew

    def add(self, usage: Mapping[str, Usage], at: float) -> Row | None:
        """Take what services use at a moment; give its row, None as long as nothing is known."""
        before, self._before = self._before, usage
        services = {
            name: [cpu, now.memory]
            for name, now in usage.items()
            if (cpu := percent(before.get(name), now)) is not None
        }
        if not services:
            return None
        row = {"at": round(at, 3), "services": services}
        self.number += 1
        self._rows.append((self.number, row))
        if self._file is not None:
            self._write(self._file, row)
        return row

    def after(self, number: int) -> list[tuple[int, Row]]:
        """Return the rows after that one, each with its number."""
        return [one for one in tuple(self._rows) if one[0] > number]

    def _write(self, file: Path, row: Row) -> None:
        """Add a row to the file, which is begun anew when it has grown to twice what is kept."""
        self._unwritten += 1
        with suppress(OSError):  # a full disk: it is seen all the same
            if self._unwritten > KEPT:
                self._unwritten = 0
                files.write(file, "".join(_line(one) for _, one in tuple(self._rows)))
            else:
                with file.open("a", encoding="utf-8") as written:
                    written.write(_line(row))


def _line(row: Row) -> str:
    return json.dumps(row, separators=(",", ":")) + "\n"


def _read(file: Path) -> Iterator[Row]:
    for line in files.content(file, most=MOST).splitlines():
        with suppress(ValueError, TypeError, LookupError):  # the last one of a killed process
            row = documents.parsed(line)
            services = {
                str(name): [float(cpu), int(memory)]
                for name, (cpu, memory) in dict(row["services"]).items()
            }
            yield {"at": float(row["at"]), "services": services}

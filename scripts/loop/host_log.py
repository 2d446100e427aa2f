"""The log of a process of this machine: each line behind its moment, as the engine keeps them."""

import time
from pathlib import Path

from scripts.core import files, units
from scripts.watch import on_host

MOST = 10 << 20
"""Bytes after which a log is begun anew, and the lines before it are kept beside it; as much as the
compose file lets the engine keep."""


class HostLog:
    """Keeps lines in a file for its owner only; the one of an earlier run lies beside it."""

    def __init__(self, file: Path, *, most: int = MOST) -> None:
        """Begin a log."""
        self._path, self._most = file, most
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._begin()

    def _begin(self) -> None:
        if self._path.exists():
            self._path.replace(on_host.earlier(self._path))
        self._file = files.begun(self._path)
        self._size = 0

    def write(self, line: str) -> None:
        """Keep a line, with this moment."""
        written = f"{units.exactly(time.time_ns())} {line}\n".encode()
        if self._size + len(written) > self._most:
            self.close()
            self._begin()
        self._size += self._file.write(written)
        self._file.flush()

    def close(self) -> None:
        """Keep no more."""
        self._file.close()

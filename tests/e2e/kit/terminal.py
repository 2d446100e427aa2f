"""A terminal with somebody at it, who types and reads."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

from tests.e2e.kit.checkout import Checkout

PATIENCE = 60.0
"""Seconds after which what was waited for does not come."""
CTRL_C, CTRL_D, CTRL_P = "\x03", "\x04", "\x10"


@dataclass
class Terminal:
    """What a command shows on a terminal, and how it ends."""

    number: int
    process: "subprocess.Popen[bytes]"
    shown: str = ""
    """All of it so far."""
    read: int = field(default=0)
    """How much of it was waited for."""

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.number, text.encode())

    def until(self, pattern: str) -> str:
        """Wait until something new is shown; give what it was."""
        end = monotonic() + PATIENCE
        while (found := re.compile(pattern).search(self.shown, self.read)) is None:
            assert monotonic() < end, f"no {pattern!r} in {self.shown!r}"
            assert self._more() or re.search(pattern, self.shown), self.shown
        self.read = found.end()
        return found[0]

    def ended(self) -> int:
        """Wait for the end; give the exit code."""
        end = monotonic() + PATIENCE
        while self._more():
            assert monotonic() < end, f"it does not end: {self.shown!r}"
        return self.process.wait(PATIENCE)

    def _more(self) -> bool:
        """Read what is there within a second; False once nobody writes any more."""
        if not select.select([self.number], [], [], 1.0)[0]:
            return self.process.poll() is None
        try:
            data = os.read(self.number, 65536)
        except OSError:  # what is how Linux says that the other end is closed
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(
    stack: Checkout, words: Sequence[str], *, rows: int = 24, columns: int = 80
) -> Iterator[Terminal]:
    """Type an `inv` command at a terminal of this size; it is ended with the block."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    argv = ["setsid", "--ctty", "--wait", sys.executable, "-m", "scripts.commands.program", *words]
    with subprocess.Popen(
        argv,
        cwd=stack.root,
        env={**stack.environ, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        try:
            yield Terminal(number=ours, process=process)
        finally:
            os.close(ours)  # a hangup, as when its window is closed
            if process.poll() is None:
                process.kill()

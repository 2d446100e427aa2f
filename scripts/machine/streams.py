"""What the three standard streams can carry: decided here, before anything is written.

Whoever writes need not know whether a stream is there, which letters it has, and who reads it.
"""

import codecs
import os
import select
import sys
from io import TextIOWrapper
from typing import TextIO

ESCAPED = "escaped"
"""The name under which `escape` is known to Python's codecs."""


class Output(TextIOWrapper):
    """Stdout or stderr: that its reader has gone, as in `inv ps | head`, stops no command."""

    _unheard = False

    @property
    def unheard(self) -> bool:
        """Say whether its reader has gone: what would go on for ever ends then."""
        if not self._unheard:
            looked = select.poll()
            looked.register(self.fileno(), 0)  # that nobody reads is told unasked
            gone = select.POLLERR | select.POLLHUP
            self._unheard = any(event & gone for _, event in looked.poll(0))
        return self._unheard

    def write(self, text: str, /) -> int:
        """Write a text, to nobody where nobody reads."""
        try:
            return super().write(text)
        except BrokenPipeError:
            self.to_nobody()
            return len(text)

    def flush(self) -> None:
        """Write what is not written yet, to nobody where nobody reads."""
        try:
            super().flush()
        except BrokenPipeError:
            self.to_nobody()
            super().flush()

    def to_nobody(self) -> None:
        """Give the stream another end, so that not even Python's own last flush fails."""
        self._unheard = True
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, self.fileno())
        os.close(nobody)


def prepare() -> None:
    """Make the streams such that writing to them fails for a full disk at most.

    One that is closed is /dev/null from now on: else the next file or socket would have its
    number, and be written to. What an encoding has no letter for is written as escape.
    """
    register()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - no keyword
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    elif isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    sys.stdout, sys.stderr = output(sys.stdout, 1), output(sys.stderr, 2)


def register() -> None:
    """Let Python know `escape`."""
    codecs.register_error(ESCAPED, escape)


def finish() -> None:
    """Write what is not written yet, and end with 2 where that fails: the disk is full."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if isinstance(sys.stdout, Output):
            sys.stdout.to_nobody()
        sys.stderr.write(f"error: stdout cannot be written: {error.strerror}\nnext: df -h\n")
        raise SystemExit(2) from None


def output(present: TextIO | None, number: int) -> Output:
    """Return the stream of a number, with the encoding and the buffer of the `present` one."""
    if isinstance(present, TextIOWrapper):
        encoding, at_once = present.encoding, present.line_buffering
        return Output(present.detach(), encoding=encoding, errors=ESCAPED, line_buffering=at_once)
    return Output(os.fdopen(number, "wb", closefd=False), encoding="utf-8", errors=ESCAPED)


def escape(error: UnicodeError) -> tuple[str, int]:
    """Return what stands for letters that an encoding lacks, as JSON has it: \\u2713 for a tick."""
    import json

    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end

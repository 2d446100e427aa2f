"""The only module that starts processes, and so the only importer of `sh`."""

import os
import shutil
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sh

from scripts.errors import RefusedError

ANY_EXIT_CODE = tuple(range(-64, 256))
"""Exit codes that come back as a value; sh gives a signal as a negative number."""

OnLine = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a process left behind; `exit_code` is negative for a signal, as in `subprocess`."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str


class Runner(Protocol):
    """Runs one process to its end; the real one is `run`, tests have their own."""

    def __call__(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        on_line: OnLine | None = None,
    ) -> Completed: ...


class Running:
    """A process that was started and not yet waited for."""

    def __init__(  # noqa: PLR0913 - each is one fact about a process
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        on_line: OnLine | None = None,
        terminal: bool = False,
    ) -> None:
        """Start `argv`; `env` adds to ours, `on_line` sees each line of both streams at once.

        With `terminal` the process believes that it writes to one: some show progress only then.
        After `timeout` seconds it gets SIGTERM, so that Compose can clean up after itself; what it
        prints from then on is lost (sh stops reading).
        Raises RefusedError when there is no such program.
        """
        self.argv = tuple(argv)
        self._streams: tuple[list[str], list[str]] = ([], [])
        program = _program(argv[0], env)
        out, err = (_collector(lines, on_line) for lines in self._streams)
        self._command = program(
            *argv[1:],
            _in=stdin,
            _out=out,
            _err=err,
            _env={**os.environ, **(env or {})},
            _timeout=timeout,
            _timeout_signal=signal.SIGTERM,
            _ok_code=ANY_EXIT_CODE,
            _tty_out=terminal,
            _bg=True,
            _bg_exc=False,
            _return_cmd=True,
            _decode_errors="replace",
        )

    def wait(self) -> Completed:
        """Give what the process left, once it has ended; 124 as exit code when its time was up."""
        try:
            self._command.wait()
        except sh.TimeoutException:
            return self._completed(124)
        except KeyboardInterrupt:
            self.stop()
            raise
        return self._completed(self._command.exit_code)

    def running(self) -> bool:
        """Say whether the process has yet to end."""
        return bool(self._command.is_alive())

    def stop(self) -> None:
        """Ask the process to end; one that has ended already is no error."""
        try:
            self._command.terminate()
        except ProcessLookupError:
            return

    def _completed(self, exit_code: int) -> Completed:
        out, err = ("".join(lines) for lines in self._streams)
        return Completed(argv=self.argv, exit_code=exit_code, stdout=out, stderr=err)


def run(
    argv: Sequence[str],
    *,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
    on_line: OnLine | None = None,
) -> Completed:
    """Run one process to its end; arguments and errors as in `Running`."""
    return Running(argv, timeout=timeout, env=env, stdin=stdin, on_line=on_line).wait()


def attach(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run one process on our own terminal and streams; give its exit code."""
    try:
        _program(argv[0], env)(*argv[1:], _fg=True, _env={**os.environ, **(env or {})})
    except sh.ErrorReturnCode as error:
        return int(error.exit_code)
    return 0


def detach(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> None:
    """Start a process that outlives us, in a session of its own, its output appended to `log`."""
    script = 'log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null'
    run(["setsid", "--fork", "sh", "-c", script, "sh", str(log), *argv], env=env)


def dial(argv: Sequence[str]) -> socket.socket:
    """Start a process that reads from and writes to a socket; give our end of it."""
    program = _program(argv[0], None)
    ours, theirs = socket.socketpair()
    with theirs, theirs.makefile("rb") as source:
        program(
            *argv[1:], _in=source, _out=theirs.fileno(), _bg=True, _bg_exc=False, _tty_out=False
        )
    return ours


def _program(name: str, env: Mapping[str, str] | None) -> sh.Command:
    """Find a program on the PATH that it will run with: the private engine brings its own."""
    path = shutil.which(name, path=(env or {}).get("PATH"))
    if path is None:
        raise RefusedError(f"there is no program {name!r} on PATH", next_step=f"install {name}")
    return sh.Command(path)


def _collector(lines: list[str], on_line: OnLine | None) -> OnLine:
    def collect(line: str) -> None:
        lines.append(line)
        if on_line is not None:
            on_line(line.rstrip("\n"))

    return collect

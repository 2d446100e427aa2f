"""The only module that starts processes, and so the only importer of `sh` and `subprocess`."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol, TypedDict, Unpack

from scripts.core.errors import RefusedError
from scripts.core.inventory import FOREIGN
from scripts.core.texts import telling

ANY_EXIT_CODE = tuple(range(-64, 256))
"""Exit codes that come back as a value; sh gives a signal as a negative number."""

TIME_IS_UP = 124
"""Exit code of a process that had to be ended, as timeout(1) has it."""

TLS_NAMES = ("DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_TLS")
"""How docker logs in to an engine over TCP; it would try so over a socket, too."""
LAST_LINES = 2.0
"""Seconds for what a process has written before its end."""
LONGEST = 1 << 26
"""Characters of both streams that are kept; who writes more has lost its way, and is ended."""

OnLine = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """What a process left behind; `exit_code` is negative for a signal, as in `subprocess`."""

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str


class Options(TypedDict, total=False):
    """How a process is run."""

    timeout: float | None
    """Seconds after which it gets SIGTERM, so that Compose can clean up after itself."""
    env: Mapping[str, str] | None
    """Adds to our environment."""
    stdin: str
    on_line: OnLine | None
    """Sees each line of both streams at once."""


class Runner(Protocol):
    """Runs one process to its end; the real one is `run`, tests have their own."""

    def __call__(self, argv: Sequence[str], **options: Unpack[Options]) -> Completed: ...


class Running:
    """A process that was started and not yet waited for."""

    def __init__(
        self, argv: Sequence[str], *, terminal: bool = False, **options: Unpack[Options]
    ) -> None:
        """Start `argv`; RefusedError when there is no such program.

        With `terminal` the process believes that it writes to one: some show progress only then.
        """
        self.argv = tuple(argv)
        self._streams: tuple[list[str], list[str]] = ([], [])
        timeout, env = options.get("timeout"), options.get("env") or {}
        self._heard = options.get("on_line")
        self._deaf: Exception | None = None
        """Why nobody hears the lines any more."""
        import sh

        program = sh.Command(located(argv[0], env))
        self._left = LONGEST
        out, err = map(self._collector, self._streams)
        self._command = program(
            *argv[1:],
            _in=options.get("stdin", ""),
            _out=out,
            _err=err,
            _env=_environment(env),
            _ok_code=ANY_EXIT_CODE,
            _tty_out=terminal,
            _bg=True,
            _bg_exc=False,
            _return_cmd=True,
            _decode_errors="replace",
        )
        # sh's own timeout makes every process wait in steps of 0.1 s
        self._expired = False
        self._timer = threading.Timer(timeout, self._expire) if timeout is not None else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def _collector(self, lines: list[str]) -> OnLine:
        """Return what takes the lines of a stream, and passes them on.

        sh calls it in a thread of its own. An error would end that unheard, and the process would
        wait for ever until somebody reads.
        """

        def collect(line: str) -> None:
            self._left -= len(line)
            if self._left < 0:
                self.stop()
                return
            lines.append(line)
            if self._heard is None or self._deaf is not None:
                return
            try:
                self._heard(line.rstrip("\n"))
            except Exception as error:  # noqa: BLE001 - `wait` raises it
                self._deaf = error

        return collect

    def _expire(self) -> None:
        self._expired = True
        self.stop()

    def wait(self) -> Completed:
        """What the process left, once it has ended; 124 as exit code when its time was up.

        What went wrong where its lines were heard is raised here.
        """
        try:
            self._command.wait()
        except KeyboardInterrupt:
            self.stop()
            raise
        finally:
            if self._timer is not None:
                self._timer.cancel()
        if (error := self._deaf) is not None:
            self._deaf = None  # once is enough: what was printed is all there
            raise error
        return self._completed(TIME_IS_UP if self._expired else self._command.exit_code)

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


def run(argv: Sequence[str], **options: Unpack[Options]) -> Completed:
    """Run one process to its end; errors as in `Running`."""
    return Running(argv, **options).wait()


def run_beside(argv: Sequence[str], **options: Unpack[Options]) -> Completed:
    """Like `run`, from any thread, as `dial`; its lines are heard when it has ended."""
    env = options.get("env") or {}
    with (
        subprocess.Popen(  # noqa: S603 - as in `dial`
            [located(argv[0], env), *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(env),
            text=True,
            errors="replace",
        ) as started
    ):
        try:
            out, err = started.communicate(options.get("stdin", ""), options.get("timeout"))
            code = started.returncode
        except subprocess.TimeoutExpired:
            out, err, code = *_ended(started), TIME_IS_UP
    if (heard := options.get("on_line")) is not None:
        for line in (*out.splitlines(), *err.splitlines()):
            heard(line)
    return Completed(argv=tuple(argv), exit_code=code, stdout=out, stderr=err)


def _ended(started: "subprocess.Popen[str]") -> tuple[str, str]:
    """Ask a process to end, and end it where it does not; give what it has written."""
    started.terminate()
    try:
        return started.communicate(timeout=LAST_LINES)
    except subprocess.TimeoutExpired:
        started.kill()
        return "", ""


def detach(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None
) -> Callable[[], int | None]:
    """Start a process that outlives us, in a session of its own, its output appended to `log`.

    What is returned gives its exit code; None as long as it has none.
    """
    with log.open("ab") as told:
        started = subprocess.Popen(  # noqa: S603 - as in `dial`
            [located(argv[0], env), *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=told,
            env=_environment(env or {}),
            start_new_session=True,
        )
    threading.Thread(target=started.wait, daemon=True).start()  # or it stays as a zombie
    return started.poll


def attached(
    argv: Sequence[str],
    *,
    folder: Path | None = None,
    env: Mapping[str, str] | None = None,
    begun: Callable[[int], object] = lambda _: None,
    interrupted: Callable[[], object] = lambda: None,
) -> int:
    """Run a process in a folder, on our own streams and terminal, to its end; give its exit code.

    Ctrl-C reaches it as it reaches us, and what it makes of that counts; `interrupted` is called
    too. One that a signal ended has 128 and the signal's number, as in a shell. `begun` is told its
    number; where that cannot be, OSError, the process is ended. RefusedError for no such program.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    started = subprocess.Popen(  # noqa: S603 - as in `dial`
        [located(argv[0], env, folder), *argv[1:]], cwd=folder, env=_environment(env or {})
    )
    told = False
    while True:
        try:
            if not told:
                begun(started.pid)
                told = True
            code = started.wait()
        except KeyboardInterrupt:
            interrupted()
        except OSError:
            started.kill()
            started.wait()
            raise
        else:
            return code if code >= 0 else 128 - code


class Relayed:
    """A process in a session of its own, which Ctrl-C reaches only through us."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        heard: OnLine,
        result: OnLine | None = None,
    ) -> None:
        """Start `argv` in a folder; `heard` is given each line of both streams, in a thread.

        With `result` that has the lines of stdout.
        """
        self._started = subprocess.Popen(  # noqa: S603 - as in `dial`
            [located(argv[0], env), *argv[1:]],
            cwd=folder,
            env=_environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if result is None else subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._started.pid
        self._deaf: Exception | None = None
        streams = ((self._started.stdout, result or heard), (self._started.stderr, heard))
        self._readers = [
            (stream, threading.Thread(target=self._read, args=(stream, takes), daemon=True))
            for stream, takes in streams
            if stream is not None
        ]
        for _, reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes], heard: OnLine) -> None:
        # read on whatever happens: a process whose lines nobody takes stands still
        for line in stream:
            if self._deaf is not None:
                continue
            try:
                heard(line.decode(errors="replace").rstrip("\n"))
            except Exception as error:  # noqa: BLE001 - `wait` raises it
                self._deaf = error

    def interrupt(self) -> None:
        """Let it and what it has started hear what Ctrl-C says in a terminal."""
        with suppress(ProcessLookupError):  # it has ended by itself
            if self._started.poll() is None:
                os.killpg(self.pid, signal.SIGINT)

    def wait(self) -> int:
        """Wait for its end, and for what it wrote last; its exit code is negative for a signal.

        Not for what somebody else goes on writing to its streams. What went wrong where its lines
        were heard is raised here.
        """
        code = self._started.wait()
        for stream, reader in self._readers:
            reader.join(LAST_LINES)
            if not reader.is_alive():
                stream.close()
        if (error := self._deaf) is not None:
            self._deaf = None  # once is enough
            raise error
        return code


@contextmanager
def ended_by(*signals: signal.Signals) -> Iterator[None]:
    """Let these signals be like Ctrl-C while the block runs: what it started ends with it."""

    def interrupt(number: int, _: object) -> None:
        raise KeyboardInterrupt(number)

    before = [(one, signal.signal(one, interrupt)) for one in signals]
    try:
        yield
    finally:
        for one, handler in before:
            signal.signal(one, handler)


def dial(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> socket.socket:
    """Start a process that reads from and writes to a socket; give our end of it.

    Any thread may do so, hence no `sh`: that runs Python in the child between fork and exec, where
    a lock of another thread stays held for ever.
    """
    path = located(argv[0], env)
    ours, theirs = socket.socketpair()
    with theirs:
        started = subprocess.Popen(  # noqa: S603 - the words are ours
            [path, *argv[1:]],
            stdin=theirs.fileno(),
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
            env=_environment(env or {}),
        )
    threading.Thread(target=started.wait, daemon=True).start()  # or it stays as a zombie
    return ours


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    """Return what a process gets: our environment without what is foreign to the call, and more."""
    kept = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    if added.get("DOCKER_HOST", "").startswith("unix:"):  # the login of another engine
        kept = {name: value for name, value in kept.items() if name not in TLS_NAMES}
    return {**kept, **added}


def located(name: str, env: Mapping[str, str] | None, folder: Path | None = None) -> str:
    """Find a program on the PATH that it will run with: the private engine brings its own.

    One that is named by its path is looked for from the folder that it runs in. RefusedError for
    none.
    """
    if os.sep in name and folder is not None:
        name = str(folder / name)
    path = shutil.which(name, path=(env or {}).get("PATH"))
    if path is None and os.sep in name:
        problem = f"there is no program {name}"
        raise RefusedError(problem, next_step=f"ls -l {shlex.quote(name)}; it must be executable")
    if path is None:
        raise RefusedError(f"there is no program {name!r} on PATH", next_step=f"install {name}")
    return path


def last_words(done: Completed) -> str:
    """Return what a failed process said last, without the warnings before it."""
    lines = (done.stderr or done.stdout).splitlines()
    return telling(lines, r"^(?!.*level=warning)") or f"exit code {done.exit_code}"

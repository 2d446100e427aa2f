"""Real processes: what they get, what they leave, and how they are ended."""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from scripts.core.errors import RefusedError
from scripts.core.polling import poll
from scripts.core.process import Relayed, Runner, Running, attached, detach, dial, run, run_beside

PATIENCE = 30.0
"""Seconds after which a test gives up; none of them measures time."""


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def written(path: Path, lines: int = 1) -> str:
    """Wait until a file has as many whole lines, and give its text."""
    until(lambda: path.is_file() and path.read_text().count("\n") >= lines)
    return path.read_text()


def shell(script: str) -> list[str]:
    """Return the command that runs a script."""
    return ["sh", "-c", script]


either = pytest.mark.parametrize("runs", [run, run_beside], ids=["run", "beside"])
"""From our own thread, and from any."""


@either
def test_a_process_leaves_both_streams_and_its_exit_code(runs: Runner) -> None:
    """They are kept apart, and an exit code is a value, not an exception."""
    done = runs(shell("echo out; echo err >&2; exit 3"))

    assert (done.exit_code, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert done.argv == ("sh", "-c", "echo out; echo err >&2; exit 3")


@either
def test_arguments_arrive_as_they_are(runs: Runner) -> None:
    """No shell looks at them: blanks, quotes and stars stay, empty ones too."""
    words = ["a b", "'", "*", "", "$HOME"]
    done = runs([sys.executable, "-c", "import sys; print(sys.argv[1:])", *words])

    assert done.stdout == f"{words}\n"


@either
def test_variables_are_added_to_ours(runs: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process sees both, the given ones winning."""
    monkeypatch.setenv("OURS", "1")
    monkeypatch.setenv("BOTH", "ours")

    done = runs(shell("echo $OURS $BOTH $GIVEN"), env={"BOTH": "given", "GIVEN": "2"})

    assert done.stdout == "1 given 2\n"


@pytest.mark.parametrize(
    ("name", "endpoint", "kept"),
    [
        ("COMPOSE_ANSI", "", ""),
        ("DOCKER_DEFAULT_PLATFORM", "", ""),
        ("BUILDX_BUILDER", "", ""),
        ("DOCKER_TLS_VERIFY", "unix:///run/docker.sock", ""),
        ("DOCKER_TLS_VERIFY", "tcp://far:2376", "1"),
        ("DOCKER_CONFIG", "", "1"),
    ],
)
def test_what_would_change_what_a_call_of_docker_means_is_not_handed_on(
    monkeypatch: pytest.MonkeyPatch, name: str, endpoint: str, kept: str
) -> None:
    """Another project's Compose, another platform, another engine's login."""
    monkeypatch.setenv(name, "1")

    done = run(shell(f'printf %s "${name}"'), env={"DOCKER_HOST": endpoint})

    assert done.stdout == kept


def test_a_program_is_found_on_the_path_that_it_will_run_with(tmp_path: Path) -> None:
    """The private engine brings a docker of its own, which no PATH of the user names."""
    program = tmp_path / "own-docker"
    program.write_text("#!/bin/sh\necho mine\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    assert run(["own-docker"], env={"PATH": path}).stdout == "mine\n"


def test_a_program_that_is_not_there_is_refused_by_name() -> None:
    """Whichever way it is started: the name and what to do, no traceback."""
    for start in (run, dial):
        with pytest.raises(RefusedError, match="no program 'no-such-program' on PATH") as caught:
            start(["no-such-program"])
        assert caught.value.next_step == "install no-such-program"


@either
@pytest.mark.parametrize("text", ["", "two\nlines\n"])
def test_input_is_written_and_closed(runs: Runner, text: str) -> None:
    """A process that reads to the end gets there, also when there is nothing."""
    assert runs(["cat"], stdin=text, timeout=PATIENCE).stdout == text


def test_lines_are_seen_while_the_process_runs(tmp_path: Path) -> None:
    """Those of both streams, without their line ends; the whole is kept too."""
    heard: list[str] = []

    def on_line(line: str) -> None:
        heard.append(line)
        (tmp_path / line).touch()

    # it ends only when its first line was heard
    script = f"echo first; until [ -e '{tmp_path}/first' ]; do sleep 0.01; done; echo last >&2"
    done = run(shell(script), on_line=on_line, timeout=PATIENCE)

    assert heard == ["first", "last"]
    assert (done.exit_code, done.stdout, done.stderr) == (0, "first\n", "last\n")


def test_an_error_where_lines_are_heard_is_raised_and_holds_up_nobody() -> None:
    """In sh's own thread it would be unheard, and the process wait for ever for a reader."""

    def full(line: str) -> None:
        raise OSError(28, f"No space left on device: {line}")

    # more than a pipe holds
    with pytest.raises(OSError, match=r"No space left on device: 1$"):
        run(shell("seq 100000"), on_line=full, timeout=PATIENCE)


@either
def test_bytes_that_are_no_text_are_replaced(runs: Runner) -> None:
    """A log in another encoding does not end the command."""
    assert runs(["printf", r"a\377b\n"]).stdout == "a�b\n"


@either
def test_a_process_that_takes_too_long_is_asked_to_end(runs: Runner, tmp_path: Path) -> None:
    """It gets SIGTERM, may clean up, and 124 says why it ended."""
    trap = f"trap 'touch {tmp_path}/cleaned; exit 0' TERM"
    done = runs(shell(f"{trap}; echo begun; while :; do sleep 0.01; done"), timeout=0.5)

    assert (done.exit_code, done.stdout) == (124, "begun\n")
    assert (tmp_path / "cleaned").exists()


@either
def test_a_process_that_a_signal_ended_has_its_negative_number(runs: Runner) -> None:
    """As in `subprocess`, so that it is not taken for an exit code."""
    assert runs(shell("kill -KILL $$")).exit_code == -signal.SIGKILL


def test_a_process_can_be_watched_and_stopped(tmp_path: Path) -> None:
    """`running` tells, `stop` ends it, and stopping again is no error."""
    running = Running(shell(f"echo $$ > {tmp_path}/pid; exec sleep 600"))
    written(tmp_path / "pid")
    assert running.running()

    running.stop()

    assert running.wait().exit_code == -signal.SIGTERM
    assert not running.running()
    running.stop()


def test_a_process_can_believe_in_a_terminal() -> None:
    """Docker shows the progress of a pull only then; everything else writes to a pipe."""
    script = shell("test -t 1 && echo terminal || echo pipe")

    assert Running(script, terminal=True).wait().stdout.strip() == "terminal"
    assert Running(script).wait().stdout.strip() == "pipe"


def test_ctrl_c_ends_the_process_that_is_waited_for(tmp_path: Path) -> None:
    """It is not left behind, and the interrupt goes on to the caller."""
    running = Running(shell(f"echo $$ > {tmp_path}/pid; exec sleep 600"))
    pid = int(written(tmp_path / "pid"))

    def interrupted(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupted)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            running.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    assert running.wait().exit_code == -signal.SIGTERM
    assert not Path(f"/proc/{pid}").exists()


def test_an_attached_process_has_our_streams(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """In the folder and with the variables that it is given; its exit code is what is returned."""
    script = shell('pwd; echo "$ONE" >&2; exit 5')

    code = attached(script, folder=tmp_path, env={"ONE": "two"})

    shown = capfd.readouterr()
    assert (code, shown.out, shown.err) == (5, f"{tmp_path}\n", "two\n")


def test_an_attached_process_that_a_signal_ended_counts_as_in_a_shell(tmp_path: Path) -> None:
    """128 and the signal's number."""
    assert attached(shell("kill -TERM $$"), folder=tmp_path) == 128 + signal.SIGTERM


def test_ctrl_c_is_answered_by_an_attached_process(
    tmp_path: Path,
) -> None:
    """It has got it as we have: its exit code counts, and nobody is left behind."""

    def interrupted(_signal: int, _frame: object) -> None:
        (tmp_path / "seen").touch()
        raise KeyboardInterrupt

    script = f"sleep 0.2; kill -USR1 {os.getpid()}; until [ -e seen ]; do sleep 0.01; done; exit 9"
    before, told = signal.signal(signal.SIGUSR1, interrupted), list[bool]()
    try:
        assert attached(shell(script), folder=tmp_path, interrupted=lambda: told.append(True)) == 9
        assert told == [True]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_relayed_process_goes_on_when_nobody_can_keep_its_lines(tmp_path: Path) -> None:
    """It would stand still once the pipe is full; what went wrong is told at its end."""

    def heard(_: str) -> None:
        raise OSError(28, "No space left on device")

    script = shell("yes | head -n 100000; exit 3")
    running = Relayed(script, folder=tmp_path, env={}, heard=heard)

    with pytest.raises(OSError, match="No space left"):
        running.wait()
    assert running.wait() == 3


def test_the_result_of_a_relayed_process_comes_apart(tmp_path: Path) -> None:
    """Where somebody wants it; else both streams come in the order of their lines."""
    script = shell("echo one; echo two >&2")
    told, result = list[str](), list[str]()

    assert Relayed(script, folder=tmp_path, env={}, heard=told.append).wait() == 0
    assert told == ["one", "two"]
    told.clear()
    Relayed(script, folder=tmp_path, env={}, heard=told.append, result=result.append).wait()
    assert (told, result) == (["two"], ["one"])


def test_a_relayed_process_is_interrupted_with_what_it_has_started(tmp_path: Path) -> None:
    """As by Ctrl-C in a terminal; one that has ended hears nothing."""
    heard: list[str] = []
    script = "trap 'echo heard; exit 130' INT; echo ready; sleep 600; echo woken"
    running = Relayed(shell(script), folder=tmp_path, env={}, heard=heard.append)
    until(lambda: heard == ["ready"])

    def interrupted() -> bool:
        """Interrupt it; again if that came before it has started anything."""
        if heard == ["ready"]:
            running.interrupt()
        return heard != ["ready"]

    for done in poll(interrupted, timeout=PATIENCE, interval=0.5):
        if done:
            break

    assert running.wait() == 130
    assert heard == ["ready", "heard"]
    running.interrupt()


def test_a_detached_process_outlives_its_starter(tmp_path: Path) -> None:
    """It has a session of its own, no input, and adds its output to the log."""
    log = tmp_path / "a log"
    log.write_text("")
    script = "import os, sys; print(os.getsid(0), os.getpid(), sys.stdin.read() == '')"

    detach([sys.executable, "-c", script], log=log)

    session, pid, no_input = written(log).split()
    assert session == pid != str(os.getsid(0))
    assert no_input == "True"
    detach(["printenv", "GIVEN"], log=log, env={"GIVEN": "more"})
    assert written(log, lines=2) == f"{session} {pid} True\nmore\n"


def test_a_dialled_process_is_spoken_to_over_a_socket() -> None:
    """What is sent is its input, what it prints comes back, and closing ends it."""
    with dial(["tr", "a-z", "A-Z"]) as stream:
        stream.settimeout(PATIENCE)
        stream.sendall(b"hello\n")
        stream.shutdown(1)
        assert stream.makefile("rb").read() == b"HELLO\n"


def test_a_dialled_process_is_found_and_run_with_the_given_variables(tmp_path: Path) -> None:
    """Where the keys for TLS lie is said there, and the private engine has a docker of its own."""
    program = tmp_path / "own-docker"
    program.write_text("#!/bin/sh\nprintenv DOCKER_CERT_PATH\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    with dial(["own-docker"], env={"PATH": path, "DOCKER_CERT_PATH": "/keys"}) as stream:
        stream.settimeout(PATIENCE)
        assert stream.makefile("rb").read() == b"/keys\n"


def test_threads_may_dial_at_once() -> None:
    """The observer asks the engine from several; each has a stream of its own."""

    def echo(word: bytes) -> bytes:
        with dial(["cat"]) as stream:
            stream.settimeout(PATIENCE)
            stream.sendall(word)
            stream.shutdown(1)
            return stream.makefile("rb").read()

    words = [str(number).encode() for number in range(32)]
    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(echo, words)) == words


def test_a_dialled_process_that_has_ended_is_no_zombie(tmp_path: Path) -> None:
    """A command that watches for hours would collect thousands."""
    with dial(["sh", "-c", f"echo $$ > {tmp_path}/pid; exec cat"]):
        pid = int(written(tmp_path / "pid"))

    until(lambda: not Path(f"/proc/{pid}").exists())


def test_lines_of_a_process_beside_are_heard_when_it_has_ended() -> None:
    """Whoever looks only wants to know; nobody waits for them."""
    heard: list[str] = []

    run_beside(shell("echo out; echo err >&2"), on_line=heard.append)

    assert heard == ["out", "err"]


def test_a_deaf_process_beside_is_ended() -> None:
    """Also while what it has started holds its streams."""
    script = "trap '' TERM; sleep 5 & while :; do sleep 1; done"

    done = run_beside(shell(script), timeout=0.1)

    assert (done.exit_code, done.stdout) == (124, "")


def test_threads_may_run_at_once() -> None:
    """No lock of another thread stays held in the child."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        done = list(pool.map(lambda number: run_beside(["echo", str(number)]).stdout, range(32)))

    assert done == [f"{number}\n" for number in range(32)]

"""The debugger over reloads: an editor attaches once, and each version is a subprocess to it.

debugpy's adapter, which an editor speaks with, lives as long as a process that is connected to it.
That is the anchor here: this file as a program, which does nothing else. Each version connects to
the same adapter as a subprocess of the anchor; the adapter tells the editor (`debugpyAttach`, or
`startDebugging`), and that attaches to the new one by itself, as to any subprocess.

Nothing of it is started before a fork: it has threads, and who has threads is not forked.
"""

import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FOLDER = "/opt/memos-debug"
"""Where debugpy is in the image; MEMOS_DEBUG_PATH names another folder."""
PATIENCE = 3.0
"""Seconds for an editor that is attached to set its breakpoints in a new version."""
QUIET = {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
"""It would warn that the modules which are frozen into Python know no breakpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where versions connect to the adapter, and as whose subprocess."""

    host: str
    port: int
    token: str = field(repr=False)
    anchor: int

    @classmethod
    def of(cls, text: str) -> "Door":
        """Return what `text` wrote; ValueError, KeyError or TypeError for anything else."""
        known = json.loads(text)
        return cls(
            host=str(known["host"]),
            port=int(known["port"]),
            token=str(known["token"]),
            anchor=int(known["anchor"]),
        )

    @property
    def text(self) -> str:
        """It as one line."""
        return json.dumps(asdict(self))


def asked(environ: Mapping[str, str]) -> str:
    """Return the host:port that editors may attach at; empty where they may not."""
    return environ.get("MEMOS_DEBUG_BIND", "") if environ.get("MEMOS_DEBUG") == "yes" else ""


def preload() -> None:
    """Import what a debugger needs; ImportError where it is not there. It starts nothing."""
    os.environ.update(QUIET)
    folder = os.environ.get("MEMOS_DEBUG_PATH", FOLDER)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.import_module("debugpy.server.api")


def listen(bind: str) -> None:
    """Let editors attach to this very process; errors as of `preload`, RuntimeError, ValueError."""
    preload()
    debugpy = importlib.import_module("debugpy")
    debugpy.configure(subProcess=False)
    host, _, port = bind.rpartition(":")
    debugpy.listen((host, int(port)))


def join(door: Door) -> None:
    """Connect this process to the adapter; go on when an editor has set its breakpoints.

    Without an editor that is at once, with one that does nothing after PATIENCE. ConnectionError
    where there is no adapter any more.
    """
    preload()
    pydevd = importlib.import_module("pydevd")
    own = importlib.import_module("debugpy").__file__ or ""
    timer = threading.Timer(PATIENCE, _go_on)
    timer.daemon = True
    timer.start()
    try:
        pydevd.settrace(
            host=door.host,
            port=door.port,
            access_token=door.token,
            ppid=door.anchor,
            suspend=False,
            patch_multiprocessing=False,
            notify_stdin=False,
            dont_trace_start_patterns=(str(Path(own).parent),),
        )
    except (OSError, SystemExit) as error:
        raise ConnectionError(f"no debug adapter at {door.host}:{door.port}") from error
    finally:
        timer.cancel()


def _go_on() -> None:
    constants = importlib.import_module("_pydevd_bundle.pydevd_constants")
    if (debugger := constants.get_global_debugger()) is not None:
        debugger.ready_to_run = True


def anchored(python: str, bind: str) -> tuple["subprocess.Popen[str]", Door]:
    """Start the anchor, which ends when its stdin is closed; give where versions connect.

    Raises OSError with what it said where it cannot listen.
    """
    process = subprocess.Popen(
        [python, __file__, bind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    line = process.stdout.readline() if process.stdout else ""
    try:
        return process, Door.of(line)
    except (ValueError, KeyError, TypeError):
        process.kill()
        process.wait()
        raise OSError(line.strip() or "the debugger did not start") from None


def main(bind: str) -> None:
    """Be the anchor: listen, say where versions connect, wait for the end of stdin."""
    try:
        listen(bind)
    except (ImportError, RuntimeError, ValueError) as error:
        print(f"{error}", flush=True)
        sys.exit(1)
    setup = importlib.import_module("pydevd").SetupHolder.setup
    door = Door(
        host=setup["client"], port=setup["port"], token=setup["access-token"], anchor=os.getpid()
    )
    print(door.text, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])

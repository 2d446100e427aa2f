"""The debugger over reloads: an editor attaches once, and each version is a subprocess to it.

debugpy's adapter, which an editor speaks with, lives as long as a process that is connected to it.
That is the anchor here: this file as a program, which does nothing else. Each version connects to
the same adapter as a subprocess of the anchor; the adapter tells the editor (`debugpyAttach`, or
`startDebugging`), and that attaches to the new one by itself, as to any subprocess.

Nothing of it is started before a fork: it has threads, and who has threads is not forked.
"""

import asyncio
import importlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

FOLDER = "/opt/memos-debug"
"""Where debugpy is in the image; MEMOS_DEBUG_PATH names another folder."""
PATIENCE = 3.0
"""Seconds for an editor that is attached to set its breakpoints in a new version."""
STARTS = 10.0
"""Seconds for the anchor to say where versions connect."""
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


def preload(name: str = "debugpy.server.api") -> None:
    """Import what a debugger needs; ImportError where it is not there. It starts nothing."""
    os.environ.update(QUIET)
    folder = os.environ.get("MEMOS_DEBUG_PATH", FOLDER)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.import_module(name)


def loaded() -> None:
    """Do what `preload` does where a debugger was asked for and is there."""
    if asked(os.environ):
        with suppress(ImportError):
            preload()


def enter(door: str, say: Callable[[str], object]) -> None:
    """Have this version be debugged, if there is a door; it does without where it cannot be."""
    if door:
        try:
            join(Door.of(door))
        except (ImportError, OSError) as error:
            say(f"no debugger: {error}")


def join(door: Door, *, waits: bool = True) -> None:
    """Connect this process to the adapter; go on when an editor has set its breakpoints.

    Without an editor that is at once, with one that does nothing after PATIENCE, and at once where
    it `waits` not. Raises ConnectionError where there is no adapter any more, ImportError where
    there is no debugger.
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
            wait_for_ready_to_run=waits,
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


class Anchor:
    """The process that editors attach to, while there is one; started by the supervisor."""

    def __init__(self, python: str, bind: str, say: Callable[[str], object]) -> None:
        """Start nothing yet; nothing at all where `bind` is empty."""
        self.python, self.bind, self.say = python, bind, say
        self._process: asyncio.subprocess.Process | None = None
        self._door = ""
        self._turn = asyncio.Lock()

    @property
    def on(self) -> bool:
        """Editors may attach, so versions may stand at a breakpoint."""
        return bool(self._door)

    async def open(self) -> None:
        """Have one, if it is wanted."""
        await self.door()

    async def door(self) -> str:
        """Return where a version connects, as one line; empty where it needs not, or cannot."""
        async with self._turn:
            gone = self._process is None or self._process.returncode is not None
            if self.bind and gone:
                self._door = await self._start()
            return self._door

    async def _start(self) -> str:
        self._process = await asyncio.create_subprocess_exec(
            *(self.python, "-I", __file__, self.bind),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            process_group=0,
        )
        said = b""
        try:
            if self._process.stdout is not None:
                said = await asyncio.wait_for(self._process.stdout.readline(), STARTS)
            Door.of(said.decode())
        except (TimeoutError, ValueError, KeyError, TypeError):
            self.leave()
            self.say(f"no debugger: {said.decode().strip() or 'it does not start'}")
            return ""
        self.say("a debugger may attach")
        return said.decode().strip()

    def leave(self) -> None:
        """End it."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()


def listen(bind: str) -> Door:
    """Let editors attach to this very process; give where its subprocesses connect.

    As `debugpy.listen` does, but with `serve`, and with no token among the words of a process.
    Raises ImportError without a debugger, ValueError or OSError where nobody can listen there.
    """
    host, _, port = bind.rpartition(":")
    token = secrets.token_hex(32)
    with socket.create_server(("127.0.0.1", 0)) as ear:
        ear.settimeout(STARTS)
        words = [
            "--for-server",
            str(ear.getsockname()[1]),
            "--host",
            host,
            "--port",
            str(int(port)),
        ]
        program = [sys.executable, "-I", __file__, *words]
        subprocess.run(program, input=token, text=True, check=True)
        told, _ = ear.accept()
        with told, told.makefile() as text:
            endpoints = json.load(text)
    if "error" in endpoints:
        raise OSError(endpoints["error"])
    server = endpoints["server"]
    door = Door(host=server["host"], port=server["port"], token=token, anchor=os.getpid())
    join(replace(door, anchor=0), waits=False)
    return door


def serve(words: list[str], token: str) -> None:
    """Be the adapter, which goes into the background by itself and ends with the last process.

    Of itself it takes no connections any more once somebody hangs up at once, as whoever looks
    whether a port is open.
    """
    preload("debugpy.adapter.__main__")
    sockets = importlib.import_module("debugpy.common.sockets")
    original = sockets.serve

    def patient(name: str, handler: Callable[[socket.socket], object], *where: object) -> object:
        def handle(connection: socket.socket) -> None:
            with suppress(EOFError, OSError):
                handler(connection)

        return original(name, handle, *where)

    vars(sockets).update(serve=patient)
    sys.argv[1:] = [*words, "--server-access-token", token]
    importlib.import_module("debugpy.adapter.__main__").main()


def main(words: list[str]) -> None:
    """Be the anchor, of one word; or be its adapter."""
    if words[1:]:
        serve(words, sys.stdin.read())
        return
    try:
        door = listen(words[0])
    except (ImportError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"{error}", flush=True)
        sys.exit(1)
    print(door.text, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])

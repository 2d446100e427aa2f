"""A small source in the place of MemOS' own, under the real supervisor."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from tests.kit import servers
from tests.kit.places import ROOT

PATIENCE = 60.0
"""Seconds for what takes a tenth of one: other tests may be running."""
RUN = """
import sys
sys.path.insert(0, {place!r})
from memos_reload import supervisor, watch, where
if {polling}:
    watch.file_system = lambda folder, mounts: "9p"
if {hurried}:
    supervisor.LOOK, where.HANGS, where.STILL = 0.1, 1.0, 0.5
sys.exit(supervisor.main())
"""
SERVER_API = """
import asyncio, atexit, os, signal, threading, time
from contextlib import asynccontextmanager
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from memos.answer import TEXT
from memos import habit

async def answer(request):
    return PlainTextResponse(TEXT)

async def still(request):
    time.sleep(600)

def stuck(request):
    time.sleep(600)

async def stream(request):
    async def events():
        while True:
            yield "data: more\\n\\n"
            await asyncio.sleep(0.05)
    return StreamingResponse(events(), media_type="text/event-stream")

@asynccontextmanager
async def lifespan(app):
    yield
    habit.shut_down()

routes = [Route("/", answer), Route("/stuck", stuck), Route("/stream", stream)]
routes.append(Route("/still", still))
app = Starlette(routes=routes, lifespan=lifespan)
"""
HABIT = """
def shut_down():
    pass
"""
THREAD = """
import threading, time
threading.Thread(target=time.sleep, args=(600,)).start()
"""
"""A module that leaves a thread which nobody ends."""
POOL = """
import concurrent.futures, multiprocessing, time
pool = concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("fork"))
pool.submit(time.sleep, 600)
"""
"""A module that leaves processes."""
CALLS = """
import asyncio, time
from starlette.responses import StreamingResponse

@app.get("/stream")
async def stream():
    async def events():
        while True:
            yield "data: more\\n\\n"
            await asyncio.sleep(0.1)
    return StreamingResponse(events(), media_type="text/event-stream")

@app.get("/stuck")
def stuck():
    time.sleep(600)
"""
SHUTDOWN = """
import signal, time
@app.on_event("shutdown")
def stuck_shutdown():
    time.sleep(600)
"""
IGNORES = SHUTDOWN.replace(
    "    time", "    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    time"
)
HABITS: Mapping[str, tuple[str, str]] = {
    "an open stream": (CALLS, "/stream"),
    "a stuck thread": (CALLS, "/stuck"),
    "a stuck shutdown": (SHUTDOWN, ""),
    "SIGTERM ignored": (IGNORES, ""),
    "a thread that nobody ends": (THREAD, ""),
    "a process pool": (POOL, ""),
}
"""What hangs others: what is added to MemOS' server_api.py, and a call that is begun then."""
ERRORS = {
    ("memos/log.py", "\ndef broken(:\n"): "SyntaxError: invalid syntax",
    ("memos/api/config.py", "\nimport absent\n"): ("ModuleNotFoundError: No module named 'absent'"),
}
"""What is told of a file that ends so."""
TOY = {
    "__init__.py": '__version__ = "0.0.1"\n',
    "api/__init__.py": "",
    "api/server_api.py": SERVER_API,
    "habit.py": HABIT,
    "answer.py": 'TEXT = "one"\n',
}
Document = dict[str, Any]


@dataclass(kw_only=True)
class Reloading:
    """A source, and the supervisor that watches it."""

    folder: Path
    port: int
    process: "subprocess.Popen[bytes]"
    sessions: list[requests.Response] = field(default_factory=list)
    base: int = 0
    """So many versions came before the first one that a test counts."""

    @property
    def source(self) -> Path:
        """The folder that is watched."""
        return self.folder / "src"

    def write(self, name: str, text: str) -> None:
        """Save a module of the source as editors do: a new file in the old one's place."""
        write(self.source / "memos" / name, text)

    def get(self, path: str = "/") -> str:
        """Return what the API answers, over a connection of its own."""
        return requests.get(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE).text

    def begin(self, path: str) -> None:
        """Make a call that does not end."""
        with suppress(requests.ReadTimeout):
            url = f"http://127.0.0.1:{self.port}{path}"
            self.sessions.append(requests.get(url, timeout=(PATIENCE, 0.3), stream=True))

    @property
    def told(self) -> Document:
        """What the supervisor tells; nothing before it does."""
        try:
            found: Document = json.loads((self.folder / "reload.json").read_bytes())
        except FileNotFoundError:
            return {"runs": [], "serving": None, "pending": None, "template": {}, "watching": {}}
        return found

    @property
    def last(self) -> Document:
        """The last version that came to an end of being made."""
        found: Document = [{}, *self.told["runs"]][-1]
        return found

    @property
    def log(self) -> str:
        """All that was written so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"{what} does not come:\n{self.log}"
            time.sleep(0.02)

    def serves(self, version: int) -> None:
        """Wait until a version answers."""
        version += self.base
        self.until(lambda: self.told["serving"] == version, f"version {version}")

    def ends(self, version: int, outcome: str) -> Document:
        """Wait until a version came to such an end, and return what is told of it."""

        version += self.base

        def found() -> list[Document]:
            runs: list[Document] = self.told["runs"]
            return [run for run in runs if (run["version"], run["outcome"]) == (version, outcome)]

        self.until(found, f"version {version} that {outcome}")
        return found()[0]

    def renewed(self) -> "Reloading":
        """Bring back the source as it was, and count from the version that has it on."""
        for name, text in TOY.items():
            if (self.source / "memos" / name).read_text() != text:
                self.write(name, text)
        asked = self.told["asked"] + 1
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: self.told["asked"] == asked and not self.told["pending"], "a rest")

        def rests() -> bool:
            before = self.told
            time.sleep(0.5)  # what was restored is a change, too
            return before == self.told and self.last["outcome"] == "answers"

        self.until(rests, "a rest")
        assert self.get() == "one"
        self.base = self.told["serving"] - 1
        return self

    def rested(self) -> None:
        """Wait until the template has loaded what it can."""
        self.until(lambda: self.told["template"].get("ready"), "the template")

    @property
    def template(self) -> int:
        """The process that versions are forked from: the supervisor's own, without a debugger."""
        (found,) = (pid for pid in self.processes() if parent(pid) == self.process.pid)
        return found

    def processes(self) -> list[int]:
        """Return the processes that run for this supervisor, itself left out."""
        mark = f"MEMOS_RELOAD_STATE={self.folder}/".encode()
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return [pid for pid in found if pid != self.process.pid]


def parent(pid: int) -> int:
    """Return the process that started another one."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
    return int(status.partition("\nPPid:")[2].split()[0])


def listens(port: int) -> bool:
    """Say whether anybody takes calls there."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def write(file: Path, text: str) -> None:
    """Put a file in the place of the one before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def toy(folder: Path) -> Path:
    """Write a source that answers `one`; give the folder that is watched."""
    source = folder / "src"
    for name, text in TOY.items():
        write(source / "memos" / name, text)
    return source


@contextmanager
def reloading(
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    polling: bool = False,
    hurried: bool = False,
) -> Iterator[Reloading]:
    """Run a supervisor on the source in `folder`, or on a new one, while the block runs.

    One that is hurried calls a second without progress a hang.
    """
    if not (folder / "src").exists():
        toy(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = RUN.format(place=str(ROOT / "docker" / "memos-api"), polling=polling, hurried=hurried)
    with (
        servers.http(lambda _: (200, {"result": None})) as qdrant,
        (folder / "log").open("wb") as log,
    ):
        settings = {
            "MEMOS_RELOAD_SOURCE": str(folder / "src"),
            "MEMOS_RELOAD_STATE": f"{folder}/reload.json",
            "MEMOS_RELOAD_BIND": f"127.0.0.1:{port}",
            "QDRANT_URL": f"http://127.0.0.1:{qdrant}",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, **settings, **(env or {})},
            cwd=folder,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )
        found = Reloading(folder=folder, port=port, process=process)
        try:
            yield found
        finally:
            for one in found.sessions:
                one.close()
            process.kill()
            process.wait()
            for pid in found.processes():
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)

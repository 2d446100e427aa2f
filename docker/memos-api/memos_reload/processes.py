"""The processes that the supervisor speaks with: the template, and the versions forked from it."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from memos_reload import wire
from memos_reload.where import Fault
from memos_reload.wire import Message

LIMIT = 2**24
"""Bytes of one message: the names of some thousand modules are 100 KB."""
STARTS = 10.0
"""Seconds for a bare Python to say that it is there."""
TELLS = 0.3
"""Seconds for the fault handler to write where a version is, and for how it ended to be known."""
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Libraries of numbers start a thread for each processor when they are loaded, unless told 1."""
MACOS = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}
"""Else macOS ends a fork that uses its frameworks."""


class GoneError(Exception):
    """The process is no more."""


class Version:
    """A version that is being made, or serves; its process leads a group."""

    def __init__(self, number: int, pid: int) -> None:
        """Know its process."""
        self.number, self.pid = number, pid
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        """What it says; None when it is no more."""
        self.closed, self.gone = asyncio.Event(), asyncio.Event()
        """It takes no connections any more; it is no more."""
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.unused: tuple[Fault, ...] = ()
        """What is wrong with files that it has not imported."""
        self._dump = ""
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    async def open(self, end: socket.socket) -> None:
        """Speak with it over this end of a socket pair."""
        reader, self._writer = await asyncio.open_connection(sock=end, limit=LIMIT)
        self._listening = asyncio.create_task(self._listen(reader, self._writer))

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, ValueError):
            while text := await reader.readline():
                message = wire.parsed(text)
                if "dump" in message:
                    self._dump += message["dump"]
                elif "closed" in message:
                    self.closed.set()
                else:
                    self.inbox.put_nowait(message)
        writer.close()
        self.closed.set()
        self.gone.set()
        self.inbox.put_nowait(None)

    def say(self, **message: Any) -> None:
        """Tell it something; it may be gone."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(wire.line(message))

    async def next(self) -> Message:
        """Return what it says next; raises GoneError when it is no more."""
        message = await self.inbox.get()
        if message is None:
            raise GoneError(await self.end())
        return message

    async def end(self) -> str:
        """Return how it ended, as far as that is known."""
        try:
            return ended(await asyncio.wait_for(asyncio.shield(self.code), TELLS))
        except TimeoutError:
            return "it ended"

    async def place(self) -> str:
        """Return where its threads are, in the words of the fault handler."""
        self._dump = ""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGUSR2)
        await asyncio.sleep(TELLS)
        return self._dump

    def interrupt(self) -> None:
        """Ask it to end as a system does."""
        with suppress(OSError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End it and all that it started."""
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)


class Template:
    """The process that versions are forked from."""

    def __init__(self, pid: int, sending: socket.socket) -> None:
        """Speak over this end of a socket pair, which also hands over open files."""
        self.pid = pid
        self.sites: tuple[str, ...] = ()
        """Folders of its packages."""
        self.settled, self.gone = asyncio.Event(), asyncio.Event()
        """It has loaded what it was told to, if anything; it is no more."""
        self.settled.set()
        self._sending = sending
        self._forks: dict[int, asyncio.Future[int]] = {}
        self._versions: dict[int, Version] = {}
        self._listening: asyncio.Task[None] | None = None

    async def open(self, end: socket.socket, tell: Callable[[Message], object]) -> None:
        """Hear it; raises GoneError when it does not begin."""
        reader, writer = await asyncio.open_connection(sock=end, limit=LIMIT)
        try:
            first = await asyncio.wait_for(reader.readline(), STARTS)
        except TimeoutError:
            first = b""
        if not first:
            self.kill()
            raise GoneError("the template does not start")
        self.sites = tuple(wire.parsed(first)["sites"])
        self._listening = asyncio.create_task(self._listen(reader, writer, tell))

    async def _listen(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        tell: Callable[[Message], object],
    ) -> None:
        with suppress(OSError, ValueError):
            while text := await reader.readline():
                self._heard(wire.parsed(text), tell)
        writer.close()
        self._sending.close()
        self.gone.set()
        self.settled.set()
        for waiting in self._forks.values():
            waiting.set_exception(GoneError("the template has ended"))
        self._forks.clear()

    def _heard(self, message: Message, tell: Callable[[Message], object]) -> None:
        if "forked" in message:
            self._forks.pop(message["forked"]).set_result(message["pid"])
        elif "ended" in message:
            version = self._versions.pop(message["ended"], None)
            if version is not None and not version.code.done():
                version.code.set_result(message["code"])
        else:
            tell(message)
            self.settled.set()

    async def fork(self, number: int) -> Version:
        """Return a new version, which has been told nothing yet; raises GoneError."""
        ours, theirs = socket.socketpair()
        waiting = self._forks[number] = asyncio.get_running_loop().create_future()
        try:
            with theirs:
                message = {"do": "fork", "version": number}
                wire.send_with(self._sending, message, theirs.fileno())
            # shielded: who hears of it later finds nobody at the other end
            pid = await asyncio.shield(waiting)
        except OSError:
            ours.close()
            raise GoneError("the template has ended") from None
        except BaseException:
            ours.close()
            raise
        version = self._versions[pid] = Version(number, pid)
        await version.open(ours)
        return version

    def load(self, file: Path) -> None:
        """Have it load the modules that a file names; it is settled when it has."""
        self.settled.clear()
        with suppress(OSError):
            self._sending.send(wire.line({"do": "load", "file": str(file)}))

    def kill(self) -> None:
        """End it, whatever it does, and let its versions be."""
        if not self.gone.is_set():
            with suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)


async def start(
    python: str,
    listening: Sequence[int],
    env: Mapping[str, str],
    tell: Callable[[Message], object],
) -> Template:
    """Start a template; raises GoneError when it does not begin, OSError without such a Python."""
    ours, theirs = socket.socketpair()
    with theirs:
        files = (theirs.fileno(), *listening)
        process = await asyncio.create_subprocess_exec(
            *(python, str(Path(__file__).parent), *map(str, files)),
            pass_fds=files,
            env={**dict.fromkeys(THREADS, "1"), **MACOS, **env},
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
    template = Template(process.pid, ours.dup())
    await template.open(ours, tell)
    return template


def ended(code: int) -> str:
    """Return how a process ended, by its exit code or the signal that ended it."""
    if code >= 0:
        return f"it ended with exit code {code}"
    return f"it was ended by {signal.Signals(-code).name}"

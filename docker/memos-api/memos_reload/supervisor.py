"""Owns the listening socket, has versions made when the source changes, and ends what hangs.

It imports no code of MemOS and waits for nothing without an end, so nothing that a version does
can stop it. `_make` is one version, from the change to the answer.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from importlib.util import find_spec

from memos_reload import debugger, listening, state, watch
from memos_reload.debugger import Anchor
from memos_reload.excuse import Excuse
from memos_reload.loading import Loading
from memos_reload.processes import GoneError, Version
from memos_reload.settings import Settings
from memos_reload.state import Journal, Loaded, Watching
from memos_reload.where import Fault, Stay, hang
from memos_reload.wire import Message

GRACE = 1.0
"""Seconds for an old version to answer what it was asked, and to end."""
CLOSE = 0.25
"""Seconds for it to take no more connections; one that needs longer does nothing any more."""
SERVE = 10.0
"""Seconds for a version that has all it needs to take connections, on a busy machine too."""
LOOK = 1.0
"""Seconds between two looks at where a version is."""
LASTED = 10.0
"""Seconds after which a version that ends by itself is started again at once."""
LONGEST_PAUSE = 30.0
"""Seconds until a version that ends again and again is started the next time, at most."""
FAILED = -1
"""In the place of the signal that ends it."""


class Supervisor:
    """All of it, from the socket to the last version."""

    def __init__(self, settings: Settings) -> None:
        """Begin with nothing; raises OSError when somebody else has the port."""
        self.settings = settings
        self.sockets = listening.sockets(settings.calls, settings.metrics, log)
        self.journal = Journal(settings.state, log, pid=os.getpid())
        numbers = [one.fileno() for one in self.sockets]
        self.loading = Loading(settings, numbers, os.environ, tell=self._loaded, say=log)
        self.excuse = Excuse(self.sockets)
        self.anchor = Anchor(settings.python, debugger.asked(os.environ), log)
        self.done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.version = 0
        self.serving: Version | None = None
        self.served = 0.0
        """When it began to."""
        self.pause = 0.0
        """Seconds that the last start of one that had ended was put off."""
        self.making: asyncio.Task[None] | None = None
        """The version that is being made, while it may still be given up."""
        self.turn = asyncio.Lock()
        """One version at a time takes over."""
        self.why = ""
        """Why changes are not waited for by events."""
        self.dirty: dict[str, int] = {}
        """Files that changed since the version that answers began, and the first one with them."""
        self.leaving: set[Version] = set()
        """Those that were told to stop, and may still run."""
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Serve until told to stop; give the signal that said so, or FAILED."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._asked)
        self._watch(loop)
        self._task(self.anchor.open())
        self._renew((), state.now())
        reason = await self.done
        if self.making is not None:
            self.making.cancel()
        if self.serving is not None:
            self.serving.say(do="stop")
            await self._retire(self.serving)
        for version in self.leaving:
            version.kill()
        self.loading.leave()
        self.anchor.leave()
        return reason

    # ---- what happens -------------------------------------------------------------------------

    def _stop(self, reason: int) -> None:
        if not self.done.done():
            self.done.set_result(reason)

    def _asked(self) -> None:
        self.journal.asked += 1
        self._renew((), state.now())

    def _loaded(self, loaded: Loaded) -> None:
        self.journal.loaded = loaded
        self.journal.write()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look for the first time, then from a thread."""
        folder = self.settings.source
        kind = watch.file_system(str(folder.resolve()), watch.mounts())
        how, why = watch.choose(kind, importable=find_spec("watchfiles") is not None)
        self.journal.watching = Watching(folder=str(folder), how=how, why=why)

        def changed(change: watch.Change) -> None:
            loop.call_soon_threadsafe(self._changed, change)

        self.why = why
        watcher = watch.Watcher(folder, how, changed)
        self._looked(watcher.first())
        log(f"{folder} is watched by {how}{': ' if why else ''}{why}")
        watcher.start()

    def _changed(self, change: watch.Change) -> None:
        if change.polling:
            self.why = change.polling
            self.journal.watching = replace(self.journal.watching, how="polling")
            log(f"changes are looked for from now on: {self.why}")
        self._looked(change)
        if change.lost:
            log(f"{change.lost}; {self.journal.others}")
        elif change.files:
            self._renew(change.files, change.noticed)

    def _looked(self, change: watch.Change) -> None:
        before = self.journal.watching
        self.journal.watching = replace(before, files=change.count, why=change.lost or self.why)
        self.journal.write()

    # ---- a version ----------------------------------------------------------------------------

    def _renew(self, files: tuple[str, ...], noticed: datetime) -> None:
        """Begin a version, in place of one that is being made."""
        self.version += 1
        self.dirty |= dict.fromkeys(files, self.version)
        if self.making is not None:
            self.making.cancel()
        self.making = self._task(self._make(self.version, tuple(sorted(self.dirty)), noticed))

    async def _make(self, number: int, files: tuple[str, ...], noticed: datetime) -> None:
        async with self.turn:
            self.journal.began(number, files, noticed)
        version: Version | None = None
        try:
            version = await self.loading.fork(number)
            version.say(**self._job(files), door=await self.anchor.door())
            fault = await self._ready(version)
        except (GoneError, OSError) as error:  # or there is no such Python
            fault = Fault(error=str(error))
        except asyncio.CancelledError:
            if version is not None:
                version.kill()
            raise
        if self.making is not asyncio.current_task():  # given up just now
            fault = fault or Fault(error="superseded")
        elif version is not None and fault is None:
            self.making = None
            async with self.turn:
                fault = await self._take_over(version)
            if fault is not None:  # it had all it needs, and the one before it is no more
                self._task(self._restart())
        if fault is not None:
            if version is not None:
                version.kill()
            await self._failed(number, fault)

    def _job(self, files: tuple[str, ...]) -> Message:
        return {
            "files": files,
            "first": self.serving is None,
            "source": str(self.settings.source),
            "bytecode": str(self.settings.bytecode),
        }

    async def _ready(self, version: Version) -> Fault | None:
        """Follow a version until it could serve; return why it cannot."""
        quick = self._replaceable
        stay = Stay(quick=quick, began=time.monotonic())
        while True:
            try:
                message = await asyncio.wait_for(version.next(), LOOK)
            except TimeoutError:
                if (fault := await self._looked_at(version, stay)) is not None:
                    return fault
                continue
            if "stage" in message:
                # who connects may wait for somebody, and the old version answers as long
                quick = quick and message["stage"] != "connect"
                stay = Stay(quick=quick, began=time.monotonic())
                self.journal.reached(version.number, message["stage"])
            elif "waiting" in message:
                stay = Stay(quick=False, began=time.monotonic())
            elif "names" in message:
                self.loading.learn(message["names"])
            elif "unused" in message:
                version.unused = tuple(Fault(**one) for one in message["unused"])
            elif "failed" in message:
                return Fault(**message["failed"])
            elif "ready" in message:
                return None

    async def _looked_at(self, version: Version, stay: Stay) -> Fault | None:
        """Look whether a version hangs; tell it once, or return it when it is over with it."""
        if not stay.long(time.monotonic()):
            return None
        dump = await version.place()
        verdict = stay.seen(time.monotonic(), dump)
        fault = hang(dump, self.settings.source)
        if verdict == "over":
            return fault
        if verdict and not stay.told:
            stay.told = True
            self.journal.hangs(version.number, fault)
        return None

    @property
    def _replaceable(self) -> bool:
        """One that hangs is given up: another one serves, and no editor lets it stand."""
        return self.serving is not None and self.journal.loaded.ready and not self.anchor.on

    async def _take_over(self, version: Version) -> Fault | None:
        """Let the version before take no more connections, and this one take them at once."""
        old, self.serving = self.serving, version
        if old is not None:
            old.say(do="stop")
            self.leaving.add(old)
            with suppress(TimeoutError):
                await asyncio.wait_for(old.closed.wait(), CLOSE)
            self._task(self._retire(old))
        self.journal.reached(version.number, "serve")
        self.excuse.stop()
        version.say(do="serve")
        # it may stand at a breakpoint
        limit = None if self.anchor.on else SERVE
        try:
            while "answers" not in await asyncio.wait_for(version.next(), limit):
                pass
        except (TimeoutError, GoneError) as error:
            self.serving = self.journal.serving = None
            return Fault(error=str(error) or "it takes no connections")
        self.served = time.monotonic()
        self.dirty = {file: n for file, n in self.dirty.items() if n > version.number}
        self.journal.answers(version.number, version.unused)
        self._task(self._guard(version))
        self.loading.load()
        return None

    async def _guard(self, version: Version) -> None:
        """Start a version again that ends by itself."""
        await version.gone.wait()
        if self.serving is not version or self.done.done():
            return
        version.kill()  # what it has started
        self.serving = None
        self.journal.ended(version.number, await version.end())
        await self._restart(at_once=time.monotonic() - self.served > LASTED)

    async def _restart(self, *, at_once: bool = False) -> None:
        """Make a version, unless there is one; later and later when they do not last."""
        self.pause = 0.0 if at_once else min(max(1.0, 2 * self.pause), LONGEST_PAUSE)
        await asyncio.sleep(self.pause)
        if self.serving is None and self.making is None:
            self._renew((), state.now())

    async def _retire(self, version: Version) -> None:
        """Give a version its last second."""
        if not version.closed.is_set():
            version.interrupt()
        with suppress(TimeoutError):
            await asyncio.wait_for(version.gone.wait(), GRACE)
        version.kill()
        self.leaving.discard(version)

    async def _failed(self, number: int, fault: Fault) -> None:
        if self.making is asyncio.current_task():
            self.making = None
        self.journal.failed(number, fault)
        if self.serving is not None:
            return
        if self.settings.gives_up and not self.journal.answered:
            self._stop(FAILED)
        else:
            await self.excuse.start(f"version {number} failed: {fault}")

    def _task(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def log(line: str) -> None:
    """Write a line of the log; nobody may read it any more."""
    with suppress(OSError):
        print(f"memos: reload: {line}", file=sys.stderr, flush=True)


async def _run(settings: Settings) -> int:
    return await Supervisor(settings).run()


def main() -> int:
    """Run until told to stop, and end as the signal that said so ends a program."""
    settings = Settings.read(os.environ)
    try:
        reason = asyncio.run(_run(settings))
    except OSError as error:
        where = ":".join(map(str, settings.calls))
        log(f"{where} cannot be listened on, or a process not be started: {error}")
        return 1
    if reason == FAILED:
        return 1
    signal.signal(reason, signal.SIG_DFL)
    os.kill(os.getpid(), reason)
    return 1

"""One version of MemOS: a fork of the template that compiles, imports, connects, and serves."""

import faulthandler
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

import memos_mends
import memos_start
import memos_vectors

from memos_reload import bytecode, debugger, where
from memos_reload.settings import path_entry
from memos_reload.wire import Channel, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a version is told when it is forked."""

    first: bool
    """None answers beside it."""
    files: tuple[str, ...]
    """What changed since the one that answers."""
    source: Path
    bytecode: Path
    door: str
    """Where a debugger is joined; empty without one."""

    @classmethod
    def of(cls, message: Message) -> "Job":
        """Return what a message says."""
        return cls(
            first=message["first"],
            files=tuple(message["files"]),
            source=Path(message["source"]),
            bytecode=Path(message["bytecode"]),
            door=message["door"],
        )


def lead(pid: int) -> None:
    """Make a process the leader of a group, so that all that it starts can be ended with it.

    Both sides of a fork do it: whoever is first.
    """
    with suppress(OSError):
        os.setpgid(pid, pid)


def run(channel: Channel, listening: Sequence[int]) -> None:
    """Become a version; returns when it has served, and exits when it cannot."""
    lead(0)
    os.register_at_fork(after_in_child=channel.end.close)
    told = list(channel.heard())
    if not told:  # nobody wants it any more
        return
    job = Job.of(told[0])
    faulthandler.register(signal.SIGUSR2, file=channel.end.fileno(), all_threads=True)
    debugger.enter(job.door, memos_start.log)
    known = set(sys.modules)
    with Telling(channel, job.source):
        wrong = load(job, channel)
        channel.say(stage="connect")
        if job.first:
            connect(channel)
        # as uvicorn does it: it configures its log before the application is imported
        serving = importlib.import_module("memos_reload.serving")
        sockets = [socket.socket(fileno=one) for one in listening]
        version = serving.Version(memos_start.APP, channel, job.source, sockets)
        importlib.import_module(memos_start.APP.partition(":")[0])
        version.load()
        channel.say(names=list(packages(known, job.source)))
        channel.say(unused=[asdict(where.fault(one, job.source)) for one in wrong])
    version.serve_all()


class Telling:
    """Tells why its block failed, and then ends this version: the log has all of it."""

    def __init__(self, channel: Channel, source: Path) -> None:
        """Tell over this channel, of that source."""
        self._channel, self._source = channel, source

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell, if there is something."""
        if error is None:
            return
        if isinstance(error, SystemExit):
            memos_start.log(str(error))
        else:
            traceback.print_exception(kind, error, trace)
        self._channel.say(failed=asdict(where.fault(error, self._source)))
        sys.exit(1)


def load(job: Job, channel: Channel) -> list[BaseException]:
    """Import what connects to nothing, and mend it; return why changed files do not compile."""
    bytecode.keep(job.source, job.bytecode)
    wrong = bytecode.compile_all(job.source, job.files, job.bytecode)
    if (entry := str(path_entry(job.source))) not in sys.path:
        sys.path.insert(0, entry)
    channel.say(stage="import")
    memos_start.load()
    memos_mends.apply(os.environ, memos_start.log if job.first else unheard)
    return wrong


def unheard(_: str) -> None:
    """Say nothing: the first version has said it."""


def connect(channel: Channel) -> None:
    """Wait for the databases, and look whether the stored vectors are of this model.

    Only where no version answers: else they are there, and MemOS says itself when one is not.
    """

    def say(line: str) -> None:
        memos_start.log(line)
        channel.say(waiting=line)

    memos_start.wait(memos_start.databases(os.environ, memos_mends.running()), say)
    try:
        memos_vectors.check(os.environ, say)
    except memos_vectors.OtherModelError as error:
        sys.exit(str(error))


def packages(known: set[str], source: Path) -> Iterator[str]:
    """Yield what was imported since, and is no part of the source: a template may load it."""
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name in known or spec is None or spec.name != name or name.startswith("memos_"):
            continue
        places = [getattr(module, "__file__", None) or "", *getattr(module, "__path__", ())]
        if not any(where.inside(f"{place}/", source) for place in places):
            yield name

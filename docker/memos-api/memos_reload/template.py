"""The process that versions are forked from: all packages loaded, one thread, no connection.

A fork has only the thread that made it, and every lock as it was: with a second thread one of
them may be held for ever. So the threads are counted after each module.
"""

import gc
import importlib
import os
import select
import signal
import socket
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

import memos_structure

from memos_reload import child, debugger, loading
from memos_reload.wire import Channel, Message, keep

SITES = ("site-packages", "dist-packages")
TASKS = Path("/proc/self/task")


def main(control: int, *listening: int) -> None:
    """Serve the supervisor behind `control`; in each fork, run a version on these sockets."""
    gc.disable()  # it would only look through what stays
    for file in (control, *listening):  # what a version starts is to have none of them
        keep(file)
    channel = Channel(socket.socket(fileno=control))
    channel.say(sites=[path for path in sys.path if path.endswith(SITES)])
    debugger.loaded()
    memos_structure.use()
    version = Template(channel).serve()
    if version is not None:
        child.run(Channel(version), listening)


def threads() -> int:
    """Return how many threads this process has, those of libraries too where that is told."""
    return sum(1 for _ in TASKS.iterdir()) if TASKS.exists() else threading.active_count()


class Template:
    """Loads what it is told to, and forks when it is told to."""

    def __init__(self, control: Channel) -> None:
        """Hear of ended versions through a pipe, as of everything else."""
        self.control = control
        self.wanted: deque[str] = deque()
        self.loaded = False
        self.children: set[int] = set()
        self.ended, wake = socket.socketpair()
        for end in (self.ended, wake):
            end.settimeout(0)
        self._wake = wake
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor's, on a terminal
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)

    def serve(self) -> socket.socket | None:
        """Do what the supervisor says until it is gone; return only in a fork."""
        while True:
            wait = 0 if self.wanted else None
            ready, _, _ = select.select([self.control.end, self.ended], [], [], wait)
            if self.ended in ready:
                self._reap()
            elif self.control.end in ready:
                heard = list(self.control.heard())
                if not heard:
                    self._end()
                for message in heard:
                    version = self._obey(message)
                    if version is not None:
                        return version
            else:
                self._load(self.wanted.popleft())

    def _obey(self, message: Message) -> socket.socket | None:
        if message["do"] == "fork":
            return self._fork(message["version"])
        names = loading.read(Path(message["file"]))
        self.wanted.extend(name for name in names if name not in sys.modules)
        self.wanted.append("")
        return None

    def _load(self, name: str) -> None:
        if not name:
            gc.freeze()  # a collection before would take 0.3 s, and find nothing
            self.control.say(loaded=len(sys.modules))
            return
        if name in sys.modules:  # another one has imported it
            return
        self.loaded = True
        with suppress(Exception, SystemExit):  # a version will say what it thinks of it
            importlib.import_module(name)
        if threads() > 1:
            self.wanted.clear()
            self.control.say(threads=name)

    def _fork(self, version: int) -> socket.socket | None:
        channel = self.control.files.popleft()
        if self.loaded and threads() > 1:
            os.close(channel)
            self.control.say(threads="")
            return None
        gc.freeze()
        pid = os.fork()
        if pid:
            os.close(channel)
            self.children.add(pid)
            child.lead(pid)
            self.control.say(forked=version, pid=pid)
            return None
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for end in (self.control.end, self.ended, self._wake):
            end.close()
        return socket.socket(fileno=channel)

    def _reap(self) -> None:
        self.ended.recv(4096)
        for pid in list(self.children):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                self.children.remove(pid)
                self.control.say(ended=pid, code=os.waitstatus_to_exitcode(status))

    def _end(self) -> None:
        for pid in self.children:
            os.killpg(pid, signal.SIGKILL)
        os._exit(0)

"""Fakes in processes of their own, each forked from one that has imported them all.

A Python for each would take a tenth of a second of every test that has one.
"""

import atexit
import functools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from tests.kit import fake_engine, fake_stack
from tests.kit.places import ROOT

FAKES = {"fake_engine": fake_engine.served, "fake_stack": fake_stack.served}
LONGEST = 2**17
"""Bytes of what is sent at once: mostly the environment."""


@contextmanager
def serving(name: str, *words: str) -> Iterator[str]:
    """Run a fake as a process while the block runs; give the line it begins with."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            told = json.dumps({"name": name, "words": words, "environ": dict(os.environ)})
            socket.send_fds(_parent(), [told.encode()], [theirs.fileno()])
        yield ours.recv(LONGEST).decode()
        ours.shutdown(socket.SHUT_WR)
        ours.recv(1)  # nothing: it has ended


@functools.cache
def _parent() -> socket.socket:
    """Start what fakes are forked from, once a process of tests; it ends with that."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        words = (sys.executable, "-m", __name__)
        process = subprocess.Popen(words, cwd=ROOT, stdin=theirs.fileno())

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


def main() -> None:
    """Fork a fake for each message that comes over stdin, until nobody has its other end."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for one
    with socket.socket(fileno=os.dup(0)) as asked, Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
        while True:
            told, (*given,), _, _ = socket.recv_fds(asked, LONGEST, 1)
            if not told:
                return
            with socket.socket(fileno=given[0]) as connection:
                if os.fork() == 0:
                    asked.close()
                    _serve(connection, **json.loads(told))


def _serve(
    connection: socket.socket, *, name: str, words: list[str], environ: dict[str, str]
) -> NoReturn:
    """Be a fake until the other side has enough of it, and end at once."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environ)
    with FAKES[name](*words) as line:
        connection.sendall(line.encode())
        connection.recv(1)
        os._exit(0)


if __name__ == "__main__":
    main()

"""Messages between supervisor, template and versions: one JSON object a line."""

import array
import fcntl
import json
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
CHUNK = 65536
FILES = 8
"""At most so many open files come with one chunk; each fork brings one."""


def line(message: Message) -> bytes:
    """Return a message as it is sent."""
    return json.dumps(message).encode() + b"\n"


def parsed(text: bytes) -> Message:
    """Return a message; what is no JSON was written by the fault handler and is its `dump`."""
    if text.startswith(b"{"):
        found: Message = json.loads(text)
        return found
    return {"dump": text.decode(errors="replace")}


class Channel:
    """One end of a socket pair, for who waits for nothing else."""

    def __init__(self, end: socket.socket) -> None:
        """Speak over this end."""
        self.end = end
        self.files: deque[int] = deque()
        """Open files that came along, the first first."""
        self._rest = b""

    def say(self, **message: object) -> None:
        """Send a message; nobody may be there any more."""
        try:
            self.end.sendall(line(message))
        except OSError:
            return

    def heard(self) -> Iterator[Message]:
        """Wait for the next messages; none at all when the other end is closed."""
        while b"\n" not in self._rest:
            try:
                chunk, files, _, _ = socket.recv_fds(self.end, CHUNK, FILES)
            except OSError:
                return
            if not chunk:
                return
            for file in files:
                keep(file)
            self.files.extend(files)
            self._rest += chunk
        *whole, self._rest = self._rest.split(b"\n")
        yield from map(parsed, whole)


def keep(file: int) -> None:
    """Keep an open file from the programs that this process starts."""
    fcntl.fcntl(file, fcntl.F_SETFD, fcntl.FD_CLOEXEC)


def send_with(end: socket.socket, message: Message, file: int) -> None:
    """Send a message together with an open file; raises OSError."""
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))
    end.sendmsg([line(message)], [rights])

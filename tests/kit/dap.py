"""An editor under test: the client's side of the Debug Adapter Protocol, as VS Code speaks it.

https://microsoft.github.io/debug-adapter-protocol/; the event `debugpyAttach` is debugpy's own, and
VS Code answers it with another session to the same port: so do we.
"""

import itertools
import json
import queue
import socket
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

Body: TypeAlias = dict[str, Any]
TIMEOUT = 60.0
"""Seconds after which what did not come is a failure; nothing is measured by it."""


class RefusedError(Exception):
    """The adapter answered a request with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """A thread that stands at a breakpoint."""

    session: "Session"
    thread: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a thread stands: the paths are the editor's."""

    file: Path
    line: int
    function: str


class Session:
    """One connection to the adapter, for one process that is debugged."""

    def __init__(self, editor: "Editor", port: int) -> None:
        """Connect; a thread takes what comes."""
        self.editor = editor
        self.ended = threading.Event()
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        self._socket.settimeout(None)
        self._file = self._socket.makefile("rb")
        self._numbers = itertools.count(1)
        self._answers: dict[int, queue.SimpleQueue[Body]] = {}
        self._initialized = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def attach(self, arguments: Body) -> None:
        """Do what an editor does between connecting and a program that runs."""
        self.request("initialize", {"adapterID": "debugpy", "clientID": "vscode"})
        attached = self.send("attach", arguments)
        if not self._initialized.wait(TIMEOUT):
            raise TimeoutError("no event `initialized`")
        for file, lines in self.editor.breakpoints.items():
            self.set_breakpoints(file, lines)
        self.request("setExceptionBreakpoints", {"filters": []})
        self.request("configurationDone", {})
        self.answer(attached)

    def set_breakpoints(self, file: Path, lines: Sequence[int]) -> list[bool]:
        """Set the breakpoints of a file; say which of them are verified."""
        points = [{"line": line} for line in lines]
        body = self.request(
            "setBreakpoints", {"source": {"path": str(file)}, "breakpoints": points}
        )
        return [bool(one["verified"]) for one in body["breakpoints"]]

    def send(self, command: str, arguments: Body) -> int:
        """Send a request; give the number by which `answer` knows it."""
        number = next(self._numbers)
        self._answers[number] = queue.SimpleQueue()
        message = {"seq": number, "type": "request", "command": command, "arguments": arguments}
        text = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n%b" % (len(text), text))
        return number

    def answer(self, number: int) -> Body:
        """Wait for the answer to a request; RefusedError with what the adapter says of it."""
        message = self._answers[number].get(timeout=TIMEOUT)
        if not message.get("success"):
            raise RefusedError(message.get("message") or message)
        return dict(message.get("body") or {})

    def request(self, command: str, arguments: Body) -> Body:
        """Send a request and wait for its answer."""
        return self.answer(self.send(command, arguments))

    def close(self) -> None:
        """Hang up, as an editor that ends does."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join()
        self._file.close()
        self._socket.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError):  # hung up by either side
            while (header := self._file.readline()) != b"":
                length = int(header.partition(b":")[2])
                while self._file.readline().strip():  # other headers, and the empty line
                    pass
                self._take(json.loads(self._file.read(length)))
        self.ended.set()
        self._initialized.set()
        for waiting in list(self._answers.values()):
            waiting.put({"success": False, "message": "the connection is over"})

    def _take(self, message: Body) -> None:
        if message["type"] == "response":
            self._answers[message["request_seq"]].put(message)
        elif message["type"] == "event":
            body = dict(message.get("body") or {})
            if message["event"] == "initialized":
                self._initialized.set()
            elif message["event"] == "terminated":  # the adapter then hangs up
                self.ended.set()
                self.send("disconnect", {})
            self.editor.take(self, message["event"], body)


@dataclass(slots=True, kw_only=True)
class Editor:
    """An editor that attaches once, and then follows what the adapter tells it."""

    port: int
    mappings: Mapping[Path, str] = field(default_factory=dict)
    """Folders here by what they are called where the program runs."""
    follows: bool = True
    """It attaches to the subprocesses that it is told of."""
    breakpoints: dict[Path, Sequence[int]] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    """The first is the user's own, all others came by themselves."""
    stops: "queue.SimpleQueue[Stop]" = field(default_factory=queue.SimpleQueue)
    joined: "queue.SimpleQueue[Session]" = field(default_factory=queue.SimpleQueue)

    def attach(self, arguments: Body | None = None) -> None:
        """Attach, as the user does by F5: with these arguments, or with the mappings alone."""
        pairs = [
            {"localRoot": str(here), "remoteRoot": there} for here, there in self.mappings.items()
        ]
        self._open(
            arguments
            or {
                "name": "MemOS",
                "type": "debugpy",
                "request": "attach",
                "connect": {"host": "127.0.0.1", "port": self.port},
                "justMyCode": False,
                "pathMappings": pairs,
            }
        )

    def take(self, session: Session, event: str, body: Body) -> None:
        """Do what an editor does about an event."""
        if event == "debugpyAttach" and self.follows:
            threading.Thread(target=self._join, args=(body,), daemon=True).start()
        elif event == "stopped":
            self.stops.put(
                Stop(session=session, thread=int(body["threadId"]), reason=str(body["reason"]))
            )

    def break_at(self, file: Path, *lines: int) -> None:
        """Set the breakpoints of a file, now and in every process that comes."""
        self.breakpoints[file] = lines
        for session in list(self.sessions):
            if not session.ended.is_set():
                session.set_breakpoints(file, lines)

    def stopped(self) -> Stop:
        """Wait until a thread stands somewhere."""
        return self.stops.get(timeout=TIMEOUT)

    def next_process(self) -> Session:
        """Wait until one more process is attached to, without anybody's hand."""
        return self.joined.get(timeout=TIMEOUT)

    def frames(self, stop: Stop) -> list[Frame]:
        """Return where a thread stands, the innermost first."""
        body = stop.session.request("stackTrace", {"threadId": stop.thread})
        return [
            Frame(
                file=Path(one["source"]["path"]), line=int(one["line"]), function=str(one["name"])
            )
            for one in body["stackFrames"]
        ]

    def go_on(self, stop: Stop) -> None:
        """Let a thread that stands go on."""
        stop.session.request("continue", {"threadId": stop.thread})

    def close(self) -> None:
        """End the editor without a word: as when its window is closed."""
        for session in self.sessions:
            session.close()

    def _open(self, arguments: Body) -> Session:
        session = Session(self, self.port)
        self.sessions.append(session)
        session.attach(arguments)
        return session

    def _join(self, arguments: Body) -> None:
        with suppress(OSError, RefusedError):  # that process has ended meanwhile
            self.joined.put(self._open(arguments))

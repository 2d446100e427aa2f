"""Both directions of a container's own streams, over the engine's API.

https://docs.docker.com/reference/api/engine/version/v1.44/#tag/Container/operation/ContainerAttach
"""

import socket
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.client import HTTPException, HTTPResponse
from io import BufferedIOBase

from scripts.core.foreign import documents
from scripts.engine.api import FIRST_ERROR, PIECE, Api, Connection, judged, shaped, silent, target
from scripts.engine.frames import frames

SWITCHED = 101
"""Switching protocols: from here on the connection carries the streams and nothing else."""
STDERR = 2
LAST_WORDS = 4096
"""Bytes of stderr that are kept, from the end."""


class Attached:
    """The streams of a container that is about to start, and its exit code after its end."""

    def __init__(self, api: Api, container: str, *, patience: float | None = None) -> None:
        """Attach to a container that was created and not started.

        After `patience` seconds of silence it is given up; without, it may take its time.
        Raises EngineError when the engine does not answer, RefusedError when it says no.
        """
        path = f"/containers/{container}"
        self._api = api = api.at(path)
        self._connection = api.connection(patience)
        self._waiting = api.connection(patience)
        self._answers: list[HTTPResponse] = []
        self._errors = b""
        self._closed = False
        words = {"stream": True, "stdin": True, "stdout": True, "stderr": True}
        try:
            # asked now: whoever asks after the end may find the container gone
            self._end = self._post(self._waiting, f"{path}/wait", {"condition": "removed"})
            upgrade = {"Connection": "Upgrade", "Upgrade": "tcp"}
            answer = self._post(self._connection, f"{path}/attach", words, upgrade)
        except BaseException:
            self.close()
            raise
        self._file: BufferedIOBase = answer.fp
        self._socket: socket.socket = self._connection.sock

    def _post(
        self,
        connection: Connection,
        path: str,
        query: Mapping[str, object],
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        try:
            connection.request("POST", target(path, query), headers=headers or {})
            answer = connection.getresponse()
            self._answers.append(answer)
            if answer.status != SWITCHED:
                refused = answer.status >= FIRST_ERROR
                judged(answer.status, answer.read(PIECE) if refused else b"", "POST", path)
        except (OSError, HTTPException) as error:
            raise silent(self._api.place, error) from error
        return answer

    @property
    def errors(self) -> str:
        """What it has written to stderr so far, the end of it."""
        return self._errors.decode(errors="replace").strip()

    def read(self) -> Iterator[bytes]:
        """Yield what it writes to stdout, as it comes; EngineError when the engine is gone."""
        try:
            for stream, piece in frames(iter(lambda: self._file.read1(PIECE), b"")):
                if stream == STDERR:
                    self._errors = (self._errors + piece)[-LAST_WORDS:]
                else:
                    yield piece
        except ConnectionResetError:
            return  # it ended without reading what we sent; its exit code says how
        except (OSError, EOFError) as error:
            raise silent(self._api.place, error) from error

    def write(self, piece: bytes) -> None:
        """Send a piece to its stdin; BrokenPipeError or another OSError when it has ended."""
        self._socket.sendall(piece)

    def write_end(self) -> None:
        """Tell it that nothing more comes."""
        with suppress(OSError):  # it has ended by itself
            self._socket.shutdown(socket.SHUT_WR)

    def exit_code(self) -> int:
        """Wait until the container has ended and is removed; give its exit code."""
        try:
            found = documents.parsed(self._end.read(PIECE))
        except (OSError, HTTPException, ValueError) as error:
            raise silent(self._api.place, error) from error
        with shaped("the end of a container"):
            return int(found["StatusCode"])

    def close(self) -> None:
        """Hang up."""
        for answer in self._answers:
            answer.close()  # one that was not read to its end keeps its socket
        self._connection.close()
        self._waiting.close()

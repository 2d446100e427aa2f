"""HTTP to the engine's API: over its socket, or through `docker system dial-stdio`.

Compose's command line is too slow for a look ten times a second (0.12 s against 0.003 s).
https://docs.docker.com/reference/api/engine/version/v1.44/
"""

import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException, IncompleteRead
from select import select
from urllib.parse import quote, urlencode, urlsplit

from scripts.core.errors import EngineError, RefusedError
from scripts.core.foreign import answers, documents
from scripts.core.foreign.answers import BoundedSocket
from scripts.core.foreign.documents import Json
from scripts.core.inventory import Engine
from scripts.core.process import dial
from scripts.engine import memory

API_VERSION = "v1.44"
"""Engine 25.0, the oldest we take: the first with `start_interval`."""
NOT_FOUND = 404
NOT_MODIFIED = 304
FIRST_ERROR = 400
PIECE = 65536
"""Bytes that are taken from a stream at once, if there are as many."""
SILENCE = 180.0
"""Seconds without progress after which an engine that is sent something is given up.

As for a build: an engine says nothing while it unpacks one large image.
"""
IDLE: dict[str, list["Connection"]] = {}
"""Connections to engines far away that wait for their next question, by endpoint: a new one costs
another way there and back."""
AHEAD = 6
"""Connections to an engine far away that are opened before they are needed."""
AT_ONCE = 16
"""Questions that an engine far away is asked beside each other."""
LONGEST = 256 << 20
"""Bytes of an answer that is read as a whole: 5000 lines of a log, of 16 KiB each, are 80 MB."""


class Connection(HTTPConnection):
    """An HTTP connection to the engine at `endpoint`: unix:// directly, any other by dialling."""

    def __init__(
        self,
        endpoint: str,
        timeout: float | None,
        *,
        env: Mapping[str, str] | None = None,
        whole: bool = False,
        remote: str = "",
    ) -> None:
        """Keep the address; `timeout` in seconds holds for each read and write, None for ever.

        With `whole` it holds for all of the answer, of which no more than LONGEST is taken. `env`
        adds to the environment of what dials: where keys for TLS lie, for instance.
        """
        super().__init__("engine", timeout=timeout)
        self.endpoint = endpoint
        self.place = remote or endpoint
        self.env = env
        self.whole = whole

    def connect(self) -> None:
        """Open the stream that HTTP is spoken over."""
        parts = urlsplit(self.endpoint)
        if parts.scheme == "unix":
            sock = BoundedSocket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock = sock
            sock.settimeout(self.timeout)
            sock.connect(parts.path)
        else:  # ssh, TCP with or without TLS, a named pipe: the docker program knows how
            words = ["docker", "--host", self.endpoint, "system", "dial-stdio"]
            sock = BoundedSocket(fileno=dial(words, env=self.env).detach())
            self.sock = sock
            sock.settimeout(self.timeout)
        self.begin(self.timeout)

    def waits(self) -> bool:
        """Say whether it may be asked once more: the other end has not hung up meanwhile."""
        return self.sock is not None and not select([self.sock], [], [], 0)[0]

    def lent(self, timeout: float | None) -> "Connection":
        """Return it for an answer that comes as it comes: the time holds for each piece of it."""
        self.timeout, self.whole = timeout, False
        if isinstance(self.sock, BoundedSocket):
            self.sock.free(timeout)
        return self

    def begin(self, timeout: float | None) -> None:
        """Let the time and length of an answer count from now on, where they count as a whole."""
        if self.whole and isinstance(self.sock, BoundedSocket):
            self.sock.bound(timeout, LONGEST)


@dataclass(eq=False)
class Api:
    """Calls to one engine. A call opens its own connection, so threads may share an Api.

    Within `memory.remembered` what a GET answers is remembered until a call changes something.
    """

    endpoint: str
    timeout: float = 30.0
    """Seconds for each answer."""
    env: Mapping[str, str] | None = None
    """What docker needs in its environment to reach the engine, as `Engine.env` has it."""
    remote: str = ""
    """As `Engine.remote` has it: each way there and back counts."""

    @classmethod
    def of(cls, engine: Engine) -> "Api":
        """Return the way to an engine that was found."""
        return cls(engine.endpoint, env=engine.env, remote=engine.remote)

    @property
    def place(self) -> str:
        """Where the engine is, for people."""
        return self.remote or self.endpoint

    def within(self, seconds: float) -> "Api":
        """Return the same engine's API with another time for each answer."""
        return Api(self.endpoint, timeout=seconds, env=self.env, remote=self.remote)

    def at(self, path: str) -> "Api":
        """Return the engine that a call of this path is for: this one."""
        del path
        return self

    def apart(self, volumes: Mapping[str, str]) -> "list[tuple[Api, Mapping[str, str]]]":
        """Return the engines that have these volumes (names by key), each with its own of them."""
        return [(self, volumes)]

    def connection(self, timeout: float | None) -> Connection:
        """Return a connection of its own to the engine; `timeout` as `Connection` has it.

        It is used at once: where one waits it is that.
        """
        if self.remote and (waiting := _waiting(IDLE.get(self.endpoint, []))) is not None:
            return waiting.lent(timeout)
        return self._unopened(timeout)

    def _unopened(self, timeout: float | None) -> Connection:
        return Connection(self.endpoint, timeout, env=self.env, remote=self.remote)

    def get(self, path: str, **query: object) -> Json:
        """Return the JSON that the engine answers; None for 404.

        Raises EngineError when the engine does not answer, or no JSON, RefusedError for a no.
        """
        return self._json("GET", path, query)

    def each(self, paths: Iterable[str]) -> list[Json]:
        """Return what `get` does of each path; an engine far away is asked for all at once."""
        if not self.remote:
            return [self.get(path) for path in paths]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            asked = [pool.submit(copy_context().run, self.get, path) for path in paths]
            return [one.result() for one in asked]

    def raw(self, path: str, /, **query: object) -> bytes:
        """Return the bytes of an answer that is no JSON; errors as in `get`."""
        return self._call("GET", path, query)

    def stream(self, path: str, *, endless: bool = False, **query: object) -> "Stream":
        """Return an answer as it comes; errors when it is read. `endless`: silence is no fault."""
        timeout = None if endless else self.timeout
        return Stream(self._unopened(timeout), path, target(path, query))

    def send(
        self, path: str, pieces: Iterable[bytes], size: int | None, **query: object
    ) -> "Stream":
        """POST pieces, of `size` bytes if that is known, once the answer is read.

        EngineError after SILENCE without progress. An OSError of `pieces` is raised as it is.
        """
        body = Body(method="POST", pieces=pieces, size=size)
        return Stream(self.connection(SILENCE), path, target(path, query), body)

    def put(self, path: str, pieces: Iterable[bytes], /, **query: object) -> "Stream":
        """Like `send`, a PUT of pieces whose number and size nobody knows before."""
        body = Body(method="PUT", pieces=pieces)
        return Stream(self.connection(SILENCE), path, target(path, query), body)

    def post(self, path: str, body: object = None, **query: object) -> Json:
        """Like `get`, for calls that change something: 304 (already so) gives None, 404 is a no."""
        return self._json("POST", path, query, body)

    def post_raw(self, path: str, body: object) -> bytes:
        """Like `post`, for an answer that is no JSON, such as what a command wrote."""
        return self._call("POST", path, {}, body)

    def delete(self, path: str, **query: object) -> Json:
        """Like `post`, for removing."""
        return self._json("DELETE", path, query)

    def _json(self, method: str, path: str, query: dict[str, object], body: object = None) -> Json:
        text = self._call(method, path, query, body)
        try:
            return documents.parsed(text) if text.strip() else None
        except ValueError as error:  # also of bytes that are no text
            raise EngineError(
                f"the engine at {self.place} answers {method} {path} with what is no JSON: {error}",
                next_step="inv engine.status",
            ) from error

    def _call(self, method: str, path: str, query: dict[str, object], body: object = None) -> bytes:
        words = target(path, query)
        sent = None if body is None else json.dumps(body)

        def ask() -> bytes:
            try:
                status, text = self._answer(method, words, sent)
            except (OSError, HTTPException) as error:
                raise silent(self.place, error) from error
            return judged(status, text, method, path)

        if method == "GET":
            return memory.once((self.endpoint, words), ask)
        try:
            return ask()
        finally:
            memory.forget()

    def _answer(self, method: str, words: str, sent: str | None) -> tuple[int, bytes]:
        """Return the status and body of an answer, over a connection that waits if there is one."""
        idle = IDLE.setdefault(self.endpoint, []) if self.remote else None
        while (waiting := _waiting(idle or [])) is not None:
            try:
                return self._exchange(waiting, method, words, sent, idle)
            except ConnectionError:  # the link broke; what changes something is not done twice
                if method != "GET":
                    raise
        connection = Connection(self.endpoint, self.timeout, env=self.env, whole=True)
        return self._exchange(connection, method, words, sent, idle)

    def _exchange(
        self,
        connection: Connection,
        method: str,
        words: str,
        sent: str | None,
        idle: list[Connection] | None,
    ) -> tuple[int, bytes]:
        """Ask over a connection, which waits in `idle` for the next question or is closed."""
        kept = False
        try:
            connection.begin(self.timeout)
            connection.request(method, words, sent, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answers.body(answer)
            kept = idle is not None and not answer.will_close
        finally:
            if not kept:
                connection.close()
        if idle is not None and kept:
            idle.append(connection)
        return answer.status, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What is sent piece by piece."""

    method: str
    pieces: Iterable[bytes]
    size: int | None = None
    """Bytes of them all; None where nobody knows before."""


def ahead(engine: Engine, count: int = AHEAD) -> None:
    """Open connections to an engine far away before the next question, until so many wait: ssh
    needs a way there and back for each, and what is done meanwhile takes as long."""
    idle = IDLE.setdefault(engine.endpoint, [])
    idle.extend([*iter(partial(_waiting, idle), None)])  # those that ended meanwhile are gone
    for _ in range(count - len(idle)):
        connection = Connection(engine.endpoint, None, whole=True, remote=engine.remote)
        try:
            connection.connect()
        except OSError:  # who asks is told
            connection.close()
            return
        idle.append(connection)


def _waiting(idle: list[Connection]) -> Connection | None:
    """Return one of these that still waits for a question, and take it out; None for none."""
    while idle:
        with suppress(IndexError):  # another thread has it
            connection = idle.pop()
            if connection.waits():
                return connection
            connection.close()
    return None


class Stream:
    """An answer that is read as it comes, until the engine or `close` ends it."""

    def __init__(
        self,
        connection: Connection,
        path: str,
        target: str,
        body: Body | None = None,
    ) -> None:
        """Prepare the call, a GET unless there is a body; iterating sends it."""
        self._connection = connection
        self._path = path
        self._target = target
        self._method = "GET" if body is None else body.method
        self._body = body
        self._socket: socket.socket | None = None
        self._closed = False
        self._fault: OSError | None = None

    def __iter__(self) -> Iterator[bytes]:
        """Yield what comes; nothing for 404, errors as `Api.get` has them."""
        try:
            if self._connection.sock is None:
                self._connection.connect()
            self._socket = self._connection.sock
            if self._closed:
                return
            self._ask()
            with self._connection.getresponse() as answer:
                if answer.status >= FIRST_ERROR:
                    judged(answer.status, answer.read(PIECE), self._method, self._path)
                    return
                while data := answer.read1(PIECE):
                    yield data
        except (OSError, HTTPException) as error:
            if error is self._fault:
                raise  # no word about the engine
            if not self._closed:
                raise silent(self._connection.place, self._reason(error)) from error
        finally:
            self._connection.close()
            if self._body is not None:
                memory.forget()

    def _reason(self, error: Exception) -> Exception:
        """Return what was waited for in vain; any other error says itself what it is."""
        if not isinstance(error, TimeoutError):
            return error
        what = f"{self._method} {self._path}"
        return TimeoutError(f"no progress of {what} for {self._connection.timeout:g} s")

    def _given(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces on, and remember when they, and not the engine, are at fault."""
        try:
            yield from pieces
        except OSError as error:
            self._fault = error
            raise

    def _ask(self) -> None:
        if self._body is None:
            self._connection.request("GET", self._target)
            return
        headers = {"Content-Type": "application/x-tar"}
        if self._body.size is not None:  # else it goes in chunks
            headers["Content-Length"] = str(self._body.size)
        # an engine that refuses hangs up before it has everything, and says why
        with suppress(BrokenPipeError, ConnectionResetError):
            given = self._given(self._body.pieces)
            self._connection.request(self._method, self._target, given, headers)

    def close(self) -> None:
        """End it, from any thread; who reads sees its end."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):  # it has ended by itself
                self._socket.shutdown(socket.SHUT_RDWR)


def target(path: str, query: Mapping[str, object]) -> str:
    """Return what stands in the request: a tuple is one word for each of its values."""
    every = [(k, one) for k, v in query.items() for one in (v if isinstance(v, tuple) else (v,))]
    words = [(name, one if isinstance(one, str) else json.dumps(one)) for name, one in every]
    return f"/{API_VERSION}{quote(path)}" + ("?" + urlencode(words) if words else "")


@contextmanager
def shaped(what: str) -> Iterator[None]:
    """Turn an answer of another shape than it should have into an EngineError; also a decorator."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise EngineError(
            f"the engine's answer about {what} has another shape than it should",
            next_step="inv doctor",
        ) from error


def silent(place: str, error: Exception) -> EngineError:
    """Return the error for an engine that does not answer, or no longer."""
    why = "it hung up in the middle of an answer" if isinstance(error, IncompleteRead) else error
    far = place.startswith("ssh://") or "://" not in place
    step = "inv remote" if far else "inv engine.status"
    return EngineError(f"the engine at {place} does not answer: {why}", next_step=step)


def judged(status: int, text: bytes, method: str, path: str) -> bytes:
    """The body of an answer, empty for 304 and a GET's 404; RefusedError for any other no."""
    if status == NOT_MODIFIED or (status == NOT_FOUND and method == "GET"):
        return b""
    if status >= FIRST_ERROR:
        reason = _message(text)
        refused = f"the engine refused {method} {path}: {reason}"
        raise RefusedError(refused, next_step="inv doctor", said=reason)
    return text


def _message(text: bytes) -> str:
    try:
        return str(documents.parsed(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.decode(errors="replace").strip() or "no reason given"

"""One look at one service over its published ports, in its own protocol.

A TCP connection proves nothing: the engine's port proxy accepts it while nothing listens in the
container. A service that is down is a reading, never an exception. Each call opens a connection of
its own: one that was open already says nothing about the next. It is the standard library's HTTP,
with a third of the CPU of requests (0.2 ms for 0.66), and a tenth where nobody listens.
"""

import base64
import json
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, TypeVar

from scripts.core.foreign import answers, documents
from scripts.core.foreign.answers import BoundedSocket
from scripts.core.look import Reading
from scripts.core.stack import Auth, Probe, Service
from scripts.watch.calls.s3_signing import s3_headers

if TYPE_CHECKING:
    from scripts.watch.calls.bolt import Way

T = TypeVar("T")
MOST_QUESTIONS = 2
"""Of a probe at once."""
TIMEOUT = 3.0
"""Seconds for one probe, all of its answer, so that one that hangs cannot hold up a loop."""
LONGEST = 1 << 22
"""Bytes of the answer to a probe: of most 120 letters are quoted."""
REJECTED = frozenset({401, 403})
SKEWED = "RequestTimeTooSkewed"
"""What an S3 store rejects for the time in it; no word about the login, and a clock can be set."""
MISSING = 404
FIRST_ERROR = 400
REASONS = {
    "Connection refused": "connection refused",
    # one state of a port proxy, in the words of chance: when the refusal behind it comes
    **dict.fromkeys(
        ("RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"),
        "the port is open, nobody answers behind it",
    ),
    "IncompleteRead": "the answer broke off",
    "WRONG_VERSION_NUMBER": "what answers there speaks no TLS",
    "RECORD_LAYER_FAILURE": "what answers there speaks no TLS",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted on this machine",
    "Name or service not known": "nobody knows a host of that name",
    "No address associated": "nobody knows a host of that name",
    "Temporary failure in name resolution": "nobody knows a host of that name",
    "Timeout": "no answer in time",
    "timed out": "no answer in time",
    "EndlessError": "its answer is longer than any should be",
}
"""Words for why there was no answer, by what the error holds; the first that fits."""
NO_ANSWER = (OSError, HTTPException, ValueError)
"""What a call raises: nobody answers, it is no HTTP, or a header cannot be sent."""
SHOWN = 120
"""Characters of an answer that a reading quotes."""


def read(service: Service, *, timeout: float = TIMEOUT, at_once: bool = False) -> Reading:
    """Put all probes of a service, one after the other, and give the first that fails or the last.

    `timeout` in seconds for each. `at_once`: what does not wait for each other is asked at once, of
    a service far away; so near it would only take threads.
    """
    began = time.monotonic()
    answer = Answer(ok=True, detail="no probe")
    most = MOST_QUESTIONS * len(service.probes) or 1
    pool = ThreadPoolExecutor(max_workers=most) if at_once else None
    try:
        for put in [_begun(pool, partial(_put, probe, timeout, pool)) for probe in service.probes]:
            answer = put()
            if not answer.ok:
                break
    finally:
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)
    return Reading(service=service.name, seconds=time.monotonic() - began, **asdict(answer))


def _begun(pool: ThreadPoolExecutor | None, question: Callable[[], T]) -> Callable[[], T]:
    """Put a question now where there is a pool; give what returns the answer, or puts it then."""
    return question if pool is None else pool.submit(question).result


def call(
    probe: Probe, *, timeout: float | None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    """Make a probe's call and give the status and the JSON of the answer, or its text.

    The status is 0, and the text the reason, when there is no answer. `timeout` in seconds, for all
    of it; None for any time.
    """
    try:
        if probe.kind == "bolt":
            return _over_bolt(probe, timeout)
        response = _request(probe, timeout, most=documents.MOST, headers=headers)
    except NO_ANSWER as error:
        return 0, reason(error)
    try:
        return response.status, documents.parsed(response.body)
    except ValueError:
        return response.status, response.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a probe was told: whether that is good enough, and whether waiting can change it."""

    ok: bool = False
    detail: str
    final: bool = False


def _over_bolt(probe: Probe, timeout: float | None) -> tuple[int, Any]:
    """Make a call of Neo4j's HTTP interface over Bolt."""
    from scripts.watch.calls import bolt

    return bolt.committed(way(probe, timeout, documents.MOST), documents.parsed(probe.body))


def way(probe: Probe, timeout: float | None, most: int = LONGEST) -> "Way":
    """Return how the server of a Bolt probe is reached and logged in at."""
    from scripts.watch.calls import bolt

    auth = probe.auth or Auth(kind="basic", user="", password="")
    return bolt.Way(
        connect=lambda: _connected(probe, timeout, most),
        user=auth.user,
        password=auth.password,
        address=probe.place,
        database=probe.database,
    )


def _put(probe: Probe, timeout: float, pool: ThreadPoolExecutor | None) -> Answer:
    try:
        if probe.kind == "bolt":
            return _bolt(probe, timeout)
        model = _begun(pool, partial(_remembered, probe, timeout)) if probe.marker else str
        answer = KINDS[probe.kind](probe, _exchange(probe, timeout))
        return _made_by(probe, answer, model(), timeout) if answer.ok else answer
    except NO_ANSWER as error:
        return Answer(detail=reason(error))


def _http(probe: Probe, response: "_Response") -> Answer:
    if response.status in REJECTED and SKEWED in response.text:
        return Answer(detail=f"{response.status}: {SKEWED}, the clocks are too far apart")
    if response.status in REJECTED:
        user = probe.auth.user if probe.auth else "nobody"
        return Answer(detail=f"{response.status}: it rejects the login of {user}", final=True)
    shown = _short(response.text)
    if response.status >= FIRST_ERROR:
        return Answer(detail=f"{response.status}: {shown}")
    if _squeezed(probe.expect) not in _squeezed(response.text):
        return Answer(detail=f"{response.status} without {probe.expect}: {shown}")
    login = f", logged in as {probe.auth.user}" if probe.auth else ""
    return Answer(ok=True, detail=f"{response.status} {probe.method} {probe.path}{login}")


def _vectors(probe: Probe, response: "_Response") -> Answer:
    if response.status == MISSING:
        return Answer(ok=True, detail=f"ready; no collection {probe.collection} yet")
    if response.status >= FIRST_ERROR:
        return Answer(detail=f"{response.status}: {_short(response.text)}")
    try:
        answer = documents.parsed(response.body)
        size = answer["result"]["config"]["params"]["vectors"]["size"]
    except ValueError:
        return Answer(detail="no JSON in the answer")
    except (LookupError, TypeError):  # whatever JSON a server sends
        return Answer(detail="the answer has another shape than it should")
    held = f"{probe.collection} holds vectors of {_short(str(size))} numbers"
    if size != probe.size:
        wanted = f"wanted {probe.size} (EMBEDDING_DIMENSION)"
        return Answer(detail=f"collection {held}, {wanted}", final=True)
    return Answer(ok=True, detail=f"ready; {held}")


def _made_by(probe: Probe, answer: Answer, model: str, timeout: float) -> Answer:
    """Hold which model made the vectors against the one that is set.

    The API itself remembers it, and knows what was made before it did
    (docker/memos-api/memos_vectors.py).
    """
    wanted = f"wanted {probe.models[0]} (MOS_EMBEDDER_MODEL)" if probe.models else ""
    if not model:
        return answer
    if model in probe.models or not _filled(probe, timeout):
        return replace(answer, detail=f"{answer.detail}, made by {model}")
    held = f"{probe.collection} holds vectors of the model {model}"
    return Answer(detail=f"collection {held}, {wanted}", final=True)


def _remembered(probe: Probe, timeout: float) -> str:
    body = {"ids": [1], "with_payload": True}
    match _posted(probe, f"/collections/{probe.marker}/points", body, timeout):
        case {"result": [{"payload": {"model": str(model)}}, *_]}:
            return _short(model)
        case _:
            return ""


def _filled(probe: Probe, timeout: float) -> bool:
    body = {"limit": 1, "with_payload": False}
    match _posted(probe, f"/collections/{probe.collection}/points/scroll", body, timeout):
        case {"result": {"points": [_, *_]}}:
            return True
        case _:
            return False


def _posted(probe: Probe, path: str, body: object, timeout: float) -> object:
    asked = replace(probe, method="POST", body=json.dumps(body))
    response = _request(asked, timeout, path=path)
    try:
        return documents.parsed(response.body) if response.status < FIRST_ERROR else None
    except ValueError:
        return None


def _bolt(probe: Probe, timeout: float) -> Answer:
    """Shake hands; with a login also log in, and have a statement run."""
    from scripts.watch.calls import bolt

    try:
        if probe.auth is None:
            with _connected(probe, timeout) as connection:
                return Answer(ok=True, detail=bolt.shake(connection))
        table = bolt.run(way(probe, timeout), "RETURN 1", {})
    except bolt.WrongVersionError as error:
        return Answer(detail=str(error))
    except bolt.RefusalError as error:
        if error.code.startswith(bolt.LOGIN):
            detail = (
                f"{error.code}: it rejects the login of {probe.auth.user if probe.auth else ''}"
            )
            return Answer(detail=detail, final=True)
        return Answer(detail=f"{error.code}: {_short(error.words)}")
    return Answer(ok=True, detail=f"{table.server}, logged in as {probe.auth.user}")


KINDS: Mapping[str, Callable[[Probe, "_Response"], Answer]] = {
    "http": _http,
    "vectors": _vectors,
}
"""What judges the response to each kind of probe over HTTP."""


class _Connection(HTTPConnection):
    """One without what http.client loads for names of hosts in any script, and with bounds."""

    def __init__(self, probe: Probe, timeout: float | None, most: int) -> None:
        super().__init__(probe.host, probe.port)
        self._given = (probe, timeout, most)

    def connect(self) -> None:
        """Open the stream that HTTP is spoken over."""
        self.sock = _connected(*self._given)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def _exchange(probe: Probe, timeout: float) -> _Response:
    """Say what a probe says, and give what came back; raises `NO_ANSWER`."""
    vectors = probe.kind == "vectors"
    return _request(probe, timeout, path=f"/collections/{probe.collection}" if vectors else "")


def _connected(probe: Probe, timeout: float | None, most: int = LONGEST) -> socket.socket:
    """Open a connection; BIND_ADDRESS is an IPv4 address, and what is elsewhere has one."""
    connection = BoundedSocket()
    try:
        connection.bound(timeout, most)
        connection.connect((probe.host, probe.port))
        if probe.tls:
            from scripts.core.foreign import tls

            return tls.over(connection, probe.host, verified=probe.tls == "tls")
    except OSError:
        connection.close()
        raise
    return connection


def _request(
    probe: Probe,
    timeout: float | None,
    path: str = "",
    *,
    most: int = LONGEST,
    headers: Mapping[str, str] | None = None,
) -> _Response:
    """Make a call, past every proxy: none must stand between us and this machine."""
    path = path or probe.path
    headers = {
        "Content-Type": "application/json",
        **_login(probe.auth, probe.place, path),
        **(headers or {}),
    }
    with closing(_Connection(probe, timeout, most)) as connection:
        connection.request(
            probe.method,
            path,
            body=probe.body.encode() or None,
            # as bytes: a password may hold letters that HTTP's own encoding lacks
            headers={name: value.encode() for name, value in headers.items()},
        )
        with connection.getresponse() as response:
            return _Response(status=response.status, body=answers.body(response))


def _login(auth: Auth | None, host: str, path: str) -> dict[str, str]:
    if auth is None:
        return {}
    if auth.kind == "s3":
        return s3_headers(auth, host, path, datetime.now(UTC))
    if auth.kind == "api-key":
        return {"api-key": auth.password}
    pair = f"{auth.user}:{auth.password}"
    if auth.kind == "bearer":
        return {"Authorization": f"Bearer {pair}"}
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else flat[: SHOWN - 1] + "…"


def reason(error: Exception) -> str:
    """Say in a word why there was no answer."""
    if known := words_for(error, REASONS):
        return known
    # a ValueError may quote what we wanted to send, and that may hold the password
    return type(error).__name__ if isinstance(error, ValueError) else _short(repr(error))


def words_for(error: Exception, reasons: Mapping[str, str]) -> str:
    """The first of these words that fits an error, also one that wraps its cause; or none."""
    text = repr(error)
    return next((word for sign, word in reasons.items() if sign in text), "")

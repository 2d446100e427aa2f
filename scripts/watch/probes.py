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
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from typing import Any

from scripts.core.look import Reading
from scripts.core.stack import Auth, Probe, Service
from scripts.watch.s3_signing import s3_headers

TIMEOUT = 3.0
"""Seconds for one probe, so that one that hangs cannot hold up a loop."""
BOLT_HELLO = bytes.fromhex("6060b017") + bytes.fromhex("00020405") + bytes(12)
"""Bolt's magic and one offer, versions 5.2 to 5.4; three empty ones.

https://neo4j.com/docs/bolt/current/bolt/handshake/
"""
BOLT_MAJOR = 5
"""What was offered; another program's answer, such as HTTP, has something else there."""
REJECTED = frozenset({401, 403})
MISSING = 404
FIRST_ERROR = 400
REASONS = {
    "Connection refused": "connection refused",
    # one state of a port proxy, in the words of chance: when the refusal behind it comes
    **dict.fromkeys(
        ("RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"),
        "the port is open, nobody answers behind it",
    ),
    "Timeout": "no answer in time",
    "timed out": "no answer in time",
}
"""Words for why there was no answer, by what the error holds; the first that fits."""
SHOWN = 120
"""Characters of an answer that a reading quotes."""


def read(service: Service, *, timeout: float = TIMEOUT) -> Reading:
    """Put all probes of a service, one after the other, and give the first that fails or the last.

    `timeout` in seconds for each.
    """
    began = time.monotonic()
    ok, detail, final = True, "no probe", False
    for probe in service.probes:
        ok, detail, final = _put(probe, timeout)
        if not ok:
            break
    return Reading(
        service=service.name,
        ok=ok,
        detail=detail,
        final=final,
        seconds=time.monotonic() - began,
    )


def call(probe: Probe, *, timeout: float) -> tuple[int, Any]:
    """Make a probe's call and give the status and the JSON of the answer, or its text.

    The status is 0, and the text the reason, when there is no answer.
    """
    try:
        answer = _request(probe, timeout)
    except (OSError, HTTPException, ValueError) as error:
        return 0, _reason(error)
    try:
        return answer.status, json.loads(answer.body)
    except ValueError:
        return answer.status, answer.text


Answer = tuple[bool, str, bool]
"""Good enough, what it said, and whether waiting cannot change it."""


def _put(probe: Probe, timeout: float) -> Answer:
    try:
        return KINDS[probe.kind](probe, timeout)
    except (OSError, HTTPException, ValueError) as error:
        return False, _reason(error), False
    except (LookupError, TypeError):
        return False, "the answer has another shape than it should", False


def _http(probe: Probe, timeout: float) -> Answer:
    answer = _request(probe, timeout)
    text = answer.text
    if answer.status in REJECTED:
        user = probe.auth.user if probe.auth else "nobody"
        return False, f"{answer.status}: it rejects the login of {user}", True
    if answer.status >= FIRST_ERROR:
        return False, f"{answer.status}: {_short(text)}", False
    if _squeezed(probe.expect) not in _squeezed(text):
        return False, f"{answer.status} without {probe.expect}: {_short(text)}", False
    login = f", logged in as {probe.auth.user}" if probe.auth else ""
    return True, f"{answer.status} {probe.method} {probe.path}{login}", False


def _vectors(probe: Probe, timeout: float) -> Answer:
    answer = _request(probe, timeout, path=f"/collections/{probe.collection}")
    if answer.status == MISSING:
        return True, f"ready; no collection {probe.collection} yet", False
    if answer.status >= FIRST_ERROR:
        return False, f"{answer.status}: {_short(answer.text)}", False
    found = json.loads(answer.body)["result"]["config"]["params"]["vectors"]["size"]
    if found != probe.size:
        detail = f"{probe.collection} holds vectors of {found} numbers, wanted {probe.size}"
        return False, f"collection {detail} (EMBEDDING_DIMENSION)", True
    return True, f"ready; {probe.collection} holds vectors of {found} numbers", False


def _bolt(probe: Probe, timeout: float) -> Answer:
    with socket.create_connection((probe.host, probe.port), timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(BOLT_HELLO)
        chosen = connection.recv(4)
    if len(chosen) < len(bytes(4)) or chosen[3] != BOLT_MAJOR:
        return False, "Bolt: no version agreed", False
    return True, f"Bolt {chosen[3]}.{chosen[2]}", False


KINDS: Mapping[str, Callable[[Probe, float], Answer]] = {
    "http": _http,
    "vectors": _vectors,
    "bolt": _bolt,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Response:
    status: int
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")


def _request(probe: Probe, timeout: float, path: str = "") -> _Response:
    """Make a call, past every proxy: none must stand between us and this machine."""
    path = path or probe.path
    headers = {
        "Content-Type": "application/json",
        **_login(probe.auth, f"{probe.host}:{probe.port}", path),
    }
    with closing(HTTPConnection(probe.host, probe.port, timeout=timeout)) as connection:
        connection.request(
            probe.method,
            path,
            body=probe.body.encode() or None,
            # as bytes: a password may hold letters that HTTP's own encoding lacks
            headers={name: value.encode() for name, value in headers.items()},
        )
        with connection.getresponse() as answer:
            return _Response(status=answer.status, body=answer.read())


def _login(auth: Auth | None, host: str, path: str) -> dict[str, str]:
    if auth is None:
        return {}
    if auth.kind == "s3":
        return s3_headers(auth, host, path, datetime.now(UTC))
    pair = f"{auth.user}:{auth.password}"
    if auth.kind == "bearer":
        return {"Authorization": f"Bearer {pair}"}
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _squeezed(text: str) -> str:
    return "".join(text.split())


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= SHOWN else flat[: SHOWN - 1] + "…"


def _reason(error: Exception) -> str:
    """Say in a word why there was no answer."""
    if known := words_for(error, REASONS):
        return known
    if isinstance(error, json.JSONDecodeError):
        return "no JSON in the answer"
    # a ValueError may quote what we wanted to send, and that may hold the password
    return type(error).__name__ if isinstance(error, ValueError) else _short(repr(error))


def words_for(error: Exception, reasons: Mapping[str, str]) -> str:
    """The first of these words that fits an error, also one that wraps its cause; or none."""
    text = repr(error)
    return next((word for sign, word in reasons.items() if sign in text), "")

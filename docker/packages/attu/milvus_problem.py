"""Reads addresses, and says in plain words why Milvus could not be asked."""

import re
from dataclasses import dataclass
from http import HTTPStatus

TIMEOUT_SECONDS = 5.0
_ADDRESS = re.compile(r"(?:(https?)://)?([A-Za-z0-9._-]+)(?::(\d{1,5}))?/?")
_DEFAULT_PORT = "19530"
_UNKNOWN_NAME = "Nothing has this name here: its container is not running, or the name is wrong."
_WHY_UNREACHABLE = {
    "connection refused": "Nothing listens there: Milvus is not up yet, or the port is wrong.",
    "domain name not found": _UNKNOWN_NAME,
    "errors resolving": _UNKNOWN_NAME,
    "http/2": "Something answers there, but it is not Milvus.",
    "handshake failed": "It does not speak TLS: write the address without https://.",
    "deadline": f"No answer within {TIMEOUT_SECONDS:g} seconds: Milvus is starting, or stuck.",
}


class Problem(Exception):
    """Something a person can mend: what is wrong, what to do next, and the HTTP status for it."""

    def __init__(self, title: str, advice: str, status: HTTPStatus) -> None:
        super().__init__(title)
        self.title, self.advice, self.status = title, advice, status


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where Milvus listens; as text HOST:PORT, with https:// in front when TLS is wanted."""

    host: str
    port: int
    scheme: str = "http"

    def __str__(self) -> str:
        return f"{'https://' if self.scheme == 'https' else ''}{self.host}:{self.port}"


def parse_address(text: str) -> Address:
    """Read `host`, `host:port` or either with http(s):// in front; Problem (400) for the rest."""
    match = _ADDRESS.fullmatch(text.strip())
    port = int(match[3] or _DEFAULT_PORT) if match else 0
    if not match or not 0 < port < 2**16:
        advice = "Expected HOST:PORT, for example milvus-standalone:19530."
        title = f"“{text.strip()[:80]}” is not an address of Milvus."
        raise Problem(title, advice, HTTPStatus.BAD_REQUEST)
    return Address(host=match[2], port=port, scheme=match[1] or "http")


def explain(error: Exception, address: Address) -> Problem:
    """Turn an error of pymilvus into words; its text alone tells, the codes differ by release."""
    text = f"{error} {error.__cause__ or ''}"
    low = text.lower()
    if "unauthenticated" in low or "auth check failure" in low:
        advice = (
            "The user of this stack is root, its password is MILVUS_PASSWORD in .env. "
            "A volume that existed before keeps the password that it was made with."
        )
        title = f"Milvus at {address} refused this user and password."
        return Problem(title, advice, HTTPStatus.UNAUTHORIZED)
    if "permission deny" in low or "permission_denied" in low or "privilege" in low:
        advice = "Log in as root, or let root grant the privilege."
        return Problem("This user may not read that.", advice, HTTPStatus.FORBIDDEN)
    if "find collection" in low or "invalid collection name" in low:
        advice = "It may have been dropped: go back to the list of collections."
        return Problem("There is no such collection.", advice, HTTPStatus.NOT_FOUND)
    if "fail connecting" in low or "deadline" in low or "unavailable" in low:
        if "connection refused" in low and address.host in {"localhost", "127.0.0.1"}:
            why = f"In this container {address.host} is the page itself: use milvus-standalone."
        else:
            why = next((why for mark, why in _WHY_UNREACHABLE.items() if mark in low), "")
        advice = f"{why} `inv ps` shows whether Milvus runs, `inv logs --service milvus` why not."
        title = f"Milvus does not answer at {address}."
        return Problem(title, advice.strip(), HTTPStatus.GATEWAY_TIMEOUT)
    advice = f"It says: {str(error)[:600]}"
    return Problem("Milvus could not answer.", advice, HTTPStatus.BAD_GATEWAY)

"""Asks a model's endpoint, which may be anywhere; the only user of requests."""

from dataclasses import dataclass

import requests
from requests.auth import AuthBase

from scripts.watch.probes import words_for

TIMEOUT = 10.0
"""Seconds for a model's endpoint, which may be far away and has to think."""
FIRST_OTHER = 300
REASONS = {
    "ProxyError": "the proxy does not let us through",
    "NameResolutionError": "its name is not known here",
    **dict.fromkeys(
        ("MissingSchema", "InvalidSchema", "InvalidURL"), "it is no http:// or https:// address"
    ),
    "SSLError": "its certificate is not trusted here",
    "Connection refused": "connection refused",
    "ConnectionResetError": "the connection was reset",
    "RemoteDisconnected": "the connection was closed without an answer",
    "Timeout": "no answer in time",
    "timed out": "no answer in time",
}
"""Words for why there was no answer, by what the error holds; the first that fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model's endpoint answered; `status` is 0, and `problem` the reason, without one."""

    status: int = 0
    problem: str = ""
    length: int = 0
    """How many numbers the vector has that it gave."""


def ask(base: str, key: str, *, embedding: str = "", timeout: float = TIMEOUT) -> Reply:
    """Ask an OpenAI-compatible endpoint for a vector of the model `embedding`, else for its models.

    Through the proxy of this environment, if any. Nothing that the endpoint or the network says is
    quoted: it may hold the key.
    """
    url = base.rstrip("/") + ("/embeddings" if embedding else "/models")
    body = {"input": ["dimension"], "model": embedding} if embedding else None
    with requests.Session() as session:
        session.auth = _Bearer(key)  # or ~/.netrc would have a word
        try:
            answer = session.request(
                "POST" if body else "GET", url, json=body, timeout=timeout, allow_redirects=False
            )
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            return Reply(problem=words_for(error, REASONS) or "no answer")
    if not embedding or answer.status_code >= FIRST_OTHER:
        return Reply(status=answer.status_code)
    try:
        return Reply(status=answer.status_code, length=len(answer.json()["data"][0]["embedding"]))
    except (ValueError, LookupError, TypeError):
        return Reply(status=answer.status_code, problem="no embedding in the answer")


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request

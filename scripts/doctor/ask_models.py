"""Asks the user's own model endpoints, which may be anywhere, and names the proxies on the way.

The only user of requests.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from scripts.config.settings import Settings
from scripts.doctor.facts import Endpoint, Proxies
from scripts.watch.probes import words_for

CHATS = ("OPENAI_API_BASE", "MEMRADER_API_BASE")
LOOPBACK = ("127.", "localhost", "::1")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
HERE = frozenset({"127.0.0.1", "127.0.0.0/8", "127.", "*"})
"""Words of NO_PROXY that leave this machine alone."""
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


def endpoints(settings: Settings) -> tuple[Callable[[], Endpoint], ...]:
    """Return a question for each endpoint that is not the default."""
    questions = []
    if settings.get("MOS_EMBEDDER_API_BASE") and settings.get("MOS_EMBEDDER_BACKEND") != "ollama":
        name = settings.get("MOS_EMBEDDER_MODEL")
        questions.append(partial(_ask, settings, "MOS_EMBEDDER_API_BASE", name))
    questions += [
        partial(_ask, settings, variable, "")
        for variable in CHATS
        if settings.get(variable) != settings.defaults.get(variable)
    ]
    return tuple(questions)


def _ask(settings: Settings, variable: str, embedding: str) -> Endpoint:
    """Ask an OpenAI-compatible endpoint for a vector of the model `embedding`, else for its models.

    Through the proxy of this environment, if any. Nothing that the endpoint or the network says is
    quoted: it may hold the key.
    """
    base, key = settings.get(variable), settings.get(variable.replace("_BASE", "_KEY"))
    host, wanted = _host(base), settings.get("EMBEDDING_DIMENSION")
    endpoint = Endpoint(
        variable=variable,
        host=host,
        wanted=int(wanted) if embedding and wanted.isdigit() else 0,
        loopback=host.strip("[").startswith(LOOPBACK),
    )
    url = base.rstrip("/") + ("/embeddings" if embedding else "/models")
    body = {"input": ["dimension"], "model": embedding} if embedding else None
    with requests.Session() as session:
        session.auth = _Bearer(key)  # or ~/.netrc would have a word
        try:
            answer = session.request(
                "POST" if body else "GET", url, json=body, timeout=TIMEOUT, allow_redirects=False
            )
        except (OSError, ValueError) as error:  # requests' errors are OSErrors
            return replace(endpoint, problem=words_for(error, REASONS) or "no answer")
    endpoint = replace(endpoint, status=answer.status_code)
    if not embedding or answer.status_code >= FIRST_OTHER:
        return endpoint
    try:
        return replace(endpoint, length=len(answer.json()["data"][0]["embedding"]))
    except (ValueError, LookupError, TypeError):
        return replace(endpoint, problem="no embedding in the answer")


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def proxies(environ: Mapping[str, str]) -> Proxies:
    """Return the proxies that programs take from this environment."""
    named = {name: environ.get(name) or environ.get(name.lower(), "") for name in PROXIES}
    exempt = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}".split(",")
    return Proxies(
        hosts={name: _host(value) for name, value in named.items() if value},
        exempt=bool(HERE & {word.strip() for word in exempt}),
    )


def _host(address: str) -> str:
    """Return host and port; what stands before them may be a login."""
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
    except ValueError:  # brackets of an IPv6 address that is none
        return "an address that is none"
    return parts.netloc.rpartition("@")[2]

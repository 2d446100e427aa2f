"""Asks the user's own model endpoints, which may be anywhere, and names the proxies on the way.

The only user of requests.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from functools import partial

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from scripts.config.env_text import lines
from scripts.config.rules.env import NUMBER
from scripts.config.settings import CHAT_BASES, Settings
from scripts.core import files, texts
from scripts.core.foreign import documents
from scripts.core.foreign.answers import PIECE, EndlessError
from scripts.doctor.facts import Endpoint, Proxies
from scripts.engine.places import docker_settings
from scripts.watch.probes import words_for

MODELS = {
    **dict(zip(CHAT_BASES, ("MOS_CHAT_MODEL", "MEMRADER_MODEL"), strict=True)),
    "MOS_EMBEDDER_API_BASE": "MOS_EMBEDDER_MODEL",
}
"""Which variable names the model at an address."""
LOOPBACK = ("127.", "localhost", "::1")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
HERE = frozenset({"127.0.0.1", "127.0.0.0/8", "127.", "*"})
"""Words of NO_PROXY that leave this machine alone."""
TIMEOUT = 10.0
"""Seconds for a model's endpoint, which may be far away and has to think."""
LONGEST = 1 << 22
"""Bytes of its answer: a vector of 16,000 numbers has some 300,000."""
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
    "EndlessError": "its answer is longer than any should be",
}
"""Words for why there was no answer, by what the error holds; the first that fits."""


def endpoints(settings: Settings, wrong: Collection[str]) -> tuple[Callable[[], Endpoint], ...]:
    """Return a question for each endpoint of the user's own; none where a variable is wrong."""
    questions = {name: _chat for name in CHAT_BASES if name not in settings.stand_in_chats}
    if settings.get("MOS_EMBEDDER_API_BASE") and settings.get("MOS_EMBEDDER_BACKEND") != "ollama":
        questions = {"MOS_EMBEDDER_API_BASE": _embedding, **questions}
    return tuple(
        partial(ask, settings, name)
        for name, ask in questions.items()
        if not {name, name.replace("_BASE", "_KEY"), MODELS[name]} & set(wrong)
    )


def _embedding(settings: Settings, variable: str) -> Endpoint:
    """Ask for a vector, as MemOS does."""
    model, wanted = settings.get("MOS_EMBEDDER_MODEL"), settings.get("EMBEDDING_DIMENSION")
    body = {"input": ["dimension"], "model": model}
    endpoint, answer = _ask(settings, variable, "/embeddings", body)
    endpoint = replace(endpoint, wanted=int(wanted) if NUMBER.match(wanted) else 0)
    if answer is None:
        return endpoint
    try:
        vector = documents.parsed(answer)["data"][0]["embedding"]
        return replace(endpoint, length=len(vector))
    except (ValueError, LookupError, TypeError):
        return replace(endpoint, problem="no embedding in the answer")


def _chat(settings: Settings, variable: str) -> Endpoint:
    """Ask for one token: a list of models would not say whether this one answers."""
    body = {
        "model": settings.get(MODELS[variable]),
        "messages": [{"role": "user", "content": "Say yes."}],
        "max_tokens": 1,
    }
    endpoint, answer = _ask(settings, variable, "/chat/completions", body)
    try:
        if answer is not None:
            dict(documents.parsed(answer)["choices"][0]["message"])
    except (ValueError, LookupError, TypeError):
        return replace(endpoint, problem="no chat message in the answer")
    return endpoint


def _ask(
    settings: Settings, variable: str, path: str, body: Mapping[str, object]
) -> tuple[Endpoint, bytes | None]:
    """Ask an OpenAI-compatible endpoint; without an answer the first says why.

    Through the proxy of this environment, if any. Nothing that the endpoint or the network says is
    quoted: it may hold the key.
    """
    base, key = settings.get(variable), settings.get(variable.replace("_BASE", "_KEY"))
    host = texts.host(base)
    endpoint = Endpoint(
        variable=variable,
        host=host,
        model=str(body["model"]),
        loopback=host.strip("[").startswith(LOOPBACK),
    )
    with requests.Session() as session:
        session.auth = _Bearer(key)  # or ~/.netrc would have a word
        ends = time.monotonic() + TIMEOUT
        try:
            answer = session.post(
                base.rstrip("/") + path,
                json=body,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
            )
            said = _read(answer, ends)
        except (OSError, ValueError, HTTPError) as error:  # requests' own are OSErrors
            return replace(endpoint, problem=words_for(error, REASONS) or "no answer"), None
    endpoint = replace(endpoint, status=answer.status_code)
    return endpoint, said if answer.status_code < FIRST_OTHER else None


def _read(answer: requests.Response, ends: float) -> bytes:
    """Return all of an answer; EndlessError or TimeoutError for one that does not end."""
    said = b""
    # as it comes: other ways of requests wait until a piece is full
    while piece := answer.raw.read1(PIECE, decode_content=True):
        said += piece
        if len(said) > LONGEST:
            raise EndlessError
        if time.monotonic() > ends:
            raise TimeoutError("timed out")
    return said


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request


def proxies(environ: Mapping[str, str], settings: str = "") -> Proxies:
    """Return the proxies that programs take from this environment, and those for containers.

    The API gets what the text of the settings' file names, all of them what docker's own does.
    """
    named = {name: environ.get(name) or environ.get(name.lower(), "") for name in PROXIES}
    exempt = f"{environ.get('NO_PROXY', '')},{environ.get('no_proxy', '')}".split(",")
    return Proxies(
        hosts={name: texts.host(value) for name, value in named.items() if value},
        given={name: texts.host(value) for name, value in _given(environ, settings) if value},
        exempt=bool(HERE & {word.strip() for word in exempt}),
    )


def _given(environ: Mapping[str, str], settings: str) -> Iterator[tuple[str, str]]:
    """Yield who gives containers a proxy, and which (docs.docker.com/engine/cli/proxy)."""
    yield from ((line.name, line.value) for line in lines(settings) if line.name in PROXIES)
    folder = docker_settings(environ)
    document = files.read_object(folder / "config.json").get("proxies")
    default = document.get("default") if isinstance(document, dict) else None
    if isinstance(default, dict):
        yield f"httpProxy of {folder / 'config.json'}", str(default.get("httpProxy", ""))

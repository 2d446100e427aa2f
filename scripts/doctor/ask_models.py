"""Asks the user's own model endpoints, and which proxies stand in the environment."""

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from scripts.config.settings import Settings
from scripts.doctor import model_endpoint
from scripts.doctor.facts import Endpoint, Proxies

CHATS = ("OPENAI_API_BASE", "MEMRADER_API_BASE")
LOOPBACK = ("127.", "localhost", "::1")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
HERE = frozenset({"127.0.0.1", "127.0.0.0/8", "127.", "*"})
"""Words of NO_PROXY that leave this machine alone."""


def endpoints(found: Settings) -> tuple[Callable[[], Endpoint], ...]:
    """Return a question for each endpoint that is not the default."""
    asked = []
    if found.get("MOS_EMBEDDER_API_BASE") and found.get("MOS_EMBEDDER_BACKEND") != "ollama":
        name = found.get("MOS_EMBEDDER_MODEL")
        asked.append(partial(_ask, found, "MOS_EMBEDDER_API_BASE", name))
    asked += [
        partial(_ask, found, variable, "")
        for variable in CHATS
        if found.get(variable) != found.defaults.get(variable)
    ]
    return tuple(asked)


def _ask(found: Settings, variable: str, embedding: str) -> Endpoint:
    base, key = found.get(variable), found.get(variable.replace("_BASE", "_KEY"))
    reply = model_endpoint.ask(base, key, embedding=embedding)
    wanted = found.get("EMBEDDING_DIMENSION")
    return Endpoint(
        variable=variable,
        host=_host(base),
        status=reply.status,
        problem=reply.problem,
        length=reply.length,
        wanted=int(wanted) if embedding and wanted.isdigit() else 0,
        loopback=_host(base).strip("[").startswith(LOOPBACK),
    )


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

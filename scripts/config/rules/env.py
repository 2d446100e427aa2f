"""Rules about the values of variables: each yields a sentence about one that is wrong."""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from scripts.config import choice, release
from scripts.config.env_text import EnvLine, lines, text_of
from scripts.config.rules import addresses
from scripts.config.settings import EVERYWHERE, LOCAL_DIMENSION, LOCAL_MODELS, Settings
from scripts.core.errors import ConfigError
from scripts.core.inventory import FOREIGN, ImageSource
from scripts.core.stack import LAST_PORT, LOOPBACK
from scripts.core.texts import short
from scripts.engine.remote import address
from scripts.engine.remote.address import VARIABLE

SHORTEST_PASSWORD = {"NEO4J_PASSWORD": 8, "MILVUS_PASSWORD": 6, "MINIO_ROOT_PASSWORD": 8}
"""Characters; what the servers themselves demand (../docs/official-images.md)."""
LONGEST_PASSWORD = 72
"""Bytes that Milvus' bcrypt takes."""
EMBEDDER_BACKENDS = ("universal_api", "ollama")
CHAT_MODEL = (
    '[{"backend": "openai", "api_base": "https://HOST/v1", "api_key": "KEY",'
    ' "model_name_or_path": "MODEL", "support_models": ["MODEL"]}]'
)
"""How MemOS reads its list of chat models (`build_chat_llm_config`)."""
PREFERRING_READER = "multimodal_struct"
"""From 2.0.8 on the only one that looks for preferences."""
IDENTITY = ("COMPOSE_PROJECT_NAME", "IMAGE_SOURCE", "REMOTE", "DEPLOY")
"""Settings that say which stack is meant."""
NUMBER = re.compile(r"[1-9][0-9]{0,8}\Z")
_JAVA = (r"[1-9][0-9]{0,8}[kmgKMG]", "a size such as 512m or 2g")
_SHAPES = (
    ("COMPOSE_PROJECT_NAME", r"[a-z0-9][a-z0-9_-]*", "small letters, digits, - and _"),
    ("CONTAINER_PREFIX", r"([A-Za-z0-9][A-Za-z0-9_.-]*)?", "letters, digits, -, _ and ."),
    (
        "IMAGE_REGISTRY",
        r"([A-Za-z0-9][^\s:/]*(:[0-9]+)?(/[^\s:/]+)*)?",
        "HOST or HOST:PORT/PATH, without https:// and a slash at the end",
    ),
    ("DEPLOY", r"(swarm)?", "swarm, or nothing for plain Compose"),
    ("MINIO_ROOT_USER", r"\S{3,}", "3 characters or more, no blank"),
    ("NEO4J_ADVERTISED_HOST", r"([A-Za-z0-9][A-Za-z0-9.-]*)?", "the name or address of a host"),
    (r"(MOS_EMBEDDER|OPENAI|MEMRADER)_API_BASE", r"(https?://\S+)?", "http://HOST or https://HOST"),
    ("NEO4J_HEAP", *_JAVA),
    ("NEO4J_PAGECACHE", *_JAVA),
    ("SNAPSHOTS_KEEP", r"[1-9][0-9]{0,8}", "a whole number from 1"),
    (
        r"(?!ENABLE_).*_MEMORY",
        r"[0-9]{1,15}(\.[0-9]{1,9})?[bkmgBKMG]?[bB]?",
        "a size such as 2g or 512m",
    ),
)
"""Patterns of names and of their values, and what is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A value that cannot be right, and where it comes from."""

    name: str
    text: str
    """A sentence that begins with the variable."""
    origin: str

    def __str__(self) -> str:
        """Return the one line that a user reads."""
        return f"{self.origin}: {self.text}"


def check(settings: Settings) -> None:
    """Raise one ConfigError that names every variable whose value cannot be right."""
    wrong = problems(settings)
    if wrong:
        step = settings.step(problem.name for problem in wrong)
        raise ConfigError("\n".join(map(str, wrong)), next_step=step)


def ambiguous(settings: Settings, names: tuple[str, ...] = IDENTITY) -> bool:
    """Say whether what is wrong is one of these settings, which say what stack is meant."""
    wrong = [problem.name for problem in problems(settings)]
    wrong += [line.text.removeprefix("export ") for line in _unread(settings)]
    return any(text.startswith(names) for text in wrong)


def sound(settings: Settings) -> tuple[Settings, dict[str, str]]:
    """Return settings that Compose can read, and what has to go over them: wrong values left out.

    What only looks or stops needs no value that is wrong.
    """
    wrong = {problem.name for problem in problems(settings)}
    if not wrong and not _unread(settings):
        return settings, {}
    made = replace(
        settings,
        file=settings.root / ".env.example",
        lines={name: line for name, line in settings.lines.items() if name not in wrong},
        exported={name: value for name, value in settings.exported.items() if name not in wrong},
    )
    return made, {**{name: made.get(name) for name in made.names()}, **made.for_compose()}


def _unread(settings: Settings) -> tuple[EnvLine, ...]:
    """Return the lines of the file that are none, or that nobody reads as they are meant."""
    text = "" if settings.missing else text_of(settings.file)
    return tuple(line for line in lines(text) if line.problem)


def problems(settings: Settings) -> tuple[Problem, ...]:
    """Return every value that cannot be right."""
    rules = (
        *(_ports, _choices, _embedder, _chat, _dimension, _shapes, _passwords),
        *(_memos, _open_doors, _swarm, _of_compose, _remote, _elsewhere),
    )
    # what is no text at all would stop the other rules
    found = [*_not_utf8(settings)] or [text for rule in rules for text in rule(settings)]
    return tuple(
        Problem(name=name, text=text, origin=settings.origin(name))
        for name, text in ((text.partition(" ")[0], text) for text in found)
    )


def _not_utf8(settings: Settings) -> Iterator[str]:
    for name, value in settings.exported.items():
        if any("\ud800" <= one <= "\udfff" for one in value):  # how Python marks such bytes
            yield f"{name} holds bytes that are no UTF-8, wanted it in UTF-8"


def _of_compose(settings: Settings) -> Iterator[str]:
    """Compose takes its own variables from the file, too, and would do something else."""
    for name in settings.lines:
        if name in FOREIGN:
            yield f"{name} would change what docker does here, wanted no such line"


def _remote(settings: Settings) -> Iterator[str]:
    if written := settings.get(VARIABLE):
        try:
            address.parse(written)
        except ValueError as error:
            yield f"{VARIABLE} is {short(address.masked(written))!r}, {error}"


def _elsewhere(settings: Settings) -> Iterator[str]:
    """Addresses of services that run elsewhere; what each of them takes stands beside it."""
    shown, told = settings.shown, settings.told
    for name in filter(addresses.VARIABLE.match, settings.names()):
        value = settings.get(name)
        if name not in settings.defaults:
            known = ", ".join(filter(addresses.VARIABLE.match, sorted(settings.defaults)))
            yield f"{name} is no variable, wanted one of {known}"
        elif value and (wrong := addresses.problem(value)):
            # a login is not shown
            yield f"{name} {wrong}" if "@" in value else f"{shown(name)}, and {wrong}"
    name = f"EXTERNAL_{choice.MILVUS.upper()}_URL"
    if settings.get(name) and not release.problem(settings.get("MEMOS_VERSION"), settings.locks):
        if not settings.memos.uses_milvus:
            yield f"{shown(name)}, and MemOS {settings.memos.version} uses none; wanted nothing"
        elif settings.get("WITH_MILVUS") == "no":
            yield f"{shown(name)}, and {told('WITH_MILVUS')}; wanted one of the two"


def _own_password(settings: Settings, name: str) -> bool:
    """Say whether a password is of a server of this stack, which takes it when it is empty."""
    return name.partition("_")[0].lower() not in settings.elsewhere


def _ports(settings: Settings) -> Iterator[str]:
    shown = settings.shown
    taken: dict[int, str] = {}
    for name in settings.port_names():
        value = settings.get(name)
        if not (NUMBER.match(value) and int(value) <= LAST_PORT):
            yield f"{shown(name)}, wanted a port from 1 to {LAST_PORT}"
        elif (first := taken.setdefault(int(value), name)) != name:
            other = f"{name} ({settings.origin(name)})"
            yield f"{first} and {other} are both {value}, wanted a port of its own for each"


def _choices(settings: Settings) -> Iterator[str]:
    shown = settings.shown
    if settings.get("IMAGE_SOURCE") and settings.image_source is None:
        yield f"{shown('IMAGE_SOURCE')}, wanted registry, packages or nothing"
    for name in settings.names():
        # MemOS compares once with "true" and once in small letters: `True` breaks every add
        if name.startswith("ENABLE_") and settings.get(name) not in {"true", "false"}:
            yield f"{shown(name)}, wanted true or false in small letters"
    for name in ("RELOAD", "WITH_MILVUS"):
        if settings.get(name) not in {"", "yes", "no"}:
            yield f"{shown(name)}, wanted yes, no or nothing"
    for name in ("MEMOS_MENDS", "MEMOS_DEBUG"):
        if settings.get(name) not in {"yes", "no"}:
            yield f"{shown(name)}, wanted yes or no"


def _embedder(settings: Settings) -> Iterator[str]:
    shown, told = settings.shown, settings.told
    backend = settings.get("MOS_EMBEDDER_BACKEND")
    if backend not in EMBEDDER_BACKENDS:
        # MemOS takes any other word for ollama
        yield f"{shown('MOS_EMBEDDER_BACKEND')}, wanted {' or '.join(EMBEDDER_BACKENDS)}"
    if backend == "ollama" and not settings.get("OLLAMA_API_BASE"):
        # MemOS does not read MOS_EMBEDDER_API_BASE then, and looks inside its own container
        yield (
            f"{shown('MOS_EMBEDDER_BACKEND')}, and {told('OLLAMA_API_BASE')}; wanted Ollama's"
            " address there, such as http://HOST:11434, or MOS_EMBEDDER_BACKEND=universal_api"
        )
    if settings.get("MOS_EMBEDDER_API_KEY") not in {"", "EMPTY"} and settings.local_embedder:
        yield (
            f"{shown('MOS_EMBEDDER_API_KEY')}, and {told('MOS_EMBEDDER_API_BASE')};"
            " wanted the address of the model that the key is for"
        )
    model = settings.get("MOS_EMBEDDER_MODEL")
    if settings.local_embedder and model not in LOCAL_MODELS:
        yield (
            f"{shown('MOS_EMBEDDER_MODEL')}, and {told('MOS_EMBEDDER_API_BASE')}: the local"
            f" models are {' and '.join(LOCAL_MODELS)}; wanted one of them, nothing, or the address"
            " of the model that is meant"
        )


def _chat(settings: Settings) -> Iterator[str]:
    shown, told = settings.shown, settings.told
    for base in settings.stand_in_chats:
        key = base.replace("_BASE", "_KEY")
        if settings.get(key) not in {"", "EMPTY"}:
            yield (
                f"{shown(key)}, and {base} ({settings.origin(base)}) names no endpoint;"
                " wanted the address of the model that the key is for"
            )
    if settings.get("ENABLE_CHAT_API") == "true" and not settings.get("CHAT_MODEL_LIST"):
        # MemOS takes its first model for every chat, and answers each with 500 when there is none
        yield (
            f"{shown('ENABLE_CHAT_API')}, and {told('CHAT_MODEL_LIST')}: chat needs a model of your"
            " own; wanted false, or a list such as " + CHAT_MODEL
        )


def _dimension(settings: Settings) -> Iterator[str]:
    shown, told = settings.shown, settings.told
    dimension = settings.get("EMBEDDING_DIMENSION")
    if dimension and not NUMBER.match(dimension):
        yield f"{shown('EMBEDDING_DIMENSION')}, wanted a whole number such as 1024"
    if settings.local_embedder and dimension not in {"", LOCAL_DIMENSION}:
        yield (
            f"{shown('EMBEDDING_DIMENSION')}, and {told('MOS_EMBEDDER_API_BASE')}: the local"
            f" models' vectors have {LOCAL_DIMENSION}; wanted that, nothing, or a model of your own"
        )
    if not settings.local_embedder and not dimension:
        why = "API_BASE" if settings.get("MOS_EMBEDDER_API_BASE") else "BACKEND"
        yield (
            f"{shown('EMBEDDING_DIMENSION')}, and {told(f'MOS_EMBEDDER_{why}')};"
            " wanted the vector size of that embedding model"
        )


def _shapes(settings: Settings) -> Iterator[str]:
    shown = settings.shown
    for names, shape, wanted in _SHAPES:
        for name in sorted(name for name in settings.defaults if re.fullmatch(names, name)):
            if not re.fullmatch(shape, settings.get(name)):
                yield f"{shown(name)}, wanted {wanted}"


def _passwords(settings: Settings) -> Iterator[str]:
    for name, shortest in SHORTEST_PASSWORD.items():
        if not _own_password(settings, name):
            continue
        if not shortest <= len(settings.get(name).encode()) <= LONGEST_PASSWORD:
            yield f"{name} is too short or too long, wanted {shortest} to {LONGEST_PASSWORD} bytes"
    if "/" in settings.get("NEO4J_PASSWORD") and _own_password(settings, "NEO4J_PASSWORD"):
        # the server takes user and password as NEO4J_AUTH=user/password
        yield "NEO4J_PASSWORD holds a slash, wanted a password without one"


def _memos(settings: Settings) -> Iterator[str]:
    shown, told = settings.shown, settings.told
    name, source = "MEMOS_VERSION", settings.memos_source
    problem = release.problem(settings.get(name), settings.locks)
    if source is not None:  # the other one does not count then
        name, problem = "MEMOS_SRC", source.problem
    if problem:
        yield f"{shown(name)}, {problem}"
        return
    yield from _image(settings)
    memos, with_milvus = settings.memos, settings.get("WITH_MILVUS")
    reader = settings.get("MEM_READER_BACKEND")
    if settings.preferences and not memos.uses_milvus and reader != PREFERRING_READER:
        yield (
            f"{shown('MEM_READER_BACKEND')}, and {told('ENABLE_PREFERENCE_MEMORY')}:"
            f" with it MemOS {memos.version} keeps no preference; wanted {PREFERRING_READER}"
        )
    # package-built images have a store of its own for them
    preferences = settings.preferences and settings.source is ImageSource.REGISTRY
    if choice.missing_milvus(memos, with_milvus=with_milvus, preferences=preferences):
        yield (
            f"{shown('WITH_MILVUS')}, and MemOS {memos.version} keeps preferences in Milvus"
            f" and {told('ENABLE_PREFERENCE_MEMORY')}; wanted nothing, or MEMOS_VERSION="
            f"{release.dotted(release.OWN_PREFERENCES)} or newer, which has no use for it"
        )


def _image(settings: Settings) -> Iterator[str]:
    """A name of the image that is built here, kept from another release."""
    shown, told = settings.shown, settings.told
    release_named = re.search(r":([0-9]+\.[0-9]+\.[0-9]+)\Z", settings.get("MEMOS_IMAGE"))
    built = settings.source is ImageSource.REGISTRY
    if built and release_named and release_named[1] != settings.memos.tag:
        yield (
            f"{shown('MEMOS_IMAGE')}, and MemOS {settings.memos.tag} would be built under"
            f" that name ({told('MEMOS_VERSION')}); wanted nothing, or the tag of its own"
        )


def _open_doors(settings: Settings) -> Iterator[str]:
    shown = settings.shown
    address = settings.get("BIND_ADDRESS")
    try:
        # an IPv6 address would need brackets in the compose file, and other calls in our probes
        loopback = ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        yield f"{shown('BIND_ADDRESS')}, wanted an IPv4 address such as 127.0.0.1"
        return
    if loopback:
        return
    for name in filter(partial(_own_password, settings), SHORTEST_PASSWORD):
        if settings.get(name) == settings.defaults.get(name):
            yield f"{shown('BIND_ADDRESS')}, and {name} is still the default; wanted your own"
    if settings.get("ALLOW_WITHOUT_LOGIN") != "yes":
        yield (
            f"{shown('BIND_ADDRESS')}, and the API and Qdrant have no login;"
            " wanted 127.0.0.1 (and ssh -L), or ALLOW_WITHOUT_LOGIN=yes"
        )


def _swarm(settings: Settings) -> Iterator[str]:
    """What several machines cannot keep, or not safely."""
    if not settings.swarm:
        return
    from scripts.engine.swarm import nodes

    shown, told = settings.shown, settings.told("DEPLOY")
    for name in SHORTEST_PASSWORD:
        if settings.get(name) == settings.defaults.get(name):
            yield f"{name} is still the default, and {told}; wanted your own"
    if settings.get("BIND_ADDRESS") not in {LOOPBACK, EVERYWHERE}:
        yield (
            f"{shown('BIND_ADDRESS')}, and {told}, which cannot publish on one address; wanted"
            f" {LOOPBACK}, with which nothing is published, or {EVERYWHERE}"
        )
    if settings.get("MEMOS_SRC"):
        yield f"{shown('MEMOS_SRC')}, and {told}: other nodes have no such folder; wanted nothing"
    if odd := nodes.problem(settings.get(nodes.NODES)):
        yield f"{shown(nodes.NODES)}: {odd}; wanted NAME=USER@HOST, with blanks between"
    if settings.debugger:
        yield f"{shown('MEMOS_DEBUG')}, and {told}, where its port is not published; wanted no"

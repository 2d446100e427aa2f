"""Rules about the values in `.env`: each yields a sentence about a variable that is wrong."""

import ipaddress
import re
from collections.abc import Iterator

from scripts.config import choice, release
from scripts.config.settings import LOCAL_DIMENSION, LOCAL_MODELS, Settings
from scripts.core.errors import ConfigError
from scripts.core.inventory import ImageSource
from scripts.core.stack import LAST_PORT

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
_NUMBER = re.compile(r"[1-9][0-9]*\Z")
_JAVA = (r"[1-9][0-9]*[kmgKMG]", "a size such as 512m or 2g")
_SHAPES = (
    ("COMPOSE_PROJECT_NAME", r"[a-z0-9][a-z0-9_-]*", "small letters, digits, - and _"),
    ("CONTAINER_PREFIX", r"([A-Za-z0-9][A-Za-z0-9_.-]*)?", "letters, digits, -, _ and ."),
    (
        "IMAGE_REGISTRY",
        r"([A-Za-z0-9][^\s:/]*(:[0-9]+)?(/[^\s:/]+)*)?",
        "HOST or HOST:PORT/PATH, without https:// and a slash at the end",
    ),
    ("MINIO_ROOT_USER", r"[^\s$]{3,}", "3 characters or more, no blank and no dollar sign"),
    ("NEO4J_HEAP", *_JAVA),
    ("NEO4J_PAGECACHE", *_JAVA),
    ("SNAPSHOTS_KEEP", r"[1-9][0-9]*", "a whole number from 1"),
    (r"(?!ENABLE_).*_MEMORY", r"[0-9]+(\.[0-9]+)?[bkmgBKMG]?[bB]?", "a size such as 2g or 512m"),
)
"""Patterns of names and of their values, and what is wanted."""


def check(settings: Settings) -> None:
    """Raise one ConfigError that names every variable whose value cannot be right."""
    wrong = problems(settings)
    if wrong:
        raise ConfigError(
            "\n".join(f"{settings.file.name}: {problem}" for problem in wrong),
            next_step=f"edit {settings.file}; .env.example explains every variable",
        )


def problems(settings: Settings) -> tuple[str, ...]:
    """Return a sentence for every value that cannot be right; it begins with the variable."""
    rules = (
        *(_ports, _choices, _embedder, _chat, _dimension, _shapes, _passwords),
        *(_memos, _open_doors),
    )
    return tuple(problem for rule in rules for problem in rule(settings))


def _ports(settings: Settings) -> Iterator[str]:
    taken: dict[int, str] = {}
    for name in sorted(name for name in settings.defaults if name.endswith("_PORT")):
        value = settings.get(name)
        if not (_NUMBER.match(value) and int(value) <= LAST_PORT):
            yield f"{name} is {value!r}, wanted a port from 1 to {LAST_PORT}"
        elif (first := taken.setdefault(int(value), name)) != name:
            yield f"{first} and {name} are both {value}, wanted a port of its own for each"


def _choices(settings: Settings) -> Iterator[str]:
    source = settings.get("IMAGE_SOURCE")
    if source and settings.image_source is None:
        yield f"IMAGE_SOURCE is {source!r}, wanted registry, packages or nothing"
    for name in sorted({*settings.defaults, *settings.values}):
        # MemOS compares once with "true" and once in small letters: `True` breaks every add
        if name.startswith("ENABLE_") and settings.get(name) not in {"true", "false"}:
            yield f"{name} is {settings.get(name)!r}, wanted true or false in small letters"
    if settings.get("MEMOS_MENDS") not in {"yes", "no"}:
        yield f"MEMOS_MENDS is {settings.get('MEMOS_MENDS')!r}, wanted yes or no"


def _embedder(settings: Settings) -> Iterator[str]:
    backend = settings.get("MOS_EMBEDDER_BACKEND")
    if backend not in EMBEDDER_BACKENDS:
        # MemOS takes any other word for ollama
        yield f"MOS_EMBEDDER_BACKEND is {backend!r}, wanted {' or '.join(EMBEDDER_BACKENDS)}"
    if backend == "ollama" and not settings.get("OLLAMA_API_BASE"):
        # MemOS does not read MOS_EMBEDDER_API_BASE then, and looks inside its own container
        yield (
            "MOS_EMBEDDER_BACKEND is 'ollama', and OLLAMA_API_BASE is empty; wanted Ollama's"
            " address there, such as http://HOST:11434, or MOS_EMBEDDER_BACKEND=universal_api"
        )
    if settings.get("MOS_EMBEDDER_API_KEY") not in {"", "EMPTY"} and settings.local_embedder:
        yield (
            "MOS_EMBEDDER_API_KEY is set, and MOS_EMBEDDER_API_BASE is empty;"
            " wanted the address of the model that the key is for"
        )
    model = settings.get("MOS_EMBEDDER_MODEL")
    if settings.local_embedder and model not in LOCAL_MODELS:
        yield (
            f"MOS_EMBEDDER_MODEL is {model!r}, and MOS_EMBEDDER_API_BASE is empty: the local models"
            f" are {' and '.join(LOCAL_MODELS)}; wanted one of them, nothing, or the address"
            " of the model that is meant"
        )


def _chat(settings: Settings) -> Iterator[str]:
    for base in settings.stand_in_chats:
        key = base.replace("_BASE", "_KEY")
        if settings.get(key) not in {"", "EMPTY"}:
            yield (
                f"{key} is set, and {base} names no endpoint;"
                " wanted the address of the model that the key is for"
            )
    if settings.get("ENABLE_CHAT_API") == "true" and not settings.get("CHAT_MODEL_LIST"):
        # MemOS takes its first model for every chat, and answers each with 500 when there is none
        yield (
            "ENABLE_CHAT_API is 'true', and CHAT_MODEL_LIST is empty: chat needs a model of your"
            " own; wanted false, or a list such as " + CHAT_MODEL
        )


def _dimension(settings: Settings) -> Iterator[str]:
    dimension = settings.get("EMBEDDING_DIMENSION")
    if dimension and not _NUMBER.match(dimension):
        yield f"EMBEDDING_DIMENSION is {dimension!r}, wanted a whole number such as 1024"
    if settings.local_embedder and dimension not in {"", LOCAL_DIMENSION}:
        yield (
            f"EMBEDDING_DIMENSION is {dimension!r}, and MOS_EMBEDDER_API_BASE is empty: the local"
            f" models' vectors have {LOCAL_DIMENSION}; wanted that, nothing, or a model of your own"
        )
    if not settings.local_embedder and not dimension:
        yield "EMBEDDING_DIMENSION is empty, wanted the vector size of your embedding model"


def _shapes(settings: Settings) -> Iterator[str]:
    for names, shape, wanted in _SHAPES:
        for name in sorted(name for name in settings.defaults if re.fullmatch(names, name)):
            if not re.fullmatch(shape, settings.get(name)):
                yield f"{name} is {settings.get(name)!r}, wanted {wanted}"


def _passwords(settings: Settings) -> Iterator[str]:
    for name, shortest in SHORTEST_PASSWORD.items():
        if not shortest <= len(settings.get(name).encode()) <= LONGEST_PASSWORD:
            yield f"{name} is too short or too long, wanted {shortest} to {LONGEST_PASSWORD} bytes"
        if "$" in settings.get(name):
            # Compose would replace what follows, and nobody would know the password
            yield f"{name} holds a dollar sign, wanted a password without one"
    if "/" in settings.get("NEO4J_PASSWORD"):
        # the server takes user and password as NEO4J_AUTH=user/password
        yield "NEO4J_PASSWORD holds a slash, wanted a password without one"


def _memos(settings: Settings) -> Iterator[str]:
    name, source = "MEMOS_VERSION", settings.memos_source
    problem = release.problem(settings.get(name), settings.locks)
    if source is not None:  # the other one does not count then
        name, problem = "MEMOS_SRC", source.problem
    if problem:
        yield f"{name} is {settings.get(name)!r}, {problem}"
        return
    memos, with_milvus = settings.memos, settings.get("WITH_MILVUS")
    if with_milvus not in {"", "yes", "no"}:
        yield f"WITH_MILVUS is {with_milvus!r}, wanted yes, no or nothing"
    reader = settings.get("MEM_READER_BACKEND")
    if settings.preferences and not memos.uses_milvus and reader != PREFERRING_READER:
        yield (
            f"MEM_READER_BACKEND is {reader!r}, and ENABLE_PREFERENCE_MEMORY is 'true': with it"
            f" MemOS {memos.version} keeps no preference; wanted {PREFERRING_READER}"
        )
    # package-built images have a store of its own for them
    preferences = settings.preferences and settings.source is ImageSource.REGISTRY
    if choice.missing_milvus(memos, with_milvus=with_milvus, preferences=preferences):
        yield (
            f"WITH_MILVUS is 'no', and MemOS {memos.version} keeps preferences in Milvus"
            " (ENABLE_PREFERENCE_MEMORY is 'true'); wanted nothing, or MEMOS_VERSION="
            f"{release.dotted(release.OWN_PREFERENCES)} or newer, which has no use for it"
        )


def _open_doors(settings: Settings) -> Iterator[str]:
    address = settings.get("BIND_ADDRESS")
    try:
        # an IPv6 address would need brackets in the compose file, and other calls in our probes
        loopback = ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        yield f"BIND_ADDRESS is {address!r}, wanted an IPv4 address such as 127.0.0.1"
        return
    if loopback:
        return
    for name in SHORTEST_PASSWORD:
        if settings.get(name) == settings.defaults.get(name):
            yield f"BIND_ADDRESS is {address!r}, and {name} is still the default; wanted your own"
    if settings.get("ALLOW_WITHOUT_LOGIN") != "yes":
        yield (
            f"BIND_ADDRESS is {address!r}, and the API and Qdrant have no login;"
            " wanted 127.0.0.1 (and ssh -L), or ALLOW_WITHOUT_LOGIN=yes"
        )

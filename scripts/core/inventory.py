"""Words for what is there beside the stack: engines, images, this machine."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from pathlib import Path
from urllib.parse import urlsplit

FOREIGN = frozenset(
    {
        *("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", "COMPOSE_ENV_FILES"),
        *("COMPOSE_DISABLE_ENV_FILE", "COMPOSE_ANSI", "COMPOSE_PROGRESS", "COMPOSE_MENU"),
        *("COMPOSE_STATUS_STDOUT", "COMPOSE_IGNORE_ORPHANS", "COMPOSE_REMOVE_ORPHANS"),
        *("COMPOSE_COMPATIBILITY", "COMPOSE_CONVERT_WINDOWS_PATHS"),
        *("COMPOSE_EXPERIMENTAL", "COMPOSE_BAKE"),
        *("DOCKER_DEFAULT_PLATFORM", "DOCKER_API_VERSION", "DOCKER_BUILDKIT"),
        *("BUILDKIT_PROGRESS", "BUILDKIT_COLORS", "BUILDKIT_HOST"),
        *("BUILDX_BUILDER", "BUILDX_NO_DEFAULT_LOAD", "BUILDX_EXPERIMENTAL"),
    }
)
"""Variables by which docker, Compose and buildx would do another thing than the call means: other
files, another platform, another builder, output that we cannot read. They are not handed on."""

PODMAN_NAME = "Podman"
"""How the version of an engine begins that is not Docker's."""
VERSION_LABEL = "org.opencontainers.image.version"
PACKAGES_LABEL = "dev.memos.packages"
"""Labels of an image, and of its containers: its version; NAME==VERSION of all that was found for
it when it was built, with blanks between."""

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
FOLDER_LABEL = "com.docker.compose.project.working_dir"
VOLUME_LABEL = "com.docker.compose.volume"
DATA_LABEL = "dev.memos.data"
PORTS_LABEL = "dev.memos.ports"
"""Labels by which Compose knows containers and volumes as its own; so do we, whoever made them.

The last two are ours. DATA_LABEL is of a volume, with PROJECT.GROUP as its value, and, before that,
of a node of a Swarm that has the data. PORTS_LABEL is of a container of a Swarm, with PORT:TARGET
for each port that no node publishes: a link brings it to 127.0.0.1.
"""


@unique
class ImageSource(StrEnum):
    """Where images come from, as IMAGE_SOURCE has it."""

    REGISTRY = "registry"
    PACKAGES = "packages"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """An engine that answers."""

    endpoint: str
    env: Mapping[str, str]
    """What docker and compose need in their environment to reach it."""
    private: bool
    version: str
    api_version: str
    moved_from: str = ""
    """Where it still works, though its checkout was moved since."""
    remote: str = ""
    """The ssh address of its machine, as the user wrote it; `endpoint` is then what is forwarded
    here. Empty for one on this machine, and for one that docker reaches by itself (tcp://)."""

    @property
    def podman(self) -> bool:
        """Say whether it only answers as Docker's does."""
        return self.version.startswith(PODMAN_NAME)

    @property
    def local(self) -> bool:
        """Say whether it is on this machine."""
        address = urlsplit(self.endpoint)
        here = address.scheme in {"unix", "npipe"} or address.hostname in {"127.0.0.1", "localhost"}
        return here and not self.remote

    @property
    def answers_here(self) -> bool:
        """Say whether what it publishes on 127.0.0.1 answers on this machine."""
        return self.local or self.remote != ""

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return self.remote or self.endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStatus:
    """What is known of the engines; sizes in bytes, times in seconds."""

    found: Engine | None
    """The engine that commands would use now."""
    files: bool
    """The private engine's programs are there."""
    running: bool
    """The private engine runs."""
    pid: int | None
    uptime: float
    size: int
    """Of the private engine's programs."""
    data_size: int
    """Of its images, containers and volumes."""
    cache_size: int
    """Of the downloads, which stay when it is removed."""
    socket: Path
    log: Path
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageStatus:
    """One service's image on the engine; `size` in bytes, 0 when it is not there."""

    service: str
    image: str
    present: bool
    contains: str = ""
    """real, stand-in, or official for an image without our label."""
    version: str = ""
    description: str = ""
    size: int = 0
    stale: bool = False
    """Its recipe has changed since it was built."""
    built_here: bool = False
    architecture: str = ""
    """In the engine's words: amd64, arm64."""
    id: str = ""
    packages: tuple[str, ...] = ()
    """NAME==VERSION of what was found when it was built; empty where a lock of ours says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """What preflight must know of a machine; sizes in bytes, 0 or nothing when not known."""

    memory: int = 0
    """Memory that programs can still get."""
    cpus: int = 0
    cpu_flags: frozenset[str] = frozenset()
    disk: str = ""
    """Where the engine keeps its data."""
    disk_free: int = 0

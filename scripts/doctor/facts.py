"""What a checkup found out, before anybody judges it; None for what is not known.

An error that was met while asking is a fact as well: it says what is wrong, and the next step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from scripts.config.release import Memos
from scripts.config.rules.env import Problem
from scripts.core.errors import StackError
from scripts.core.finding import Finding
from scripts.core.inventory import Engine, ImageStatus
from scripts.core.look import Away, Look, Reading
from scripts.core.stack import Stack
from scripts.data.model import Entry
from scripts.diagnosis.preflight import Conditions
from scripts.engine.swarm.nodes import Node
from scripts.watch.memories.halves import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsFile:
    """The settings' file as it is written."""

    file: str = ".env"
    missing: bool = False
    """There is none yet; `text` is empty then."""
    text: str = ""
    example: str = ""
    """The text of `.env.example`."""
    used: frozenset[str] = frozenset()
    """Variables that the compose files and the workspace read."""
    problems: tuple[Problem, ...] = ()
    """Values that cannot be right."""
    step: str = ""
    """What to do about them."""
    unreadable: StackError | None = None
    exported: tuple[str, ...] = ()
    """Variables whose value in the environment beats another one in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The engine and Compose, or why there is none."""

    found: Engine | None = None
    compose: str = ""
    problem: StackError | None = None
    """It does not answer, or it is too old, or Compose is not there."""
    absent: bool = False
    """There is none; not one that does not answer."""
    can_build: bool = False
    """`inv up` would build images from packages where no registry can be used."""
    arch: str = ""
    """amd64, arm64."""
    unlimited: tuple[str, ...] = ()
    """What it cannot limit."""
    warnings: tuple[str, ...] = ()
    """What it says of itself."""
    link: str = ""
    """How the link to the machine of a remote one is, in a line."""

    @property
    def usable(self) -> Engine | None:
        """The engine, if more can be asked of it than its version."""
        return None if self.problem else self.found


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login tried for real: with the stack's password, and with one that must be rejected."""

    service: str
    user: str
    right: Reading
    wrong: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A model's endpoint of the user's; the key is not in here."""

    variable: str
    host: str
    status: int = 0
    """0 without an answer; `problem` says why."""
    problem: str = ""
    length: int = 0
    wanted: int = 0
    """Numbers of a vector; 0 where none was asked for."""
    model: str = ""
    """The name of the model that was asked."""
    loopback: bool = False
    """Inside a container its address means the container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCounts:
    """Prompts that the stand-in for a chat model has met since it started, by kind."""

    answered: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    """Those that take a chat model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxies:
    """Proxies of this environment, host and port only: the rest may hold a password."""

    hosts: Mapping[str, str] = field(default_factory=dict)
    exempt: bool = True
    """NO_PROXY holds 127.0.0.1."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Those that containers will get, by who gives them: a variable of the file, or docker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFacts:
    """The stack's snapshots, and what a data command left unfinished."""

    snapshots: int = 0
    damaged: int = 0
    """Of them, those whose end cannot be read."""
    size: int = 0
    """Bytes of all of them."""
    unfinished: Entry | None = None
    problem: StackError | None = None
    """The journal of data commands cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that one checkup found out."""

    settings: SettingsFile = field(default_factory=SettingsFile)
    engine: EngineFacts = field(default_factory=EngineFacts)
    image_source: str = ""
    memos: Memos | None = None
    """The MemOS that the settings name."""
    stack: Stack | None = None
    stack_problem: StackError | None = None
    """The compose file, resolved with these settings, breaks a rule."""
    losses: tuple[str, ...] = ()
    """What a Swarm does not keep of the compose file, a sentence each."""
    machine: Conditions | None = None
    nodes: tuple[Node, ...] = ()
    """The machines of a Swarm; none outside of one."""
    unasked: frozenset[str] = frozenset()
    """Names of those to whose engine there is no way."""
    ports_wanted: int = 0
    foreign: StackError | None = None
    """A container of this project belongs to another checkout."""
    images: tuple[ImageStatus, ...] | None = None
    registries: Mapping[str, str] = field(default_factory=dict)
    """Registries that are needed and do not answer, and why."""
    look: Look | None = None
    sick: tuple[Finding, ...] = ()
    """What the diagnosis says of the containers that are there."""
    logins: tuple[Login, ...] = ()
    away: tuple[Away, ...] = ()
    """Services that run elsewhere, and answer."""
    mends: str = ""
    """Known defects of MemOS that are mended in the API that runs, or left."""
    endpoints: tuple[Endpoint, ...] = ()
    reader: ReaderCounts | None = None
    """None where the stand-in does not run, or did not say."""
    proxies: Proxies = field(default_factory=Proxies)
    data: DataFacts | None = None
    memories: Store | None = None
    """What Neo4j and Qdrant hold of MemOS, and what lacks its other half."""
    unknown: Mapping[str, str] = field(default_factory=dict)
    """Areas with a question that could not be asked, and why."""

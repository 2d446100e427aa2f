"""What one look at the running stack sees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path

from scripts.core.finding import Finding


@unique
class State(StrEnum):
    """The engine's word for the state of a container."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"
    """A word of a newer engine: no rule speaks of it, and nothing is started or stopped for it."""

    @classmethod
    def _missing_(cls, value: object) -> "State":
        del value
        return cls.UNKNOWN


@unique
class Health(StrEnum):
    """What a container's own check says."""

    NONE = ""
    """It has no check, has not been asked, or says what we do not know."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"

    @classmethod
    def _missing_(cls, value: object) -> "Health":
        del value
        return cls.NONE


GONE = frozenset({State.EXITED, State.DEAD})
"""States in which nobody starts a container again."""
ALIVE = frozenset({State.RUNNING, State.RESTARTING, State.PAUSED})
"""States of a container that was started and has not ended for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostProcess:
    """A process of this machine that is run in the place of a service's container."""

    pid: int
    started: str
    """When it began, in words that no other process of this number has."""
    folder: Path
    """The checkout of MemOS that it runs."""
    port: int
    log: Path
    """What it writes, each line behind its moment; empty where it writes to a terminal."""
    state: Path
    """What its supervisor says of its versions; beside it lies what else it says of itself."""
    debug_port: int | None = None
    metrics_port: int | None = None
    """Where it tells of itself; None where it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthResult:
    """What a health check of the engine's came to."""

    at: str
    """When it ended, RFC 3339."""
    exit_code: int
    output: str
    """The beginning of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container as the engine sees it at one moment."""

    id: str
    service: str
    name: str
    state: State
    health: Health = Health.NONE
    exit_code: int = 0
    """Of its last end, also when it runs again and somebody saw that end."""
    restarts: int = 0
    oom_killed: bool = False
    kept: bool = False
    """The engine starts it again when it ends by itself: one that is gone was stopped."""
    error: str = ""
    created_at: str = ""
    """RFC 3339."""
    started_at: str = ""
    """RFC 3339; empty when it never ran."""
    finished_at: str = ""
    """When it last ended, also of one that runs again; empty when it never did."""
    working_dir: str = ""
    """Where the compose file that made it lies."""
    health_output: str = ""
    """What the last health check printed, when it failed."""
    healths: tuple[HealthResult, ...] = field(default=(), compare=False)
    """The last ones, the newest last; one more of the same changes nothing of the container."""
    check: tuple[str, ...] = ()
    """Its health check: CMD and words, or CMD-SHELL and a line; empty without one."""
    proxy: str = ""
    """A proxy that its programs take, as NAME=host:port: no login; empty for none."""
    no_proxy: frozenset[str] = frozenset()
    """Hosts, or ends of their names, that its programs call past the proxy."""
    task: str = ""
    """The task of a Swarm that it runs; empty for none."""
    debugger: str = ""
    """Where an editor may attach a debugger to it, host:port; empty where it may not."""
    node: str = ""
    """The machine of a Swarm that it is on, or is to be on; empty outside of one."""
    address: str = ""
    """Where what it publishes answers; empty for this machine."""
    host: HostProcess | None = None
    """The process of this machine that this stands for: the engine knows nothing of it."""
    elsewhere: str = ""
    """The address that this stands for: it runs there, and the engine knows nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a service answered to all of its probes, one look."""

    service: str
    ok: bool
    detail: str
    """What it answered, or why that is not good enough."""
    final: bool = False
    """Waiting cannot change it (a rejected password, vectors of another size)."""
    seconds: float = field(default=0.0, compare=False)
    """How long it took; the same answer is the same, however long that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Away:
    """What was found out of a service that runs elsewhere, beside its reading."""

    service: str
    address: str
    version: str = ""
    least: str = ""
    """The oldest that is of use."""
    plain: bool = False
    """The login goes there unencrypted."""
    inside: str | None = None
    """Why it is out of reach from the API's container, empty where it is not; None: not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a container uses, as the engine measured it at one moment."""

    memory: int
    """Bytes, without file pages that the kernel can drop."""
    cpu: int
    """Nanoseconds of all processors since it was started."""
    read_at: int
    """Nanoseconds since 1970, by the engine's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything seen in one look: what diagnosis decides upon."""

    containers: tuple[Container, ...] = ()
    readings: tuple[Reading, ...] = ()
    logs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The last lines of a service's log, where they were asked for."""
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """What services use, where it was asked for."""
    ready_since: Mapping[str, str] = field(default_factory=dict)
    """When services became ready, RFC 3339, where it was asked for and is known."""
    mended: Mapping[str, str] = field(default_factory=dict)
    """What is mended in a service or left in it, in a line, where it was asked for."""
    reload: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """How a service takes edits of its code, as schemas/ps.schema.json has it, where asked for."""
    advice: tuple[Finding, ...] = ()
    """What is worth knowing of those that answer, where it was asked for."""
    steady: frozenset[str] = frozenset()
    """Services that have been ready for a while, where somebody kept watch."""

    _containers: dict[str, Container] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )
    _readings: dict[str, Reading] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )
    """By service, the first of each; filled when one is asked for first."""

    def container(self, service: str) -> Container | None:
        """Return the container of a service, if it was created."""
        if not self._containers:
            self._containers.update((one.service, one) for one in reversed(self.containers))
        return self._containers.get(service)

    def reading(self, service: str) -> Reading | None:
        """Return the reading of a service, if it was probed."""
        if not self._readings:
            self._readings.update((one.service, one) for one in reversed(self.readings))
        return self._readings.get(service)

"""How the link to a remote engine is: a file that its keeper writes and everybody reads."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum, unique
from pathlib import Path
from stat import S_ISDIR

from scripts.core import files
from scripts.core.errors import ConfigError, owner
from scripts.core.files import Json
from scripts.core.units import SECOND, exactly
from scripts.engine.remote.address import HERE, Address, noted
from scripts.machine import processes

FILE, LOG, USERS = "state.json", "log", "users"
"""In the folder of a link."""
KEPT = 20
"""Breaks that are remembered, the last ones."""
ENGINE, CONTROL = "engine.sock", "ssh"
"""In the folder of a link's sockets."""


@unique
class Phase(StrEnum):
    """Where a link is; as schemas/remote.schema.json has it."""

    CLOSED = "closed"
    OPENING = "opening"
    OPEN = "open"
    BROKEN = "broken"
    """It was open, and is being brought back."""
    CLOSING = "closing"
    """Its keeper is about to end."""
    FAILED = "failed"
    """It cannot be opened, and its keeper has given up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Break:
    """A time without a link; moments in nanoseconds since 1970."""

    at: int
    until: int = 0
    """0 as long as it lasts."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """A port of a container there that is brought here."""

    port: int
    service: str
    error: str = ""
    """Why it does not answer here; empty where it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a link could not be opened, as a command that wanted it tells it."""

    text: str = ""
    next: str = ""
    kind: str = "engine"
    code: str = "remote"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A link at one moment."""

    address: str
    phase: Phase
    since: int
    """When this phase began, nanoseconds since 1970."""
    root: str = ""
    """The checkout that it is of: a copy of that has a copy of this file, and a link of its own."""
    pid: int = 0
    started: str = ""
    """When the keeper began, in words that no other process of its number has."""
    ssh: int = 0
    """The process of ssh; 0 for none."""
    ssh_started: str = ""
    sockets: str = ""
    """The folder of the forwarded socket and of ssh's own."""
    version: str = ""
    api_version: str = ""
    """Of the engine there, when the link was last opened."""
    socket: str = ""
    """Where the engine listens there."""
    forwards: tuple[Forward, ...] = ()
    breaks: tuple[Break, ...] = ()
    problem: Problem = field(default_factory=Problem)
    duties: Mapping[str, Json] = field(default_factory=dict)
    """What those say of themselves that work beside the link, by name."""

    @property
    def lives(self) -> bool:
        """Say whether its keeper holds it, or tries to."""
        if self.phase in {Phase.CLOSED, Phase.FAILED}:
            return False
        return self.started != "" and processes.birth(self.pid) == self.started

    def end_ssh(self) -> None:
        """End an ssh whose keeper was killed: it still holds the ports."""
        if self.ssh and processes.birth(self.ssh) == self.ssh_started:
            processes.end(self.ssh, grace=2.0)

    @property
    def endpoint(self) -> str:
        """The engine's address on this machine."""
        if self.address.startswith(HERE):
            return self.address
        return f"unix://{Path(self.sockets, ENGINE)}"

    @property
    def control(self) -> Path:
        """The socket by which ssh is told to do more over the same connection."""
        return Path(self.sockets, CONTROL)


def folder(root: Path, address: Address) -> Path:
    """Return the folder of a checkout's link to an address, in the checkout's cache."""
    return root / ".cache" / "remote" / _mark(str(address))


def read(place: Path) -> State | None:
    """Return what is noted of the link of this folder; None where nothing is, or of another one."""
    kept = files.read_own(place / FILE)
    try:
        found = State(
            **{
                **kept,
                "phase": Phase(kept["phase"]),
                "forwards": tuple(Forward(**one) for one in kept["forwards"]),
                "breaks": tuple(Break(**one) for one in kept["breaks"]),
                "problem": Problem(**kept["problem"]),
            }
        )
        return None if _copied(found, place) else found
    except (LookupError, TypeError, ValueError):  # never written, by another version, or by hand
        return None


def _copied(state: State, place: Path) -> bool:
    """Say whether the file was copied, with a checkout that is still where it was."""
    if not state.root:
        return False
    original = folder(Path(state.root), noted(state.address))
    return original.exists() and not files.same(original, place)


def write(place: Path, state: State) -> None:
    """Note how the link of this folder is."""
    files.write_json(place / FILE, asdict(state))


def closed(address: str) -> State:
    """Return the state of a link that nobody holds."""
    return State(address=address, phase=Phase.CLOSED, since=0)


def sound(state: State | None, address: str) -> State:
    """Return the state as it is: what a keeper that was killed has noted is no more."""
    if state is None or not (state.lives or state.phase is Phase.FAILED):
        return replace(state, phase=Phase.CLOSED, forwards=()) if state else closed(address)
    return state


def sockets(root: Path, address: Address, environ: Mapping[str, str]) -> Path:
    """Make the folder of a link's sockets, for this user only, and return it.

    It is short, because a socket's path has at most 103 bytes and ssh adds 17 to its own while it
    makes it. Raises ConfigError for a folder that somebody else has made.
    """
    base = Path(tempfile.gettempdir())
    with suppress(OSError):  # `su` may leave the name of another user's
        named = Path(environ.get("XDG_RUNTIME_DIR", ""))
        if named.is_absolute() and named.stat().st_uid == os.getuid():
            base = named
    ours = base / f"memos-dev-{os.getuid()}"
    place = ours / _mark(f"{root.resolve()} {address}")
    for path in (ours, place):
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ConfigError(
                f"{path} is not this user's alone (it is {owner(path)}'s)",
                next_step=f"ls -ld {path}; remove it, or ask its owner to",
            )
    return place


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def document(state: State | None) -> dict[str, Json]:
    """Return what `inv remote --format json` prints of a link (schemas/remote.schema.json)."""
    if state is None:
        return {"address": "", "state": "none"}
    lives = state.lives
    return {
        "address": state.address,
        "state": state.phase,
        "since": exactly(state.since) if state.since else None,
        "pid": state.pid if lives else None,
        "endpoint": state.endpoint if lives else "",
        "socket": state.socket,
        "engine": state.version,
        "ports": [
            {"port": one.port, "service": one.service, "error": one.error} for one in state.forwards
        ],
        "breaks": [
            {
                "at": exactly(one.at),
                "until": exactly(one.until) if one.until else None,
                "seconds": round((one.until - one.at) / SECOND, 1) if one.until else None,
                "error": one.error,
            }
            for one in state.breaks
        ],
        "error": state.problem.text,
        "next": state.problem.next,
        "duties": dict(state.duties),
    }

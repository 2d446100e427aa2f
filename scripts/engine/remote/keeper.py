"""The process that holds a link: it connects, brings ports here, and comes back.

It ends when it is told to, and by itself when for a while no command uses the link and nothing of
this checkout is there.
"""

import fcntl
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from scripts.core.errors import EngineError, StackError, known
from scripts.core.files import Json
from scripts.core.inventory import FOLDER_LABEL, PORTS_LABEL, PROJECT_LABEL, Engine
from scripts.core.progress import Say
from scripts.core.stack import LOOPBACK
from scripts.core.units import SECOND, duration
from scripts.engine.api import Api, shaped
from scripts.engine.discovery import ask_socket, check_engine
from scripts.engine.events import Events
from scripts.engine.remote import doors, there
from scripts.engine.remote import state as states
from scripts.engine.remote.address import Address
from scripts.engine.remote.doors import BRIDGE, Doors, Row
from scripts.engine.remote.link import Link
from scripts.engine.remote.master import UNREACHABLE, Master
from scripts.engine.remote.relay import Relay
from scripts.engine.remote.state import Break, Forward, Phase, Problem, State
from scripts.machine import ports, processes

BEAT = 5.0
"""Seconds after which it looks what is published, if no event tells it before."""
IDLE = 60.0
"""Seconds for which it stays when nobody needs it."""
PAUSES = (0.3, 0.6, 1.0, 2.0)
"""Seconds between tries to connect again; the last one from then on."""
SELDOM, PATIENT = 30.0, 300.0
"""Seconds between tries after so many seconds without the machine: it is off, or far away."""
PATIENCE = 10.0
"""Seconds for an answer of the engine there."""
PRIVILEGED = 1024
"""Ports below it are those of this machine's own services, and are not forwarded."""
MOST = 128
"""Ports that are forwarded at most; a stack has some fifteen."""
Forwarder = Master | Relay
"""What brings ports here, by ssh or without."""
VERSIONS = {"version": "Version", "api_version": "ApiVersion"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a duty is given, which works beside the link in a thread of its own."""

    engine: Callable[[], Engine | None]
    """The engine there while the link is open; None while it is not."""
    link: Callable[[], Link | None]
    """As for `engine`: runs commands there."""
    ended: Event
    """Set when the keeper ends: the duty ends too."""
    say: Say
    """Told a line for the log of the keeper."""
    note: Callable[[str, Json], None]
    """Given a name and what `inv remote` is to show under it."""


Duty = Callable[[Held], None]


class Keeper:
    """Holds the link of one checkout to one machine."""

    def __init__(
        self,
        root: Path,
        address: Address,
        environ: Mapping[str, str],
        say: Say,
        duties: Sequence[Duty] = (),
    ) -> None:
        """Prepare; `run` opens the link."""
        self._address, self._say = address, say
        self._place = states.folder(root, address)
        self._cache = root / ".cache"
        self._label = f"{FOLDER_LABEL}={root / 'docker'}"
        self._duties = duties
        self._lock = Lock()
        self._news, self._ended = Event(), Event()
        self._needed = time.monotonic()
        self._last = ExitStack()
        """What is given back at the very end."""
        self._before = ""
        """Where the engine's socket was when the link was last open, until that was tried."""
        self._forwarded: dict[int, str] = {}
        """ADDRESS:PORT there of each port that is forwarded."""
        pid = os.getpid()
        self._state = State(
            address=str(address),
            root=str(root),
            phase=Phase.OPENING,
            since=time.time_ns(),
            pid=pid,
            started=processes.birth(pid),
            sockets=str(states.sockets(root, address, environ)),
        )

    def run(self) -> None:
        """Hold the link until SIGTERM, or until nobody needs it; raises what was refused."""
        if (before := states.read(self._place)) is not None:
            before.end_ssh()
            self._before = before.socket
        self._note()
        master = None
        try:
            master = self._first()
            for duty in self._duties:
                Thread(target=self._do, args=(duty,), daemon=True).start()
            while self._serve(master):
                self._broken(master.reason, master.silence)
                master = self._again(master)
        except StackError as error:
            problem = Problem(
                text=str(error), next=error.next_step, kind=error.kind, code=error.code
            )
            self._note(phase=Phase.FAILED, problem=problem, ssh=0)
            raise
        finally:
            self._ended.set()
            if self._state.phase is not Phase.FAILED:
                self._note(phase=Phase.CLOSING, forwards=())
            if master is not None:
                master.close()
            if self._state.phase is not Phase.FAILED:
                self._note(phase=Phase.CLOSED, ssh=0)
            with suppress(OSError):
                Path(self._state.sockets, states.ENGINE).unlink(missing_ok=True)
                Path(self._state.sockets).rmdir()
            self._last.close()

    def end(self) -> None:
        """End, from any thread."""
        self._ended.set()
        self._news.set()

    def _note(self, **changed: Any) -> None:
        """Change the state, and write it for all."""
        with self._lock:
            if changed.get("phase", self._state.phase) is not self._state.phase:
                changed["since"] = time.time_ns()
            after = replace(self._state, **changed)
            if after != self._state or not changed:
                self._state = after
                with suppress(OSError):  # a full disk ends no link
                    if self._cache.exists():  # its checkout may be moved
                        states.write(self._place, after)

    def _made(self) -> Forwarder:
        return Relay() if self._address.local else Master(self._address, self._state.control)

    def _first(self) -> Forwarder:
        master = self._made()
        try:
            self._connect(master)
        except BaseException:
            master.close()
            raise
        return master

    def _again(self, before: Forwarder) -> Forwarder:
        """Connect until it succeeds; raises what no waiting mends, such as another host key."""
        lost, pauses = time.monotonic(), iter(PAUSES)
        while not self._ended.is_set():
            before.close()
            before = self._made()
            try:
                self._connect(before)
            except EngineError as error:
                self._broken(str(error))
                if error.code not in {UNREACHABLE, EngineError.kind}:
                    raise
            else:
                return before
            gone = time.monotonic() - lost
            self._ended.wait(SELDOM if gone > PATIENT else next(pauses, PAUSES[-1]))
        return before

    def _connect(self, master: Forwarder) -> None:
        """Have the engine there answer here; the ports come later."""
        self._note(ssh=master.pid, ssh_started=processes.birth(master.pid))
        master.require_open()
        path, found = self._engine(master)
        self._forwarded.clear()
        breaks = self._state.breaks
        if breaks and not breaks[-1].until:
            breaks = (*breaks[:-1], replace(breaks[-1], until=time.time_ns()))
            told = duration((breaks[-1].until - breaks[-1].at) / SECOND)
            self._say(f"the link to {self._address} is back after {told}")
        self._note(
            phase=Phase.OPEN, socket=path, breaks=breaks, problem=Problem(), forwards=(), **found
        )

    def _engine(self, master: Forwarder) -> tuple[str, dict[str, str]]:
        """Have the engine's socket answer here; give where it is there, and the engine's versions.

        EngineError where it is old, or none answers. Where one did before it is not looked for
        first, which takes three ways there and back.
        """
        endpoint, before = self._state.endpoint, self._before
        if self._address.local:
            path = self._address.socket
            told, why = ask_socket(endpoint)
        else:
            look, self._before = partial(there.socket, self._address, self._link().ask), ""
            path = self._state.socket or before or look()
            told, why = self._led(master, path)
            if not told and path == before and not master.ended.is_set():
                master.cancel(self._here, path)  # it may be elsewhere now, or for others
                path = look()
                told, why = self._led(master, path)
        if not told:
            raise self._silent(master, path, why)
        return path, self._versions(told, endpoint)

    @property
    def _here(self) -> str:
        """The engine's socket on this machine."""
        return str(Path(self._state.sockets, states.ENGINE))

    def _led(self, master: Forwarder, path: str) -> tuple[Mapping[str, Any] | None, Any]:
        """Lead the socket here to one there, and ask who is behind it as `ask_socket`."""
        if failed := master.forward(self._here, path):
            raise EngineError(
                f"ssh cannot forward the engine's socket: {failed}", next_step="inv remote"
            )
        return ask_socket(self._state.endpoint)

    def _versions(self, told: Mapping[str, Any], endpoint: str) -> dict[str, str]:
        """Return the versions of the engine there; EngineError where it is old."""
        found = {name: str(told.get(key, "")) for name, key in VERSIONS.items()}
        check_engine(
            Engine(endpoint=endpoint, env={}, private=False, remote=str(self._address), **found)
        )
        return found

    def _silent(self, master: Forwarder, path: str, error: Exception | str) -> EngineError:
        """Return why no engine answers behind a socket there."""
        if self._address.local:
            return EngineError(f"no engine answers at {path}: {error}", next_step="inv doctor")
        host, said = self._address.host, master.reason
        if master.ended.is_set():
            return EngineError(
                f"{host} is not reached by ssh: {said}", next_step="inv remote", code=UNREACHABLE
            )
        # ssh has the same words for a socket behind which nobody is, and for one it may not forward
        asking = ["docker", "--host", f"unix://{path}", "version"]
        if self._link().run(asking, timeout=PATIENCE).exit_code == 0:
            return EngineError(
                f"the sshd of {host} forwards no sockets, though docker there answers",
                next_step="there, in sshd_config: AllowStreamLocalForwarding yes and"
                " AllowTcpForwarding yes; then the same again",
                code="remote-no-forwarding",
            )
        known_there = self._state.version != ""
        return EngineError(
            f"no engine answers at {host} behind {path}: {error}",
            next_step=f"there: sudo systemctl start docker; ssh {' '.join(self._address.words)}"
            " docker version must answer",
            # one that ran before is most likely just starting again
            code=UNREACHABLE if known_there else "remote-no-engine",
        )

    def _broken(self, why: str, silence: float = 0.0) -> None:
        """Note a break that was noticed after so many seconds, or what is in the way of its end."""
        breaks = self._state.breaks
        if breaks and not breaks[-1].until:
            breaks = (*breaks[:-1], replace(breaks[-1], error=why))
        else:
            breaks = (*breaks, Break(at=time.time_ns() - int(silence * SECOND), error=why))[
                -states.KEPT :
            ]
            self._say(f"the link to {self._address} broke: {why}")
        self._note(phase=Phase.BROKEN, breaks=breaks, forwards=())

    def _serve(self, master: Forwarder) -> bool:
        """Bring ports here until the link breaks: True; or until nobody needs it."""
        Thread(target=self._await_end, args=(master,), daemon=True).start()
        api = Api(self._state.endpoint, timeout=PATIENCE)
        events = Events(api, [self._label], time.time_ns(), self._news.set)
        try:
            while not master.ended.is_set() and not self._ended.is_set():
                self._news.clear()
                with suppress(StackError):  # the link breaks, or the engine there starts anew
                    self._follow(master, api)
                if not self._is_needed():
                    return False
                self._news.wait(BEAT)
        finally:
            events.close()
        return not self._ended.is_set()

    def _await_end(self, master: Forwarder) -> None:
        master.ended.wait()
        self._news.set()

    def _follow(self, master: Forwarder, api: Api) -> None:
        """Bring the ports here that are there now, and no others."""
        rows = api.get("/containers/json", all=True, filters={"label": [self._label]}) or ()
        if rows:
            self._needed = time.monotonic()
        wanted = self._wanted(api, [row for row in rows if self._is_own(row)])
        for port, place in [*self._forwarded.items()]:
            if port not in wanted or wanted[port][0] != place:
                master.cancel(f"{LOOPBACK}:{port}", place)
                del self._forwarded[port]
        told = []
        for port, (place, service) in sorted(wanted.items()):
            failed = "" if port in self._forwarded else self._forward(master, port, place)
            told.append(Forward(port=port, service=service, error=failed))
        self._note(forwards=tuple(told))

    def _wanted(self, api: Api, rows: Sequence[Row]) -> Doors:
        """Return what is to answer here; what is published on this machine does by itself."""
        found: Doors = {} if self._address.local else doors.published(rows)
        if any(PORTS_LABEL in row["Labels"] for row in rows):
            projects = {str(row["Labels"][PROJECT_LABEL]) for row in rows}
            known = {one: doors.declared(self._cache / one) for one in projects}
            bridge = api.get(f"/networks/{BRIDGE}") or {}
            found = {**found, **doors.unpublished(rows, bridge, known)}
        return found

    @shaped("what is published")
    def _is_own(self, row: Mapping[str, Any]) -> bool:
        """Say whether a container is of a stack that this checkout has begun.

        Whoever may use the engine there can make one with our folder as its label.
        """
        project = str(row["Labels"].get(PROJECT_LABEL, ""))
        return project == Path(project).name != "" and (self._cache / project).is_dir()

    def _forward(self, master: Forwarder, port: int, place: str) -> str:
        """Forward a port; give what is in the way."""
        if port < PRIVILEGED or len(self._forwarded) >= MOST:
            return f"only {MOST} ports from {PRIVILEGED} on are brought here"
        if ports.taken(LOOPBACK, port):
            return f"taken here by {ports.owner(port)}"
        if failed := master.forward(f"{LOOPBACK}:{port}", place):
            return failed
        self._forwarded[port] = place
        return ""

    def _is_needed(self) -> bool:
        """Say whether something of this checkout is there, or a command uses the link."""
        if time.monotonic() - self._needed < IDLE:
            return True
        if not self._cache.exists():  # nobody finds it where its checkout is now
            return False
        number = os.open(self._place / states.USERS, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(number)
            self._needed = time.monotonic()
            return True
        self._last.callback(os.close, number)  # who wants the link now waits until it is closed
        return False

    def _link(self) -> Link:
        return Link(address=self._address, state=self._state)

    def _do(self, duty: Duty) -> None:
        """Let a duty work; one that fails is told, and the link stays."""

        def link() -> Link | None:
            return self._link() if self._state.phase is Phase.OPEN else None

        def engine() -> Engine | None:
            found = link()
            return None if found is None else found.engine(str(self._address))

        def note(name: str, value: Json) -> None:
            self._note(duties={**self._state.duties, name: value})

        held = Held(engine=engine, link=link, ended=self._ended, say=self._say, note=note)
        try:
            duty(held)
        except Exception as error:  # noqa: BLE001 - it is told, and the link is worth more
            self._say(f"a duty of the link has ended: {known(error) or repr(error)}")

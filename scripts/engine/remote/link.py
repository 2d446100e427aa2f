"""Finds the link to a remote engine, has it opened where it is not, and runs commands over it."""

import fcntl
import functools
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from scripts.core import files, process
from scripts.core.checkout import Checkout
from scripts.core.errors import ConfigError, EngineError, RefusedError, StackError
from scripts.core.inventory import Engine
from scripts.core.polling import poll, until_none
from scripts.core.process import Completed
from scripts.core.texts import telling
from scripts.core.units import SECOND, duration
from scripts.engine.remote import address as addresses
from scripts.engine.remote import state as states
from scripts.engine.remote.address import Address
from scripts.engine.remote.state import Phase, State
from scripts.machine import processes, program

PATIENCE = 45.0
"""Seconds for a link to be opened: a login may take 30."""
AGAIN = 10.0
"""Seconds that a command waits for a link that is broken: it is back within 5 once it can be."""
RECENT = 120.0
"""Seconds for which it is told that a link was broken."""
END = 20.0
"""Seconds for a link that is being closed to be gone."""
Ended: TypeAlias = Callable[[], int | None]
"""Gives the exit code of a keeper that was begun; None as long as it works."""
ERRORS: Mapping[str, type[StackError]] = {one.kind: one for one in (ConfigError, EngineError)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link that is open."""

    address: Address
    state: State

    @property
    def endpoint(self) -> str:
        """The address of the engine on this machine."""
        return self.state.endpoint

    def run(self, words: Sequence[str], *, stdin: str = "", timeout: float = 60.0) -> Completed:
        """Run a command there as the user that ssh logs in, without another connection.

        It takes three ways there and back. An exit code of 255 may be ssh's own.
        """
        from scripts.engine.remote.master import run_there

        return run_there(self.state.control, self.address, words, stdin=stdin, timeout=timeout)

    def ask(self, words: list[str], stdin: str) -> Completed:
        """Like `run`, as `there` takes it."""
        return self.run(words, stdin=stdin)

    def engine(self, written: str) -> Engine:
        """Return the engine there, as if it were here; `written` is the address by the user."""
        return Engine(
            endpoint=self.endpoint,
            env={"DOCKER_HOST": self.endpoint},
            private=False,
            version=self.state.version,
            api_version=self.state.api_version,
            remote=written,
        )


def parsed(written: str, origin: str) -> Address:
    """Return the address that a user wrote; ConfigError for none, which says where it is from."""
    try:
        return addresses.parse(written)
    except ValueError as error:
        raise ConfigError(
            f"{origin} is {addresses.masked(written)!r}, which is no address for ssh: {error}",
            next_step="for example REMOTE=me@build.example.org in .env",
            code="remote-address",
        ) from error


def seen(root: Path, written: str) -> State:
    """Return how the link of a checkout to an address is; nothing is opened for that."""
    address = addresses.noted(written)
    return states.sound(states.read(states.folder(root, address)), str(address))


def now(root: Path, written: str) -> Link | None:
    """Return the link of a checkout to an address while it is open."""
    state = seen(root, written)
    if state.phase is not Phase.OPEN:
        return None
    return Link(address=addresses.parse(written), state=state)


def opened(checkout: Checkout, address: Address) -> Link:
    """Return the link to a machine, and have it opened where it is not.

    It stays open while this process lives. Raises what was refused, as a ConfigError or an
    EngineError; EngineError for a link that is broken and does not come back in AGAIN seconds.
    """
    place = states.folder(checkout.root, address)
    used(place)
    state = states.sound(states.read(place), str(address))
    if state.root and state.lives and not files.same(Path(state.root), checkout.root):  # it moved
        close(checkout.root, address)
        state = states.sound(state, str(address))
    if state.phase is Phase.CLOSING:
        until_none(lambda: processes.birth(state.pid) == state.started, timeout=END, interval=0.03)
        state = states.sound(states.read(place), str(address))
    if state.phase in {Phase.CLOSED, Phase.FAILED}:
        require_client(address, checkout.environ)
        states.sockets(checkout.root, address, checkout.environ)  # what is wrong is told here
        checkout.say(f"opening the link to {address}")
        state = _awaited(place, state, PATIENCE, _begin(place, address))
    elif state.phase is Phase.OPENING:
        state = _awaited(place, state, PATIENCE)
    elif state.phase is Phase.BROKEN:
        checkout.say(f"{told_break(state, time.time_ns())}; waiting {AGAIN:.0f} s for it")
        state = _awaited(place, state, AGAIN)
    if state.phase is Phase.OPEN:
        for line in news(state, time.time_ns()):
            checkout.say(line)
        return Link(address=address, state=state)
    if state.phase is Phase.FAILED:
        problem = state.problem
        raise ERRORS.get(problem.kind, EngineError)(
            problem.text, next_step=problem.next, code=problem.code
        )
    if state.phase is Phase.BROKEN:
        raise EngineError(
            told_break(state, time.time_ns()), next_step="inv remote", code="remote-broken"
        )
    log = place / states.LOG
    lines = files.content(log).decode(errors="replace").splitlines()
    said = telling(lines, r"^error: ").removeprefix("error: ")
    raise RefusedError(
        f"the link to {address} is not there{f': {said}' if said else f' after {PATIENCE:.0f} s'}",
        next_step=f"read {log}",
    )


def forwarded(checkout: Checkout, written: str) -> str:
    """Return the endpoint here of the engine at an ssh address; errors as in `opened`."""
    return opened(checkout, parsed(written, "the address")).endpoint


def close(root: Path, address: Address) -> bool:
    """End the link to a machine; say whether there was one."""
    state = states.read(states.folder(root, address))
    if state is None:
        return False
    lived = state.lives
    if lived:
        processes.stop(state.pid)
    state.end_ssh()
    return lived


def noted(root: Path) -> Iterator[State]:
    """Yield what is noted of all links of a checkout, also of those that nobody holds."""
    for file in sorted((root / ".cache" / "remote").glob(f"*/{states.FILE}")):
        if (state := states.read(file.parent)) is not None:
            yield state


def every(root: Path) -> Iterator[State]:
    """Yield the links of a checkout that somebody holds."""
    return (state for state in noted(root) if state.lives)


def broke(root: Path, began: float) -> str:
    """Say which link of a checkout has broken since a moment (seconds since 1970); or nothing."""
    for state in every(root):
        last = state.breaks[-1] if state.breaks else None
        if last is not None and (not last.until or last.until > began * SECOND):
            return f"the link to {state.address} broke meanwhile ({last.error})"
    return ""


def told_break(state: State, now: int) -> str:
    """Say what is wrong with a link that is broken."""
    last = state.breaks[-1] if state.breaks else states.Break(at=state.since)
    since = duration((now - last.at) / SECOND)
    return f"the link to {state.address} has been broken for {since}: {last.error}"


def require_client(address: Address, environ: Mapping[str, str]) -> None:
    """Raise ConfigError where this machine has no ssh, and it takes one."""
    if not address.local and shutil.which("ssh", path=environ.get("PATH")) is None:
        raise ConfigError(
            "an engine on another machine is reached by ssh, and there is none on PATH here",
            next_step="install OpenSSH's client (Debian: openssh-client), then the same again",
            code="remote-no-ssh",
        )


def told(state: State, now: int) -> str:
    """Say in a line how a link is."""
    since = f" since {duration((now - state.since) / SECOND)}" if state.since else ""
    breaks = state.breaks
    ago = f", {duration((now - breaks[-1].at) / SECOND)} ago: {breaks[-1].error}" if breaks else ""
    broke = f", broken {len(breaks)} times, the last{ago.removeprefix(',')}" if breaks else ""
    return f"the link by ssh is {state.phase}{since}{broke}"


def news(state: State, now: int) -> Iterator[str]:
    """Yield what who uses a link must know of it: that it was broken, and a port that it lacks."""
    if told := told_back(state, now):
        yield told
    for one in state.forwards:
        if one.error:
            yield f"port {one.port}, {one.service} there, is not to be had here: {one.error}"


def told_back(state: State, now: int) -> str:
    """Say that a link was broken a moment ago, and is back; empty where it was not."""
    last = state.breaks[-1] if state.breaks else None
    if last is None or not last.until or now - last.until > RECENT * SECOND:
        return ""
    lasted, since = ((last.until - last.at) / SECOND, (now - last.until) / SECOND)
    return (
        f"the link to {state.address} was broken for {duration(lasted)} ({last.error}), and is back"
        f" since {duration(since)}"
    )


@functools.cache
def used(place: Path) -> int:
    """Be one who uses a link, as long as this process lives: its keeper does not end then."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    number = os.open(place / states.USERS, flags, files.OWNER_ONLY)
    fcntl.flock(number, fcntl.LOCK_SH)
    return number


def _begin(place: Path, address: Address) -> Ended:
    """Have a keeper begin, in a session of its own; what it tells is its owner's alone."""
    log = place / states.LOG
    files.begun(log).close()
    return process.detach([*program.PROGRAM, "remote", "--keep", str(address)], log=log)


def _awaited(place: Path, before: State, patience: float, ended: Ended = lambda: None) -> State:
    """Wait until a link is open or cannot be; give what it was last.

    Also when the keeper of it has ended, and no other one is at it.
    """
    found = before
    over = before.phase in {Phase.CLOSED, Phase.FAILED}

    def look() -> tuple[bool, State | None]:
        gone = ended() is not None and not files.holder(place)
        return gone, states.read(place)

    for gone, state in poll(look, timeout=patience, interval=0.03):
        if state is None or (over and not _another(state, before)):
            if gone:
                break
            continue
        found = state
        if gone or state.phase in {Phase.OPEN, Phase.FAILED}:
            break
    return found


def _another(state: State, before: State) -> bool:
    """Say whether another keeper wrote this than the one before."""
    return (state.pid, state.started) != (before.pid, before.started)

"""The one ssh connection to a machine: the user's own client, settings, keys and known hosts.

It asks no question, because nobody could answer: what `ssh HOST` by hand does without one, it does.
https://man.openbsd.org/ssh_config
"""

import re
import shlex
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import Event, Thread

from scripts.core.errors import ConfigError, EngineError, StackError
from scripts.core.polling import poll
from scripts.core.process import Completed, Relayed, run_beside
from scripts.engine.remote.address import Address
from scripts.machine import processes

CONNECT = 5
"""Seconds for a connection to be made: Linux asks again after 1 and 3."""
PATIENCE = 30.0
"""Seconds until a login must have been let in or refused."""
ALIVE, SILENT = 2, 3
"""Seconds without a byte after which ssh asks the other end, and how often before it gives up.

8 s in all. What is shorter TCP outlives by itself, and so do all streams.
"""
ASKED = 10.0
"""Seconds for ssh on this machine to do what it is told."""
OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": str(CONNECT),
    "ServerAliveInterval": str(ALIVE),
    "ServerAliveCountMax": str(SILENT),
    "ControlMaster": "yes",
    "ControlPersist": "no",
    "StreamLocalBindUnlink": "yes",
    # the user's settings may have more for this host than a link is for
    "ClearAllForwardings": "yes",
    "ForwardAgent": "no",
    "ForwardX11": "no",
    "PermitLocalCommand": "no",
    "RemoteCommand": "none",
    "RequestTTY": "no",
}
LINES = 20
"""Of what ssh said, that are kept."""
_NOISE = re.compile(r"^(Warning: Permanently added|\*\* (WARNING|This session|The server)|\s*$)")
_SILENCE = re.compile(r"Timeout, server .* not responding")
_UNKNOWN = re.compile(r"Host key verification failed|No \S+ host key is known")
_CHANGED = re.compile(r"IDENTIFICATION HAS CHANGED|host key .* has changed", re.IGNORECASE)
_LOGIN = re.compile(r"Permission denied|Too many authentication failures|No supported auth")
_SETTINGS = re.compile(r"Bad (configuration|owner)|terminating, .* bad configuration|no such id")
_NAME = re.compile(r"Could not resolve hostname .*")
UNREACHABLE = "remote-unreachable"
"""The code of what may be otherwise in a moment: all else needs a hand."""


class Master:
    """A connection while it lasts; ssh ends with it."""

    def __init__(self, address: Address, control: Path) -> None:
        """Begin to connect; RefusedError where there is no ssh here."""
        self._address, self._control = address, control
        self._said: deque[str] = deque(maxlen=LINES)
        self.ended = Event()
        control.unlink(missing_ok=True)  # of one that was killed
        options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
        argv = ["ssh", *options, "-o", f"ControlPath={control}", "-N", *address.words]
        self._process = Relayed(argv, folder=control.parent, env={}, heard=self._hear)
        self.pid = self._process.pid
        Thread(target=self._await_end, daemon=True).start()

    def _hear(self, line: str) -> None:
        if not _NOISE.match(line):
            self._said.append(line)

    def _await_end(self) -> None:
        self._process.wait()
        self.ended.set()

    def require_open(self) -> None:
        """Wait until it is connected and let in; raises what was refused, as `refusal` has it."""

        def look() -> bool:
            return self._control.exists() or self.ended.is_set()

        for done in poll(look, timeout=PATIENCE, interval=0.02):
            if done:
                break
        if self.ended.is_set() or not self._control.exists():
            self.close()
            raise refusal(self._address, self._said)

    @property
    def reason(self) -> str:
        """What ssh said last, of its end above all."""
        return self._said[-1] if self._said else "the connection was lost"

    @property
    def silence(self) -> float:
        """Seconds for which nothing had come when the connection was given up."""
        return ALIVE * (SILENT + 1.0) if _SILENCE.match(self.reason) else 0.0

    def forward(self, here: str, there: str) -> str:
        """Have what connects `here` (a socket or ADDRESS:PORT) led `there`; give what failed."""
        return self._tell("forward", "-L", f"{here}:{there}")

    def cancel(self, here: str, there: str) -> str:
        """End a forward; what goes over it goes on."""
        return self._tell("cancel", "-L", f"{here}:{there}")

    def _tell(self, *words: str) -> str:
        done = run_beside(
            ["ssh", "-F", "none", "-S", str(self._control), "-O", *words, self._address.host],
            timeout=ASKED,
        )
        return (done.stderr.strip() or f"exit code {done.exit_code}") if done.exit_code else ""

    def close(self) -> None:
        """End the connection and all that goes over it."""
        processes.end(self.pid, grace=2.0)
        self.ended.wait(ASKED)
        self._control.unlink(missing_ok=True)


def run_there(
    control: Path, address: Address, words: Sequence[str], *, stdin: str, timeout: float
) -> Completed:
    """Run a command over a connection that is open; its words go through a shell there."""
    argv = ["ssh", "-F", "none", "-S", str(control), "-T", "-o", "ControlMaster=no"]
    # without the master it must not try by itself: it would be another connection
    argv += ["-o", "ProxyCommand=false", address.host, shlex.join(words)]
    return run_beside(argv, stdin=stdin, timeout=timeout)


def refusal(address: Address, said: Iterable[str]) -> StackError:
    """Return why ssh did not get in, from what it said."""
    lines = [line for line in said if line.strip()]
    text, last = "\n".join(lines), (lines or ["it says nothing"])[-1].strip()
    by_hand = " ".join(("ssh", *address.words))
    if _CHANGED.search(text):
        return ConfigError(
            f"{address.host} shows another key than the one that ssh knows of it",
            next_step="ask who runs it whether that is right; if so: ssh-keygen -R"
            f" {known_as(address, text)}, then {by_hand} and compare the fingerprint",
            code="remote-host-key",
        )
    if _UNKNOWN.search(text):
        return ConfigError(
            f"ssh does not know the key of {address.host} yet, so it may be anybody",
            next_step=f"{by_hand}, and compare the fingerprint that it shows; then the same again",
            code="remote-host-key",
        )
    if _LOGIN.search(text):
        return ConfigError(
            f"{address.host} does not let us in: {last}",
            next_step=f"{by_hand} must get in without a question: ssh-copy-id for a key that it"
            " does not know, ssh-add for one with a passphrase",
            code="remote-login",
        )
    if _SETTINGS.search(text):
        return ConfigError(
            f"ssh's own settings are wrong: {last}",
            next_step=f"{by_hand} says the same; mend ~/.ssh/config",
            code="remote-settings",
        )
    if named := _NAME.search(text):
        last = named[0]
    return EngineError(
        f"{address.host} is not reached by ssh: {last}",
        next_step=f"{by_hand} tells more; is the machine on, and the network?",
        code=UNREACHABLE,
    )


def known_as(address: Address, said: str) -> str:
    """Return the name under which known_hosts has an address."""
    if named := re.search(r"Host key for (\S+) has changed", said):
        return shlex.quote(named[1])
    return f"'[{address.host}]:{address.port}'" if address.port else address.host

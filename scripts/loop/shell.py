"""A shell, or one command, in the container of a service, by docker's own exec."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.core.errors import ConfigError
from scripts.core.look import State
from scripts.core.stack import Service
from scripts.engine.api import Api
from scripts.engine.containers import containers
from scripts.watch import on_host

SHELL = "/bin/sh"
BEST = "command -v bash >/dev/null 2>&1 && exec bash; exec sh"
"""The shell that people like, where the image has it; what comes in a pipe is a script to both."""
KEYS = "ctrl-^,ctrl-^,ctrl-^"
"""What leaves a container behind; docker's own Ctrl-P is a shell's, for the line before."""
MARK = "INV_SHELL"
"""The variable by which the processes of one call are known in the container."""
END = f"""for one in /proc/[0-9]*; do
    grep -qs "{MARK}=$1" "$one/environ" && kill -INT "${{one##*/}}"
done"""
ROOT = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is run in which container."""

    container: str
    words: tuple[str, ...] = ()
    """The command; none for a shell."""
    user: str = ""
    """Empty for that of the image."""
    terminal: str = ""
    """Of which kind the user's terminal is; empty where there is none, and pipes are handed on."""
    mark: str

    @property
    def argv(self) -> list[str]:
        """Return how docker is told."""
        environ = ["--env", f"{MARK}={self.mark}"]
        if self.terminal:
            seen = ["--tty", "--detach-keys", KEYS, "--env", f"TERM={self.terminal}"]
        else:
            seen = []
        return self._exec("--interactive", *seen, *environ, words=self.words or (SHELL, "-c", BEST))

    @property
    def interrupt(self) -> list[str]:
        """Return what sends the processes of the call the signal of a Ctrl-C.

        Without a terminal in the container none arrives there: docker's exec hands on no signals.
        """
        return self._exec(words=(SHELL, "-c", END, "sh", self.mark))

    def _exec(self, *flags: str, words: Sequence[str]) -> list[str]:
        user = ["--user", self.user] if self.user else []
        return ["docker", "exec", *flags, *user, self.container, *words]


def running(api: Api, project: str, service: Service, cache: Path) -> str:
    """Return the id of the container of a service; `cache` is the stack's.

    Raises ConfigError where nothing can be run in one, with the next step.
    """
    there = on_host.seen(cache, containers(api, project, service.name))
    found = next((one for one in there if one.service == service.name), None)
    step = f"inv up --service {service.name}"
    if found is not None and found.host is not None:
        raise ConfigError(
            f"{service.name} runs on this machine ({found.name}), in no container",
            next_step="inv api.container, or look around right here",
        )
    if found is None:
        raise ConfigError(f"{service.name} has no container", next_step=step)
    if found.state is State.PAUSED:
        raise ConfigError(
            f"{service.name} is paused: nothing runs in it",
            next_step=f"inv restart --service {service.name}",
        )
    if found.state is not State.RUNNING:
        raise ConfigError(f"{service.name} does not run: it is {found.state}", next_step=step)
    return found.id


def require_shell(api: Api, container: str, service: Service) -> None:
    """Raise ConfigError where the image has no shell, as small ones do."""
    if not api.raw(f"/containers/{container}/archive", path=SHELL):
        raise ConfigError(
            f"the image of {service.name} has no shell ({service.image})",
            next_step=f"inv shell --service {service.name} -- PROGRAM, with a program of the image",
        )

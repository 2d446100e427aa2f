"""The way to a store: its published port and login; whose fault it is when something goes wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from scripts.core.errors import BrokenError, ConfigError, RefusedError, StackError
from scripts.core.foreign import documents
from scripts.core.foreign.documents import Json
from scripts.core.stack import Probe, Service, Stack
from scripts.core.texts import short, shown
from scripts.core.units import size
from scripts.loop.console.answer import Answer
from scripts.watch.probes import REASONS, call
from scripts.watch.published import behind, require_login

FIRST_ERROR, BUSY, NO_SUCH_CALL = 400, 429, 501
SERVERS = 500
"""From here on it is the server's fault."""
QUOTED = 2000
"""Characters of a server's words that an error quotes."""
TOO_LONG = REASONS["EndlessError"]


class Console(Protocol):
    """One store that is asked."""

    @property
    def door(self) -> "Door":
        """The way to it."""
        ...

    @property
    def help(self) -> str:
        """How it is asked, in some lines."""
        ...

    def ask(self, query: str) -> Answer:
        """Ask one query.

        Raises ConfigError for a wrong one, and for one that writes where that was not allowed;
        BrokenError where the store does not answer, RefusedError where it cannot.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """A service, how it is called, and whether a query may change something."""

    service: Service
    probe: Probe
    task: str
    """The command, for next steps."""
    write: bool = False

    @classmethod
    def to(cls, stack: Stack, target: int, task: str, *, write: bool) -> "Door":
        """Return the way to what publishes a container port; BrokenError where nothing does."""
        service, probe = behind(stack, target)
        return cls(service=service, probe=probe, task=task, write=write)

    @property
    def name(self) -> str:
        """The name of the service."""
        return self.service.name

    def call(
        self,
        method: str,
        path: str,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> tuple[int, Json]:
        """Make one call and wait for its end; give the status, and the JSON or text of the answer.

        `timeout` in seconds; None for any time: Ctrl-C ends what takes too long.

        Raises BrokenError where there is no answer, or the login is rejected.
        """
        asked = replace(self.probe, method=method, path=path, body=body)
        status, answer = call(asked, timeout=timeout, headers=headers)
        if not status and answer == TOO_LONG:
            raise self.wrong(
                f"its answer is longer than {size(documents.MOST)}: ask for fewer rows, or fewer"
                " fields"
            )
        if not status:
            raise self.silent(str(answer))
        require_login(self.service, self.probe, status)
        return status, answer

    def silent(self, why: str) -> BrokenError:
        """Return the error for a store that does not answer."""
        step = "inv doctor" if self.service.elsewhere else f"inv up --service {self.name}"
        return BrokenError(
            f"{self.name} does not answer at {self.probe.place}: {why}", next_step=step
        )

    def judged(self, status: int, words: str) -> StackError:
        """Return the error for what a server said no to, going by the status of HTTP."""
        if status < FIRST_ERROR:
            return BrokenError(f"{self.name}: {words}", next_step=f"inv logs --service {self.name}")
        theirs = status == BUSY or (status >= SERVERS and status != NO_SUCH_CALL)
        return self.cannot(words) if theirs else self.wrong(words)

    def wrong(self, words: str) -> ConfigError:
        """Return the error for a query that is wrong, in the server's own words."""
        return ConfigError(
            f"{self.name}: {shown(short(words, QUOTED))}", next_step=f"inv {self.task} --help"
        )

    def cannot(self, words: str) -> RefusedError:
        """Return the error for a server that cannot answer now, in its own words."""
        return RefusedError(
            f"{self.name}: {shown(short(words, QUOTED))}",
            next_step=f"inv logs --service {self.name}",
        )

    def read_only(self, what: str) -> ConfigError:
        """Return the error for a query that writes, where only reading was allowed."""
        return ConfigError(
            f"{what} changes what is stored, and this console only reads",
            next_step=f"inv {self.task} --write, if you mean it",
        )

"""The address of an engine that ssh leads to, as REMOTE, DOCKER_HOST or a context has it."""

import re
from dataclasses import dataclass

SCHEME = "ssh://"
HERE = "unix://"
"""How that of an engine on this machine begins: its link only brings ports to 127.0.0.1."""
VARIABLE = "REMOTE"
"""Of the settings: an address."""
WANTED = "USER@HOST, or ssh://USER@HOST:PORT; a name of your ssh settings will do"
_USER = r"[A-Za-z0-9_.][A-Za-z0-9_.+-]*"
_HOST = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_FORM = re.compile(
    rf"(?:(?P<user>{_USER})@)?"
    rf"(?:(?P<host>{_HOST})|\[(?P<address>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?)\])"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    # a colon would end it in what ssh is told to forward
    r"(?P<socket>/[^\s:]*)?"
)
LAST_PORT = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where ssh is to go; what is empty or 0 is left to the user's own ssh settings."""

    host: str
    user: str = ""
    port: int = 0
    socket: str = ""
    """The engine's socket there; empty for the one that docker uses there."""

    @property
    def local(self) -> bool:
        """Say whether the engine is on this machine, at `socket`."""
        return not self.host

    def __str__(self) -> str:
        """Return the address as docker takes it."""
        if self.local:
            return f"{HERE}{self.socket}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        return f"{SCHEME}{user}{host}{f':{self.port}' if self.port else ''}{self.socket}"

    @property
    def words(self) -> tuple[str, ...]:
        """What is typed behind `ssh`."""
        user = ("-l", self.user) if self.user else ()
        port = ("-p", str(self.port)) if self.port else ()
        return (*user, *port, self.host)


def masked(text: str) -> str:
    """Return what a user wrote without the password in it."""
    return re.sub(r":[^@/]*@", ":***@", text)


def parse(text: str) -> Address:
    """Return the address that a user wrote; ValueError, which says what was wanted, for none.

    A password is none of it: it would be seen by all who may list processes.
    """
    found = _FORM.fullmatch(text.removeprefix(SCHEME))
    if found is None or int(found["port"] or 0) > LAST_PORT:
        raise ValueError(f"wanted {WANTED}")
    return Address(
        host=found["host"] or found["address"],
        user=found["user"] or "",
        port=int(found["port"] or 0),
        socket=(found["socket"] or "").rstrip("/"),
    )


def noted(text: str) -> Address:
    """Return the address of a link: also that of an engine here, which no user writes."""
    return (
        Address(host="", socket=text.removeprefix(HERE)) if text.startswith(HERE) else parse(text)
    )

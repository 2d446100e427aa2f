"""What is wrong, and what it amounts to."""

from dataclasses import dataclass, replace
from enum import Enum

DOCKER = 'eval "$(inv engine.env)"; docker'
"""How a next step calls docker: no shell knows the private engine by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, or worth knowing; `fatal` when waiting or going on cannot help."""

    code: str
    cause: str
    next_step: str
    service: str = ""
    evidence: str = ""
    fatal: bool = True
    victims: tuple[str, ...] = ()
    """Services that are not ready because this one is not."""


def fatal(
    code: str, cause: str, next_step: str, *, service: str = "", evidence: str = ""
) -> Finding:
    """Return what must be mended first."""
    return Finding(code=code, cause=cause, next_step=next_step, service=service, evidence=evidence)


def advice(
    code: str, cause: str, next_step: str, *, service: str = "", evidence: str = ""
) -> Finding:
    """Return what is worth knowing and stops nothing."""
    return replace(fatal(code, cause, next_step, service=service, evidence=evidence), fatal=False)


class Verdict(Enum):
    """What the findings of one look amount to."""

    READY = "ready"
    STARTING = "starting"
    BROKEN = "broken"

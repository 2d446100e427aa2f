"""What is wrong, and what it amounts to."""

from dataclasses import dataclass
from enum import Enum


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


class Verdict(Enum):
    """What the findings of one look amount to."""

    READY = "ready"
    STARTING = "starting"
    BROKEN = "broken"

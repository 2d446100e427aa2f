"""What a fault is: how it is made, what must be told of it, and what mends it."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tests.e2e.kit.workbench import Bench

Made = Generator[None, str, None]
Making = Callable[[Bench], Made]
"""Makes the fault up to its `yield`, which gives the next step that was told; mends after it.

The trial puts settings and compose files back."""
FAULTS: list["Fault"] = []
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; `make` is the function that makes and mends it."""

    name: str
    """What is wrong, as docs/faults.md says it."""
    make: Making
    services: tuple[str, ...]
    """What `up` is told to start."""
    exit_code: int = 5
    service: str = ""
    """Who must be told to be guilty; empty for a fault that is no service's."""
    code: str = ""
    """The cause that must be told; empty when nothing is wrong in truth."""
    says: tuple[str, ...] = ()
    """What cause, evidence or next step must say."""
    shown: str = "engine"
    """What shows the fault first: `command` (it is there before), `engine` (an event or health
    result), `answer` (the first call that fails so), `log` (the evidence), `deadline` (nothing
    else), `interrupt` (what is done to `up`, or to its engine, once it has started something)."""
    preflight: bool = False
    """Told before any container is touched."""
    words: tuple[str, ...] = ()
    """More flags for `up`."""
    keeps: bool = True
    """The data survives; not where the fault is that the data is damaged."""
    plain: bool = True
    """Plain Compose can be tried on the same fault."""
    sample: bool = False
    """Tried by every e2e run."""


def fault(name: str, *services: str, **facts: Any) -> Callable[[Making], Making]:
    """Add the decorated function to FAULTS.

    What ends with 5 is the first service's, and what is told before any container is touched is
    there before the command is; unless told otherwise.
    """
    if facts.get("preflight"):
        facts["shown"] = "command"
    if facts.get("exit_code", 5) == 5:
        facts.setdefault("service", services[0])

    def add(make: Making) -> Making:
        FAULTS.append(Fault(name=name, make=make, services=services, **facts))
        return make

    return add


def wrong(
    name: str,
    *services: str,
    env: Mapping[str, str] = NOTHING,
    keys: Mapping[str, str] = NOTHING,
    step: str = "",
    **facts: Any,
) -> None:
    """Add a fault that is a text in `.env` or at keys of the first service; `step` mends it."""

    def make(bench: Bench) -> Made:
        """Write it; the next step must say what to write instead."""
        bench.env(**env)
        for key, value in keys.items():
            bench.set_key(services[0], key, value)
        assert step in (yield)

    fault(name, *services, **facts)(make)

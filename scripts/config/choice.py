"""Pure: which parts of the compose files make up a stack, by its settings alone.

Facts about a service stand beside it in the compose files; here is only when a part is in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from scripts.config.release import Memos

MILVUS = "milvus"
"""The profile of its services."""
PREFERENCES = "preferences"
"""The profile of what keeps them in place of a Milvus that is too old; other files have none."""
WITHOUT_MILVUS = "docker-compose.without-milvus.yml"
"""Over the others where the API does not wait for Milvus, whose services are then a profile."""
DEBUG = "docker-compose.debug.yml"
"""Over the others where a debugger may attach to the API."""
REMOTE = "docker-compose.remote.yml"
"""Over the others where the engine is on another machine."""
OVERLAYS = (WITHOUT_MILVUS, DEBUG, REMOTE)
"""All of them, as they lie over each other, but those of `external`."""
ELSEWHERE = "elsewhere"
"""The profile of services that run elsewhere: Compose resolves them, and makes nothing of them."""


def external(service: str) -> str:
    """Return the file that lies over the others where this service runs elsewhere."""
    return f"docker-compose.external-{service}.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a stack is put together from."""

    overlays: tuple[str, ...] = ()
    """Compose files over those of the image source."""
    profiles: tuple[str, ...] = ()
    without: str = ""
    """Why Milvus does not start by itself; empty where it does."""


def choose(
    memos: Memos,
    *,
    with_milvus: str,
    local_models: bool,
    preferences: bool = False,
    debugged: bool = False,
) -> Choice:
    """Choose by the MemOS that runs and by WITH_MILVUS: yes, no or nothing.

    Where Milvus is not waited for, its profile is named all the same, so that its services can be
    asked for by name; whether they start by themselves says their `x-wanted`.
    """
    unused = not memos.uses_milvus
    apart = unused or with_milvus == "no"
    why = f"MemOS {memos.version} does not use it" if unused else "WITH_MILVUS=no"
    return Choice(
        overlays=((WITHOUT_MILVUS,) if apart else ()) + ((DEBUG,) if debugged else ()),
        profiles=(
            *(("models",) if local_models else ()),
            *((MILVUS,) if apart else ()),
            *((PREFERENCES,) if preferences and memos.uses_milvus else ()),
        ),
        without=why if apart and with_milvus != "yes" else "",
    )


def with_elsewhere(chosen: Choice, elsewhere: Iterable[str]) -> Choice:
    """Return the choice where these services run elsewhere; a Milvus there keeps preferences."""
    names = tuple(elsewhere)
    if not names:
        return chosen
    kept = (one for one in chosen.profiles if MILVUS not in names or one != PREFERENCES)
    return replace(
        chosen,
        overlays=(*chosen.overlays, *map(external, names)),
        profiles=(*kept, ELSEWHERE),
    )


def missing_milvus(memos: Memos, *, with_milvus: str, preferences: bool) -> bool:
    """Say whether WITH_MILVUS=no takes away what this MemOS keeps preferences in."""
    return with_milvus == "no" and preferences and memos.uses_milvus

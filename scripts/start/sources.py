"""Brings MEMOS_SRC to an engine on another machine before what runs it starts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.config.workspace import Workspace
from scripts.core import units
from scripts.core.progress import Say
from scripts.core.stack import Service

if TYPE_CHECKING:
    from scripts.engine.source.bring import Brought

SHOWN = 5
"""So many files that stay away are named."""


def wanted(space: Workspace, names: Iterable[str]) -> Service | None:
    """Return the service of these that gets its source from a volume; None where none does."""
    services = map(space.stack.service, names)
    return next((one for one in services if one.source), None) if space.engine.remote else None


def folder(space: Workspace) -> Path:
    """Return what the volume is to hold: without MEMOS_SRC what is mounted then, too."""
    return space.settings.memos_src or space.compose.files[0].parent / "memos-api" / "src"


def supply(space: Workspace, names: Sequence[str], say: Say, *, anew: bool) -> None:
    """Bring what differs for these services, and have what is saved from now on brought.

    Anew, whatever is known of the volume; but it is believed to hold no source where none is to be
    in it: that would take a helper container each time. Raises ConfigError as `tree.look` does,
    RefusedError and EngineError where the engine does not take it.
    """
    if (service := wanted(space, names)) is None:
        return
    from scripts.engine.source import bring

    source, anew = folder(space), anew and space.settings.memos_src is not None
    duty = bring.Duty(
        endpoint=space.engine.endpoint,
        folder=str(source),
        volume=service.source,
        project=space.stack.project,
        image=service.image,
    )
    brought = bring.bring(source, bring.volume(duty), space.cache, space.compose.runner, anew=anew)
    bring.keep(space.cache, duty if space.settings.reloads else None)
    if space.settings.memos_src:
        for line in told(brought, source, space.engine.remote):
            say(line)


def forget(space: Workspace) -> None:
    """Have nothing brought any more: what it was for is gone."""
    if space.engine.remote:
        from scripts.engine.source import bring

        bring.forget(space.cache)


def told(brought: "Brought", source: Path, remote: str) -> list[str]:
    """Return what became of it in lines for people."""
    size = units.size(brought.size)
    done = f"{len(brought.put)} of {brought.files} files brought, {size}"
    if brought.gone:
        done += f", {len(brought.gone)} removed"
    if not brought.put and not brought.gone:
        done = f"{brought.files} files are there as they are here"
    names = sorted(brought.refused)
    lines = [f"not brought: {name}: {brought.refused[name]}" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        lines.append(f"not brought: {len(names) - SHOWN} more; inv remote names all")
    return [f"source: {source} at {remote}: {done}", *lines]

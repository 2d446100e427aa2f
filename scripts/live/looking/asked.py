"""What is asked beside the look, in its own time: MemOS' numbers, and what it keeps."""

import time
from typing import Any

from scripts.config.workspace import Workspace
from scripts.core.look import Look
from scripts.live.looking.scene import Source
from scripts.watch import metrics
from scripts.watch.memories import halves
from scripts.watch.memories.stores import Stores
from scripts.watch.published import running

NUMBERS, KEPT = 10.0, 30.0
"""Seconds between two times: it costs a program in the API's container, and a look at all ids."""


def sources() -> tuple[Source, ...]:
    """Return them as parts of the document."""
    return (
        Source(name="memos", seconds=NUMBERS, ask=_numbers),
        Source(name="memories", seconds=KEPT, ask=_kept),
    )


def _numbers(space: Workspace, look: Look) -> dict[str, Any]:
    told = metrics.ask(space.api, space.stack, look.containers)
    document = metrics.document(space.stack.project, told, time.time())
    # the moment is another one each time, and nobody would see anything else
    return {name: part for name, part in document.items() if name not in {"project", "at"}}


def _kept(space: Workspace, look: Look) -> dict[str, Any]:
    stores = Stores.of(running(space.stack, look.containers), space.settings.get)
    return halves.document(space.stack.project, stores.look())

"""Asks the machine of an engine at tcp://: a throw-away container reads its memory and disk."""

from collections.abc import Sequence

from scripts.core.errors import StackError
from scripts.core.inventory import Host
from scripts.engine.api import Api
from scripts.engine.remote import there
from scripts.engine.throwaway import Helper

SCRIPT = "df -Pk / && cat /proc/meminfo /proc/cpuinfo"
"""A container's / lies where the engine keeps its data; /proc shows the machine's own numbers."""


def look(api: Api, project: str, images: Sequence[str]) -> Host | None:
    """Return the facts of the engine's machine; None when no image that is there has a shell.

    Raises EngineError when the engine does not answer.
    """
    for image in images:
        if api.get(f"/images/{image}/json") is not None:
            try:
                said = Helper(api, project, image, {}, patience=api.timeout).run(SCRIPT)
                host = there.hardware(said, "the engine's folder")
            except StackError:  # it has no shell, as etcd's
                continue
            if host is not None:
                return host
    return None

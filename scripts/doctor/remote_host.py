"""Asks a machine whose engine is elsewhere: a throw-away container reads its memory and disk."""

from collections.abc import Sequence

from scripts.core.errors import StackError
from scripts.core.inventory import Host
from scripts.engine.api import Api
from scripts.engine.throwaway import Helper
from scripts.machine import resources

SCRIPT = "df -Pk / && cat /proc/meminfo /proc/cpuinfo"
"""A container's / lies where the engine keeps its data; /proc shows the machine's own numbers."""
LEAST_WORDS = 5
"""Up to and with "Available" in a line of `df -P`."""


def look(api: Api, project: str, images: Sequence[str]) -> Host | None:
    """Return the facts of the engine's machine; None when no image that is there has a shell.

    Raises EngineError when the engine does not answer.
    """
    for image in images:
        if api.get(f"/images/{image}/json") is not None:
            try:
                host = parse(Helper(api, project, image, {}, patience=api.timeout).run(SCRIPT))
            except StackError:  # it has no shell, as etcd's
                continue
            if host is not None:
                return host
    return None


def parse(text: str) -> Host | None:
    """Read what SCRIPT printed; None when that is something else."""
    lines = text.splitlines()
    words = lines[1].split() if len(lines) > 1 else []
    if len(words) < LEAST_WORDS or not words[3].isdigit():
        return None
    return Host(
        memory=resources.memory(text),
        cpus=sum(line.startswith("processor") for line in lines),
        cpu_flags=resources.cpu_flags(text),
        disk="the engine's folder",
        disk_free=int(words[3]) * 1024,
    )

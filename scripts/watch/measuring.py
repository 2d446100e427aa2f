"""Asks the engine, and this machine, what services use, all at once."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from scripts.core.look import Container, Look, State, Usage
from scripts.core.units import nanoseconds
from scripts.engine.api import Api, shaped
from scripts.watch import on_host

INACTIVE = ("total_inactive_file", "inactive_file")
"""File pages that the kernel can drop, as cgroup v1 and v2 call them."""


def measured(api: Api, look: Look, names: Sequence[str]) -> Look:
    """Return the look with what the running containers of these services use now."""
    running = [
        container
        for container in look.containers
        if container.service in names
        and container.state in {State.RUNNING, State.PAUSED}
        and not container.elsewhere
    ]

    def ask(container: Container) -> Usage | None:
        if container.host is not None:
            return on_host.usage(container.host, time.time_ns())
        # one-shot: at once, without the second that the engine takes for a percentage
        path = f"/containers/{container.id}/stats"
        return usage(api.get(path, stream=False, **{"one-shot": True}) or {})

    with ThreadPoolExecutor(max_workers=max(1, len(running))) as pool:
        usages = zip(running, pool.map(ask, running), strict=True)
        return replace(look, usage={one.service: used for one, used in usages if used is not None})


@shaped("what a container uses")
def usage(stats: dict[str, Any]) -> Usage | None:
    """Turn the engine's statistics into ours, memory as `docker stats` shows it.

    None where there are none: the container has just ended, or it has no control group of its own,
    as with a rootless engine on cgroup v1. That one tells the numbers of the whole machine then,
    and no count of processes.
    """
    memory, cpu = stats.get("memory_stats") or {}, stats.get("cpu_stats") or {}
    total = int(cpu.get("cpu_usage", {}).get("total_usage", 0))
    read_at = nanoseconds(stats.get("read", ""))
    alone = (stats.get("pids_stats") or {}).get("current")
    if not alone or "usage" not in memory or not total or not read_at:
        return None
    details = memory.get("stats") or {}
    inactive = next((int(details[name]) for name in INACTIVE if name in details), 0)
    whole = int(memory["usage"])
    return Usage(memory=whole - inactive if inactive < whole else whole, cpu=total, read_at=read_at)

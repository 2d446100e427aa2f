"""Asks this machine: memory, processor and disk."""

import shutil
from pathlib import Path

from scripts.inventory import Host

PROC = Path("/proc")


def look(folder: Path, proc: Path = PROC) -> Host:
    """Give the facts of this machine; `folder` lies on the disk that the engine uses."""
    return Host(
        memory=_memory(proc),
        cpu_flags=_cpu_flags(proc),
        disk=str(folder),
        disk_free=shutil.disk_usage(_existing(folder)).free,
    )


def _memory(proc: Path) -> int:
    try:
        lines = (proc / "meminfo").read_text().splitlines()
    except OSError:
        return 0
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    return sizes.get("MemAvailable", 0)


def _cpu_flags(proc: Path) -> frozenset[str]:
    try:
        text = (proc / "cpuinfo").read_text()
    except OSError:
        return frozenset()
    flags = (line.split(":")[1] for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(flags, "").split())


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())

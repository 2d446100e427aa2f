"""Asks this machine: memory, processor and disk."""

import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from scripts.core.inventory import Host

PROC, BOOT = Path("/proc"), Path("/boot")


def look(folder: Path, proc: Path = PROC) -> Host:
    """Return the facts of this machine; `folder` lies on the disk that the engine uses.

    Its free space is asked of the nearest one above that is there, and that this user may see.
    """
    seen = next(path for path in (folder, *folder.parents) if os.access(path, os.F_OK))
    return Host(
        memory=memory(_text(proc / "meminfo")),
        cpus=os.cpu_count() or 0,
        cpu_flags=cpu_flags(_text(proc / "cpuinfo")),
        disk=str(folder),
        disk_free=shutil.disk_usage(seen).free,
    )


def memory(text: str) -> int:
    """Return the bytes that programs can still get, from the text of /proc/meminfo; 0 for none."""
    match = re.search(r"^MemAvailable: +(\d+) kB", text, re.MULTILINE)
    return int(match[1]) * 1024 if match else 0


def cpu_flags(text: str) -> frozenset[str]:
    """Return the features of the first processor, from the text of /proc/cpuinfo."""
    flags = (line.split(":")[1] for line in text.splitlines() if line.startswith("flags"))
    return frozenset(next(flags, "").split())


def kernel(proc: Path = PROC, boot: Path = BOOT) -> str:
    """Return what this kernel was built with, a line for each option; empty where it tells not."""
    packed, plain = proc / "config.gz", boot / f"config-{os.uname().release}"
    try:
        import gzip

        return gzip.decompress(packed.read_bytes()).decode() if packed.exists() else _text(plain)
    except (OSError, EOFError, ValueError):
        return ""


def lacks(text: str, options: Iterable[str]) -> tuple[str, ...]:
    """Return those of these options, such as IP_VS, that a kernel was built without.

    None where it does not tell what it was built with.
    """
    built = set(re.findall(r"^CONFIG_(\w+)=[ym]$", text, re.MULTILINE))
    return tuple(option for option in options if text and option not in built)


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""

"""Pure rules over what is known before any container is touched."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from scripts.host import Host
from scripts.model import Container, Finding

GIB = 2**30
LEAST_MEMORY = 3 * GIB
"""Bytes; the package-built stack takes about 2 GiB, Neo4j's and MemOS' peaks included."""
LEAST_DISK = 5 * GIB
CPU_FLAGS = frozenset({"avx", "sse4_2"})
"""What Milvus' binaries were compiled for (https://github.com/milvus-io/milvus/issues/43729)."""


def check(
    names: tuple[str, ...],
    *,
    host: Host,
    holders: Mapping[int, tuple[str, str]],
    folder: Path,
) -> tuple[Finding, ...]:
    """Give all findings at once about starting the services of these names.

    `holders` maps a taken port to its service and its holder.
    """
    return (*_ports(holders), *_machine(names, host, folder))


def foreign(containers: tuple[Container, ...], folder: Path) -> Container | None:
    """Give a container of this project that another checkout made, if there is one."""
    return next((c for c in containers if c.working_dir not in {"", str(folder)}), None)


def _ports(holders: Mapping[int, tuple[str, str]]) -> Iterator[Finding]:
    for port, (service, holder) in sorted(holders.items()):
        yield Finding(
            code="port-taken",
            service=service,
            cause=f"port {port} is taken by {holder}",
            next_step=f"stop it, or choose another port for {service} in .env",
        )


def _machine(names: tuple[str, ...], host: Host, folder: Path) -> Iterator[Finding]:
    missing = CPU_FLAGS - host.cpu_flags
    if host.cpu_flags and missing and "milvus" in names:
        yield Finding(
            code="cpu-flags",
            service="milvus",
            cause=f"the processor lacks {', '.join(sorted(missing))}, which Milvus needs",
            next_step="inv up --service neo4j --service qdrant, or use another machine",
        )
    if 0 < host.memory < LEAST_MEMORY:
        yield Finding(
            code="memory",
            cause=f"{host.memory / GIB:.1f} GiB of memory are free, the stack wants 3 GiB",
            next_step="end other programs, or start less: inv up --service neo4j",
            fatal=False,
        )
    if 0 < host.disk_free < LEAST_DISK:
        yield Finding(
            code="disk",
            cause=f"{host.disk_free / GIB:.1f} GiB are free under {folder}, wanted 5 GiB",
            next_step="make room, then: inv up",
            fatal=host.disk_free < GIB,
        )

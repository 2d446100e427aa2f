"""Causes that the engine or the kernel tells, whatever runs in the container."""

from collections.abc import Iterator

from scripts.core.finding import Finding
from scripts.core.look import Container, Look
from scripts.core.stack import Service
from scripts.diagnosis.causes.pulls import pull_cause
from scripts.diagnosis.evidence import again, finding, heard, last, over
from scripts.diagnosis.readiness import failing

EXITS = {
    134: ("aborted", "it aborted itself (exit code 134)"),
    139: ("segfault", "it broke off with a segmentation fault (exit code 139)"),
    143: ("stopped", "it was asked to stop (exit code 143)"),
}
"""Exit codes that tell a cause, 128 + signal; 132 and 137 have rules of their own."""


def port_taken(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Another program has the port; four texts, by engine (moby, Engine 27, 28, Docker Desktop)."""
    if not failing(service, container, seen):
        return
    found = last(
        (container.error,),
        r"Bind for \S+?:(?P<port>\d+) failed: port is already allocated",
        r"listen \w+ \S+?:(?P<port>\d+): bind: address already in use",
        r"failed to bind host port \S+?:(?P<port>\d+)/\w+: address already in use",
        r"(?P<windows>exposing port \w+ )\S+?:(?P<port>\d+) -> ",
        r"(?P<windows>)listen \w+ \S+?:(?P<port>\d+): bind: An attempt was made to access",
    )
    if not found:
        return
    port, windows = found["port"], "windows" in found.re.groupindex
    look = (
        "netsh interface ipv4 show excludedportrange protocol=tcp"
        if windows
        else f"ss -ltnp 'sport = :{port}'"
    )
    holder = "a program or a range that Windows reserves" if windows else "another program"
    yield from finding(
        service,
        "port-taken",
        f"port {port} of this machine is held by {holder}",
        found,
        f"{look} tells who; stop it, or choose another port for {service.name} in .env;"
        " then: inv up",
    )


def mount_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """A folder that the container wants to see is not there; moby, volume/mounts/validate.go."""
    told = (container.error,) if failing(service, container, seen) else ()
    if found := last(told, r"bind source path does not exist: (?P<path>\S+)"):
        yield from finding(
            service,
            "mount-missing",
            f"the folder {found['path']} is not on the engine's machine",
            found,
            f"correct the path in .env (MEMOS_SRC), then: {again(service)}",
        )


def image_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its image cannot be had; the texts of pulls."""
    told = container.error if failing(service, container, seen) else ""
    pulled = "image" in told or "manifest" in told or "pull" in told
    if pulled and (cause := pull_cause(told)):
        yield from finding(service, cause.code, cause.cause, told, cause.next_step)


def program_missing(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The image lacks the program to run, or it is for another processor."""
    told = (*heard(service, container, seen),)
    if found := last(told, r"(?i)exec format error"):
        yield from finding(
            service,
            "image-architecture",
            f"{service.image} is made for another processor than this machine's",
            found,
            f"another image for {service.name} in .env, then: {again(service)}",
        )
    elif container.error and (
        found := last(told[-2:], r"exec: \"(?P<name>[^\"]+)\": (?:executable file|stat)")
    ):
        yield from finding(
            service,
            "program-missing",
            f"{service.image} has no program {found['name']}",
            found,
            f"another image for {service.name} in .env, then: {again(service)}",
        )


def health_check_broken(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Its check cannot work in its image, so it says nothing about the service."""
    told = container.health_output.splitlines() if failing(service, container, seen) else ()
    if found := last(
        told,
        # runc, through the engine's exec
        r"exec failed: .*exec: \"(?P<name>[^\"]+)\"",
        r"exec: \"(?P<name>[^\"]+)\": executable file not found",
        # dash, bash and busybox
        r"sh: (?:line )?(?:\d+: )?(?P<name>[\w./-]+): (?:command )?not found",
    ):
        yield from finding(
            service,
            "health-check-broken",
            f"its health check needs {found['name']}, which {service.image} does not have",
            found,
            f"correct the healthcheck of {service.name} in the compose file, or its image in .env;"
            " then: inv up",
            # a probe of ours says more than the engine's check
            fatal=not service.probes,
        )


def disk_full(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The kernel's ENOSPC, which means inodes too; and what hides it."""
    found = last(
        heard(service, container, seen),
        r"(?i)no space left on device|ENOSPC|disk quota exceeded|os error 28\b",
        # MinIO, cmd/typed-errors.go
        r"XMinioStorageFull|minimum free drive threshold",
        # Neo4j 5.26 tells only in a frame of its stack; recorded on a full tmpfs
        r"handleOutOfDiskSpaceError|running out of disk space",
    )
    if found:
        yield from finding(
            service,
            "disk-full",
            "no space, or no inodes, are left where its data lies",
            found,
            "df -h and df -i for the engine's folder (docker info shows it); make room, such as"
            f" docker image prune; then: inv restart --service {service.name}",
        )


def read_only(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The kernel's EROFS."""
    told = heard(service, container, seen)
    if found := last(told, r"(?i)read-only file system|EROFS|os error 30\b"):
        yield from finding(
            service,
            "read-only",
            "it cannot write: a file system is read-only, often after a disk error",
            found,
            "dmesg | tail shows disk errors; mount it writable, then:"
            f" inv restart --service {service.name}",
        )


def too_many_files(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """The kernel's EMFILE (https://github.com/qdrant/qdrant/issues/6025)."""
    told = heard(service, container, seen)
    if found := last(told, r"(?i)too many open files|os error 24\b"):
        yield from finding(
            service,
            "file-limit",
            "it may not open more files",
            found,
            "raise the engine's default-ulimits nofile in daemon.json, restart the engine,"
            " then: inv up",
            fatal=over(container),
        )


def permission(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """It may not read or write something it wants; said last, programs also ask in vain."""
    found = last(
        heard(service, container, seen),
        r"(?i)permission denied[:,]? ['\"]?(?P<path>/[^'\"\s,]+)",
        r"(?i)(?P<path>/[^'\":\s]+)['\"]?:? permission denied",
        r"(?P<path>/\S+) is not writable for user",  # our Neo4j image
    )
    if found:
        yield from finding(
            service,
            "permission-denied",
            f"it may not use {found['path']}",
            found,
            f"let the container's user have it (ls -l, chmod, chown), then: {again(service)}",
            fatal=over(container),
        )


def no_such_instruction(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Exit code 132, SIGILL (https://github.com/milvus-io/milvus/issues/43729)."""
    told = heard(service, container, seen)
    found = last(told, r"(?i)illegal instruction|SIGILL")
    if failing(service, container, seen) and (container.exit_code == 132 or found):  # noqa: PLR2004
        wanted = ", ".join(service.cpu_flags) or "AVX"
        yield from finding(
            service,
            "cpu-flags",
            f"the processor lacks an instruction that it needs ({wanted})",
            found or "exit code 132",
            "another machine, or show the virtual one the host's processor (CPU type host);"
            " or name services that do not need it: inv up --service",
        )


def killed(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """Exit code 137 without the engine's OOM flag: somebody else's SIGKILL."""
    sigkill = container.exit_code == 137 and not container.oom_killed  # noqa: PLR2004
    if sigkill and failing(service, container, seen):
        yield from finding(
            service,
            "killed",
            "it was killed, and not for its own memory limit: by somebody, or by a machine"
            " without memory",
            "exit code 137",
            f"dmesg | grep -i oom and free -m; then: {again(service)}",
            fatal=over(container),
        )


def exit_code(service: Service, container: Container, seen: Look) -> Iterator[Finding]:
    """What is left to tell by the exit code alone."""
    if container.exit_code in EXITS and failing(service, container, seen):
        code, cause = EXITS[container.exit_code]
        told = seen.logs.get(service.name, ())
        found = last(told, r"^panic: |^fatal error: |terminate called|Aborted|\[FATAL\]")
        yield from finding(
            service,
            code,
            cause,
            found or f"exit code {container.exit_code}",
            again(service)
            if code == "stopped"
            else f"inv logs --service {service.name} --tail 400",
            fatal=over(container),
        )

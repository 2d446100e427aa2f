"""Causes that the kernel and health checks tell, whatever runs in the container."""

import re
from collections.abc import Iterable

from scripts.core.finding import DOCKER, Finding
from scripts.core.texts import last
from scripts.diagnosis.failure import Cause, Failure, known_by, proxied

SIGILL, SIGKILL = 132, 137
"""Exit codes after these signals, 128 + signal."""
EXITS = {
    134: ("aborted", "it aborted itself (exit code 134)"),
    139: ("segfault", "it broke off with a segmentation fault (exit code 139)"),
    143: ("stopped", "it was asked to stop (exit code 143)"),
}
"""Exit codes that tell a cause; SIGILL and SIGKILL have signatures of their own."""


def _check_output(failure: Failure) -> Iterable[str]:
    return failure.container.health_output.splitlines()


def _written(failure: Failure) -> Iterable[str]:
    return failure.log


@known_by(r"(?i)exec format error")
def architecture(failure: Failure, _: re.Match[str]) -> Cause:
    """The image is for another processor."""
    return Cause(
        "image-architecture",
        f"{failure.image} is made for another processor than this machine's",
        f"another image for {failure.who} in .env, then: {failure.up}",
    )


@known_by(
    # runc, through the engine's exec
    r"exec failed: .*exec: \"(?P<name>[^\"]+)\"",
    r"exec: \"(?P<name>[^\"]+)\": executable file not found",
    # dash, bash and busybox
    r"sh: (?:line )?(?:\d+: )?(?P<name>[\w./-]+): (?:command )?not found",
    within=_check_output,
)
def health_check_broken(failure: Failure, match: re.Match[str]) -> Cause:
    """Its check cannot work in its image, so it says nothing about the service."""
    return Cause(
        "health-check-broken",
        f"its health check needs {match['name']}, which {failure.image} does not have",
        f"correct the healthcheck of {failure.name} in the compose file, or its image in .env;"
        " then: inv up",
        # a probe of ours says more than the engine's check
        fatal=not failure.service.probes,
    )


@known_by(
    r"(?i)no space left on device|ENOSPC|disk quota exceeded|os error 28\b",
    # MinIO, cmd/typed-errors.go
    r"XMinioStorageFull|minimum free drive threshold",
    # Neo4j 5.26 tells only in a frame of its stack; recorded on a full tmpfs
    r"handleOutOfDiskSpaceError|running out of disk space",
)
def disk_full(failure: Failure, _: re.Match[str]) -> Cause:
    """The kernel's ENOSPC, which means inodes too; and what hides it."""
    return Cause(
        "disk-full",
        "no space, or no inodes, are left where its data lies",
        f"df -h and df -i for the engine's folder show it; make room, such as {DOCKER} image prune;"
        f" then: {failure.again}",
    )


@known_by(r"(?i)read-only file system|EROFS|os error 30\b")
def read_only(failure: Failure, _: re.Match[str]) -> Cause:
    """The kernel's EROFS."""
    return Cause(
        "read-only",
        "it cannot write: a file system is read-only, often after a disk error",
        f"dmesg | tail shows disk errors; mount it writable, then: {failure.again}",
    )


@known_by(r"(?i)too many open files|os error 24\b")
def too_many_files(failure: Failure, _: re.Match[str]) -> Cause:
    """The kernel's EMFILE (https://github.com/qdrant/qdrant/issues/6025)."""
    return Cause(
        "file-limit",
        "it may not open more files",
        "raise the engine's default-ulimits nofile in daemon.json, restart the engine,"
        " then: inv up",
        fatal=failure.over,
    )


@known_by(
    r"(?i)permission denied[:,]? ['\"]?(?P<path>/[^'\"\s,]+)",
    r"(?i)(?P<path>/[^'\":\s]+)['\"]?:? permission denied",
    r"(?P<path>/\S+) is not writable for user",  # our Neo4j image
)
def permission(failure: Failure, match: re.Match[str]) -> Cause:
    """It may not read or write something it wants; said last, programs also ask in vain."""
    return Cause(
        "permission-denied",
        f"it may not use {match['path']}",
        f"let the container's user have it (ls -l, chmod, chown), then: {failure.up}",
        fatal=failure.over,
    )


@known_by(
    r"(?i)proxyconnect|proxyerror|tunnel connection failed|bad gateway",
    r"(?i)\b(?:403|407|502|503|504)\b",
    r"(?i)no answer from|waiting for \S+ at|timed? ?out|refused|unreachable",
    within=_written,
)
def through_proxy(failure: Failure, match: re.Match[str]) -> Cause | None:
    """It complains of neighbours that are well, and calls them by way of a proxy."""
    named = failure.neighbour(match.string)
    needs = (named,) if named in failure.service.needs else failure.service.needs
    need = next((one for one in needs if failure.by_proxy(one) and failure.well(one)), None)
    if need is None:
        return None
    return proxied(failure, need, fatal=failure.over or need in failure.look.steady)


def no_such_instruction(failure: Failure) -> Finding | None:
    """Exit code 132, SIGILL (https://github.com/milvus-io/milvus/issues/43729)."""
    match = last(failure.lines, r"(?i)illegal instruction|SIGILL")
    if match is None and failure.container.exit_code != SIGILL:
        return None
    flags = ", ".join((*failure.service.cpu_flags, *failure.service.cpu_wishes)) or "AVX"
    cause = Cause(
        "cpu-flags",
        f"the processor lacks an instruction that it needs ({flags})",
        "another machine, or show the virtual one the host's processor (CPU type host);"
        " or name services that do not need it: inv up --service",
    )
    return failure.finding(cause, match or f"exit code {SIGILL}")


def killed(failure: Failure) -> Finding | None:
    """Exit code 137 without the engine's OOM flag: somebody else's SIGKILL."""
    if failure.container.exit_code != SIGKILL or failure.container.oom_killed:
        return None
    cause = Cause(
        "killed",
        "it was killed, and not for its own memory limit: by somebody, or by a machine"
        " without memory",
        f"dmesg | grep -i oom and free -m; then: {failure.up}",
        fatal=failure.over,
    )
    return failure.finding(cause, f"exit code {SIGKILL}")


def exit_code(failure: Failure) -> Finding | None:
    """What is left to tell by the exit code alone."""
    number = failure.container.exit_code
    if number not in EXITS:
        return None
    code, cause = EXITS[number]
    logs = f"inv logs --service {failure.name} --tail 400"
    step = failure.up if code == "stopped" else logs
    match = last(failure.log, r"^panic: |^fatal error: |terminate called|Aborted|\[FATAL\]")
    known = Cause(code, cause, step, fatal=failure.over)
    return failure.finding(known, match or f"exit code {number}")

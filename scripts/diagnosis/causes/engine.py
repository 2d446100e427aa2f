"""Causes that the engine or the kernel tells, whatever runs in the container."""

import re
from collections.abc import Iterable

from scripts.core.finding import Finding
from scripts.core.texts import last
from scripts.diagnosis.causes.pulls import pull_cause
from scripts.diagnosis.failure import Cause, Failure, known_by

SIGILL, SIGKILL = 132, 137
"""Exit codes after these signals, 128 + signal."""
EXITS = {
    134: ("aborted", "it aborted itself (exit code 134)"),
    139: ("segfault", "it broke off with a segmentation fault (exit code 139)"),
    143: ("stopped", "it was asked to stop (exit code 143)"),
}
"""Exit codes that tell a cause; SIGILL and SIGKILL have signatures of their own."""


def _refusal(failure: Failure) -> Iterable[str]:
    return (failure.container.error,)


def _check_output(failure: Failure) -> Iterable[str]:
    return failure.container.health_output.splitlines()


def _last_said(failure: Failure) -> Iterable[str]:
    return failure.lines[-2:] if failure.container.error else ()


@known_by(
    r"Bind for \S+?:(?P<port>\d+) failed: port is already allocated",
    r"listen \w+ \S+?:(?P<port>\d+): bind: address already in use",
    r"failed to bind host port \S+?:(?P<port>\d+)/\w+: address already in use",
    r"(?P<windows>exposing port \w+ )\S+?:(?P<port>\d+) -> ",
    r"(?P<windows>)listen \w+ \S+?:(?P<port>\d+): bind: An attempt was made to access",
    within=_refusal,
)
def port_taken(failure: Failure, match: re.Match[str]) -> Cause:
    """Another program has the port; four texts, by engine (moby, Engine 27, 28, Docker Desktop)."""
    holder, command = "another program", f"ss -ltnp 'sport = :{match['port']}'"
    if "windows" in match.re.groupindex:
        holder = "a program or a range that Windows reserves"
        command = "netsh interface ipv4 show excludedportrange protocol=tcp"
    return Cause(
        "port-taken",
        f"port {match['port']} of this machine is held by {holder}",
        f"{command} tells who; stop it, or choose another port for {failure.name} in .env;"
        " then: inv up",
    )


@known_by(r"bind source path does not exist: (?P<path>\S+)", within=_refusal)
def mount_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """A folder that the container wants to see is not there; moby, volume/mounts/validate.go."""
    return Cause(
        "mount-missing",
        f"the folder {match['path']} is not on the engine's machine",
        f"correct the path in .env (MEMOS_SRC), then: {failure.up}",
    )


def image_missing(failure: Failure) -> Finding | None:
    """Its image cannot be had; the texts of pulls."""
    error = failure.container.error
    pulled = "image" in error or "manifest" in error or "pull" in error
    cause = pull_cause(error) if pulled else None
    return failure.finding(cause, error) if cause is not None else None


@known_by(r"(?i)exec format error")
def architecture(failure: Failure, _: re.Match[str]) -> Cause:
    """The image is for another processor."""
    return Cause(
        "image-architecture",
        f"{failure.image} is made for another processor than this machine's",
        f"another image for {failure.name} in .env, then: {failure.up}",
    )


@known_by(r"exec: \"(?P<name>[^\"]+)\": (?:executable file|stat)", within=_last_said)
def program_missing(failure: Failure, match: re.Match[str]) -> Cause:
    """The image lacks the program to run."""
    return Cause(
        "program-missing",
        f"{failure.image} has no program {match['name']}",
        f"another image for {failure.name} in .env, then: {failure.up}",
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
        "df -h and df -i for the engine's folder (docker info shows it); make room, such as"
        f" docker image prune; then: inv restart --service {failure.name}",
    )


@known_by(r"(?i)read-only file system|EROFS|os error 30\b")
def read_only(failure: Failure, _: re.Match[str]) -> Cause:
    """The kernel's EROFS."""
    return Cause(
        "read-only",
        "it cannot write: a file system is read-only, often after a disk error",
        "dmesg | tail shows disk errors; mount it writable, then:"
        f" inv restart --service {failure.name}",
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


def no_such_instruction(failure: Failure) -> Finding | None:
    """Exit code 132, SIGILL (https://github.com/milvus-io/milvus/issues/43729)."""
    match = last(failure.lines, r"(?i)illegal instruction|SIGILL")
    if match is None and failure.container.exit_code != SIGILL:
        return None
    flags = ", ".join(failure.service.cpu_flags) or "AVX"
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

"""What the engine and the kernel tell, whatever runs in the container."""

import pytest

from tests.kit.recorded import Case, check

CREATE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
)


def refused(error: str, code: str, cause: str, step: str) -> Case:
    """Return the case of a start that the engine refused."""
    return Case(
        state="created",
        facts={"error": error},
        code=code,
        cause=cause,
        evidence=error[:250],
        step=step,
    )


FAULTS = {
    "the port of another container": refused(
        "driver failed programming external connectivity on endpoint web (1f): Bind for"
        " 0.0.0.0:5432 failed: port is already allocated",
        "port-taken",
        "port 5432",
        "ss -ltnp 'sport = :5432'",
    ),
    "the port of a process": refused(
        "driver failed programming external connectivity on endpoint web (1f): Error starting"
        " userland proxy: listen tcp4 127.0.0.1:45999: bind: address already in use",
        "port-taken",
        "port 45999",
        "choose another port",
    ),
    "the port of a process, Engine 28": refused(
        "failed to set up container networking: driver failed programming external connectivity on"
        " endpoint web (1f): failed to bind host port 0.0.0.0:8080/tcp: address already in use",
        "port-taken",
        "port 8080",
        "in .env",
    ),
    "a port that Windows keeps": refused(
        "Ports are not available: exposing port TCP 0.0.0.0:54322 -> 0.0.0.0:0: listen tcp"
        " 0.0.0.0:54322: bind: An attempt was made to access a socket in a way forbidden by its"
        " access permissions",
        "port-taken",
        "port 54322 of this machine is held by a program or a range that Windows reserves",
        "netsh interface ipv4 show excludedportrange",
    ),
    "a folder that is not there": refused(
        'invalid mount config for type "bind": bind source path does not exist: /home/me/src',
        "mount-missing",
        "/home/me/src",
        "MEMOS_SRC",
    ),
    "an image that is not there": refused(
        "No such image: quay.io/minio/minio:RELASE",
        "image-unknown",
        "quay.io/minio/minio:RELASE",
        "NAME_IMAGE in .env",
    ),
    "a program that is not there": refused(
        f'{CREATE}runc create failed: unable to start container process: exec: "milvus":'
        " executable file not found in $PATH: unknown",
        "program-missing",
        "example/image:1 has no program milvus",
        "another image",
    ),
    "an image for another processor": Case(
        said="exec /usr/bin/tini: exec format error",
        code="image-architecture",
        cause="another processor",
        step="another image",
    ),
    "a check that its image cannot run": Case(
        state="running",
        facts={
            "health": "unhealthy",
            "health_output": "OCI runtime exec failed: exec failed: unable to start container"
            ' process: exec: "curl": executable file not found in $PATH: unknown',
        },
        code="health-check-broken",
        fatal=False,
        cause="needs curl, which example/image:1 does not have",
        evidence="executable file not found",
        step="healthcheck",
    ),
    "a check whose shell finds no program": Case(
        state="running",
        facts={"health": "unhealthy", "health_output": "/bin/sh: 1: wget: not found"},
        code="health-check-broken",
        fatal=False,
        cause="needs wget",
        evidence="wget: not found",
        step="healthcheck",
    ),
    "a full disk": Case(
        said="OSError: [Errno 28] No space left on device: '/app/.memos/logs'",
        code="disk-full",
        cause="no inodes",
        step="df -i",
    ),
    "a disk that is read-only": Case(
        said="ERROR cannot start on 0.0.0.0:6333: [Errno 30] Read-only file system: 'x'",
        code="read-only",
        cause="read-only",
        step="dmesg",
    ),
    "too many open files": Case(
        said="IO Error: Too many open files (os error 24)",
        code="file-limit",
        fatal=False,
        cause="more files",
        step="nofile",
    ),
    "a folder it may not use": Case(
        said="mkdir /data/x: permission denied",
        state="exited",
        facts={"exit_code": 1},
        code="permission-denied",
        cause="/data/x",
        step="chown",
    ),
    "a folder that Neo4j may not write": Case(
        said="/data is not writable for user 7474. Change its owner, or start without --user.",
        code="permission-denied",
        fatal=False,
        cause="/data",
        step="chown",
    ),
    "an instruction that the processor lacks": Case(
        facts={"exit_code": 132},
        code="cpu-flags",
        cause="lacks an instruction",
        evidence="exit code 132",
        step="another machine",
    ),
    "a kill that was not for memory": Case(
        state="exited",
        facts={"exit_code": 137},
        code="killed",
        cause="it was killed",
        evidence="exit code 137",
        step="dmesg | grep -i oom",
    ),
    "an abort": Case(
        said="panic: no such component\n\ngoroutine 1 [running]:",
        facts={"exit_code": 134},
        code="aborted",
        fatal=False,
        cause="exit code 134",
        evidence="panic: no such component",
        step="inv logs --service",
    ),
    "a segmentation fault": Case(
        state="exited",
        facts={"exit_code": 139},
        code="segfault",
        cause="segmentation fault",
        evidence="exit code 139",
        step="inv logs",
    ),
    "a stop by somebody": Case(
        state="exited",
        facts={"exit_code": 143},
        code="stopped",
        cause="asked to stop",
        evidence="exit code 143",
        step="inv up --service",
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)

"""What the engine and the kernel tell, whatever runs in the container."""

import pytest

from tests.kit.recorded import Case, check

CREATE = (
    "failed to create task for container: failed to create shim task: OCI runtime create failed: "
)


def refused(error: str, wanted: tuple[str, str, str]) -> Case:
    """Return the case of a start that the engine refused."""
    return Case(state="created", facts={"error": error}, wanted=wanted, evidence=error[:250])


FAULTS = {
    "the port of another container": refused(
        "driver failed programming external connectivity on endpoint web (1f): Bind for"
        " 0.0.0.0:5432 failed: port is already allocated",
        ("port-taken", "port 5432", "ss -ltnp 'sport = :5432'"),
    ),
    "the port of a process": refused(
        "driver failed programming external connectivity on endpoint web (1f): Error starting"
        " userland proxy: listen tcp4 127.0.0.1:45999: bind: address already in use",
        ("port-taken", "port 45999", "choose another port"),
    ),
    "the port of a process, Engine 28": refused(
        "failed to set up container networking: driver failed programming external connectivity on"
        " endpoint web (1f): failed to bind host port 0.0.0.0:8080/tcp: address already in use",
        ("port-taken", "port 8080", "in .env"),
    ),
    "a port that Windows keeps": refused(
        "Ports are not available: exposing port TCP 0.0.0.0:54322 -> 0.0.0.0:0: listen tcp"
        " 0.0.0.0:54322: bind: An attempt was made to access a socket in a way forbidden by its"
        " access permissions",
        (
            "port-taken",
            "port 54322 of this machine is held by a program or a range that Windows reserves",
            "netsh interface ipv4 show excludedportrange",
        ),
    ),
    "a folder that is not there": refused(
        'invalid mount config for type "bind": bind source path does not exist: /home/me/src',
        ("mount-missing", "/home/me/src", "MEMOS_SRC"),
    ),
    "an image that is not there": refused(
        "No such image: quay.io/minio/minio:RELASE",
        ("image-unknown", "quay.io/minio/minio:RELASE", "NAME_IMAGE in .env"),
    ),
    "a program that is not there": refused(
        f'{CREATE}runc create failed: unable to start container process: exec: "milvus":'
        " executable file not found in $PATH: unknown",
        ("program-missing", "example/image:1 has no program milvus", "another image"),
    ),
    "an image for another processor": Case(
        said="exec /usr/bin/tini: exec format error",
        wanted=("image-architecture", "another processor", "another image"),
    ),
    "a check that its image cannot run": Case(
        state="running",
        facts={
            "health": "unhealthy",
            "health_output": "OCI runtime exec failed: exec failed: unable to start container"
            ' process: exec: "curl": executable file not found in $PATH: unknown',
        },
        wanted=(
            "health-check-broken",
            "needs curl, which example/image:1 does not have",
            "healthcheck",
        ),
        fatal=False,
        evidence="executable file not found",
    ),
    "a check whose shell finds no program": Case(
        state="running",
        facts={"health": "unhealthy", "health_output": "/bin/sh: 1: wget: not found"},
        wanted=("health-check-broken", "needs wget", "healthcheck"),
        fatal=False,
        evidence="wget: not found",
    ),
    "a full disk": Case(
        said="OSError: [Errno 28] No space left on device: '/app/.memos/logs'",
        wanted=("disk-full", "no inodes", "df -i"),
    ),
    "a disk that is read-only": Case(
        said="ERROR cannot start on 0.0.0.0:6333: [Errno 30] Read-only file system: 'x'",
        wanted=("read-only", "read-only", "dmesg"),
    ),
    "too many open files": Case(
        said="IO Error: Too many open files (os error 24)",
        wanted=("file-limit", "more files", "nofile"),
        fatal=False,
    ),
    "a folder it may not use": Case(
        said="mkdir /data/x: permission denied",
        state="exited",
        facts={"exit_code": 1},
        wanted=("permission-denied", "/data/x", "chown"),
    ),
    "a folder that Neo4j may not write": Case(
        said="/data is not writable for user 7474. Change its owner, or start without --user.",
        wanted=("permission-denied", "/data", "chown"),
        fatal=False,
    ),
    "a neighbour that is called by way of a proxy": Case(
        said="memos: waiting for qdrant at http://db-qdrant-1:6333, 3 s so far: HTTP Error 403",
        state="running",
        facts={"proxy": "HTTP_PROXY=p:3128", "no_proxy": frozenset({"db-etcd-1", "localhost"})},
        steady=("db-qdrant",),
        wanted=("proxy", "db-qdrant by way of a proxy (HTTP_PROXY=p:3128)", "inv down, then"),
    ),
    "a neighbour in whose place a proxy answers": Case(
        said="panic: rpc error: unexpected HTTP status code from server: 502 (Bad Gateway)",
        facts={"restarts": 3, "exit_code": 2, "proxy": "HTTPS_PROXY=p:1"},
        wanted=("proxy", "by way of a proxy (HTTPS_PROXY=p:1)", "inv down, then: inv up"),
    ),
    "a network that is cut, past a proxy": Case(
        said="memos: waiting for qdrant at http://db-qdrant-1:6333, 3 s so far: timed out",
        state="running",
        facts={"proxy": "HTTP_PROXY=p:3128", "no_proxy": frozenset({"db-qdrant-1"})},
        steady=("db-qdrant",),
        wanted=("network-cut", "it cannot reach db-qdrant", "inv down, then: inv up"),
    ),
    "an instruction that the processor lacks": Case(
        facts={"exit_code": 132},
        wanted=("cpu-flags", "lacks an instruction", "another machine"),
        evidence="exit code 132",
    ),
    "a kill that was not for memory": Case(
        state="exited",
        facts={"exit_code": 137},
        wanted=("killed", "it was killed", "dmesg | grep -i oom"),
        evidence="exit code 137",
    ),
    "an abort": Case(
        said="panic: no such component\n\ngoroutine 1 [running]:",
        facts={"exit_code": 134},
        wanted=("aborted", "exit code 134", "inv logs --service"),
        fatal=False,
        evidence="panic: no such component",
    ),
    "a segmentation fault": Case(
        state="exited",
        facts={"exit_code": 139},
        wanted=("segfault", "segmentation fault", "inv logs"),
        evidence="exit code 139",
    ),
    "a stop by somebody": Case(
        state="exited",
        facts={"exit_code": 143},
        wanted=("stopped", "asked to stop", "inv up --service"),
        evidence="exit code 143",
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)

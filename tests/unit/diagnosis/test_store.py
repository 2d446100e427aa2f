"""etcd, object stores and Milvus: each fault by what they said of it."""

import pytest

from tests.kit.recorded import Case, check, told

FAULTS = {
    "etcd cannot read its log at all": Case(
        said="panic: cannot use none as id",
        facts={"exit_code": 2, "restarts": 1},
        code="data-damaged",
        cause="etcd's files",
        step="inv reset --service",
    ),
    "etcd has used up its quota": Case(
        log="etcd-no-space",
        state="running",
        code="etcd-no-space",
        cause="used up its quota",
        evidence='"msg":"alarm raised","alarm":"NOSPACE"',
        step="etcdctl alarm disarm",
    ),
    "etcd's check tells the alarm": Case(
        state="running",
        facts={
            "health": "unhealthy",
            "health_output": "127.0.0.1:2379 is unhealthy: failed to commit proposal:"
            " Active Alarm(s): NOSPACE \nError: unhealthy cluster",
        },
        code="etcd-no-space",
        cause="NOSPACE",
        evidence="Active Alarm(s): NOSPACE",
        step="docker exec db-etcd-1 etcdctl defrag",
    ),
    "Milvus tells of etcd's quota": Case(
        said='[WARN] ["put failed"] [error="etcdserver: mvcc: database space exceeded"]',
        code="etcd-no-space",
        cause="no more writes",
        step="docker exec db-etcd-1 etcdctl",
    ),
    "a newer etcd wrote the data": Case(
        # https://github.com/etcd-io/etcd/blob/release-3.5/server/etcdserver/api/membership
        said='{"level":"fatal","caller":"membership/downgrade.go:59","msg":"invalid'
        " downgrade; server version is lower than determined cluster"
        ' version","current-server-version":"3.4.27","determined-cluster-version":"3.5"}',
        code="data-version",
        cause="newer version than example/image:1",
        step="put the former image",
    ),
    "etcd's log is damaged": Case(
        log="etcd-wal-damaged",
        code="data-damaged",
        cause="etcd's files",
        evidence='"error":"walpb: crc mismatch"',
        step="inv reset --service ",
    ),
    "etcd's database is damaged": Case(
        log="etcd-database-damaged",
        facts={"exit_code": 2},
        code="data-damaged",
        cause="etcd's files",
        evidence='"error":"invalid database"',
        step="inv reset --service ",
    ),
    "etcd's disk is full": Case(
        log="etcd-disk-full",
        code="disk-full",
        cause="no space",
        evidence='failed to create WAL","error":"no space left on device"',
        step="df -h and df -i",
    ),
    "etcd may not write": Case(
        log="etcd-read-only",
        code="read-only",
        cause="read-only",
        evidence="read-only file system",
        step="dmesg",
    ),
    "Milvus' queue is damaged": Case(
        said="[ERROR] Corruption: CURRENT file does not end with newline",
        code="data-damaged",
        cause="RocksDB",
        step="inv reset --service ",
    ),
    "an older MinIO wrote the data": Case(
        # https://github.com/minio/minio/issues/15999
        said="ERROR Unable to use the drive /minio_data: Drive /minio_data: found backend"
        " type fs, expected xl or xl-single: Invalid arguments specified",
        code="data-version",
        cause="another store or version",
        step="put the former image",
    ),
    "a real MinIO wrote the data": Case(
        said="minio stand-in: /minio_data holds data of a real MinIO, which SeaweedFS can't"
        " read; give it another volume",
        facts={"exit_code": 2},
        code="data-version",
        cause="another store",
        step="inv reset --service ",
    ),
    "MinIO's files are damaged": Case(
        said="FATAL Unable to initialize backend: Disk /minio_data: corrupted backend format",
        code="data-damaged",
        cause="object store",
        step="inv reset --service ",
    ),
    "the store's password is too short": Case(
        said="minio stand-in: MINIO_ROOT_PASSWORD has 3 characters, 8 or more are needed",
        code="login-invalid",
        cause="MINIO_ROOT_PASSWORD is too short",
        step="MINIO_ROOT_PASSWORD (8 or more) in .env",
    ),
    "MinIO finds its login too short": Case(
        said="FATAL Invalid credentials: access key length should be at least 3, and secret"
        " key length at least 8 characters",
        code="login-invalid",
        cause="MINIO_ROOT_USER or",
        step="in .env",
    ),
    "Milvus has another user than the store": Case(
        log="milvus-wrong-key",
        state="running",
        code="s3-login-rejected",
        cause="rejects the key",
        evidence="The access key ID you provided does not exist in our records.",
        step="MINIO_ROOT_USER and MINIO_ROOT_PASSWORD",
    ),
    "Milvus has another password than the store": Case(
        log="milvus-wrong-secret",
        state="running",
        code="s3-login-rejected",
        cause="rejects the key",
        evidence="The request signature we calculated does not match",
        step="one pair for the store and its clients",
    ),
    "a part of SeaweedFS ended": Case(
        said="F1123 03:08:47.185010 volume.go:12 cannot lock\n"
        "minio stand-in: a part of SeaweedFS ended by itself; see its last lines above",
        code="part-ended",
        fatal=False,
        cause="a part of the object store",
        evidence="cannot lock",
        step="inv logs",
    ),
    "Milvus' password is too long": Case(
        said="milvus: COMMON_SECURITY_DEFAULTROOTPASSWORD has 80 bytes, expected 1 to 72",
        facts={"exit_code": 2},
        code="login-invalid",
        cause="too long",
        step="MILVUS_PASSWORD in .env",
    ),
    "Milvus waits for etcd": Case(
        log="milvus-without-etcd",
        state="running",
        code="neighbour-unreachable",
        fatal=False,
        cause="it waits for",
        evidence="DeadlineExceeded",
        step="inv logs --service",
    ),
    "our Milvus image waits for etcd": Case(
        said="milvus: no answer from etcd at http://db-etcd-1:2379/health for 120 s (curl:"
        " (7) refused); is its container running?",
        code="neighbour-unreachable",
        fatal=False,
        cause="it waits for db-etcd,",
        step="inv logs --service db-etcd",
    ),
    "our Milvus image waits for an etcd that has been well for long": Case(
        said="milvus: no answer from etcd at http://db-etcd-1:2379/ for 2 s (curl: (7)); waiting",
        steady=("db-etcd",),
        code="network-cut",
        cause="it cannot reach db-etcd, which is well",
        step="inv down, then: inv up",
    ),
    "Milvus waits for etcd in a loop though it is there": Case(
        said="panic: failed to create etcd client: context deadline exceeded",
        facts={"exit_code": 134, "restarts": 3},
        code="neighbour-unreachable",
        cause="it waits for db-etcd,",
        step="inv logs --service db-etcd",
    ),
    "Milvus waits for the object store": Case(
        log="milvus-without-store",
        state="running",
        code="neighbour-unreachable",
        fatal=False,
        cause="it waits for",
        evidence="connect: connection refused",
        step="inv logs --service",
    ),
    "preference memory on an old Milvus": Case(
        said="<MilvusException: (code=1100, create index on 104 field is not supported)>",
        code="milvus-too-old",
        cause="2.5",
        step="ENABLE_PREFERENCE_MEMORY=false",
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)


def test_a_wait_that_is_over_is_no_fault() -> None:
    """Our Milvus image says so."""
    lines = ("milvus: no answer from etcd at http://db-etcd-1:2379/ for 2 s (curl: (7)); waiting",)
    case = Case(said="\n".join((*lines, "milvus: etcd answers")))

    assert told(case) == []

"""etcd, object stores and Milvus: each fault by what they said of it."""

import pytest

from tests.kit.recorded import Case, check, told

FAULTS = {
    "etcd cannot read its log at all": Case(
        alone=True,
        said="panic: cannot use none as id",
        facts={"exit_code": 2, "restarts": 1},
        wanted=("data-damaged", "etcd's files", "inv reset --service"),
    ),
    "etcd has used up its quota": Case(
        alone=True,
        log="etcd-no-space",
        state="running",
        wanted=("etcd-no-space", "used up its quota", "etcdctl alarm disarm"),
        evidence='"msg":"alarm raised","alarm":"NOSPACE"',
    ),
    "etcd's check tells the alarm": Case(
        alone=True,
        state="running",
        facts={
            "health": "unhealthy",
            "health_output": "127.0.0.1:2379 is unhealthy: failed to commit proposal:"
            " Active Alarm(s): NOSPACE \nError: unhealthy cluster",
        },
        wanted=("etcd-no-space", "NOSPACE", "-1 etcdctl defrag"),
        evidence="Active Alarm(s): NOSPACE",
    ),
    "the clocks of the store and of who calls it": Case(
        said="RequestTimeTooSkewed: The difference between the request time and the server's time"
        " is too large.",
        wanted=("clocks-apart", "15 minutes apart", "timedatectl set-ntp true"),
        fatal=False,
    ),
    "a newer etcd wrote the data": Case(
        alone=True,
        # https://github.com/etcd-io/etcd/blob/release-3.5/server/etcdserver/api/membership
        said='{"level":"fatal","caller":"membership/downgrade.go:59","msg":"invalid'
        " downgrade; server version is lower than determined cluster"
        ' version","current-server-version":"3.4.27","determined-cluster-version":"3.5"}',
        wanted=("data-version", "newer version than example/image:1", "put the former image"),
    ),
    "etcd's log is damaged": Case(
        alone=True,
        log="etcd-wal-damaged",
        wanted=("data-damaged", "etcd's files", "inv reset --service "),
        evidence='"error":"walpb: crc mismatch"',
    ),
    "etcd's database is damaged": Case(
        alone=True,
        log="etcd-database-damaged",
        facts={"exit_code": 2},
        wanted=("data-damaged", "etcd's files", "inv reset --service "),
        evidence='"error":"invalid database"',
    ),
    # recorded of Milvus Lite 3.2.2, which keeps preferences
    "the store of preferences may not write its data": Case(
        said="ERROR cannot start on 0.0.0.0:19531: [Errno 13] Permission denied:"
        " '/var/lib/milvus/collections'",
        facts={"exit_code": 1},
        wanted=("permission-denied", "/var/lib/milvus/collections", "chown"),
        fatal=False,
    ),
    "the disk under preferences is full": Case(
        said="OSError: [Errno 28] No space left on device",
        state="running",
        facts={"health": "unhealthy"},
        wanted=("disk-full", "no space", "df -h and df -i"),
    ),
    "etcd's disk is full": Case(
        log="etcd-disk-full",
        wanted=("disk-full", "no space", "df -h and df -i"),
        evidence='failed to create WAL","error":"no space left on device"',
    ),
    "etcd may not write": Case(
        log="etcd-read-only",
        wanted=("read-only", "read-only", "dmesg"),
        evidence="read-only file system",
    ),
    "Milvus' queue is damaged": Case(
        said="[ERROR] Corruption: CURRENT file does not end with newline",
        wanted=("data-damaged", "RocksDB", "inv reset --service "),
    ),
    "an older MinIO wrote the data": Case(
        alone=True,
        # https://github.com/minio/minio/issues/15999
        said="ERROR Unable to use the drive /minio_data: Drive /minio_data: found backend"
        " type fs, expected xl or xl-single: Invalid arguments specified",
        wanted=("data-version", "another store or version", "put the former image"),
    ),
    "a real MinIO wrote the data": Case(
        alone=True,
        said="minio stand-in: /minio_data holds data of a real MinIO, which SeaweedFS can't"
        " read; give it another volume",
        facts={"exit_code": 2},
        wanted=("data-version", "another store", "inv reset --service "),
    ),
    "MinIO's files are damaged": Case(
        alone=True,
        said="FATAL Unable to initialize backend: Disk /minio_data: corrupted backend format",
        wanted=("data-damaged", "object store", "inv reset --service "),
    ),
    "the store's password is too short": Case(
        said="minio stand-in: MINIO_ROOT_PASSWORD has 3 characters, 8 or more are needed",
        wanted=(
            "login-invalid",
            "MINIO_ROOT_PASSWORD is too short",
            "MINIO_ROOT_PASSWORD (8 or more) in .env",
        ),
    ),
    "MinIO finds its login too short": Case(
        said="FATAL Invalid credentials: access key length should be at least 3, and secret"
        " key length at least 8 characters",
        wanted=("login-invalid", "MINIO_ROOT_USER or", "in .env"),
    ),
    "Milvus has another user than the store": Case(
        log="milvus-wrong-key",
        state="running",
        wanted=("s3-login-rejected", "rejects the key", "MINIO_ROOT_USER and MINIO_ROOT_PASSWORD"),
        evidence="The access key ID you provided does not exist in our records.",
    ),
    "Milvus has another password than the store": Case(
        log="milvus-wrong-secret",
        state="running",
        wanted=("s3-login-rejected", "rejects the key", "one pair for the store and its clients"),
        evidence="The request signature we calculated does not match",
    ),
    "a part of SeaweedFS ended": Case(
        said="F1123 03:08:47.185010 volume.go:12 cannot lock\n"
        "minio stand-in: a part of SeaweedFS ended by itself; see its last lines above",
        wanted=("part-ended", "a part of the object store", "inv logs"),
        fatal=False,
        evidence="cannot lock",
    ),
    "Milvus' password is too long": Case(
        said="milvus: COMMON_SECURITY_DEFAULTROOTPASSWORD has 80 bytes, expected 1 to 72",
        facts={"exit_code": 2},
        wanted=("login-invalid", "too long", "MILVUS_PASSWORD in .env"),
    ),
    "Milvus waits for etcd": Case(
        log="milvus-without-etcd",
        state="running",
        wanted=("neighbour-unreachable", "it waits for", "inv logs --service"),
        fatal=False,
        evidence="DeadlineExceeded",
    ),
    "our Milvus image waits for etcd": Case(
        said="milvus: no answer from etcd at http://db-etcd-1:2379/health for 120 s (curl:"
        " (7) refused); is its container running?",
        wanted=("neighbour-unreachable", "it waits for db-etcd,", "inv logs --service db-etcd"),
        fatal=False,
    ),
    "our Milvus image waits for an etcd that has been well for long": Case(
        said="milvus: no answer from etcd at http://db-etcd-1:2379/ for 2 s (curl: (7)); waiting",
        steady=("db-etcd",),
        wanted=("network-cut", "it cannot reach db-etcd, which is well", "inv down, then: inv up"),
    ),
    "Milvus waits for etcd in a loop though it is there": Case(
        said="panic: failed to create etcd client: context deadline exceeded",
        facts={"exit_code": 134, "restarts": 3},
        wanted=("neighbour-unreachable", "it waits for db-etcd,", "inv logs --service db-etcd"),
    ),
    "Milvus waits for the object store": Case(
        log="milvus-without-store",
        state="running",
        wanted=("neighbour-unreachable", "it waits for", "inv logs --service"),
        fatal=False,
        evidence="connect: connection refused",
    ),
    "preference memory on an old Milvus": Case(
        said="<MilvusException: (code=1100, create index on 104 field is not supported)>",
        wanted=("milvus-too-old", "2.5", "ENABLE_PREFERENCE_MEMORY=false"),
    ),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(case: Case) -> None:
    """By its words, not by the service's name."""
    check(case)


def test_a_wait_that_is_over_is_no_fault() -> None:
    """Our Milvus image says so."""
    lines = ("milvus: no answer from etcd at http://db-etcd-1:2379/ for 2 s (curl: (7)); waiting",)
    assert told(Case(said="\n".join((*lines, "milvus: etcd answers")))) == []


HEARSAY = (
    '[WARN] ["put failed"] [error="etcdserver: mvcc: database space exceeded"]',
    "milvus: etcd at db-etcd:2379 refused a write; see its log (out of space?)",
    "[ERROR] etcdserver: walpb: crc mismatch",
    "[ERROR] S3: corrupted backend format",
)


@pytest.mark.parametrize("line", HEARSAY)
def test_what_a_client_repeats_of_its_store_is_no_proof_against_it(line: str) -> None:
    """A proxy between the two may have said so; the store is asked itself."""
    codes = {finding.code for finding in told(Case(said=line))}

    assert codes & {"etcd-no-space", "data-damaged", "data-version"} == set()
